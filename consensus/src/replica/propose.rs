//! The leader's turn.

use super::{Building, Replica, Slot};
use crate::tree::Progress;
use crate::{
    Block, BlockId, BuiltBlock, Effect, Header, Message, Refusal, Round, TimeoutCert, Timer,
    payload_root,
};
use std::sync::Arc;

impl Replica {
    pub(super) fn on_work(&mut self, work: bool) {
        self.work = work;
        if !work {
            return;
        }
        match &mut self.building {
            Building::Nothing { .. } => self.building = Building::Idle,
            // The host may have looked before they came.
            Building::Asked { more_work, .. } => *more_work = true,
            Building::Idle => {}
        }
    }

    pub(super) fn on_empty_block_timer(&mut self, round: Round) {
        if round == self.round {
            self.empty_block_due = true;
        }
    }

    fn is_my_turn(&self) -> bool {
        let proposed = self.safety.record().last_proposal.as_ref();
        self.me == Some(self.leader(self.round))
            && proposed.is_none_or(|proposal| proposal.block.header.round < self.round)
    }

    /// The highest certified block, and its round. Safety sees to it that it descends from the last final
    /// one when its round is higher.
    fn highest_certified(&self) -> (BlockId, Round) {
        let final_round = self.final_round();
        match &self.safety.record().high_qc {
            Some(certificate) if certificate.round > final_round => {
                (certificate.block_id, certificate.round)
            }
            _ => (self.tree.root().id, final_round),
        }
    }

    /// S2 for an own proposal on a parent of this round: the timeout certificate to send along, or none
    /// if none is needed. `Err` if the proposal would be refused.
    fn excuse(&self, parent_round: Round) -> Result<Option<Arc<TimeoutCert>>, ()> {
        if parent_round.next() == self.round {
            return Ok(None);
        }
        self.safety
            .record()
            .high_tc
            .as_ref()
            .filter(|certificate| {
                certificate.round.next() == self.round
                    && certificate.max_high_qc_round() <= parent_round
            })
            .map(|certificate| Some(Arc::clone(certificate)))
            .ok_or(())
    }

    /// Asks the host for a block if it is this replica's turn and there is a reason for one.
    pub(super) fn try_propose(&mut self) {
        if !self.is_my_turn() || matches!(self.building, Building::Asked { .. }) {
            return;
        }
        let (parent, parent_round) = self.highest_certified();
        if self.excuse(parent_round).is_err() || !self.tree.is_executed(&parent) {
            return;
        }
        let parent_is_final = parent == self.tree.root().id;
        let allow_empty = if parent_is_final {
            self.heartbeat_due
        } else {
            self.round_by_timeout || self.empty_block_due
        };
        let worth_asking = match self.building {
            Building::Nothing { allow_empty: asked } => allow_empty && !asked,
            _ => self.work || allow_empty,
        };
        if !worth_asking {
            if !parent_is_final {
                self.set_empty_block_timer();
            }
            return;
        }
        let Some(view) = self.tree.parent(&parent) else {
            return;
        };
        let timestamp_ms = self.now.max(view.header.timestamp_ms.saturating_add(1));
        self.building = Building::Asked {
            allow_empty,
            more_work: false,
        };
        self.emit(Effect::Build {
            round: self.round,
            parent,
            timestamp_ms,
            allow_empty,
        });
        self.build_timestamp = timestamp_ms;
    }

    fn set_empty_block_timer(&mut self) {
        if self.empty_block_timer_set {
            return;
        }
        self.empty_block_timer_set = true;
        let due = self
            .round_started
            .saturating_add(self.config.params.empty_block_ms);
        self.emit(Effect::SetTimer {
            timer: Timer::EmptyBlock {
                epoch: self.epoch,
                round: self.round,
            },
            after_ms: due.saturating_sub(self.now),
        });
    }

    /// The host has picked and executed a payload: sign it as this round's proposal (S6).
    pub(super) fn on_built(&mut self, round: Round, parent: BlockId, built: Option<BuiltBlock>) {
        let Building::Asked {
            allow_empty,
            more_work,
        } = self.building
        else {
            return;
        };
        if round != self.round {
            return;
        }
        self.building = Building::Nothing { allow_empty };
        let Some(built) = built.filter(|built| built.payload.len() <= Message::MAX_PAYLOAD) else {
            if more_work {
                self.building = Building::Idle;
            }
            return;
        };
        let Some((block, timeout_cert)) = self.assemble(parent, built.payload, &built.execution)
        else {
            return;
        };
        let id = block.id();
        let proposal = match self.safety.propose(Arc::clone(&block), timeout_cert) {
            Ok(proposal) => proposal,
            Err(error) => return self.refuse(&block, id, Refusal::Safety(error)),
        };
        self.tree
            .insert(id, Arc::clone(&block), Progress::Executed(built.execution));
        self.emit(Effect::Adopt {
            block: Arc::clone(&block),
        });
        self.persist_with(id, &block);
        self.emit(Effect::Broadcast(Message::Proposal(proposal.clone())));
        self.proposals.insert(
            round,
            Slot {
                id,
                proposal,
                accused: false,
                declined: false,
            },
        );
    }

    /// The block of this round on `parent`; none if the parent is no longer one to build on.
    fn assemble(
        &self,
        parent: BlockId,
        payload: Vec<cairn_crypto::Digest>,
        execution: &crate::Execution,
    ) -> Option<(Arc<Block>, Option<Arc<TimeoutCert>>)> {
        let parent_round = self.certificate_of(&parent)?.round();
        let timeout_cert = self.excuse(parent_round).ok()?;
        let view = self.tree.parent(&parent)?;
        let me = self.validators.get(self.me?)?;
        let header = Header {
            chain_id: self.config.chain_id,
            epoch: self.epoch,
            round: self.round,
            height: view.header.height.next(),
            parent,
            parent_round,
            timestamp_ms: self.build_timestamp,
            proposer: me.id,
            payload_root: payload_root(&payload),
            state_root: execution.state_root,
            receipts_root: execution.receipts_root,
            history_root: view.history.root(),
            validators_hash: execution.validators_hash,
            next_validators_hash: execution.next_validators_hash,
        };
        Some((Arc::new(Block { header, payload }), timeout_cert))
    }
}
