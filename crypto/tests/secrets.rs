//! Secrets are not printed, and are gone from memory once they are dropped.

#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;

use base64::Engine as _;
use cairn_crypto::keyfile::KeyMaterial;
use cairn_crypto::{AccountKeys, DataKey, NodeKeys, Seed};
use zeroize::ZeroizeOnDrop;

/// No run of the secret's bytes shows in any of the usual notations.
fn assert_hidden(value: &impl Debug, secret: &[u8]) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let lower = text.to_lowercase();
        for window in secret.windows(4) {
            let hex = hex::encode(window);
            assert!(!lower.contains(&hex), "{text} shows {hex}");
            let list: Vec<String> = window.iter().map(u8::to_string).collect();
            assert!(!lower.contains(&list.join(", ")), "{text}");
            assert!(!lower.contains(&list.join(",\n    ")), "{text}");
        }
        let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
        assert!(!text.contains(&base64[..16]), "{text}");
    }
}

#[test]
fn no_secret_is_printed() {
    let account = AccountKeys::generate().unwrap();
    let node = NodeKeys::generate().unwrap();
    let data_key = DataKey::generate().unwrap();
    let (_, shared) = account
        .decapsulation
        .encapsulation_key()
        .encapsulate()
        .unwrap();

    let seed = account.signing.seed();
    assert_hidden(seed, seed.as_bytes());
    assert_hidden(&account.signing, seed.as_bytes());
    assert_hidden(&account, seed.as_bytes());
    assert_hidden(&KeyMaterial::from(&account), seed.as_bytes());
    let private = account.decapsulation.to_bytes();
    for part in [&private[..1536], &private[3136..]] {
        assert_hidden(&account.decapsulation, part);
        assert_hidden(&account, part);
        assert_hidden(&KeyMaterial::from(&account), part);
    }
    for key in [&node.consensus, &node.transport] {
        assert_hidden(&node, key.seed().as_bytes());
        assert_hidden(&KeyMaterial::from(&node), key.seed().as_bytes());
    }
    assert_hidden(&data_key, data_key.as_bytes());
    assert_hidden(&shared, shared.as_bytes());
}

/// How much of a value's secret is still in memory after the value was dropped, read through this process's own memory
/// file, where a freed block stays readable: whether all but its first bytes, where the allocator writes its own notes.
fn survives<T>(value: T, secret: impl Fn(&T) -> &[u8]) -> bool {
    let memory = File::open("/proc/self/mem").unwrap();
    // Whatever is allocated after the drop could take the freed block, so all of it is allocated before.
    let value = black_box(Box::new(value));
    let bytes = secret(&value).to_vec();
    let mut found = vec![0; bytes.len()];
    let address = secret(&value).as_ptr() as u64;
    memory.read_exact_at(&mut found, address).unwrap();
    assert_eq!(found, bytes, "the place is right");
    drop(value);
    memory.read_exact_at(&mut found, address).unwrap();
    found[16..] == bytes[16..]
}

/// Zeroed when dropped, by declaration and in memory.
fn assert_wiped<T: ZeroizeOnDrop>(value: T, secret: impl Fn(&T) -> &[u8]) {
    assert!(!survives(value, secret));
}

#[test]
fn dropped_secrets_are_wiped() {
    // Without this, the rest would show nothing.
    let ordinary = survives([7; 32], |bytes: &[u8; 32]| bytes);
    assert!(ordinary, "an ordinary value stays where it was");

    assert_wiped(Seed::generate().unwrap(), |seed| seed.as_bytes());
    assert_wiped(DataKey::generate().unwrap(), |key| key.as_bytes());
    let account = AccountKeys::generate().unwrap();
    let key = account.decapsulation.encapsulation_key();
    let (_, shared) = key.encapsulate().unwrap();
    assert_wiped(shared, |secret| secret.as_bytes());
    assert_wiped(account.decapsulation.to_bytes(), |bytes| bytes.as_slice());
}
