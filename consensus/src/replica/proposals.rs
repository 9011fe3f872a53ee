//! Proposals, and votes for them.

use super::{Replica, Slot};
use crate::mutation::mutated;
use crate::tree::Progress;
use crate::{
    Block, BlockId, Effect, Evidence, Grounds, Message, Proposal, Refusal, Round, SignedHeader,
    ValidatorIndex,
};
use std::sync::Arc;

impl Replica {
    pub(super) fn on_proposal(&mut self, proposal: Proposal, from: ValidatorIndex) {
        let header = &proposal.block.header;
        let round = header.round;
        if header.epoch != self.epoch || round <= self.final_round() {
            return;
        }
        if round > self.config.params.window_end(self.round) {
            return self.ask(from);
        }
        let leader = self.leader(round);
        if self.validators.index_of(&header.proposer) != Some(leader) {
            return;
        }
        let id = header.id();
        if let Some(slot) = self.proposals.get_mut(&round) {
            if slot.id == id {
                return;
            }
            if mutated!(DropS1) {
                (slot.id, slot.proposal) = (id, proposal.clone());
                return self.add_block(id, proposal.block, vec![leader]);
            }
            if !slot.accused {
                slot.accused = true;
                let first = slot.proposal.clone();
                let evidence = contradiction(leader, &first, &proposal);
                self.emit(Effect::Evidence(Box::new(evidence)));
            }
            // The first one stands, but the other is needed if it is the one that was certified.
            if self.wanted.contains_key(&id) {
                self.add_block(id, proposal.block, vec![leader]);
            }
            return;
        }
        let block = Arc::clone(&proposal.block);
        let timeout_cert = proposal.timeout_cert.clone();
        self.proposals.insert(
            round,
            Slot {
                id,
                proposal,
                accused: false,
                declined: false,
            },
        );
        if let Some(certificate) = timeout_cert {
            self.note_timeout_cert(certificate, leader);
        }
        let parent = block.header.parent;
        self.add_block(id, block, vec![leader]);
        if round >= self.round && self.certificate_of(&parent).is_none() {
            self.await_certificate(round, 0);
        }
    }

    /// Votes for the proposal of this round once everything that the rules look at is known.
    pub(super) fn try_vote(&mut self) -> bool {
        let round = self.round;
        if self.me.is_none() || self.has_voted(round) {
            return false;
        }
        let Some(slot) = self.proposals.get(&round) else {
            return false;
        };
        if slot.declined {
            return false;
        }
        let id = slot.id;
        let timeout_cert = slot.proposal.timeout_cert.clone();
        let Some(entry) = self.tree.get(&id) else {
            return false;
        };
        let Progress::Executed(execution) = entry.progress else {
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
                if let Some(slot) = self.proposals.get_mut(&round) {
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
            return self.proposals.get(&round).map(|slot| slot.id) == voted;
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
