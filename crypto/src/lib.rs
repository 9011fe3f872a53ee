//! The cryptography of Cairn: ML-DSA-87 signatures, ML-KEM-1024 envelopes, SHA-256 digests, Merkle
//! trees and key files. It knows nothing of chains: what is signed or hashed is any Borsh value
//! under a domain tag.
//!
//! ```
//! use cairn_crypto::{PublicKey, SigningKey, domain, hash};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::generate()?;
//! let vote = (7u64, "a block");
//! let signature = key.sign(domain::VOTE, &vote)?;
//!
//! let public = PublicKey::from_bytes(key.public_key().as_bytes())?;
//! public.verify(domain::VOTE, &vote, &signature)?;
//! // The same bytes under another tag are another statement.
//! assert!(public.verify(domain::COMMIT, &vote, &signature).is_err());
//! assert_ne!(hash(domain::VOTE, &vote), hash(domain::COMMIT, &vote));
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `digest` | [`Digest`], [`Hasher`]: SHA-256 |
//! | [`domain`] | every domain tag, and the bytes that are hashed and signed under them |
//! | `signature` | [`Seed`], [`SigningKey`], [`PublicKey`], [`Signature`]: ML-DSA-87 (FIPS 204) |
//! | [`kem`] | ML-KEM-1024 (FIPS 203) |
//! | [`seal`] | a data key sealed to one reader |
//! | [`aead`] | AES-256-GCM and HKDF-SHA-256 |
//! | `key_pairs` | [`AccountKeys`], [`NodeKeys`]: the keys that one account or one node holds |
//! | [`keyfile`] | those keys on disk, encrypted under a passphrase |
//! | [`merkle`] | the Merkle tree of RFC 6962, its inclusion and consistency proofs |
//! | [`codec`] | bounded, canonical Borsh decoding |
//! | `raw_bytes` | how a value of fixed length is written in Borsh and in JSON |
//! | `key_error` | [`KeyError`] |

#![forbid(unsafe_code)]

pub mod aead;
pub mod codec;
mod digest;
pub mod domain;
pub mod kem;
mod key_error;
mod key_pairs;
pub mod keyfile;
pub mod merkle;
mod raw_bytes;
pub mod seal;
mod signature;

pub use codec::{DecodeError, decode};
pub use digest::{Digest, Hasher, ParseDigestError};
pub use domain::{Tag, hash, hash_encoded, signing_bytes};
pub use kem::{Ciphertext, DecapsulationKey, EncapsulationKey, KemError, SharedSecret};
pub use key_error::KeyError;
pub use key_pairs::{AccountKeys, NodeKeys};
pub use seal::{DataKey, SealContext, SealError, SealedKey};
pub use signature::{BadSignature, PublicKey, Seed, SignError, Signature, SigningKey};
