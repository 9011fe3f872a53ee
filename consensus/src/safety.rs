#![doc = include_str!("safety/proof.md")]

mod error;
mod grounds;
mod local;
mod rules;

pub use error::SafetyError;
pub use grounds::{Grounds, ParentCert};
pub use local::LocalSafety;
pub use rules::{Role, SafetyRules};

use crate::mutation::mutated;
use crate::{
    Block, CommitVote, CommitVoteBody, Epoch, Header, Proposal, QuorumCert, Round, SafetyRecord,
    Signer, Statement, Timeout, TimeoutBody, TimeoutCert, ValidatorIndex, Vote, VoteBody,
};
use std::sync::Arc;

impl LocalSafety {
    /// S0, and the key.
    fn signer(&self, got: Epoch) -> Result<(ValidatorIndex, Arc<dyn Signer>), SafetyError> {
        let record = self.record.epoch;
        if got != record && !mutated!(DropS0) {
            return Err(SafetyError::Epoch { record, got });
        }
        self.signer.clone().ok_or(SafetyError::Observer)
    }
}

/// S2.
fn check_extends(header: &Header, grounds: &Grounds<'_>) -> Result<(), SafetyError> {
    let (parent, round) = (header.parent, header.round);
    let (certified, parent_round) = (grounds.parent.block_id(), grounds.parent.round());
    if certified != parent {
        return Err(SafetyError::ParentNotCertified { parent, certified });
    }
    if parent_round.next() == round || mutated!(DropS2) {
        return Ok(());
    }
    let certificate = grounds.timeout_cert;
    let Some(excuse) =
        certificate.filter(|it| it.epoch == header.epoch && it.round.next() == round)
    else {
        return Err(SafetyError::NotConsecutive {
            round,
            parent_round,
        });
    };
    let claimed = excuse.max_high_qc_round();
    if parent_round < claimed && !mutated!(AcceptAnyTimeoutCert) {
        return Err(SafetyError::ParentTooLow {
            parent_round,
            claimed,
        });
    }
    Ok(())
}

impl SafetyRules for LocalSafety {
    fn record(&self) -> &SafetyRecord {
        &self.record
    }

    fn observe_quorum(&mut self, certificate: &Arc<QuorumCert>) -> bool {
        self.record.observe_quorum(certificate)
    }

    fn observe_timeout(&mut self, certificate: &Arc<TimeoutCert>) -> bool {
        self.record.observe_timeout(certificate)
    }

    fn vote(&mut self, header: &Header, grounds: &Grounds<'_>) -> Result<Vote, SafetyError> {
        let (voter, signer) = self.signer(header.epoch)?;
        let body = VoteBody::of(header, header.id());
        if let Some(vote) = &self.record.last_vote
            && vote.body() == body
        {
            return Ok(vote.clone());
        }
        let (round, last_voted_round) = (header.round, self.record.last_voted_round);
        if round <= last_voted_round && !mutated!(DropS1) {
            return Err(SafetyError::AlreadyVoted {
                round,
                last_voted_round,
            });
        }
        check_extends(header, grounds)?;
        grounds.check_header(header)?;
        let vote = body.into_vote(voter, &*signer)?;
        if let ParentCert::Quorum(certificate) = grounds.parent {
            self.observe_quorum(certificate);
        }
        self.record.last_voted_round = round;
        self.record.last_vote = Some(vote.clone());
        Ok(vote)
    }

    fn commit_vote(
        &mut self,
        header: &Header,
        end: Option<&Header>,
        certificate: &Arc<QuorumCert>,
    ) -> Result<CommitVote, SafetyError> {
        let (voter, signer) = self.signer(header.epoch)?;
        let (block, certified, round) = (header.id(), certificate.block_id, header.round);
        let is_certified = certified == block && certificate.epoch == header.epoch;
        if !is_certified && !mutated!(CommitWithoutQc) {
            return Err(SafetyError::NotCertified { block, certified });
        }
        let body = CommitVoteBody::of_block(header, end)?;
        if let Some(vote) = &self.record.last_commit_vote
            && vote.body() == body
        {
            return Ok(vote.clone());
        }
        let highest_timeout_round = self.record.highest_timeout_round;
        if round <= highest_timeout_round && !mutated!(DropS4) {
            return Err(SafetyError::RoundGivenUp {
                round,
                highest_timeout_round,
            });
        }
        let vote = body.into_commit_vote(voter, &*signer)?;
        // Every later timeout must report this certificate or a higher one: the proof rests on it.
        self.observe_quorum(certificate);
        self.record.last_commit_vote = Some(vote.clone());
        Ok(vote)
    }

    fn timeout(&mut self, epoch: Epoch, round: Round) -> Result<Timeout, SafetyError> {
        let (voter, signer) = self.signer(epoch)?;
        if let Some(timeout) = &self.record.last_timeout
            && timeout.round == round
        {
            return Ok(timeout.clone());
        }
        let highest_timeout_round = self.record.highest_timeout_round;
        if round <= highest_timeout_round && !mutated!(TimeoutsBelow) {
            return Err(SafetyError::AlreadyTimedOut {
                round,
                highest_timeout_round,
            });
        }
        let high_qc_round = self.record.high_qc_round();
        if round <= high_qc_round {
            return Err(SafetyError::RoundCertified {
                round,
                high_qc_round,
            });
        }
        let claim = if mutated!(StaleHighQc) {
            Round(0)
        } else {
            high_qc_round
        };
        let body = TimeoutBody::new(self.chain_id, epoch, round, claim);
        let timeout = body.into_timeout(voter, &*signer)?;
        self.record.last_voted_round = self.record.last_voted_round.max(round);
        self.record.highest_timeout_round = round;
        self.record.last_timeout = Some(timeout.clone());
        Ok(timeout)
    }

    fn propose(
        &mut self,
        block: Arc<Block>,
        timeout_cert: Option<Arc<TimeoutCert>>,
    ) -> Result<Proposal, SafetyError> {
        let (_, signer) = self.signer(block.header.epoch)?;
        let (round, last) = (block.header.round, self.record.last_proposed_round());
        if let Some(last_proposed_round) = last.filter(|last| round <= *last) {
            return Err(SafetyError::AlreadyProposed {
                round,
                last_proposed_round,
            });
        }
        let proposal = Proposal {
            signature: block.id().sign(&*signer)?,
            block,
            timeout_cert,
        };
        self.record.last_proposal = Some(proposal.clone());
        Ok(proposal)
    }

    fn begin_epoch(&mut self, new: SafetyRecord, signer: Role) -> Result<(), SafetyError> {
        let (record, got) = (self.record.epoch, new.epoch);
        if got <= record {
            return Err(SafetyError::Epoch { record, got });
        }
        (self.record, self.signer) = (new, signer);
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn SafetyRules> {
        Box::new(self.clone())
    }
}
