//! ML-KEM-1024 (FIPS 203).
//!
//! Keys are checked when they are read, not when they are used: the modulus check of FIPS 203 section
//! 7.2 on every encapsulation key, the hash check of section 7.3 on every decapsulation key. A ciphertext
//! that was not made for a key decapsulates to a secret that nobody knows (implicit rejection,
//! section 6.3); what is sealed under it then fails to open.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA3_256, digest};
use aws_lc_rs::kem::{self, ML_KEM_1024};
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::key_error::KeyError;
use crate::raw_bytes::raw_bytes;

/// q of ML-KEM.
const MODULUS: u16 = 3329;
/// The 1,024 coefficients of twelve bits with which an encapsulation key begins.
const POLYNOMIALS_LEN: usize = 1536;
/// FIPS 203 algorithm 16: dk = dk_PKE (1,536) || ek (1,568) || SHA3-256(ek) (32) || z (32).
const EK_IN_DK: std::ops::Range<usize> = 1536..3104;
const EK_HASH_IN_DK: std::ops::Range<usize> = 3104..3136;

/// An ML-KEM-1024 private key. A clone is another handle to the same key; its bytes are zeroed when the last
/// handle is dropped.
#[derive(Clone)]
pub struct DecapsulationKey(Arc<PrivateKey>);

struct PrivateKey {
    bytes: Zeroizing<Vec<u8>>,
    // The library wipes its own copy when it frees it.
    parsed: kem::DecapsulationKey,
    public: EncapsulationKey,
}

impl DecapsulationKey {
    /// The length in bytes of the expanded form (FIPS 203 table 3).
    pub const LEN: usize = 3168;

    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let failed = |_| KeyError::Generation {
            what: "ML-KEM-1024 key",
        };
        let parsed = kem::DecapsulationKey::generate(&ML_KEM_1024).map_err(failed)?;
        let bytes = parsed.key_bytes().map_err(failed)?;
        Self::from_bytes(bytes.as_ref())
    }

    /// Reads the 3,168 bytes of the expanded form and checks them (FIPS 203 sections 7.2 and 7.3).
    ///
    /// # Errors
    /// [`KeyError`]: another length, a damaged hash, or a coefficient that is not reduced.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != Self::LEN {
            return Err(KeyError::Length {
                what: "an ML-KEM-1024 decapsulation key",
                expected: Self::LEN,
                found: bytes.len(),
            });
        }
        let public_bytes = &bytes[EK_IN_DK];
        if digest(&SHA3_256, public_bytes).as_ref() != &bytes[EK_HASH_IN_DK] {
            return Err(KeyError::KeyHash);
        }
        let public = EncapsulationKey::from_bytes(public_bytes)?;
        let parsed =
            kem::DecapsulationKey::new(&ML_KEM_1024, bytes).map_err(|_| KeyError::Refused {
                what: "ML-KEM-1024 decapsulation key",
            })?;
        Ok(Self(Arc::new(PrivateKey {
            bytes: Zeroizing::new(bytes.to_vec()),
            parsed,
            public,
        })))
    }

    /// The 3,168 secret bytes, for storing the key.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.0.bytes.clone()
    }

    /// The public half.
    pub fn encapsulation_key(&self) -> &EncapsulationKey {
        &self.0.public
    }

    /// The secret that `ciphertext` carries to this key (FIPS 203 algorithm 21). A ciphertext made for
    /// another key, or altered, gives another secret and no error.
    ///
    /// # Errors
    /// [`KemError::Decapsulate`] if the library fails.
    pub fn decapsulate(&self, ciphertext: &Ciphertext) -> Result<SharedSecret, KemError> {
        let secret = self
            .0
            .parsed
            .decapsulate(ciphertext.as_bytes().as_slice().into())
            .map_err(|_| KemError::Decapsulate)?;
        SharedSecret::from_slice(secret.as_ref()).ok_or(KemError::Decapsulate)
    }
}

impl fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecapsulationKey(secret, {:?})", self.0.public)
    }
}

/// An ML-KEM-1024 public key, checked and parsed once. A clone is another handle to the same key.
///
/// Borsh is exactly the 1,568 bytes, JSON is base64.
#[derive(Clone)]
pub struct EncapsulationKey(Arc<ParsedKey>);

struct ParsedKey {
    bytes: [u8; EncapsulationKey::LEN],
    parsed: kem::EncapsulationKey,
}

impl EncapsulationKey {
    /// The length in bytes (FIPS 203 table 3).
    pub const LEN: usize = 1568;

