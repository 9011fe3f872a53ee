//! Giving up rounds.

use super::Replica;
use crate::tally::Counted;
use crate::{
    Effect, Height, Message, Round, SafetyRules, Status, Timeout, TimeoutCert, ValidatorIndex,
};
use std::sync::Arc;

impl Replica {
    pub(super) fn on_timeout(
        &mut self,
        timeout: Timeout,
        final_height: Height,
        from: ValidatorIndex,
    ) {
        if timeout.epoch != self.config.epoch {
            return;
        }
        if final_height > self.final_height() {
            self.peer_has_final(final_height, from);
        }
        let status = Status {
            epoch: timeout.epoch,
            round: timeout.round,
            high_qc_round: timeout.high_qc_round,
            final_height,
        };
        self.answer_timeout(status, from);
        if timeout.round < self.round {
            return;
        }
        if timeout.round > self.round {
            self.ask(from);
        }
        if timeout.round > self.config.params.window_end(self.round) {
            return;
        }
        let (round, claim, voter) = (timeout.round, timeout.high_qc_round, timeout.voter);
        match self.tally.count_timeout(timeout) {
            Counted::New => {}
            Counted::Again => {
                if claim > self.certified_round() {
                    self.ask(voter);
                }
                return;
            }
            Counted::Contradiction(evidence) => return self.emit(Effect::Evidence(evidence)),
        }
        if claim > self.certified_round() {
            self.ask(voter);
        }
        self.try_timeout_cert(round);
    }

    /// Assembles the certificate of a round from the timeouts whose claims are covered here.
    pub(super) fn try_timeout_cert(&mut self, round: Round) {
        if round < self.round {
            return;
        }
        let covered = self.certified_round();
        let counted: Vec<&Timeout> = self
            .tally
            .timeouts(round)
            .filter(|timeout| timeout.high_qc_round <= covered)
            .collect();
        let set = &self.config.validators;
        let power: u64 = counted.iter().map(|timeout| set.power(timeout.voter)).sum();
        if power < set.quorum_power() {
            return;
        }
        if let Some(certificate) = TimeoutCert::from_timeouts(round, counted, set) {
            let certificate = Arc::new(certificate);
            self.safety.observe_timeout(&certificate);
            self.enter_round(round.next(), true);
        }
    }

    /// Joins those who give up this round once an honest one must be among them.
    pub(super) fn try_join(&mut self) -> bool {
        let record = self.safety.record();
        if record.highest_timeout_round >= self.round || self.config.key.is_none() {
            return false;
        }
        let set = &self.config.validators;
        let power: u64 = self
            .tally
            .timeouts(self.round)
            .map(|timeout| set.power(timeout.voter))
            .sum();
        if power <= set.faulty_power() {
            return false;
        }
        self.give_up_round();
        self.safety.record().highest_timeout_round >= self.round
    }

    /// Signs the timeout of this round, or sends it again (S5).
    pub(super) fn give_up_round(&mut self) {
        let fresh = self.safety.record().highest_timeout_round < self.round;
        // Refused without a key, or below a round given up before: there is nothing to send then.
        let Ok(timeout) = self.safety.timeout(self.config.epoch, self.round) else {
            return;
        };
        self.must_persist |= fresh;
        self.emit(Effect::Broadcast(Message::Timeout {
            timeout: timeout.clone(),
            final_height: self.final_height(),
        }));
        if fresh {
            self.tally.count_timeout(timeout);
            self.try_timeout_cert(self.round);
        }
    }
}
