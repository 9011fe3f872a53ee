//! What a key file holds.

use borsh::BorshSerialize;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KeyFileError;
use crate::key_error::KeyError;
use crate::key_pairs::{AccountKeys, NodeKeys};
use crate::{DecapsulationKey, EncapsulationKey, PublicKey, Seed, SigningKey};

const ACCOUNT: u8 = 0;
const NODE: u8 = 1;

/// The secrets of a key file. Zeroed when dropped, never printed.
#[derive(Clone, Debug)]
pub enum KeyMaterial {
    /// Those of an account.
    Account {
        /// The seed of its ML-DSA-87 key.
        signing: Seed,
        /// Its ML-KEM-1024 key.
        decapsulation: DecapsulationKey,
    },
    /// Those of a validator's node.
    Node {
        /// The seed of the ML-DSA-87 key that votes.
        consensus: Seed,
        /// The seed of the ML-DSA-87 key of its connections.
        transport: Seed,
    },
}

impl KeyMaterial {
    /// The keys of an account.
    ///
    /// # Errors
    /// [`KeyFileError::Kind`] if these are a node's.
    pub fn account(&self) -> Result<AccountKeys, KeyFileError> {
        match self {
            Self::Account {
                signing,
                decapsulation,
            } => Ok(AccountKeys {
                signing: SigningKey::from_seed(signing)?,
                decapsulation: decapsulation.clone(),
            }),
            Self::Node { .. } => Err(KeyFileError::Kind {
                expected: "an account",
                found: "a node",
            }),
        }
    }

    /// The keys of a node.
    ///
    /// # Errors
    /// [`KeyFileError::Kind`] if these are an account's.
    pub fn node(&self) -> Result<NodeKeys, KeyFileError> {
        match self {
            Self::Node {
                consensus,
                transport,
            } => Ok(NodeKeys {
                consensus: SigningKey::from_seed(consensus)?,
                transport: SigningKey::from_seed(transport)?,
            }),
            Self::Account { .. } => Err(KeyFileError::Kind {
                expected: "a node",
                found: "an account",
            }),
        }
    }

    /// The public halves.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the library fails, which it does only without memory.
    pub fn public_keys(&self) -> Result<PublicKeys, KeyError> {
        let public = |seed: &Seed| Ok(SigningKey::from_seed(seed)?.public_key().clone());
        Ok(match self {
            Self::Account {
                signing,
                decapsulation,
            } => PublicKeys::Account {
                signing: public(signing)?,
                encapsulation: decapsulation.encapsulation_key().clone(),
            },
            Self::Node {
                consensus,
                transport,
            } => PublicKeys::Node {
                consensus: public(consensus)?,
                transport: public(transport)?,
            },
        })
    }

    /// The Borsh encoding of the secrets: a discriminant, then raw bytes.
    pub(super) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        // The largest size at once, and room for the tag: a vector that grows leaves copies of secrets behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(
            1 + Seed::LEN + DecapsulationKey::LEN + crate::aead::TAG_LEN,
        ));
        match self {
            Self::Account {
                signing,
                decapsulation,
            } => {
                plain.push(ACCOUNT);
                plain.extend_from_slice(signing.as_bytes());
                plain.extend_from_slice(&decapsulation.to_bytes());
            }
            Self::Node {
                consensus,
                transport,
            } => {
                plain.push(NODE);
                plain.extend_from_slice(consensus.as_bytes());
                plain.extend_from_slice(transport.as_bytes());
            }
        }
        plain
    }

    /// Reads what [`KeyMaterial::to_plaintext`] wrote, and nothing else.
    pub(super) fn from_plaintext(plain: &[u8]) -> Result<Self, String> {
        let (kind, secrets) = plain.split_first().ok_or("they are empty")?;
        let (seed, rest) = secrets
            .split_at_checked(Seed::LEN)
            .ok_or("they are too short")?;
        let seed = Seed::from_bytes(seed).map_err(|error| error.to_string())?;
        match *kind {
            ACCOUNT => Ok(Self::Account {
                signing: seed,
                decapsulation: DecapsulationKey::from_bytes(rest)
                    .map_err(|error| error.to_string())?,
            }),
            NODE => Ok(Self::Node {
                consensus: seed,
                transport: Seed::from_bytes(rest).map_err(|error| error.to_string())?,
            }),
            other => Err(format!("their kind is {other}, expected 0 or 1")),
        }
    }
}

impl From<&AccountKeys> for KeyMaterial {
    fn from(keys: &AccountKeys) -> Self {
        Self::Account {
            signing: keys.signing.seed().clone(),
            decapsulation: keys.decapsulation.clone(),
        }
    }
}

impl From<&NodeKeys> for KeyMaterial {
    fn from(keys: &NodeKeys) -> Self {
        Self::Node {
            consensus: keys.consensus.seed().clone(),
            transport: keys.transport.seed().clone(),
        }
    }
}

/// The public halves of a key file's keys, which stand in it in the clear.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    content = "public",
    rename_all = "lowercase",
    deny_unknown_fields
)]
pub enum PublicKeys {
    /// Those of an account.
    Account {
        /// Its ML-DSA-87 key.
        signing: PublicKey,
        /// Its ML-KEM-1024 key.
        encapsulation: EncapsulationKey,
    },
    /// Those of a validator's node.
    Node {
        /// The ML-DSA-87 key that votes.
        consensus: PublicKey,
        /// The ML-DSA-87 key of its connections.
        transport: PublicKey,
    },
}
