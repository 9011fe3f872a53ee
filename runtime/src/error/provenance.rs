//! Errors of lineage and events.

use crate::Relation;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why something has no such origin. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ProvenanceError {
    /// No version holds the parent's digest, and the relation is not one to a dataset.
    #[error(
        "no version holds the model hash {digest}, which is named as {relation:?}; publish the parent first, or name a dataset as TrainedOn"
    )]
    UnknownParent {
        /// The parent.
        digest: Digest,
        /// The relation.
        relation: Relation,
    },
    /// An event with nothing that went in or came out.
    #[error("an event names at least one input or output")]
    NothingNamed,
}

impl ProvenanceError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownParent { .. } => "unknown_parent",
            Self::NothingNamed => "nothing_named",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::UnknownParent { .. } => 404,
            Self::NothingNamed => 422,
        }
    }
}
