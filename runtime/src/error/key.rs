//! Errors of keys and suspension.

use crate::AccountId;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why keys were not changed or an account's standing was not. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum KeyError {
    /// A signing key is for one thing, for ever; this one is or was in use.
    #[error("the signing key {fingerprint} is or was in use; make a new one")]
    KeyInUse {
        /// SHA-256 of the key.
        fingerprint: Digest,
    },
    /// The new encryption key is the old one.
    #[error("account {account} rotates to the encryption key that it has; make a new one")]
    SameEncryptionKey {
        /// The account.
        account: AccountId,
    },
    /// A key's validity ends forwards only.
    #[error("a key ends above height {height}, not at {from_height}; nothing ends backwards")]
    RevokedBackwards {
        /// Height of the block.
        height: u64,
        /// What was asked for.
        from_height: u64,
    },
    /// The key ends no later already.
    #[error(
        "key {key_index} of account {account} ends at height {valid_until} already, not later than {from_height}"
    )]
    KeyEnded {
        /// The account.
        account: AccountId,
        /// The index.
        key_index: u32,
        /// First height at which it does not sign.
        valid_until: u64,
        /// What was asked for.
        from_height: u64,
    },
    /// The account is suspended already, or takes part in something that a suspended account cannot.
    #[error("account {account} is suspended since height {since}")]
    AccountSuspended {
        /// The account.
        account: AccountId,
        /// Height at which it was suspended.
        since: u64,
    },
    /// The account is not suspended.
    #[error("account {account} is not suspended")]
    NotSuspended {
        /// The account.
        account: AccountId,
    },
    /// An admin would suspend itself; then there might be none left.
    #[error("account {account} cannot suspend itself; another admin has to")]
    OwnSuspension {
        /// The sender.
        account: AccountId,
    },
    /// Admins have no power over those who govern.
    #[error(
        "account {account} operates validator {validator}; give the validator another operator, or remove it, by governance first"
    )]
    OperatorProtected {
        /// The account.
        account: AccountId,
        /// A validator that it operates.
        validator: AccountId,
    },
}

impl KeyError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyInUse { .. } => "key_in_use",
            Self::SameEncryptionKey { .. } => "same_encryption_key",
            Self::RevokedBackwards { .. } => "revoked_backwards",
            Self::KeyEnded { .. } => "key_ended",
            Self::AccountSuspended { .. } => "account_suspended",
            Self::NotSuspended { .. } => "not_suspended",
            Self::OwnSuspension { .. } => "own_suspension",
            Self::OperatorProtected { .. } => "operator_protected",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::OwnSuspension { .. } | Self::OperatorProtected { .. } => 403,
            Self::KeyInUse { .. }
            | Self::KeyEnded { .. }
            | Self::AccountSuspended { .. }
            | Self::NotSuspended { .. } => 409,
            Self::SameEncryptionKey { .. } | Self::RevokedBackwards { .. } => 422,
        }
    }
}
