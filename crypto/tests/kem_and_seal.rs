//! ML-KEM-1024 against RustCrypto's `ml-kem` in both directions, and what a sealed key refuses.

#![allow(clippy::unwrap_used)]
// The expanded form of a private key is what this crate stores.
#![allow(deprecated)]

use cairn_crypto::seal::{open, seal};
use cairn_crypto::{
    Ciphertext, DataKey, DecapsulationKey, Digest, EncapsulationKey, KeyError, SealContext,
    SealError, SealedKey,
};
use ml_kem::ExpandedKeyEncoding as _;
use ml_kem::kem::{Decapsulate as _, KeyExport as _};

fn context() -> SealContext {
    SealContext {
        chain_id: Digest::of(b"chain"),
        version: Digest::of(b"version"),
        generation: 1,
        reader: Digest::of(b"reader"),
        key_index: 2,
    }
}

#[test]
fn what_is_encapsulated_here_is_decapsulated_there() {
    for _ in 0..20 {
        let ours = DecapsulationKey::generate().unwrap();
        let expanded = ours.to_bytes().as_slice().try_into().unwrap();
        let theirs = ml_kem::DecapsulationKey1024::from_expanded_bytes(&expanded).unwrap();
        let (ciphertext, secret) = ours.encapsulation_key().encapsulate().unwrap();
        let opened = theirs.decapsulate(&ciphertext.as_bytes().as_slice().try_into().unwrap());
        assert_eq!(opened.as_slice(), secret.as_bytes());
    }
}

#[test]
fn what_is_encapsulated_there_is_decapsulated_here() {
    for number in 0..20 {
        let seed = ml_kem::Seed::from([number; 64]);
        let theirs = ml_kem::DecapsulationKey1024::from_seed(seed);
        let ours = DecapsulationKey::from_bytes(&theirs.to_expanded_bytes()).unwrap();
        let public = theirs.encapsulation_key();
        assert_eq!(
            ours.encapsulation_key().as_bytes(),
            public.to_bytes().as_slice()
        );
        let (ciphertext, secret) = public.encapsulate_deterministic(&[number; 32].into());
        let ciphertext = Ciphertext::from_bytes(&ciphertext).unwrap();
        let opened = ours.decapsulate(&ciphertext).unwrap();
        assert_eq!(opened.as_bytes(), secret.as_slice());
    }
}

#[test]
fn an_altered_ciphertext_gives_another_secret_and_both_agree_on_it() {
    let ours = DecapsulationKey::generate().unwrap();
    let expanded = ours.to_bytes().as_slice().try_into().unwrap();
    let theirs = ml_kem::DecapsulationKey1024::from_expanded_bytes(&expanded).unwrap();
    let (ciphertext, secret) = ours.encapsulation_key().encapsulate().unwrap();
    for position in (0..Ciphertext::LEN).step_by(131) {
        let mut bytes = *ciphertext.as_bytes();
        bytes[position] ^= 0x10;
        let opened = ours
            .decapsulate(&Ciphertext::from_bytes(&bytes).unwrap())
            .unwrap();
        assert_ne!(opened.as_bytes(), secret.as_bytes());
        let theirs = theirs.decapsulate(&bytes.as_slice().try_into().unwrap());
        assert_eq!(opened.as_bytes(), theirs.as_slice());
    }
}

#[test]
fn a_key_at_the_edge_of_the_modulus_is_judged_coefficient_by_coefficient() {
    let good = *DecapsulationKey::generate()
        .unwrap()
        .encapsulation_key()
        .as_bytes();
    for (index, value) in [(0, 3329), (1, 3329), (1022, 4095), (1023, 3329)] {
        let mut bytes = good;
        set_coefficient(&mut bytes, index, value);
        assert_eq!(
            EncapsulationKey::from_bytes(&bytes).unwrap_err(),
            KeyError::Modulus { index, value }
        );
        set_coefficient(&mut bytes, index, 3328);
        EncapsulationKey::from_bytes(&bytes).unwrap();
    }
}

/// Twelve bits each, low bits first (FIPS 203 algorithm 5).
fn set_coefficient(key: &mut [u8; EncapsulationKey::LEN], index: usize, value: u16) {
    let at = index / 2 * 3;
    if index.is_multiple_of(2) {
        key[at] = value as u8;
        key[at + 1] = key[at + 1] & 0xf0 | (value >> 8) as u8;
    } else {
        key[at + 1] = key[at + 1] & 0x0f | ((value << 4) & 0xf0) as u8;
        key[at + 2] = (value >> 4) as u8;
    }
}

#[test]
fn a_sealed_key_opens_for_its_reader() {
    let reader = DecapsulationKey::generate().unwrap();
    let key = DataKey::generate().unwrap();
    let sealed = seal(&key, reader.encapsulation_key(), &context()).unwrap();
    let opened = open(&sealed, &reader, &context()).unwrap();
    assert_eq!(opened.as_bytes(), key.as_bytes());

    let json = serde_json::to_string(&sealed).unwrap();
    assert_eq!(serde_json::from_str::<SealedKey>(&json).unwrap(), sealed);
    let bytes = borsh::to_vec(&sealed).unwrap();
    assert_eq!(bytes.len(), 1608);
    assert_eq!(cairn_crypto::decode(&bytes, 1608), Ok(sealed));
}

#[test]
fn a_sealed_key_opens_for_nobody_else_in_no_other_context_and_not_when_altered() {
    let reader = DecapsulationKey::generate().unwrap();
    let key = DataKey::generate().unwrap();
    let sealed = seal(&key, reader.encapsulation_key(), &context()).unwrap();
    let refused = |sealed: &SealedKey, with: &DecapsulationKey, context| {
        assert_eq!(
            open(sealed, with, &context).unwrap_err(),
            SealError::Refused
        );
    };

    refused(&sealed, &DecapsulationKey::generate().unwrap(), context());
    let elsewhere = Digest::of(b"elsewhere");
    refused(
        &sealed,
        &reader,
        SealContext {
            chain_id: elsewhere,
            ..context()
        },
    );
    refused(
        &sealed,
        &reader,
        SealContext {
            version: elsewhere,
            ..context()
        },
    );
    refused(
        &sealed,
        &reader,
        SealContext {
            generation: 9,
            ..context()
        },
    );
    refused(
        &sealed,
        &reader,
        SealContext {
            reader: elsewhere,
            ..context()
        },
    );
    refused(
        &sealed,
        &reader,
        SealContext {
            key_index: 9,
            ..context()
        },
    );

    for position in 0..40 {
        let mut altered = sealed.clone();
        altered.wrapped[position] ^= 1;
        refused(&altered, &reader, context());
    }
    for position in (0..Ciphertext::LEN).step_by(157) {
        let mut bytes = *sealed.ciphertext.as_bytes();
        bytes[position] ^= 1;
        let mut altered = sealed.clone();
        altered.ciphertext = Ciphertext::from_bytes(&bytes).unwrap();
        refused(&altered, &reader, context());
    }
}

#[test]
fn a_damaged_private_key_is_refused_when_it_is_read() {
    let good = DecapsulationKey::generate().unwrap().to_bytes();
    // In the encapsulation key, and in its hash.
    for position in [1536, 2000, 3103, 3104, 3135] {
        let mut bytes = good.to_vec();
        bytes[position] ^= 1;
        assert_eq!(
            DecapsulationKey::from_bytes(&bytes).unwrap_err(),
            KeyError::KeyHash
        );
    }
    assert!(DecapsulationKey::from_bytes(&good[1..]).is_err());
}
