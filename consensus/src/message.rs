//! What validators say to each other.

use crate::{
    BlockId, Epoch, FinalityCert, Height, Proposal, QuorumCert, Round, TimeoutCert, ValidatorIndex,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, Signature};
use std::sync::Arc;

/// First phase: this validator executed the block and found it right. Tag `cairn/vote/v1`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: Epoch,
    /// Round of the block.
    pub round: Round,
    /// The block.
    pub block_id: BlockId,
    /// Who signs.
    pub voter: ValidatorIndex,
    /// ML-DSA-87 over every field above but `voter`.
    pub signature: Signature,
}

/// Second phase: this validator holds the block's quorum certificate. Tag `cairn/commit/v1`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommitVote {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: Epoch,
    /// Round of the block.
    pub round: Round,
    /// Height of the block.
    pub height: Height,
    /// The block.
    pub block_id: BlockId,
    /// Who signs.
    pub voter: ValidatorIndex,
    /// ML-DSA-87 over every field above but `voter`.
    pub signature: Signature,
}

/// This validator gives up on a round. Tag `cairn/timeout/v1`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Timeout {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the round.
    pub epoch: Epoch,
    /// The round given up.
    pub round: Round,
    /// Round of the highest quorum certificate held, below `round`.
    pub high_qc_round: Round,
    /// Who signs.
    pub voter: ValidatorIndex,
    /// ML-DSA-87 over every field above but `voter`.
    pub signature: Signature,
}

/// One proof of progress, on request.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Certificate {
    /// A block is certified.
    Quorum(Arc<QuorumCert>),
    /// A block is final.
    Finality(Arc<FinalityCert>),
    /// A round is over.
    Timeout(Arc<TimeoutCert>),
}

/// Everything on the consensus plane. Each message is self-contained; none needs an answer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Message {
    /// A leader's block.
    Proposal(Proposal),
    /// First phase.
    Vote(Vote),
    /// Second phase.
    CommitVote(CommitVote),
    /// A round given up, with the sender's final height.
    Timeout {
        /// The signed part.
        timeout: Timeout,
        /// Height of the sender's last final block (a hint, not signed).
        final_height: Height,
    },
    /// Asks for the certificate of one block (the sender has not seen enough of its votes).
    QuorumCertRequest {
        /// The block.
        block_id: BlockId,
    },
    /// An answer to a request, or what puts a sender that is behind where it should be.
    Certificate(Certificate),
    /// Where the sender is (hints, not signed). Whoever is ahead answers with the certificates that put
    /// it there.
    Status(Status),
}

impl Message {
    /// The epoch that it is about; none for a request, which is about a block.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Proposal(proposal) => Some(proposal.block.header.epoch),
            Self::Vote(vote) => Some(vote.epoch),
            Self::CommitVote(vote) => Some(vote.epoch),
            Self::Timeout { timeout, .. } => Some(timeout.epoch),
            Self::QuorumCertRequest { .. } => None,
            Self::Certificate(certificate) => Some(certificate.epoch()),
            Self::Status(status) => Some(status.epoch),
        }
    }
}

impl Certificate {
    /// The epoch whose validators signed it.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Quorum(certificate) => certificate.epoch,
            Self::Finality(certificate) => certificate.epoch,
            Self::Timeout(certificate) => certificate.epoch,
        }
    }
}

/// Where a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Status {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its round.
    pub round: Round,
    /// Round of the highest certificate that it holds.
    pub high_qc_round: Round,
    /// Height of its last final block.
    pub final_height: Height,
}
