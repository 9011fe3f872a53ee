//! Models, their versions and what happened to them.

use crate::{schema, time::rfc3339};
use cairn_runtime::{Model, ModelEvent, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model, and where its name points when no version is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelView {
    /// The record of the ledger.
    #[schema(value_type = schema::Model)]
    pub model: Model,
    /// Highest version by SemVer precedence, those without a pre-release part first; absent when
    /// nothing is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    /// The record of the ledger.
    #[serde(flatten)]
    #[schema(value_type = schema::Version)]
    pub version: Version,
    /// When it was published (block time), RFC 3339.
    pub time: String,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        let time = rfc3339(version.timestamp_ms);
        Self { version, time }
    }
}

/// Something that happened to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// The record of the ledger.
    #[serde(flatten)]
    #[schema(value_type = schema::ModelEvent)]
    pub event: ModelEvent,
    /// When (block time), RFC 3339.
    pub time: String,
}

impl From<ModelEvent> for EventView {
    fn from(event: ModelEvent) -> Self {
        let time = rfc3339(event.timestamp_ms);
        Self { event, time }
    }
}
