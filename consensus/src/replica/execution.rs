//! Execution, parents first.

use super::Replica;
use crate::mutation::mutated;
use crate::tree::Progress;
use crate::{BlockId, BlockRejection, Effect, Execution, Timer};
use std::sync::Arc;

impl Replica {
    /// Has a block executed if its parent is.
    pub(super) fn start_execution(&mut self, id: BlockId) {
        let Some(entry) = self.tree.get(&id) else {
            return;
        };
        if entry.progress == Progress::Waiting && self.tree.is_executed(&entry.block.header.parent)
        {
            if entry.end.is_some() {
                return self.repeat_execution(id);
            }
            let block = Arc::clone(&entry.block);
            self.tree.set_progress(&id, Progress::Executing);
            self.emit(Effect::Execute { block });
        }
    }

    /// A suffix block does nothing: the result is its parent's.
    fn repeat_execution(&mut self, id: BlockId) {
        let Some(entry) = self.tree.get(&id) else {
            return;
        };
        let parent = self.tree.get(&entry.block.header.parent);
        if let Some(Progress::Executed(execution)) = parent.map(|parent| &parent.progress) {
            let result = Ok(execution.clone());
            self.tree.set_progress(&id, Progress::Executing);
            self.on_executed(id, result);
        }
    }

    pub(super) fn on_executed(&mut self, id: BlockId, result: Result<Execution, BlockRejection>) {
        let Some(entry) = self.tree.get(&id) else {
            return;
        };
        if entry.progress != Progress::Executing {
            return;
        }
        let checked = result.and_then(|execution| {
            if !mutated!(IgnoreExecution) {
                execution.check(&entry.block.header)?;
            }
            Ok(execution)
        });
        match checked {
            Ok(execution) => {
                self.retries.remove(&id);
                self.tree.set_progress(&id, Progress::Executed(execution));
                for child in self.tree.children(&id) {
                    self.start_execution(child);
                }
            }
            Err(reason) => self.reject(id, reason),
        }
    }

    /// Whether the payload of a block that was not at hand still makes a difference: a quorum built on the block, or
    /// it may still be voted for.
    fn payload_matters(&self, id: &BlockId) -> bool {
        let record = self.safety.record();
        let mut slots = self.proposals_of(self.round);
        let votable = self.me.is_some()
            && record.last_voted_round < self.round
            && slots.any(|(_, slot)| slot.id == *id);
        votable || self.is_built_on(id)
    }

    fn lacks_payload(&self, id: &BlockId) -> bool {
        let unavailable = Progress::Rejected(BlockRejection::PayloadUnavailable);
        self.tree
            .get(id)
            .is_some_and(|entry| entry.progress == unavailable)
    }

    /// Transactions may come a little after the block that names them: it is executed again, after
    /// waits that double up to the length of a round, for as long as that makes a difference.
    pub(super) fn retry_payload(&mut self, id: BlockId) {
        if !self.lacks_payload(&id) || !self.payload_matters(&id) {
            return;
        }
        let params = &self.config.params;
        let retry = self.retries.entry(id).or_default();
        if retry.waiting {
            return;
        }
        let after_ms = params
            .certificate_wait_ms
            .saturating_mul(1 << retry.attempt.min(8))
            .min(params.base_timeout_ms)
            .max(1);
        retry.attempt = retry.attempt.saturating_add(1);
        retry.waiting = true;
        let timer = Timer::Missing { id };
        self.emit(Effect::SetTimer { timer, after_ms });
    }

    /// A round begins whose proposal was executed before, too early.
    pub(super) fn retry_payload_of_round(&mut self) {
        let proposed: Vec<BlockId> = self
            .proposals_of(self.round)
            .map(|(_, slot)| slot.id)
            .collect();
        for id in proposed {
            self.retry_payload(id);
        }
    }

    pub(super) fn on_payload_due(&mut self, id: BlockId) {
        let Some(retry) = self.retries.get_mut(&id) else {
            return;
        };
        if !std::mem::take(&mut retry.waiting)
            || !self.lacks_payload(&id)
            || !self.payload_matters(&id)
        {
            return;
        }
        if let Some(entry) = self.tree.get(&id) {
            let block = Arc::clone(&entry.block);
            self.tree.set_progress(&id, Progress::Executing);
            self.emit(Effect::Execute { block });
        }
    }
}
