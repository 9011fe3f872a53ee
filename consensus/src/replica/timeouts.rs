//! Giving up rounds.

use super::Replica;
use crate::mutation::mutated;
use crate::tally::Counted;
use crate::{Effect, Epoch, Height, Message, Round, Status, Timeout, TimeoutCert, ValidatorId};
use std::sync::Arc;

impl Replica {
    pub(super) fn on_timeout(&mut self, timeout: Timeout, final_height: Height, from: ValidatorId) {
        if timeout.epoch != self.epoch {
            return;
        }
        if final_height > self.final_height() {
            self.peer_is_ahead(from);
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
        let (claim, voter) = (timeout.high_qc_round, timeout.voter);
        match self.tally.count_timeout(timeout) {
            Counted::New | Counted::Again => {}
            Counted::Contradiction(evidence) => return self.emit(Effect::Evidence(evidence)),
        }
        if claim > self.certified_round() {
            let claimant = self
                .validators
                .get(voter)
                .map_or(from, |validator| validator.id);
            self.ask(claimant);
        }
    }

    /// Ends the highest round, this one or a later one, that a quorum gave up with claims that are
    /// covered here. Tried after every input: a claim may become covered, and a round the current one, long after the
    /// last of its timeouts was counted.
    pub(super) fn try_timeout_cert(&mut self) -> bool {
        let mut rounds = self.tally.rounds_from(self.round);
        let Some(certificate) = rounds.find_map(|round| self.assemble_timeout_cert(round)) else {
            return false;
        };
        drop(rounds);
        let certificate = Arc::new(certificate);
        self.safety.observe_timeout(&certificate);
        self.enter_round(certificate.round.next(), true);
        true
    }

    /// The certificate of a round from the timeouts whose claims are covered here, if they are a quorum.
    fn assemble_timeout_cert(&self, round: Round) -> Option<TimeoutCert> {
        let (covered, set) = (self.certified_round(), &self.validators);
        let counted: Vec<&Timeout> = self
            .tally
            .timeouts(round)
            .filter(|timeout| timeout.high_qc_round <= covered || mutated!(CountUnbackedClaims))
            .collect();
        let power: u64 = counted.iter().map(|timeout| set.power(timeout.voter)).sum();
        if power < set.quorum_power() {
            return None;
        }
        TimeoutCert::from_timeouts(round, counted, set)
    }

    /// Joins those who give up this round once an honest one must be among them.
    pub(super) fn try_join(&mut self) -> bool {
        let record = self.safety.record();
        if record.highest_timeout_round >= self.round || self.me.is_none() {
            return false;
        }
        let set = &self.validators;
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

    /// What S0 and S5 forbid: gives up a round of another epoch, or one below.
    pub(super) fn give_up_round_of(&mut self, epoch: Epoch, round: Round) {
        if let Ok(timeout) = self.safety.timeout(epoch, round) {
            self.must_persist = true;
            let final_height = self.final_height();
            self.emit(Effect::Broadcast(Message::Timeout {
                timeout,
                final_height,
            }));
        }
    }

    /// Signs the timeout of this round, or sends it again (S5).
    pub(super) fn give_up_round(&mut self) {
        let last = self.safety.record().last_timeout.as_ref();
        let fresh = last.is_none_or(|timeout| timeout.round != self.round);
        // Refused without a key, or below a round given up before: there is nothing to send then.
        let Ok(timeout) = self.safety.timeout(self.epoch, self.round) else {
            return;
        };
        self.must_persist |= fresh;
        self.emit(Effect::Broadcast(Message::Timeout {
            timeout: timeout.clone(),
            final_height: self.final_height(),
        }));
        if fresh {
            self.tally.count_timeout(timeout);
        }
    }
}
