//! Signatures under domain tags, and their agreement with RustCrypto's `ml-dsa`.

#![allow(clippy::unwrap_used)]

mod second_opinion;

use cairn_crypto::{KeyError, PublicKey, Seed, Signature, SigningKey, domain, signing_bytes};
use ml_dsa::{KeyExport as _, Keypair as _, MlDsa87};
use proptest::prelude::*;

#[test]
fn a_signature_holds_for_its_tag_value_and_key_only() {
    let key = SigningKey::from_seed(&Seed::new([1; 32])).unwrap();
    let other = SigningKey::from_seed(&Seed::new([2; 32])).unwrap();
    let value = (5u64, "value");
    let signature = key.sign(domain::VOTE, &value).unwrap();

    let public = key.public_key();
    public.verify(domain::VOTE, &value, &signature).unwrap();
    let message = signing_bytes(domain::VOTE, &value);
    public.verify_raw(&message, &signature).unwrap();
    assert!(second_opinion::verifies(
        public.as_bytes(),
        &message,
        &[],
        signature.as_bytes()
    ));

    assert!(public.verify(domain::COMMIT, &value, &signature).is_err());
    assert!(
        public
            .verify(domain::VOTE, &(6u64, "value"), &signature)
            .is_err()
    );
    assert!(
        other
            .public_key()
            .verify(domain::VOTE, &value, &signature)
            .is_err()
    );
}

#[test]
fn two_signatures_of_one_message_differ_and_both_verify() {
    let key = SigningKey::generate().unwrap();
    let first = key.sign_raw(b"message").unwrap();
    let second = key.sign_raw(b"message").unwrap();
    assert_ne!(first, second);
    for signature in [first, second] {
        key.public_key().verify_raw(b"message", &signature).unwrap();
        let public_key = key.public_key().as_bytes();
        let signature = signature.as_bytes();
        assert!(second_opinion::verifies(
            public_key,
            b"message",
            &[],
            signature
        ));
    }
}

#[test]
fn what_rustcrypto_signs_from_the_same_seed_verifies_here() {
    let seed = [7; 32];
    let ours = SigningKey::from_seed(&Seed::new(seed)).unwrap();
    let theirs = ml_dsa::SigningKey::<MlDsa87>::from_seed(&seed.into());
    assert_eq!(
        ours.public_key().as_bytes(),
        theirs.verifying_key().to_bytes().as_slice()
    );
    let signature = theirs
        .expanded_key()
        .sign_deterministic(b"message", b"")
        .unwrap();
    let signature = Signature::from_bytes(&signature.encode()).unwrap();
    ours.public_key()
        .verify_raw(b"message", &signature)
        .unwrap();
}

#[test]
fn a_signature_with_any_one_byte_changed_is_refused_by_both() {
    let key = SigningKey::from_seed(&Seed::new([3; 32])).unwrap();
    let signature = key.sign_raw(b"message").unwrap();
    // Every part of the signature (challenge, response, hints) and both ends.
    let last = Signature::LEN - 1;
    for position in (0..Signature::LEN)
        .step_by(97)
        .chain([63, 64, 4543, 4544, last])
    {
        let mut bytes = *signature.as_bytes();
        bytes[position] ^= 1;
        let altered = Signature::from_bytes(&bytes).unwrap();
        assert!(key.public_key().verify_raw(b"message", &altered).is_err());
        let public_key = key.public_key().as_bytes();
        assert!(!second_opinion::verifies(
            public_key,
            b"message",
            &[],
            &bytes
        ));
    }
}

#[test]
fn keys_and_signatures_of_any_other_length_are_refused_der_included() {
    let key = SigningKey::generate().unwrap();
    let bytes = key.public_key().as_bytes();
    // SubjectPublicKeyInfo, which the library below would take.
    let mut der = hex::decode("30820a32300b060960864801650304031303820a2100").unwrap();
    der.extend_from_slice(bytes);
    for bad in [&bytes[1..], &der, &[], &[bytes.as_slice(), &[0]].concat()] {
        assert_eq!(
            PublicKey::from_bytes(bad).unwrap_err(),
            KeyError::Length {
                what: "an ML-DSA-87 public key",
                expected: 2592,
                found: bad.len(),
            }
        );
    }
    for length in [0, Signature::LEN - 1, Signature::LEN + 1] {
        assert!(Signature::from_bytes(&vec![0; length]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_message_signed_here_verifies_there(message in prop::collection::vec(any::<u8>(), 0..300), seed: [u8; 32]) {
        let key = SigningKey::from_seed(&Seed::new(seed)).unwrap();
        let signature = key.sign_raw(&message).unwrap();
        prop_assert!(key.public_key().verify_raw(&message, &signature).is_ok());
        prop_assert!(second_opinion::verifies(key.public_key().as_bytes(), &message, &[], signature.as_bytes()));
        let mut other = message.clone();
        other.push(0);
        prop_assert!(key.public_key().verify_raw(&other, &signature).is_err());
    }
}
