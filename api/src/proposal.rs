//! Proposals of governance.

use crate::schema;
use cairn_runtime::Proposal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A proposal, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProposalView {
    /// The record of the ledger.
    #[schema(value_type = schema::Proposal)]
    pub proposal: Proposal,
    /// How far it is.
    pub state: ProposalState,
    /// Voting power of the validators in force that approved it.
    pub approving_power: u64,
    /// Least voting power that decides.
    pub quorum_power: u64,
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// It can be approved.
    Open,
    /// It was carried out.
    Passed,
    /// It can no longer be approved.
    Expired,
}
