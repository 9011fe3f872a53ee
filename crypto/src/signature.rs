//! ML-DSA-87 (FIPS 204), pure, with an empty context string.
//!
//! What is signed is `tag || 0x00 || borsh(value)` ([`crate::signing_bytes`]). Signing is hedged (FIPS 204
//! section 3.4): two signatures of one message differ, so a signature is never compared, hashed or
//! used as a name; what was signed is.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand;
use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_87, ML_DSA_87_SIGNING, ParsedPublicKey, PqdsaKeyPair,
};
use borsh::BorshSerialize;
use thiserror::Error;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::digest::Digest;
use crate::domain::{Tag, signing_bytes};
use crate::key_error::KeyError;
use crate::raw_bytes::raw_bytes;

/// The 32-byte seed from which a key pair is derived (FIPS 204 algorithm 6): the only secret worth
/// storing. Zeroed when dropped, never printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Seed(Zeroizing<[u8; Seed::LEN]>);

impl Seed {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// A seed from stored bytes.
    pub fn new(bytes: [u8; Seed::LEN]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh seed.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; Seed::LEN]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| KeyError::Generation {
            what: "ML-DSA-87 seed",
        })?;
        Ok(Self(bytes))
    }

    /// A seed from stored bytes.
    ///
    /// # Errors
    /// [`KeyError::Length`] unless there are exactly 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; Seed::LEN]);
        if bytes.len() != Seed::LEN {
            return Err(KeyError::Length {
                what: "an ML-DSA-87 seed",
                expected: Seed::LEN,
                found: bytes.len(),
            });
        }
        seed.copy_from_slice(bytes);
        Ok(Self(seed))
    }

    /// The 32 secret bytes.
    pub fn as_bytes(&self) -> &[u8; Seed::LEN] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(secret)")
    }
}

/// An ML-DSA-87 key pair. A clone is another handle to the same key.
#[derive(Clone)]
pub struct SigningKey(Arc<KeyPair>);

