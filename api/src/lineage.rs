//! What a version derives from, and what derives from it.

use crate::{EventView, schema};
use cairn_runtime::query::LineageEdge;
use cairn_runtime::{EventPlace, VersionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Deepest walk that a node makes.
pub const MAX_LINEAGE_DEPTH: u32 = 64;
/// Most edges of one answer.
pub const MAX_LINEAGE_EDGES: usize = 1_000;

/// Which way to go.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To what the version derives from.
    #[default]
    Up,
    /// To what derives from it.
    Down,
}

/// The lineage of a version in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineageView {
    /// Where the walk began.
    #[schema(value_type = schema::VersionId)]
    pub version: VersionId,
    /// Which way it went.
    pub direction: Direction,
    /// Edges, nearest first, each once.
    #[schema(value_type = Vec<schema::LineageEdge>)]
    pub edges: Vec<LineageEdge>,
    /// Whether there are no others: neither the depth nor the number of edges cut it off.
    pub complete: bool,
}

/// A step of provenance, and in whose events it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProvenanceView {
    /// The model, and the event's place among the model's.
    #[schema(value_type = schema::EventPlace)]
    pub place: EventPlace,
    /// The event.
    #[serde(flatten)]
    pub event: EventView,
}
