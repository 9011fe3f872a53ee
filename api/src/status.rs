//! How a node is.

use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A node's view of itself and of its network. A node's own word: nothing here is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Name of the network, from the genesis document.
    pub network: String,
    /// Digest of the genesis document.
    #[schema(value_type = String)]
    pub chain_id: Digest,
    /// The node's name.
    pub node: String,
    /// Version of the node's software.
    pub version: String,
    /// Present epoch.
    pub epoch: u64,
    /// Present round.
    pub round: u64,
    /// Height of the last final block.
    pub height: u64,
    /// Id of the last final block.
    #[schema(value_type = String)]
    pub block_id: Digest,
    /// Time of the last final block, RFC 3339.
    pub time: String,
    /// Milliseconds since the time of the last final block.
    pub final_age_ms: u64,
    /// Peers connected on the consensus plane.
    pub peers_consensus: usize,
    /// Peers connected on the data plane.
    pub peers_data: usize,
    /// Members of the validator set.
    pub validators: usize,
    /// Transactions waiting in the mempool.
    pub mempool_transactions: usize,
    /// Whether the node is catching up with the chain.
    pub syncing: bool,
}
