//! Who may read a version: requests for access, and the data keys that replace one another.

use crate::AccountId;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, seal::SealedKey};
use serde::{Deserialize, Serialize};

/// What became of a request for access.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody answered yet.
    Open,
    /// Access was granted.
    Granted,
    /// It was declined.
    Declined,
}

/// An account's last request for access to a version.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AccessRequest {
    /// Who asks.
    pub reader: AccountId,
    /// Why.
    pub reason: String,
    /// Height at which it was made.
    pub requested_at: u64,
    /// What became of it.
    pub state: RequestState,
    /// Height at which that was.
    pub changed_at: u64,
}

/// A data key that replaced the one before: the bytes of the version were encrypted anew. `model_hash` stays.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Rekey {
    /// Generation of the data key, from 1; 0 is the one under which the version was published.
    pub generation: u32,
    /// SHA-256 of the stored manifest under this key.
    pub manifest_digest: Digest,
    /// `H("cairn/datakey/v1", (version id, generation, data key))`.
    pub key_commit: Digest,
    /// Who replaced it.
    pub by: AccountId,
    /// Height at which it was replaced.
    pub at: u64,
    /// The transaction that replaced it.
    pub tx_hash: Digest,
}

/// A data key for one reader of several.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ReaderKey {
    /// The reader.
    pub reader: AccountId,
    /// Index of the reader's key that the data key is sealed to.
    pub key_index: u32,
    /// The sealed data key.
    pub sealed: SealedKey,
}
