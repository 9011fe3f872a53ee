//! What golden vectors are made of: comparing with files, and one value of each kind.

#![allow(clippy::unwrap_used, unreachable_pub)]

pub mod assurance;
pub mod catalogue;
pub mod errors;
pub mod events;
pub mod keys;
pub mod operations;
pub mod validators;

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use cairn_runtime::AccountId;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use std::path::Path;

/// Compares with the file of this name.
pub fn check(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("CAIRN_WRITE_GOLDEN").is_some() {
        let digits = hex::encode(bytes);
        let lines = digits.as_bytes().chunks(96);
        let text: String = lines
            .map(|line| format!("{}\n", std::str::from_utf8(line).unwrap()))
            .collect();
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let expected = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    assert_eq!(
        hex::encode(bytes),
        hex::encode(expected),
        "the encoding of {name} changed"
    );
}

/// Checks the Borsh encoding, and that Borsh and JSON read the value back.
pub fn check_value<T>(name: &str, value: &T)
where
    T: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let bytes = borsh::to_vec(value).unwrap();
    check(name, &bytes);
    assert_eq!(&borsh::from_slice::<T>(&bytes).unwrap(), value);
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
}

pub fn digest(byte: u8) -> Digest {
    Digest::new([byte; 32])
}

pub fn account(byte: u8) -> AccountId {
    AccountId(digest(byte))
}
