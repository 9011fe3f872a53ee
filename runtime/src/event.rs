//! What happened: receipts and their events.

use crate::{AccountId, ModelName, Parent, Role, Scope, TransactionError, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};

/// The result of one transaction of a block. Leaf of `receipts_root`, as Borsh bytes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// Name of the transaction.
    pub tx_hash: Digest,
    /// What came of it.
    pub outcome: Outcome,
}

/// Success with its events, or the first error; then nothing but the nonce changed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every operation took effect.
    Applied(Vec<Event>),
    /// None did.
    Failed {
        /// Index of the operation that failed.
        operation: u32,
        /// Why.
        error: TransactionError,
    },
}

/// One thing that changed. Discriminants are fixed by order; new events are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An account was admitted.
    AccountAdmitted {
        /// Which.
        account: AccountId,
        /// Shown to people.
        display_name: String,
    },
    /// A role was granted.
    RoleGranted {
        /// To whom.
        account: AccountId,
        /// Which.
        role: Role,
        /// Where.
        scope: Scope,
    },
    /// A role was revoked.
    RoleRevoked {
        /// From whom.
        account: AccountId,
        /// Which.
        role: Role,
        /// Where.
        scope: Scope,
    },
    /// A namespace was created.
    NamespaceCreated {
        /// Which.
        namespace: String,
        /// By whom.
        owner: AccountId,
    },
    /// A model name was registered.
    ModelCreated {
        /// Which.
        model: ModelName,
        /// By whom.
        owner: AccountId,
    },
    /// A version was published: the registry specification's `ModelRegistered`.
    ModelRegistered {
        /// Which.
        id: VersionId,
        /// Digest of its manifest.
        model_hash: Digest,
        /// By whom.
        owner: AccountId,
        /// What it derives from.
        parents: Vec<Parent>,
    },
    /// A reader was given access.
    AccessGranted {
        /// To what.
        id: VersionId,
        /// Who.
        reader: AccountId,
        /// By whom.
        granted_by: AccountId,
    },
}

/// An event of a model, as its log in the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ModelEvent {
    /// Height of the block.
    pub height: u64,
    /// Block time, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The transaction.
    pub tx_hash: Digest,
    /// Who signed it.
    pub sender: AccountId,
    /// What changed.
    pub event: Event,
}
