//! The leader's turn.

use super::{Building, Replica};
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

    /// Whether this replica leads the round if it builds on `parent`, and has not proposed yet.
    fn is_my_turn(&mut self, parent: BlockId) -> bool {
        let round = self.round;
        if self.me.is_none() || self.safety.record().last_proposed_round() >= Some(round) {
            return false;
        }
        let known = self
            .turn
            .filter(|(at, on, _)| (*at, *on) == (round, parent));
        let leader = match known {
            Some((_, _, leader)) => leader,
            None => {
                let Some(leader) = self.leader_on(&parent, round) else {
                    return false;
                };
                self.turn = Some((round, parent, leader));
                leader
            }
        };
        self.me == Some(leader)
    }

    /// The highest certified block, and its round. Safety sees to it that it descends from the last final
    /// one when its round is higher.
    pub(super) fn highest_certified(&self) -> (BlockId, Round) {
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

    /// Asks the host for a block if it is this replica's turn and there is a reason for one. True if it proposed at once,
    /// which it does at the end of an epoch.
    pub(super) fn try_propose(&mut self) -> bool {
        let (parent, parent_round) = self.highest_certified();
        if matches!(self.building, Building::Asked { .. })
            || !self.is_my_turn(parent)
            || self.excuse(parent_round).is_err()
            || !self.tree.is_executed(&parent)
        {
            return false;
        }
        let parent_is_final = parent == self.tree.root().id;
        let at_end = self.tree.end_below(&parent).is_some();
        let allow_empty = if parent_is_final {
            self.heartbeat_due
        } else {
            self.round_by_timeout || self.empty_block_due
        };
        let worth_asking = match self.building {
            Building::Nothing { allow_empty: asked } => allow_empty && !asked,
            _ => allow_empty || self.work && !at_end,
        };
        if !worth_asking {
            if !parent_is_final {
                self.set_empty_block_timer();
            }
            return false;
        }
        let Some(view) = self.tree.parent(&parent) else {
            return false;
        };
        self.build_timestamp = self.now.max(view.header.timestamp_ms.saturating_add(1));
        if at_end {
            return self.propose_suffix(parent);
        }
        self.building = Building::Asked {
            parent,
            allow_empty,
            more_work: false,
        };
        self.emit(Effect::Build {
            round: self.round,
            parent,
            timestamp_ms: self.build_timestamp,
            allow_empty,
        });
        false
    }

    /// The epoch is to end and its last block is certified, not final: only empty blocks may follow, with that one's
    /// results.
    fn propose_suffix(&mut self, parent: BlockId) -> bool {
        self.building = Building::Nothing { allow_empty: true };
        let Some(Progress::Executed(execution)) = self.tree.get(&parent).map(|it| &it.progress)
        else {
            return false;
        };
        let built = BuiltBlock {
            payload: Vec::new(),
            execution: execution.clone(),
        };
        self.propose(parent, built).is_some()
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
            parent: asked,
            allow_empty,
            more_work,
        } = self.building
        else {
            return;
        };
        if (round, parent) != (self.round, asked) {
            return;
        }
        self.building = Building::Nothing { allow_empty };
        let Some(built) = built.filter(|built| built.payload.len() <= Message::MAX_PAYLOAD) else {
            if more_work {
                self.building = Building::Idle;
            }
            return;
        };
        if let Some(block) = self.propose(parent, built) {
            self.emit(Effect::Adopt { block });
        }
    }

    /// Signs a block on `parent` as this round's proposal.
    fn propose(&mut self, parent: BlockId, built: BuiltBlock) -> Option<Arc<Block>> {
        let (block, timeout_cert) = self.assemble(parent, built.payload, &built.execution)?;
        let id = block.id();
        let proposal = match self.safety.propose(Arc::clone(&block), timeout_cert) {
            Ok(proposal) => proposal,
            Err(error) => {
                self.refuse(&block, id, Refusal::Safety(error));
                return None;
            }
        };
        self.tree
            .insert(id, Arc::clone(&block), Progress::Executed(built.execution));
        self.persist_with(id, &block);
        self.emit(Effect::Broadcast(Message::Proposal(proposal.clone())));
        if let Some(me) = self.me {
            self.keep_proposal(me, id, proposal);
        }
        Some(block)
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
        let me = self.validators.get(self.me?)?;
        let header = Header {
            chain_id: self.config.chain_id,
            epoch: self.epoch,
            round: self.round,
            height: self.child_height(&parent)?,
            parent,
            parent_round,
            timestamp_ms: self.build_timestamp,
            proposer: me.id,
            payload_root: payload_root(&payload),
            state_root: execution.state_root,
            receipts_root: execution.receipts_root,
            history_root: self.history_root_on(&parent)?,
            validators_hash: execution.validators_hash,
            next_validators_hash: execution.next_validators_hash(),
        };
        Some((Arc::new(Block { header, payload }), timeout_cert))
    }
}
