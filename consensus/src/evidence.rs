//! Proof that a validator said two things where it may say one.

use crate::{CommitVote, Epoch, Header, Round, Timeout, ValidatorIndex, Vote};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Signature;

/// A header with its proposer's signature over the block id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedHeader {
    /// The header.
    pub header: Header,
    /// Signature over its id, tag `cairn/proposal/v1`.
    pub signature: Signature,
}

/// Two different contents signed by one validator for the same epoch, round and phase. What was
/// signed is compared, never the signature bytes: two signatures over one message may differ.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Evidence {
    /// Two proposals.
    Proposal {
        /// Who signed both.
        offender: ValidatorIndex,
        /// The one seen first.
        first: Box<SignedHeader>,
        /// The other.
        second: Box<SignedHeader>,
    },
    /// Two votes.
    Vote {
        /// The one seen first.
        first: Vote,
        /// The other.
        second: Vote,
    },
    /// Two commit votes.
    CommitVote {
        /// The one seen first.
        first: CommitVote,
        /// The other.
        second: CommitVote,
    },
    /// Two timeouts.
    Timeout {
        /// The one seen first.
        first: Timeout,
        /// The other.
        second: Timeout,
    },
}

impl Evidence {
    /// Who signed both.
    #[must_use]
    pub fn offender(&self) -> ValidatorIndex {
        match self {
            Self::Proposal { offender, .. } => *offender,
            Self::Vote { first, .. } => first.voter,
            Self::CommitVote { first, .. } => first.voter,
            Self::Timeout { first, .. } => first.voter,
        }
    }

    /// Epoch and round of both.
    #[must_use]
    pub fn position(&self) -> (Epoch, Round) {
        match self {
            Self::Proposal { first, .. } => (first.header.epoch, first.header.round),
            Self::Vote { first, .. } => (first.epoch, first.round),
            Self::CommitVote { first, .. } => (first.epoch, first.round),
            Self::Timeout { first, .. } => (first.epoch, first.round),
        }
    }
}
