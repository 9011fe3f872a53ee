//! Borsh and JSON: what is written is read back, and nothing else is taken. Golden files keep every encoding from
//! changing unnoticed; `CAIRN_WRITE_GOLDEN=1 cargo test` writes those that are missing.

#![allow(clippy::unwrap_used)]
// The expanded form of a private key is what this crate stores.
#![allow(deprecated)]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::keyfile::{self, Argon2Params, KeyMaterial};
use cairn_crypto::merkle::{
    ConsistencyProof, Frontier, InclusionProof, leaf_hash, prove, prove_consistency,
};
use cairn_crypto::{
    Ciphertext, DataKey, DecapsulationKey, Digest, EncapsulationKey, PublicKey, SealContext,
    SealedKey, Seed, Signature, SigningKey, decode, domain, hash, seal, signing_bytes,
};
use ml_kem::ExpandedKeyEncoding as _;
use proptest::prelude::*;

const LIMIT: usize = 100_000;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// The golden file, written first if it is missing and this was asked for.
fn golden(name: &str, make: impl FnOnce() -> String) -> String {
    let path = path(name);
    if !path.exists() && std::env::var_os("CAIRN_WRITE_GOLDEN").is_some() {
        fs::write(&path, make()).unwrap();
    }
    fs::read_to_string(&path).unwrap()
}

fn golden_hex(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let text = golden(name, || {
        let digits = hex::encode(make());
        let lines = digits.as_bytes().chunks(96);
        lines.fold(String::new(), |text, line| {
            text + std::str::from_utf8(line).unwrap() + "\n"
        })
    });
    hex::decode(text.split_whitespace().collect::<String>()).unwrap()
}

fn assert_golden<T: BorshSerialize + BorshDeserialize>(name: &str, value: &T) {
    let encoded = borsh::to_vec(value).unwrap();
    let expected = golden_hex(name, || encoded.clone());
    assert_eq!(hex::encode(&encoded), hex::encode(&expected), "{name}");
    let read: T = decode(&expected, LIMIT).unwrap();
    assert_eq!(borsh::to_vec(&read).unwrap(), expected, "{name}");
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&Seed::new([0x11; 32])).unwrap()
}

fn decapsulation_key() -> DecapsulationKey {
    let key = ml_kem::DecapsulationKey1024::from_seed([0x22; 64].into());
    DecapsulationKey::from_bytes(&key.to_expanded_bytes()).unwrap()
}

fn seal_context() -> SealContext {
    SealContext {
        chain_id: Digest::of(b"chain"),
        version: Digest::of(b"version"),
        generation: 1,
        reader: Digest::of(b"reader"),
        key_index: 2,
    }
}

fn leaves() -> Vec<Digest> {
    (0..11u8).map(|n| leaf_hash(&[n])).collect()
}

