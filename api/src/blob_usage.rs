//! What a namespace has of a node's blob store.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Blobs that one node keeps for a namespace. The node's own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlobUsage {
    /// The namespace.
    pub namespace: String,
    /// Blobs, each once.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that the node keeps at most; absent where there is no quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
}
