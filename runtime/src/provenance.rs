//! Where versions come from: what happened to a model on the way, and which version derives from which.
//!
//! A parent of a version is a dataset, named by its digest, or a version that exists. Which version is settled when the
//! child is published: the holder of the digest in the child's namespace, or else the earliest. An edge therefore always
//! leads to a version that was there before, and lineage has no cycles, although versions of several namespaces may hold
//! one digest.

use crate::{ModelName, Relation, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};

/// What happened to a model. Discriminants are fixed by this order; new kinds are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A dataset was used.
    DatasetUsed,
    /// It was trained.
    Trained,
    /// It was fine-tuned.
    FineTuned,
    /// It was quantized.
    Quantized,
    /// It was converted to another format.
    Converted,
    /// It was merged with others.
    Merged,
    /// It was distilled from another.
    Distilled,
    /// It was pruned.
    Pruned,
    /// It was evaluated.
    Evaluated,
    /// It was deployed.
    Deployed,
    /// It was taken out of service.
    Retired,
    /// Something else; same rules as [`ModelName::name`].
    Other(String),
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DatasetUsed => "dataset used",
            Self::Trained => "trained",
            Self::FineTuned => "fine-tuned",
            Self::Quantized => "quantized",
            Self::Converted => "converted",
            Self::Merged => "merged",
            Self::Distilled => "distilled",
            Self::Pruned => "pruned",
            Self::Evaluated => "evaluated",
            Self::Deployed => "deployed",
            Self::Retired => "retired",
            Self::Other(name) => name,
        })
    }
}

/// One step in the life of a model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Provenance {
    /// What happened.
    pub kind: EventKind,
    /// What went in: `model_hash`es, digests of datasets, of configurations.
    pub inputs: Vec<Digest>,
    /// What came out: `model_hash`es, digests of reports.
    pub outputs: Vec<Digest>,
    /// SHA-256 of the in-toto statement that says more.
    pub statement: Digest,
}

/// The versions that the parents of a version were when it was published.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Lineage {
    /// One for each of [`Version::parents`](crate::Version::parents), in the same order; nothing for a dataset.
    pub parents: Vec<Option<VersionId>>,
}

/// A version that derives from something.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Child {
    /// The version.
    pub id: VersionId,
    /// How it derives.
    pub relation: Relation,
    /// The version that it derives from; nothing for a dataset.
    pub parent: Option<VersionId>,
}

/// Where an event stands: [`StateKey::EventAt`](crate::StateKey::EventAt).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct EventPlace {
    /// The model.
    pub model: ModelName,
    /// The event's place among the model's.
    pub ordinal: u64,
}