type Sample = (u8, u32, u64, Option<bool>, Vec<u16>, &'static str, Digest);

fn sample() -> Sample {
    let digest = Digest::of(b"sample");
    (1, 2, 3, Some(true), vec![4, 5], "six", digest)
}

#[test]
fn hashes_and_signed_bytes_under_every_tag_are_the_golden_ones() {
    let table = domain::ALL.iter().fold(String::new(), |mut table, tag| {
        writeln!(table, "{tag} {}", hash(*tag, &sample())).unwrap();
        table
    });
    assert_eq!(
        golden("hashes.txt", || table.clone()),
        table,
        "no line may change; for a new tag, remove tests/golden/hashes.txt and write it again"
    );
    let bytes = signing_bytes(domain::TX, &sample());
    assert_eq!(golden_hex("signing_bytes.hex", || bytes.clone()), bytes);
}

#[test]
fn every_deterministic_encoding_is_the_golden_one() {
    assert_golden("digest.hex", &Digest::of(b"sample"));
    assert_golden("public_key.hex", signing_key().public_key());
    assert_golden(
        "encapsulation_key.hex",
        decapsulation_key().encapsulation_key(),
    );
    assert_golden("seal_context.hex", &seal_context());
    let leaves = leaves();
    let mut frontier = Frontier::new();
    for leaf in &leaves {
        frontier.push(*leaf);
    }
    assert_golden("frontier.hex", &frontier);
    assert_golden("inclusion_proof.hex", &prove(&leaves, 6).unwrap());
    assert_golden(
        "consistency_proof.hex",
        &prove_consistency(&leaves, 6).unwrap(),
    );
}

#[test]
fn the_golden_signature_verifies() {
    let key = signing_key();
    let bytes = golden_hex("signature.hex", || {
        borsh::to_vec(&key.sign(domain::VOTE, &sample()).unwrap()).unwrap()
    });
    let signature: Signature = decode(&bytes, LIMIT).unwrap();
    key.public_key()
        .verify(domain::VOTE, &sample(), &signature)
        .unwrap();
}

#[test]
fn the_golden_sealed_key_opens() {
    let reader = decapsulation_key();
    let bytes = golden_hex("sealed_key.hex", || {
        let key = DataKey::from_bytes([0x33; 32]);
        let sealed = seal::seal(&key, reader.encapsulation_key(), &seal_context()).unwrap();
        borsh::to_vec(&sealed).unwrap()
    });
    let sealed: SealedKey = decode(&bytes, LIMIT).unwrap();
    let key = seal::open(&sealed, &reader, &seal_context()).unwrap();
    assert_eq!(key.as_bytes(), &[0x33; 32]);
}

#[test]
fn the_golden_key_files_open() {
    let account = KeyMaterial::Account {
        signing: Seed::new([0x11; 32]),
        decapsulation: decapsulation_key(),
    };
    let node = KeyMaterial::Node {
        consensus: Seed::new([0x44; 32]),
        transport: Seed::new([0x55; 32]),
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, material) in [("account.json", account), ("node.json", node)] {
        let text = golden(name, || {
            let fresh = folder.path().join(format!("fresh-{name}"));
            keyfile::write_with(&fresh, &material, "golden", Argon2Params::LIGHT).unwrap();
            fs::read_to_string(fresh).unwrap()
        });
        let copy = folder.path().join(name);
        fs::write(&copy, text).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        let read = keyfile::read(&copy, "golden").unwrap();
        assert_eq!(read.public_keys().unwrap(), material.public_keys().unwrap());
    }
}

/// Both encodings give the value back, at exactly this length, and no other length is taken.
fn assert_round_trip<T>(value: &T, length: usize)
where
    T: BorshSerialize + BorshDeserialize + serde::Serialize + serde::de::DeserializeOwned,
    T: PartialEq + std::fmt::Debug,
{
    let bytes = borsh::to_vec(value).unwrap();
    assert_eq!(bytes.len(), length);
    assert_eq!(decode::<T>(&bytes, length).as_ref(), Ok(value));
    assert!(decode::<T>(&bytes[1..], length).is_err());
    assert!(decode::<T>(&[&bytes[..], &[0]].concat(), LIMIT).is_err());
    assert!(decode::<T>(&bytes, length - 1).is_err());
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
}

#[test]
fn values_of_fixed_length_are_exactly_their_bytes() {
    let reader = decapsulation_key();
    let (ciphertext, _) = reader.encapsulation_key().encapsulate().unwrap();
    assert_round_trip(&Digest::of(b"x"), 32);
    assert_round_trip(signing_key().public_key(), 2592);
    assert_round_trip(&signing_key().sign_raw(b"x").unwrap(), 4627);
    assert_round_trip(reader.encapsulation_key(), 1568);
    assert_round_trip(&ciphertext, 1568);
}

#[test]
fn an_encapsulation_key_that_is_not_reduced_is_a_decode_error_everywhere() {
    let bytes = vec![0xff; EncapsulationKey::LEN];
    let error = decode::<EncapsulationKey>(&bytes, LIMIT).unwrap_err();
    assert!(error.to_string().contains("3329"), "{error}");
    use base64::Engine as _;
    let json = format!(
        "\"{}\"",
        base64::engine::general_purpose::STANDARD.encode(bytes)
    );
    let error = serde_json::from_str::<EncapsulationKey>(&json).unwrap_err();
    assert!(error.to_string().contains("3329"), "{error}");
}

/// Decodes as every type: an error, or a value that encodes to the same bytes.
fn decode_as_everything(bytes: &[u8]) {
    fn as_one<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) {
        if let Ok(value) = decode::<T>(bytes, LIMIT) {
            assert_eq!(borsh::to_vec(&value).unwrap(), bytes);
        }
    }
    as_one::<Digest>(bytes);
    as_one::<PublicKey>(bytes);
    as_one::<Signature>(bytes);
    as_one::<EncapsulationKey>(bytes);
    as_one::<Ciphertext>(bytes);
    as_one::<SealedKey>(bytes);
    as_one::<SealContext>(bytes);
    as_one::<Frontier>(bytes);
    as_one::<InclusionProof>(bytes);
    as_one::<ConsistencyProof>(bytes);
}

proptest! {
    #[test]
    fn random_bytes_never_panic_a_decoder(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        decode_as_everything(&bytes);
    }

    #[test]
    fn mutated_encodings_never_panic_a_decoder(
        which in 0usize..4, at: prop::sample::Index, byte: u8, cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let leaves = leaves();
        let mut frontier = Frontier::new();
        for leaf in &leaves {
            frontier.push(*leaf);
        }
        let mut bytes = match which {
            0 => borsh::to_vec(&frontier),
            1 => borsh::to_vec(&prove(&leaves, 6).unwrap()),
            2 => borsh::to_vec(&prove_consistency(&leaves, 6).unwrap()),
            _ => borsh::to_vec(decapsulation_key().encapsulation_key()),
        }.unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        decode_as_everything(&bytes);
    }
}
