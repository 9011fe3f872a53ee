//! Blocks.

use crate::schema;
use cairn_consensus::{BlockId, Header};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A final block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// Its name: the hash of the header.
    #[schema(value_type = String)]
    pub id: BlockId,
    /// What its certificate vouches for.
    #[schema(value_type = schema::Header)]
    pub header: Header,
    /// Time of the block, RFC 3339.
    pub time: String,
    /// Names of its transactions, in order.
    #[schema(value_type = Vec<String>)]
    pub transactions: Vec<Digest>,
    /// Who made it final, if this node keeps a certificate for this very height (it keeps one for
    /// every recent block, and for some older ones; each vouches for all blocks before it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateView>,
}

/// A finality certificate, without its signatures (those are in proof bundles).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateView {
    /// Round in which the block was certified.
    pub round: u64,
    /// Places of the signers in the validator set, ascending.
    pub signers: Vec<u16>,
}
