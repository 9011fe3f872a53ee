//! What the state holds, one type a kind of key (`state_key.rs`).

use crate::{AccountId, Confidentiality, ModelName, Notice, Parent, Role, Scope, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, PublicKey, kem::EncapsulationKey, seal::SealedKey};
use serde::{Deserialize, Serialize};

/// An account, without its keys and its nonce (which have keys of their own in the state).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Account {
    /// Its name for life.
    pub id: AccountId,
    /// Shown to people.
    pub display_name: String,
    /// Height at which it was admitted.
    pub admitted_at: u64,
    /// Number of keys it ever had; the newest has index `keys - 1`.
    pub keys: u32,
    /// Number of role entries it ever had, revoked ones included.
    pub roles: u64,
    /// Height at which it was suspended, while it is.
    pub suspended_at: Option<u64>,
}

/// A pair of keys of an account, and when they were valid.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AccountKey {
    /// ML-DSA-87.
    pub signing: PublicKey,
    /// ML-KEM-1024.
    pub encryption: EncapsulationKey,
    /// First height at which it signs.
    pub valid_from: u64,
    /// Block time at which it was recorded, milliseconds since the Unix epoch: its age counts from here.
    pub valid_from_ms: u64,
    /// First height at which it no longer signs.
    pub valid_until: Option<u64>,
}

impl AccountKey {
    /// Whether the key signs, and is sealed to, at `height`.
    #[must_use]
    pub fn is_valid_at(&self, height: u64) -> bool {
        self.valid_from <= height && self.valid_until.is_none_or(|until| height < until)
    }

    /// Whether the key is too old at block time `timestamp_ms` to sign anything but its rotation.
    #[must_use]
    pub fn is_expired_at(&self, timestamp_ms: u64, max_age_ms: u64) -> bool {
        timestamp_ms.saturating_sub(self.valid_from_ms) > max_age_ms
    }
}

/// What a public signing key is for: it is for one thing, for ever.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "use", rename_all = "snake_case")]
pub enum KeyUse {
    /// An account's signing key.
    Account {
        /// The account.
        account: AccountId,
        /// Index of the key.
        key_index: u32,
    },
    /// A validator's consensus key.
    Consensus {
        /// The validator.
        validator: AccountId,
        /// Index of the pair of keys.
        key_index: u32,
    },
    /// A validator's transport key.
    Transport {
        /// The validator.
        validator: AccountId,
        /// Index of the pair of keys.
        key_index: u32,
    },
}

/// One role of an account; a revoked one stays as a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct RoleEntry {
    /// Which.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// Height at which it was granted.
    pub granted_at: u64,
    /// Height at which it was revoked.
    pub revoked_at: Option<u64>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Who created it.
    pub owner: AccountId,
    /// Height at which it was created.
    pub created_at: u64,
    /// Number of models ever registered in it.
    pub models: u64,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Model {
    /// Its name.
    pub name: ModelName,
    /// Who registered it.
    pub owner: AccountId,
    /// Shown to people.
    pub description: String,
    /// Height at which it was registered.
    pub registered_at: u64,
    /// Number of versions ever published.
    pub versions: u64,
    /// Number of events ever recorded about it.
    pub events: u64,
}

/// A published version; immutable.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Version {
    /// Its name.
    pub id: VersionId,
    /// Its place among the model's versions, from 0.
    pub ordinal: u64,
    /// `H("cairn/manifest/v1", manifest)`.
    pub model_hash: Digest,
    /// Digest of the embedding vector, if there is one.
    pub vector_hash: Option<Digest>,
    /// SHA-256 of the stored manifest.
    pub manifest_digest: Digest,
    /// Block time, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Who published it.
    pub owner: AccountId,
    /// The caller's JSON.
    pub metadata: String,
    /// What it derives from.
    pub parents: Vec<Parent>,
    /// Whether the stored bytes are encrypted.
    pub confidentiality: Confidentiality,
    /// Height at which it was published.
    pub published_at: u64,
    /// The transaction that published it.
    pub tx_hash: Digest,
}

/// The versions that hold a `model_hash`, at most one a namespace.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HashHolders {
    /// The earliest.
    pub first: VersionId,
    /// Number of them.
    pub count: u64,
}

/// A version's data key for one reader; a revoked one stays as a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Grant {
    /// Who may read.
    pub reader: AccountId,
    /// Who granted it.
    pub granted_by: AccountId,
    /// Height at which it was granted.
    pub granted_at: u64,
    /// Index of the reader's key that the data key is sealed to.
    pub key_index: u32,
    /// Generation of the data key.
    pub generation: u32,
    /// The sealed data key.
    pub sealed: SealedKey,
    /// That access was revoked.
    pub revoked: Option<Notice>,
}
