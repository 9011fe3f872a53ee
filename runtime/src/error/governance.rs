//! Errors of proposals.

use crate::AccountId;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a proposal was not made, approved or carried out. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum GovernanceError {
    /// No such proposal.
    #[error("there is no proposal {proposal}")]
    UnknownProposal {
        /// The number that was named.
        proposal: u64,
    },
    /// It has passed.
    #[error("proposal {proposal} passed at height {height}")]
    ProposalPassed {
        /// Its number.
        proposal: u64,
        /// Height at which it passed.
        height: u64,
    },
    /// Too late.
    #[error(
        "proposal {proposal} expired at height {expires_at}, this is {height}; propose it again"
    )]
    ProposalExpired {
        /// Its number.
        proposal: u64,
        /// Last height at which it could be approved.
        expires_at: u64,
        /// Height of the block.
        height: u64,
    },
    /// All validators of the sender approved it.
    #[error(
        "every validator in force that account {account} operates approved proposal {proposal}"
    )]
    AlreadyApproved {
        /// Its number.
        proposal: u64,
        /// The sender.
        account: AccountId,
    },
    /// The expiry is in the past or too far ahead.
    #[error(
        "a proposal expires at height {earliest} to {latest}, this one would at {expires_at_height}"
    )]
    WrongExpiry {
        /// What was asked for.
        expires_at_height: u64,
        /// The earliest allowed.
        earliest: u64,
        /// The latest allowed.
        latest: u64,
    },
    /// No such parameter.
    #[error("there is no parameter {name:?}")]
    UnknownParameter {
        /// The name.
        name: String,
    },
    /// A value that no chain can run with, or that the chain promised not to set.
    #[error("parameter {name} cannot be {value}: {reason}")]
    ParameterRefused {
        /// The parameter.
        name: String,
        /// The value.
        value: u64,
        /// Why not.
        reason: String,
    },
    /// An upgrade at a height that is not ahead, or not after the upgrade decided last.
    #[error("an upgrade needs a height above {height}, this one has {got}")]
    UpgradeNotAhead {
        /// Height of the block, or of the last upgrade.
        height: u64,
        /// What was asked for.
        got: u64,
    },
}

impl GovernanceError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownProposal { .. } => "unknown_proposal",
            Self::ProposalPassed { .. } => "proposal_passed",
            Self::ProposalExpired { .. } => "proposal_expired",
            Self::AlreadyApproved { .. } => "already_approved",
            Self::WrongExpiry { .. } => "wrong_expiry",
            Self::UnknownParameter { .. } => "unknown_parameter",
            Self::ParameterRefused { .. } => "parameter_refused",
            Self::UpgradeNotAhead { .. } => "upgrade_not_ahead",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::UnknownProposal { .. } | Self::UnknownParameter { .. } => 404,
            Self::ProposalPassed { .. }
            | Self::ProposalExpired { .. }
            | Self::AlreadyApproved { .. } => 409,
            Self::WrongExpiry { .. }
            | Self::ParameterRefused { .. }
            | Self::UpgradeNotAhead { .. } => 422,
        }
    }
}
