//! Votes and commit votes, received and own.

use super::Replica;
use crate::mutation::mutated;
use crate::tally::Counted;
use crate::tree::Progress;
use crate::{
    BlockId, BlockRejection, CommitVote, Effect, FinalityCert, Message, QuorumCert, Refusal,
    SafetyError, Vote,
};
use std::sync::Arc;

impl Replica {
    pub(super) fn on_vote(&mut self, vote: Vote) {
        if self
            .admit_voice(vote.epoch, vote.round, vote.voter)
            .is_err()
        {
            return;
        }
        self.count_vote(vote);
    }

    pub(super) fn count_vote(&mut self, vote: Vote) {
        let body = vote.body();
        match self.tally.count_vote(vote, &self.validators) {
            Counted::New => {}
            Counted::Again => return,
            Counted::Contradiction(evidence) => return self.emit(Effect::Evidence(evidence)),
        }
        if self.quorum_certs.contains_key(&body.block_id)
            || self.tally.vote_power(&body) < self.validators.quorum_power()
        {
            return;
        }
        let votes = self.tally.votes(body.round);
        if let Some(certificate) = QuorumCert::from_votes(body, votes, &self.validators) {
            self.note_quorum(Arc::new(certificate));
        }
    }

    pub(super) fn on_commit_vote(&mut self, vote: CommitVote) {
        if self
            .admit_voice(vote.epoch, vote.round, vote.voter)
            .is_err()
        {
            return;
        }
        self.count_commit_vote(vote);
    }

    pub(super) fn count_commit_vote(&mut self, vote: CommitVote) {
        let (body, voter) = (vote.body(), vote.voter);
        let voter = self.validators.get(voter).map(|validator| validator.id);
        match self.tally.count_commit_vote(vote, &self.validators) {
            Counted::New => {}
            Counted::Again => return,
            Counted::Contradiction(evidence) => return self.emit(Effect::Evidence(evidence)),
        }
        if self.is_pending_final(body.block_id)
            || self.tally.commit_power(&body) < self.validators.quorum_power()
        {
            return;
        }
        let votes = self.tally.commit_votes(body.round);
        let set = &self.validators;
        if let Some(certificate) = FinalityCert::from_commit_votes(body, votes, set) {
            self.note_finality(Arc::new(certificate), voter.unwrap_or_default());
        }
    }

    /// Commit-votes for a block once its certificate and its header are known (S4).
    pub(super) fn try_commit_vote(&mut self, id: BlockId) {
        let any = self.safety.record().high_qc.as_ref();
        let any = any.filter(|_| mutated!(CommitWithoutQc));
        let Some(certificate) = self.quorum_certs.get(&id).or(any).cloned() else {
            return;
        };
        let Some(entry) = self.tree.get(&id) else {
            return;
        };
        let wrong = match &entry.progress {
            Progress::Rejected(reason) => *reason != BlockRejection::PayloadUnavailable,
            _ => false,
        };
        if wrong {
            return;
        }
        let block = Arc::clone(&entry.block);
        let end = entry.end.filter(|_| !mutated!(SuffixFinal));
        let end = end.and_then(|id| self.tree.get(&id).map(|it| (id, Arc::clone(&it.block))));
        let repeated = self
            .safety
            .record()
            .last_commit_vote
            .as_ref()
            .is_some_and(|vote| vote.round == block.header.round);
        let ended = end.as_ref().map(|(_, end)| &end.header);
        match self.safety.commit_vote(&block.header, ended, &certificate) {
            Ok(vote) if !repeated => {
                self.persist_with(id, &block);
                // Whoever can show the certificate of a suffix block must be able to show what it ends with.
                if let Some((id, end)) = &end {
                    self.persist_with(*id, end);
                }
                self.emit(Effect::Broadcast(Message::CommitVote(vote.clone())));
                self.count_commit_vote(vote);
            }
            Ok(_) | Err(SafetyError::Observer | SafetyError::RoundGivenUp { .. }) => {}
            Err(error) => self.refuse(&block, id, Refusal::Safety(error)),
        }
    }
}
