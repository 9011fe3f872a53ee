//! Why nothing is signed, by rule.

use crate::{BlockId, Epoch, HeaderMismatch, Round, SignerError};

/// A rule forbids to sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafetyError {
    /// There is no key: an observer.
    #[error("this replica observes: it has no key to sign with")]
    Observer,
    /// S0.
    #[error("S0: asked to sign for epoch {got}, the record is of epoch {record}")]
    Epoch {
        /// The record's.
        record: Epoch,
        /// Asked for.
        got: Epoch,
    },
    /// S1.
    #[error(
        "S1: round {round} is not above {last_voted_round}, the last round voted in or given up"
    )]
    AlreadyVoted {
        /// Asked for.
        round: Round,
        /// In the record.
        last_voted_round: Round,
    },
    /// S2: the certificate is not the parent's.
    #[error("S2: the certificate is for block {certified}, the parent is {parent}")]
    ParentNotCertified {
        /// What the header names.
        parent: BlockId,
        /// What the certificate is for.
        certified: BlockId,
    },
    /// S2: rounds lie between block and parent, and no timeout certificate excuses them.
    #[error(
        "S2: round {round} extends round {parent_round} without a timeout certificate of the round before"
    )]
    NotConsecutive {
        /// Round of the block.
        round: Round,
        /// Round of its parent.
        parent_round: Round,
    },
    /// S2: somebody who timed out held a higher certificate.
    #[error(
        "S2: the parent's round {parent_round} is below {claimed}, the highest that the timeout certificate reports"
    )]
    ParentTooLow {
        /// Round of the parent.
        parent_round: Round,
        /// Highest claim.
        claimed: Round,
    },
    /// S3.
    #[error("S3: {0}")]
    Header(#[from] HeaderMismatch),
    /// S4: the certificate is not the block's.
    #[error("S4: the certificate is for block {certified}, not for {block}")]
    NotCertified {
        /// The block.
        block: BlockId,
        /// What the certificate is for.
        certified: BlockId,
    },
    /// S4: the block is no suffix of what it is said to be one of.
    #[error("S4: block {block} is no suffix of {end}")]
    NotSuffix {
        /// The block.
        block: BlockId,
        /// What should end its epoch.
        end: BlockId,
    },
    /// S4.
    #[error("S4: round {round} is not above {highest_timeout_round}, the highest round given up")]
    RoundGivenUp {
        /// Round of the block.
        round: Round,
        /// In the record.
        highest_timeout_round: Round,
    },
    /// S5.
    #[error("S5: round {round} is not above {highest_timeout_round}, the highest round given up")]
    AlreadyTimedOut {
        /// Asked for.
        round: Round,
        /// In the record.
        highest_timeout_round: Round,
    },
    /// S5: the round is over, there is a certificate of it.
    #[error(
        "S5: round {round} is not above {high_qc_round}, the round of the highest certificate held"
    )]
    RoundCertified {
        /// Asked for.
        round: Round,
        /// Held.
        high_qc_round: Round,
    },
    /// S6.
    #[error("S6: round {round} is not above {last_proposed_round}, the last round proposed in")]
    AlreadyProposed {
        /// Asked for.
        round: Round,
        /// In the record.
        last_proposed_round: Round,
    },
    /// The signer could not or would not.
    #[error(transparent)]
    Sign(#[from] SignerError),
}
