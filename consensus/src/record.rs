//! What a validator must remember to be safe.

use crate::mutation::mutated;
use crate::{CommitVote, Epoch, Proposal, QuorumCert, Round, Timeout, TimeoutCert, Vote};
use borsh::{BorshDeserialize, BorshSerialize};
use std::sync::Arc;

/// The state of the safety rules. Whatever a rule lets out is sent only after the record that it left
/// is on disk, synced; after a crash the stored messages are sent again, and no different ones are
/// ever signed.
///
/// `high_qc` is the whole certificate: when all validators lose power at once, somebody must still be
/// able to show it, or nobody can extend its block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SafetyRecord {
    /// The epoch that everything below is of. Never decreases.
    pub epoch: Epoch,
    /// No vote is signed at or below this round.
    pub last_voted_round: Round,
    /// No timeout is newly signed, and no commit vote either, at or below this round.
    pub highest_timeout_round: Round,
    /// The quorum certificate of the highest round.
    pub high_qc: Option<Arc<QuorumCert>>,
    /// The timeout certificate of the highest round.
    pub high_tc: Option<Arc<TimeoutCert>>,
    /// The last vote.
    pub last_vote: Option<Vote>,
    /// The last commit vote.
    pub last_commit_vote: Option<CommitVote>,
    /// The last timeout.
    pub last_timeout: Option<Timeout>,
    /// The last proposal.
    pub last_proposal: Option<Proposal>,
}

impl SafetyRecord {
    /// The record of a validator that has not said anything in `epoch`.
    #[must_use]
    pub fn genesis(epoch: Epoch) -> Self {
        Self {
            epoch,
            last_voted_round: Round(0),
            highest_timeout_round: Round(0),
            high_qc: None,
            high_tc: None,
            last_vote: None,
            last_commit_vote: None,
            last_timeout: None,
            last_proposal: None,
        }
    }

    /// Keeps a quorum certificate if it is the highest of the epoch. True if it is.
    pub fn observe_quorum(&mut self, certificate: &Arc<QuorumCert>) -> bool {
        let higher = certificate.epoch == self.epoch && certificate.round > self.high_qc_round();
        if higher {
            self.high_qc = Some(Arc::clone(certificate));
        }
        higher
    }

    /// Keeps a timeout certificate if it is the highest of the epoch. True if it is.
    pub fn observe_timeout(&mut self, certificate: &Arc<TimeoutCert>) -> bool {
        let higher = certificate.epoch == self.epoch && certificate.round > self.high_tc_round();
        if higher {
            self.high_tc = Some(Arc::clone(certificate));
        }
        higher
    }

    /// Round of the highest quorum certificate, 0 without one.
    #[must_use]
    pub fn high_qc_round(&self) -> Round {
        self.high_qc
            .as_ref()
            .map_or(Round(0), |certificate| certificate.round)
    }

    /// Round of the highest timeout certificate, 0 without one.
    #[must_use]
    pub fn high_tc_round(&self) -> Round {
        self.high_tc
            .as_ref()
            .map_or(Round(0), |certificate| certificate.round)
    }

    /// Round of the last proposal, if there was one.
    #[must_use]
    pub fn last_proposed_round(&self) -> Option<Round> {
        let proposal = self.last_proposal.as_ref();
        proposal.map(|proposal| proposal.block.header.round)
    }

    /// Where a replica starts again: above every certificate, and not below a round it gave up.
    #[must_use]
    pub fn restart_round(&self) -> Round {
        let certified = self.high_qc_round().max(self.high_tc_round()).next();
        if mutated!(TimeoutsBelow) {
            return certified;
        }
        certified.max(self.highest_timeout_round)
    }
}