struct KeyPair {
    seed: Seed,
    // The library wipes its expanded private key when it frees it.
    pair: PqdsaKeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// A fresh key pair.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Self::from_seed(&Seed::generate()?)
    }

    /// The key pair of a seed (FIPS 204 algorithm 6, `ML-DSA.KeyGen_internal`).
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the library fails, which it does only without memory.
    pub fn from_seed(seed: &Seed) -> Result<Self, KeyError> {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_87_SIGNING, seed.as_bytes()).map_err(|_| {
            KeyError::Refused {
                what: "ML-DSA-87 seed",
            }
        })?;
        let public = PublicKey::from_bytes(pair.public_key().as_ref())?;
        Ok(Self(Arc::new(KeyPair {
            seed: seed.clone(),
            pair,
            public,
        })))
    }

    /// The seed, for storing the key.
    pub fn seed(&self) -> &Seed {
        &self.0.seed
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    /// The private key as PKCS#8 (RFC 9881, the seed form), which is what rustls takes.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the library fails, which it does only without memory.
    pub fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = self.0.pair.to_pkcs8v1().map_err(|_| KeyError::Refused {
            what: "ML-DSA-87 private key",
        })?;
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// Signs `value` under `tag`.
    ///
    /// # Errors
    /// [`SignError`] if the library fails: no randomness or no memory.
    pub fn sign<T: BorshSerialize + ?Sized>(
        &self,
        tag: Tag,
        value: &T,
    ) -> Result<Signature, SignError> {
        self.sign_raw(&signing_bytes(tag, value))
    }

    /// Signs bytes whose form another standard gives: access tokens and TLS, nothing else. Everything of
    /// our own is signed under a tag, with [`SigningKey::sign`].
    ///
    /// # Errors
    /// [`SignError`] if the library fails: no randomness or no memory.
    pub fn sign_raw(&self, message: &[u8]) -> Result<Signature, SignError> {
        let mut bytes = [0; Signature::LEN];
        let length = self
            .0
            .pair
            .sign(message, &mut bytes)
            .map_err(|_| SignError)?;
        if length != Signature::LEN {
            return Err(SignError);
        }
        Ok(Signature(Arc::new(bytes)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(secret, {:?})", self.0.public)
    }
}

/// An ML-DSA-87 public key, parsed once. A clone is another handle to the same key.
///
/// Borsh is exactly the 2,592 bytes, JSON is base64. DER is refused: one key has one encoding.
#[derive(Clone)]
pub struct PublicKey(Arc<ParsedKey>);

struct ParsedKey {
    bytes: [u8; PublicKey::LEN],
    parsed: ParsedPublicKey,
}

impl PublicKey {
    /// The length in bytes (FIPS 204 table 2).
    pub const LEN: usize = 2592;

    /// Parses the 2,592 bytes of a public key (FIPS 204 algorithm 23, `pkDecode`).
    ///
    /// # Errors
    /// [`KeyError::Length`] for any other length, [`KeyError::Refused`] if the library refuses the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        // The library would also take DER; the length check makes the raw form the only one.
        let bytes: [u8; Self::LEN] = bytes.try_into().map_err(|_| KeyError::Length {
            what: "an ML-DSA-87 public key",
            expected: Self::LEN,
            found: bytes.len(),
        })?;
        let parsed = ParsedPublicKey::new(&ML_DSA_87, bytes).map_err(|_| KeyError::Refused {
            what: "ML-DSA-87 public key",
        })?;
        Ok(Self(Arc::new(ParsedKey { bytes, parsed })))
    }

    /// The 2,592 bytes.
    pub fn as_bytes(&self) -> &[u8; PublicKey::LEN] {
        &self.0.bytes
    }

    /// The plain SHA-256 of the bytes: how people compare keys.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(self.as_bytes())
    }

    /// Checks a signature over `value` under `tag`.
    ///
    /// # Errors
    /// [`BadSignature`] if it is not one of this key over exactly these bytes.
    pub fn verify<T: BorshSerialize + ?Sized>(
        &self,
        tag: Tag,
        value: &T,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        self.verify_raw(&signing_bytes(tag, value), signature)
    }

    /// Checks a signature over bytes whose form another standard gives: access tokens and TLS.
    ///
    /// # Errors
    /// [`BadSignature`] if it is not one of this key over exactly these bytes.
    pub fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.0
            .parsed
            .verify_sig(message, signature.as_bytes())
            .map_err(|_| BadSignature)
    }
}

impl AsRef<[u8]> for PublicKey {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// The beginning of the fingerprint: enough to tell keys apart in a log.
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.fingerprint();
        write!(
            f,
            "PublicKey({}..)",
            hex::encode(&fingerprint.as_bytes()[..4])
        )
    }
}

raw_bytes!(PublicKey);

/// An ML-DSA-87 signature. A clone is another handle to the same bytes.
///
/// Borsh is exactly the 4,627 bytes, JSON is base64. Equality is by bytes and only for containers and
/// tests: many signatures of one message are valid, so whether two are equal is never a protocol
/// decision.
#[derive(Clone)]
pub struct Signature(Arc<[u8; Signature::LEN]>);

impl Signature {
    /// The length in bytes (FIPS 204 table 2).
    pub const LEN: usize = 4627;

    /// A signature from its bytes. Whether it is valid is for [`PublicKey::verify`] to say.
    ///
    /// # Errors
    /// [`KeyError::Length`] unless there are exactly 4,627.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; Self::LEN] = bytes.try_into().map_err(|_| KeyError::Length {
            what: "an ML-DSA-87 signature",
            expected: Self::LEN,
            found: bytes.len(),
        })?;
        Ok(Self(Arc::new(bytes)))
    }

    /// The 4,627 bytes.
    pub fn as_bytes(&self) -> &[u8; Signature::LEN] {
        &self.0
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}..)", hex::encode(&self.0[..4]))
    }
}

raw_bytes!(Signature);

/// The library could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("cannot sign: the system's random number generator or memory failed")]
pub struct SignError;

/// A signature that is not the key's over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature is not one of this key over these bytes")]
pub struct BadSignature;
