//! What a search finds.

use crate::schema;
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, ModelName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A page of what a node's catalogue has: its word, and as of a block that may not be the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchPage {
    /// Height of the final block that the catalogue reflects.
    pub height: u64,
    /// Time of that block, RFC 3339: whether something is certified is judged at this time.
    pub time: String,
    /// Height of the node's last final block. Where it is higher, the catalogue lags.
    pub last_final: u64,
    /// What was found, by the models' names, newest versions first.
    pub items: Vec<FoundView>,
    /// What to give as `cursor` for the next page; absent on the last one. A page may be short, or empty, and have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A version that was found, with its model; or a model of which no version is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundView {
    /// The model.
    #[schema(value_type = schema::ModelName)]
    pub model: ModelName,
    /// Who owns the model.
    #[schema(value_type = String)]
    pub owner: AccountId,
    /// The model's description, or its beginning.
    pub description: String,
    /// The model's tags.
    pub tags: BTreeMap<String, String>,
    /// The version; absent where none is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<FoundVersion>,
}

/// A version that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundVersion {
    /// SemVer.
    pub version: String,
    /// Digest of its manifest.
    #[schema(value_type = String)]
    pub model_hash: Digest,
    /// Who published it.
    #[schema(value_type = String)]
    pub publisher: AccountId,
    /// Height at which it was published.
    pub published_at: u64,
    /// When it was published (block time), RFC 3339.
    pub time: String,
    /// Whether only those with a grant can read its bytes.
    pub private: bool,
    /// Whether it meets the policy of its namespace and is not yanked.
    pub certified: bool,
    /// Who made certifications of it that were found passed and hold.
    #[schema(value_type = Vec<String>)]
    pub certified_by: Vec<AccountId>,
    /// Why it is deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Why it is yanked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// Aliases that point at it.
    pub aliases: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What can be searched of its metadata.
    pub fields: BTreeMap<String, Vec<String>>,
}
