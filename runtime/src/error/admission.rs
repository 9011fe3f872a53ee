//! Why a transaction was not admitted: it is in no block and has no receipt.

use crate::AccountId;
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a transaction is not admitted. A block that contains one is invalid as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum AdmissionError {
    /// Signed for another chain.
    #[error("the transaction is for chain {got}, this is {expected}")]
    WrongChain {
        /// This chain.
        expected: Digest,
        /// The transaction's.
        got: Digest,
    },
    /// The nonce was used, or (in a block) is not the next.
    #[error("nonce {got}, the sender's next is {expected}")]
    NonceMismatch {
        /// The sender's next.
        expected: u64,
        /// The transaction's.
        got: u64,
    },
    /// The nonce is further ahead than a pool keeps.
    #[error(
        "nonce {got} is more than {window} ahead of the sender's next, {expected}; send the ones between first"
    )]
    NonceTooFar {
        /// The sender's next.
        expected: u64,
        /// The transaction's.
        got: u64,
        /// How far ahead it may be.
        window: u64,
    },
    /// No such sender.
    #[error("there is no account {account}; an admin has to admit it first")]
    UnknownAccount {
        /// The sender.
        account: AccountId,
    },
    /// The sender has no key of this index.
    #[error("account {account} has no key {key_index}")]
    UnknownKey {
        /// The sender.
        account: AccountId,
        /// The index.
        key_index: u32,
    },
    /// The key does not sign at this height.
    #[error(
        "key {key_index} of account {account} signs from height {valid_from} and until {valid_until:?}, this is {height}"
    )]
    KeyNotValid {
        /// The sender.
        account: AccountId,
        /// The index.
        key_index: u32,
        /// First height at which it signs.
        valid_from: u64,
        /// First height at which it no longer signs.
        valid_until: Option<u64>,
        /// Height of the block.
        height: u64,
    },
    /// The key is too old to sign anything but its rotation.
    #[error(
        "key {key_index} of account {account} was recorded at block time {recorded_ms} ms and signs for {max_age_ms} ms, this is {now_ms} ms; rotate the keys"
    )]
    KeyExpired {
        /// The sender.
        account: AccountId,
        /// The index.
        key_index: u32,
        /// Block time at which it was recorded.
        recorded_ms: u64,
        /// How long it signs.
        max_age_ms: u64,
        /// Block time.
        now_ms: u64,
    },
    /// The sender is suspended and signs nothing.
    #[error(
        "account {account} is suspended since height {since}; an admin has to reinstate it first"
    )]
    AccountSuspended {
        /// The sender.
        account: AccountId,
        /// Height at which it was suspended.
        since: u64,
    },
    /// An operation that has to be the only one of its transaction is not.
    #[error("{operation} stands alone in a transaction, this one has {got} operations")]
    NotAlone {
        /// Its name.
        operation: String,
        /// Operations of the transaction.
        got: u64,
    },
    /// The signature does not verify under the key.
    #[error("the signature does not verify under key {key_index} of account {account}")]
    BadSignature {
        /// The sender.
        account: AccountId,
        /// The index.
        key_index: u32,
    },
    /// Too late.
    #[error("the transaction expired at height {expires_at}, this is {height}; sign it again")]
    Expired {
        /// Last height at which it may be executed.
        expires_at: u64,
        /// Height of the block.
        height: u64,
    },
    /// The expiry is too far ahead.
    #[error(
        "the transaction expires at height {expires_at}, at most {limit} blocks after {height} are allowed"
    )]
    ExpiryTooFar {
        /// Last height at which it may be executed.
        expires_at: u64,
        /// Height of the block.
        height: u64,
        /// How far ahead it may lie.
        limit: u64,
    },
    /// Too many bytes.
    #[error("the transaction has {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its encoded bytes.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Too many operations.
    #[error("the transaction has {got} operations, at most {limit} are allowed")]
    TooManyOperations {
        /// How many.
        got: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// No operations.
    #[error("the transaction has no operations")]
    NoOperations,
    /// Not the encoding of a transaction.
    #[error("this is no transaction: {reason}")]
    Malformed {
        /// What the decoder said.
        reason: String,
    },
    /// The sender has used up its share of the block.
    #[error(
        "account {account} has {limit} transactions in the block, no more are allowed; it goes into the next"
    )]
    QuotaExceeded {
        /// The sender.
        account: AccountId,
        /// Transactions allowed.
        limit: u64,
    },
    /// The block holds no more transactions.
    #[error("the block has {limit} transactions, no more are allowed")]
    BlockFull {
        /// Transactions allowed.
        limit: u64,
    },
    /// The block holds no more bytes.
    #[error("the block would have {bytes} bytes, at most {limit} are allowed")]
    BlockTooLarge {
        /// Bytes with this transaction.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// This node cannot read its state; another one may. Never said of a transaction in a block.
    #[error("this node cannot check the transaction now: {reason}; ask another node")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
}

impl AdmissionError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongChain { .. } => "wrong_chain",
            Self::NonceMismatch { .. } => "nonce_mismatch",
            Self::NonceTooFar { .. } => "nonce_too_far",
            Self::UnknownAccount { .. } => "unknown_account",
            Self::UnknownKey { .. } => "unknown_key",
            Self::KeyNotValid { .. } => "key_not_valid",
            Self::KeyExpired { .. } => "key_expired",
            Self::AccountSuspended { .. } => "account_suspended",
            Self::NotAlone { .. } => "not_alone",
            Self::BadSignature { .. } => "bad_signature",
            Self::Expired { .. } => "expired",
            Self::ExpiryTooFar { .. } => "expiry_too_far",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyOperations { .. } => "too_many_operations",
            Self::NoOperations => "no_operations",
            Self::Malformed { .. } => "malformed",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::BlockFull { .. } => "block_full",
            Self::BlockTooLarge { .. } => "block_too_large",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NoOperations
            | Self::Malformed { .. }
            | Self::TooManyOperations { .. }
            | Self::NotAlone { .. } => 400,
            Self::BadSignature { .. }
            | Self::UnknownKey { .. }
            | Self::KeyNotValid { .. }
            | Self::KeyExpired { .. } => 401,
            Self::UnknownAccount { .. } | Self::AccountSuspended { .. } => 403,
            Self::WrongChain { .. }
            | Self::NonceMismatch { .. }
            | Self::NonceTooFar { .. }
            | Self::Expired { .. }
            | Self::ExpiryTooFar { .. } => 409,
            Self::TooLarge { .. } => 413,
            Self::QuotaExceeded { .. } => 429,
            Self::BlockFull { .. } | Self::BlockTooLarge { .. } | Self::Unavailable { .. } => 503,
        }
    }

    /// Whether the very same bytes can be admitted later: the fault lies in the block or the node,
    /// not in the transaction.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NonceTooFar { .. }
                | Self::QuotaExceeded { .. }
                | Self::BlockFull { .. }
                | Self::BlockTooLarge { .. }
                | Self::Unavailable { .. }
        )
    }
}
