//! What every read is wrapped in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A value of the ledger, and the final block whose state it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer<T> {
    /// Height of the final block that the answer is read from: the last one, or `at_height`.
    pub height: u64,
    /// Time of that block, RFC 3339.
    pub time: String,
    /// The value.
    pub data: T,
}

/// Some values of a list, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// Height of the final block that the page is read from.
    pub height: u64,
    /// Time of that block, RFC 3339.
    pub time: String,
    /// The values, in the order of the list.
    pub items: Vec<T>,
    /// What to give as `cursor` (`from`, for blocks) for the next page; absent on the last one. A list
    /// only grows at its end, so a cursor stays good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
