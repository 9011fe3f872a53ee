//! The keys that one holder has: an account, or a node.

use crate::key_error::KeyError;
use crate::{DecapsulationKey, SigningKey};

/// The keys of an account: one signs its transactions, the other opens what is sealed to it.
#[derive(Clone, Debug)]
pub struct AccountKeys {
    /// Signs transactions (ML-DSA-87).
    pub signing: SigningKey,
    /// Opens sealed data keys (ML-KEM-1024).
    pub decapsulation: DecapsulationKey,
}

impl AccountKeys {
    /// Two fresh keys.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            signing: SigningKey::generate()?,
            decapsulation: DecapsulationKey::generate()?,
        })
    }
}

/// The keys of a validator's node. They are separate so that the transport key, which answers every
/// connection, can be stolen or rotated without touching votes.
#[derive(Clone, Debug)]
pub struct NodeKeys {
    /// Signs votes, proposals and timeouts (ML-DSA-87).
    pub consensus: SigningKey,
    /// Proves the node's identity on connections (ML-DSA-87).
    pub transport: SigningKey,
}

impl NodeKeys {
    /// Two fresh keys.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            consensus: SigningKey::generate()?,
            transport: SigningKey::generate()?,
        })
    }
}
