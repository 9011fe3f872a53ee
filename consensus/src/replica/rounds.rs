//! Rounds: entering them, and the timer that ends them.

use super::{Building, Replica};
use crate::mutation::mutated;
use crate::{Effect, Round, Timer};

impl Replica {
    /// Goes to a later round, by a certificate of the round before.
    pub(super) fn enter_round(&mut self, round: Round, by_timeout: bool) {
        if round <= self.round {
            return;
        }
        self.round = round;
        self.round_started = self.now;
        self.round_by_timeout = by_timeout;
        if by_timeout {
            self.failed_rounds = self.failed_rounds.saturating_add(1);
        }
        self.round_timer_armed = false;
        self.building = Building::Idle;
        self.empty_block_due = false;
        self.empty_block_timer_set = false;
        self.held_timeout_certs.retain(|held, _| *held >= round);
        let start = self.config.params.window_start(round);
        self.tally.retain(|counted| counted >= start);
        self.proposals.retain(|(proposed, _), _| *proposed >= start);
        let (root, high_qc) = (self.tree.root().id, self.high_qc_round());
        self.quorum_certs
            .retain(|id, held| held.round >= start || held.round == high_qc || *id == root);
        self.forget_unneeded();
        let (certified, pending) = (&self.quorum_certs, &self.pending_finality);
        let keep = |id: &_| {
            certified.contains_key(id) || pending.values().any(|held| held.block_id == *id)
        };
        let ids = self.tree.forget_leaves(start, keep);
        self.discard(ids);
        self.retry_payload_of_round();
    }

    /// Whether a round that does not end would keep something from becoming final.
    fn has_work(&self) -> bool {
        self.work
            || self.heartbeat_due
            || self.certified_round() > self.final_round()
            || self.proposals_of(self.round).next().is_some()
            || self.safety.record().highest_timeout_round == self.round
    }

    /// Lets the round timer run while there is work, and rest while there is none.
    pub(super) fn arm_round_timer(&mut self) {
        if self.me.is_none() {
            return;
        }
        if !self.has_work() {
            self.round_timer_armed = false;
        } else if !self.round_timer_armed {
            self.round_timer_armed = true;
            self.round_timer_generation += 1;
            self.emit(Effect::SetTimer {
                timer: Timer::Round {
                    epoch: self.epoch,
                    round: self.round,
                    generation: self.round_timer_generation,
                },
                after_ms: self.config.params.timeout_ms(self.failed_rounds),
            });
        }
    }

    pub(super) fn on_round_timer(&mut self, round: Round, generation: u64) {
        if !self.round_timer_armed
            || round != self.round
            || generation != self.round_timer_generation
        {
            return;
        }
        self.round_timer_armed = false;
        self.seek_branches();
        self.give_up_round();
        if mutated!(TimeoutsBelow) {
            self.give_up_round_of(self.epoch, round.previous());
        }
    }

    /// No block became final for a while. A member sees to it that one does. An observer hears nothing from members that
    /// have gone on to another epoch without it, and nobody knows that it is behind: it asks.
    pub(super) fn on_heartbeat(&mut self) {
        self.heartbeat_timer_set = false;
        if self.now >= self.heartbeat_at() {
            if self.me.is_some() {
                self.heartbeat_due = true;
                return;
            }
            self.ask_next_member();
        }
        self.set_heartbeat_timer();
    }

    /// One heartbeat timer is out at any time; it is set again if it fires early.
    pub(super) fn set_heartbeat_timer(&mut self) {
        if self.heartbeat_timer_set || self.heartbeat_due {
            return;
        }
        self.heartbeat_timer_set = true;
        let most = self.config.params.heartbeat_ms;
        let after_ms = match self.me {
            Some(_) => self.heartbeat_at().saturating_sub(self.now).min(most),
            None => most,
        };
        self.emit(Effect::SetTimer {
            timer: Timer::Heartbeat,
            after_ms,
        });
    }

    fn heartbeat_at(&self) -> u64 {
        self.final_header()
            .timestamp_ms
            .saturating_add(self.config.params.heartbeat_ms)
    }
}