    /// Reads the 1,568 bytes and checks that every coefficient is below 3329 (FIPS 203 section 7.2), so
    /// that one key has one encoding.
    ///
    /// # Errors
    /// [`KeyError`]: another length, or a coefficient that is not reduced.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; Self::LEN] = bytes.try_into().map_err(|_| KeyError::Length {
            what: "an ML-KEM-1024 encapsulation key",
            expected: Self::LEN,
            found: bytes.len(),
        })?;
        check_modulus(&bytes[..POLYNOMIALS_LEN])?;
        let parsed =
            kem::EncapsulationKey::new(&ML_KEM_1024, &bytes).map_err(|_| KeyError::Refused {
                what: "ML-KEM-1024 encapsulation key",
            })?;
        Ok(Self(Arc::new(ParsedKey { bytes, parsed })))
    }

    /// The 1,568 bytes.
    pub fn as_bytes(&self) -> &[u8; EncapsulationKey::LEN] {
        &self.0.bytes
    }

    /// A fresh secret, and the ciphertext that carries it to this key's holder (FIPS 203 algorithm 20).
    ///
    /// # Errors
    /// [`KemError::Encapsulate`] if the library fails: no randomness or no memory.
    pub fn encapsulate(&self) -> Result<(Ciphertext, SharedSecret), KemError> {
        let (ciphertext, secret) = self
            .0
            .parsed
            .encapsulate()
            .map_err(|_| KemError::Encapsulate)?;
        Ok((
            Ciphertext::from_bytes(ciphertext.as_ref()).map_err(|_| KemError::Encapsulate)?,
            SharedSecret::from_slice(secret.as_ref()).ok_or(KemError::Encapsulate)?,
        ))
    }
}

/// FIPS 203 section 7.2: `ByteEncode12(ByteDecode12(ek)) = ek`, which is to say that every twelve-bit
/// number is below q.
fn check_modulus(polynomials: &[u8]) -> Result<(), KeyError> {
    for (pair, three) in polynomials.chunks_exact(3).enumerate() {
        let low = u16::from(three[0]) | (u16::from(three[1] & 0x0f) << 8);
        let high = u16::from(three[1] >> 4) | (u16::from(three[2]) << 4);
        for (offset, value) in [low, high].into_iter().enumerate() {
            if value >= MODULUS {
                return Err(KeyError::Modulus {
                    index: 2 * pair + offset,
                    value,
                });
            }
        }
    }
    Ok(())
}

/// The beginning of the SHA-256 of the bytes: enough to tell keys apart in a log.
impl fmt::Debug for EncapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = crate::Digest::of(self.as_bytes());
        write!(
            f,
            "EncapsulationKey({}..)",
            hex::encode(&fingerprint.as_bytes()[..4])
        )
    }
}

raw_bytes!(EncapsulationKey);

/// An ML-KEM-1024 ciphertext. Borsh is exactly the 1,568 bytes, JSON is base64.
#[derive(Clone)]
pub struct Ciphertext(Box<[u8; Ciphertext::LEN]>);

impl Ciphertext {
    /// The length in bytes (FIPS 203 table 3).
    pub const LEN: usize = 1568;

    /// A ciphertext from its bytes. Every string of this length is one.
    ///
    /// # Errors
    /// [`KeyError::Length`] unless there are exactly 1,568.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; Self::LEN] = bytes.try_into().map_err(|_| KeyError::Length {
            what: "an ML-KEM-1024 ciphertext",
            expected: Self::LEN,
            found: bytes.len(),
        })?;
        Ok(Self(Box::new(bytes)))
    }

    /// The 1,568 bytes.
    pub fn as_bytes(&self) -> &[u8; Ciphertext::LEN] {
        &self.0
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({}..)", hex::encode(&self.0[..4]))
    }
}

raw_bytes!(Ciphertext);

/// The 32 bytes that both sides of an encapsulation share. Zeroed when dropped, never printed.
#[derive(ZeroizeOnDrop)]
pub struct SharedSecret(Zeroizing<[u8; SharedSecret::LEN]>);

impl SharedSecret {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// The 32 secret bytes: input for a key derivation, never a key itself.
    pub fn as_bytes(&self) -> &[u8; SharedSecret::LEN] {
        &self.0
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Zeroizing::new([0; Self::LEN]);
        if bytes.len() != Self::LEN {
            return None;
        }
        secret.copy_from_slice(bytes);
        Some(Self(secret))
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(secret)")
    }
}

/// The library could not encapsulate or decapsulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KemError {
    /// No secret could be made.
    #[error("cannot encapsulate: the system's random number generator or memory failed")]
    Encapsulate,
    /// No secret could be read.
    #[error("cannot decapsulate: the cryptographic library failed")]
    Decapsulate,
}
