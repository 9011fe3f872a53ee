//! What is said about namespaces, models and versions once they exist, one type a kind of record: policies, aliases,
//! tags, notices and transfers. A published version itself never changes.

use crate::{AccountId, ModelName, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// When a version of a namespace counts as certified. Where none was set, [`NamespacePolicy::default`] holds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct NamespacePolicy {
    /// The accounts that certify, each of which needs the role as well; empty: everybody with the role.
    pub certifiers: Vec<AccountId>,
    /// How many accounts have to have found each required check passed, at least 1.
    pub required_certifications: u32,
    /// The checks that have to have passed; empty: any one check.
    pub required_checks: Vec<String>,
    /// Whether whoever published a version may certify it.
    pub publisher_certifies: bool,
}

impl Default for NamespacePolicy {
    /// One certification of any check, by a Certifier other than the publisher.
    fn default() -> Self {
        Self {
            certifiers: Vec::new(),
            required_certifications: 1,
            required_checks: Vec::new(),
            publisher_certifies: false,
        }
    }
}

/// A policy that was set; later ones stand beside it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// Its number, from 1; 0 is the default.
    pub revision: u64,
    /// What it says.
    pub policy: NamespacePolicy,
    /// Who set it.
    pub set_by: AccountId,
    /// Height at which it was set.
    pub set_at: u64,
}

/// A name that points at a version of its model; a deleted one stays as a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Alias {
    /// The name.
    pub alias: String,
    /// The version that it points at; nothing once it was deleted.
    pub version: Option<String>,
    /// Who set or deleted it last.
    pub set_by: AccountId,
    /// Height at which that was.
    pub set_at: u64,
}

/// What a tag is attached to.
#[derive(
    Clone,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A model.
    Model(ModelName),
    /// A version.
    Version(VersionId),
}

impl Subject {
    /// The model that it is or belongs to.
    #[must_use]
    pub fn model(&self) -> &ModelName {
        match self {
            Self::Model(model) => model,
            Self::Version(id) => &id.model,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Model(model) => write!(f, "model {model}"),
            Self::Version(id) => write!(f, "version {id}"),
        }
    }
}

/// A tag: a key and a value of its owner's choice; a deleted one stays as a tombstone.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value; nothing once it was deleted.
    pub value: Option<String>,
    /// Who set or deleted it last.
    pub set_by: AccountId,
    /// Height at which that was.
    pub set_at: u64,
}

/// That something should no longer be used or no longer holds: why, who said so, and since when.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Notice {
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: AccountId,
    /// Height at which it was said.
    pub at: u64,
}

/// How far a transfer has come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// It can be accepted until it expires.
    Offered,
    /// The offer was withdrawn.
    Withdrawn,
    /// It was accepted: the model has its new owner.
    Accepted,
}

/// The last offer to make another account the owner of a model. Earlier ones are in the model's events.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Transfer {
    /// Who owned the model when it was offered.
    pub from: AccountId,
    /// To whom it was offered.
    pub to: AccountId,
    /// Height at which it was offered.
    pub offered_at: u64,
    /// Last height at which it can be accepted.
    pub expires_at_height: u64,
    /// How far it has come.
    pub state: TransferState,
    /// Height at which it came so far.
    pub changed_at: u64,
}
