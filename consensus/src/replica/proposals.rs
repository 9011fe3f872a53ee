//! Proposals, and votes for them.

use super::{Replica, Slot};
use crate::mutation::mutated;
use crate::tree::Progress;
use crate::{
    Block, BlockId, Effect, Evidence, Grounds, Message, Proposal, Refusal, Round, SignedHeader,
    ValidatorId, ValidatorIndex,
};
use std::sync::Arc;

impl Replica {
    pub(super) fn on_proposal(&mut self, proposal: Proposal, from: ValidatorId) {
        let header = &proposal.block.header;
        let (round, proposer) = (header.round, header.proposer);
        if header.epoch != self.epoch || round <= self.final_round() {
            return;
        }
        if round > self.config.params.window_end(self.round) {
            return self.ask(from);
        }
        let Some(leader) = self.tree.leader(&header.parent, header.height, round) else {
            // Whose turn it is depends on blocks that are not here: they are fetched once a quorum stands on them.
            return self.ask(from);
        };
        if self.validators.index_of(&proposer) != Some(leader) {
            return;
        }
        let id = header.id();
        if let Some(slot) = self.proposals.get_mut(&(round, leader)) {
            if slot.id == id {
                return;
            }
            if !slot.accused {
                slot.accused = true;
                let first = slot.proposal.clone();
                let evidence = contradiction(leader, &first, &proposal);
                self.emit(Effect::Evidence(Box::new(evidence)));
            }
            if mutated!(DropS1) {
                return self.take_proposal(leader, id, proposal);
            }
            // The first one stands, but the other is needed if it is the one that was certified.
            if self.wanted.contains_key(&id) {
                self.add_block(id, proposal.block, vec![proposer]);
            }
            return;
        }
        self.take_proposal(leader, id, proposal);
    }

    fn take_proposal(&mut self, leader: ValidatorIndex, id: BlockId, proposal: Proposal) {
        let block = Arc::clone(&proposal.block);
        let timeout_cert = proposal.timeout_cert.clone();
        let (round, parent) = (block.header.round, block.header.parent);
        let proposer = block.header.proposer;
        self.keep_proposal(leader, id, proposal);
        if let Some(certificate) = timeout_cert {
            self.note_timeout_cert(certificate, proposer);
        }
        self.add_block(id, block, vec![proposer]);
        if round >= self.round && self.certificate_of(&parent).is_none() {
            self.await_certificate(round, 0);
        }
    }

    pub(super) fn keep_proposal(&mut self, by: ValidatorIndex, id: BlockId, proposal: Proposal) {
        let slot = Slot {
            id,
            proposal,
            accused: false,
            declined: false,
        };
        let round = slot.proposal.block.header.round;
        self.proposals.insert((round, by), slot);
    }

    /// The proposals of a round: more than one only while it is not clear whose turn it is.
    pub(super) fn proposals_of(
        &self,
        round: Round,
    ) -> impl Iterator<Item = (ValidatorIndex, &Slot)> {
        let all = (round, ValidatorIndex(0))..=(round, ValidatorIndex(u16::MAX));
        self.proposals.range(all).map(|((_, by), slot)| (*by, slot))
    }

    /// Votes for the proposal of this round once everything that the rules look at is known.
    pub(super) fn try_vote(&mut self) -> bool {
        if self.me.is_none() || self.has_voted(self.round) {
            return false;
        }
        let proposers: Vec<ValidatorIndex> = self
            .proposals_of(self.round)
            .filter(|(_, slot)| !slot.declined)
            .map(|(proposer, _)| proposer)
            .collect();
        proposers
            .into_iter()
            .any(|proposer| self.try_vote_for(proposer))
    }

    fn try_vote_for(&mut self, proposer: ValidatorIndex) -> bool {
        let key = (self.round, proposer);
        let Some(slot) = self.proposals.get(&key) else {
            return false;
        };
        let id = slot.id;
        let timeout_cert = slot.proposal.timeout_cert.clone();
        let Some(entry) = self.tree.get(&id) else {
            return false;
        };
        let Progress::Executed(execution) = entry.progress.clone() else {
            return false;
        };
        let block = Arc::clone(&entry.block);
        let Some(parent) = self.certificate_of(&block.header.parent) else {
            return false;
        };
        let Some(place) = self.place_of(&block.header) else {
            return false;
        };
        let grounds = Grounds {
            parent: &parent,
            timeout_cert: timeout_cert.as_deref(),
            place: &place,
            execution: &execution,
            latest_timestamp_ms: self
                .now
                .saturating_add(self.config.params.max_clock_skew_ms),
        };
        match self.safety.vote(&block.header, &grounds) {
            Ok(vote) => {
                self.persist_with(id, &block);
                self.emit(Effect::Broadcast(Message::Vote(vote.clone())));
                self.count_vote(vote);
                true
            }
            Err(error) => {
                if let Some(slot) = self.proposals.get_mut(&key) {
                    slot.declined = true;
                }
                self.refuse(&block, id, Refusal::Safety(error));
                false
            }
        }
    }

    /// Whether this replica has voted in this round already, or given it up.
    fn has_voted(&self, round: Round) -> bool {
        let record = self.safety.record();
        if mutated!(DropS1) {
            let voted = record.last_vote.as_ref().map(|vote| vote.block_id);
            return self
                .proposals_of(round)
                .any(|(_, slot)| Some(slot.id) == voted);
        }
        record.last_voted_round >= round
    }

    pub(super) fn refuse(&mut self, block: &Block, id: BlockId, reason: Refusal) {
        self.emit(Effect::Refused {
            round: block.header.round,
            id,
            reason,
        });
    }
}

fn contradiction(offender: ValidatorIndex, first: &Proposal, second: &Proposal) -> Evidence {
    let signed = |proposal: &Proposal| {
        Box::new(SignedHeader {
            header: proposal.block.header.clone(),
            signature: proposal.signature.clone(),
        })
    };
    Evidence::Proposal {
        offender,
        first: signed(first),
        second: signed(second),
    }
}
