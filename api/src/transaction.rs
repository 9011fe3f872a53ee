//! Transactions, from their submission to their receipt.

use crate::schema;
use cairn_consensus::BlockId;
use cairn_crypto::Digest;
use cairn_runtime::Receipt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How long `POST /v1/transactions` waits before it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Until the node has admitted the transaction and passed it on.
    #[default]
    Accepted,
    /// Until the transaction is in a final block.
    Final,
}

/// The one state of a [`Submitted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubmittedStatus {
    /// Admitted, its signature verified, on its way to all validators.
    Accepted,
}

/// A transaction was accepted; whether it takes effect is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// Name of the transaction.
    #[schema(value_type = String)]
    pub tx_hash: Digest,
    /// Always `accepted`.
    pub status: SubmittedStatus,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waiting in the node's mempool, or in a block that is not final yet.
    Pending,
    /// In a final block; the receipt says what came of it.
    Final,
    /// Not known to this node.
    Unknown,
}

/// A transaction as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionStatus {
    /// Name of the transaction.
    #[schema(value_type = String)]
    pub tx_hash: Digest,
    /// How far it is.
    pub status: State,
    /// Height of its block, once final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Its place in the block, from 0, once final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Id of its block, once final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub block_id: Option<BlockId>,
    /// What came of it, once final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Receipt>)]
    pub receipt: Option<Receipt>,
}
