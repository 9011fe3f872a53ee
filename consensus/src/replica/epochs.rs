//! From one epoch to the next.
//!
//! The certificate of the block that changes the validator set, and nothing else, ends an epoch. What this replica said
//! in the old epoch goes out with the old safety record; what it says in the new one rests on a fresh record, which
//! the host stores in the same write as the certificate.

use super::{Building, Replica};
use crate::mutation::mutated;
use crate::tally::Tally;
use crate::tree::{Progress, Tree};
use crate::{
    Block, BlockId, Certificate, Effect, Epoch, EpochEnd, FinalityCert, Header, Message, Round,
    SafetyRecord, ValidatorId, ValidatorSet,
};
use cairn_crypto::merkle::Frontier;
use std::sync::Arc;

impl Replica {
    /// The validators of the next epoch, if this block ends the present one and has been executed.
    pub(super) fn validators_after(&self, id: &BlockId) -> Option<ValidatorSet> {
        let entry = self.tree.get(id)?;
        let Progress::Executed(execution) = &entry.progress else {
            return None;
        };
        let next = execution.next_validators.clone();
        next.filter(|_| entry.block.header.ends_epoch())
    }

    /// The blocks are final and the last of them ends the epoch.
    pub(super) fn end_epoch(
        &mut self,
        blocks: Vec<Arc<Block>>,
        cert: Arc<FinalityCert>,
        validators: ValidatorSet,
    ) {
        let Some(last) = self.tree.get(&cert.block_id) else {
            return;
        };
        let (header, history) = (last.block.header.clone(), last.history.clone());
        self.seal();
        let mut lost = self.tree.ids();
        lost.retain(|id| !blocks.iter().any(|block| block.id() == *id));
        self.begin_epoch(header, history, Some(Arc::clone(&cert)), validators, &[]);
        self.emit(Effect::Finalize {
            blocks,
            cert,
            epoch_end: Some(EpochEnd {
                epoch: self.epoch,
                validators: self.validators.clone(),
                record: Box::new(self.safety.record().clone()),
            }),
        });
        self.discard(lost);
        self.after_final(Vec::new());
    }

    /// Goes on in the epoch after a final block, with nothing of the epochs before.
    pub(super) fn begin_epoch(
        &mut self,
        header: Header,
        history: Frontier,
        cert: Option<Arc<FinalityCert>>,
        validators: ValidatorSet,
        recent: &[Header],
    ) {
        self.epoch = header.next_epoch();
        let role = self.config.role(&validators);
        let (record, role) = match self.held_record.take() {
            Some(record) if record.epoch == self.epoch => (record, role),
            // Something was signed in a later epoch: until that comes, nothing is.
            Some(record) if record.epoch > self.epoch => {
                self.held_record = Some(record);
                (SafetyRecord::genesis(self.epoch), None)
            }
            _ => (SafetyRecord::genesis(self.epoch), role),
        };
        self.me = role.as_ref().map(|(index, _)| *index);
        if self.safety.begin_epoch(record, role).is_err() {
            // The rules know of a later epoch than this one: they will sign nothing.
            self.me = None;
        }
        let place = (self.epoch, validators.clone());
        self.tree = Tree::new(place, header.clone(), history, recent);
        self.validators = validators;
        if header.ends_epoch() {
            self.epoch_end_cert = cert.clone();
        }
        self.final_cert = cert;
        self.forget_epoch();
        self.restart();
    }

    /// Everything that was about the epoch before.
    fn forget_epoch(&mut self) {
        self.tally = Tally::default();
        self.turn = None;
        self.round = Round(1);
        self.round_started = self.now;
        self.round_by_timeout = false;
        self.failed_rounds = 0;
        self.round_timer_armed = false;
        self.building = Building::Idle;
        self.empty_block_due = false;
        self.empty_block_timer_set = false;
        self.pending_finality.clear();
        self.quorum_certs.clear();
        self.held_timeout_certs.clear();
        self.proposals.clear();
        self.orphans.clear();
        self.wanted.clear();
        self.retries.clear();
        self.stored.clear();
        self.reported_behind = None;
    }

    /// Closes what was to be written and sent so far: a later record does not stand for it.
    pub(super) fn seal(&mut self) {
        let effects = self.take_effects();
        self.sealed.extend(effects);
    }

    /// A peer speaks of another epoch. Whoever is behind is shown what ended its epoch; whoever is ahead is asked for it.
    pub(super) fn on_other_epoch(&mut self, epoch: Epoch, from: ValidatorId) {
        if epoch > self.epoch {
            self.peer_is_ahead(from);
        } else if epoch < self.epoch && self.is_among_answers(&from) {
            self.answer_epoch(epoch, from);
        }
        if mutated!(DropS0) && epoch < self.epoch {
            let last = self.safety.record().highest_timeout_round;
            self.give_up_round_of(epoch, last.max(self.high_qc_round()).next());
        }
    }

    /// Shows a peer that is in an earlier epoch how that one ended.
    pub(super) fn answer_epoch(&mut self, epoch: Epoch, to: ValidatorId) {
        if !self.may_answer(&to) {
            return;
        }
        self.note_answer(to);
        let held = self.epoch_end_cert.as_ref();
        match held.filter(|certificate| certificate.epoch == epoch) {
            Some(certificate) => {
                let message = Certificate::Finality(Arc::clone(certificate));
                let message = Message::Certificate(message);
                self.emit(Effect::Send { to, message });
            }
            None => self.emit(Effect::SendEpochEnd { to, epoch }),
        }
    }
}
