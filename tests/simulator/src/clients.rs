//! Transactions arrive, and now and then somebody wants another validator set.

use crate::checks::Violation;
use crate::ledger;
use crate::simulation::{Event, Simulation};
use cairn_consensus::Input;
use cairn_crypto::Digest;

impl Simulation {
    pub(crate) fn transaction(&mut self) -> Result<(), Violation> {
        let count = self.transactions.len() as u64;
        self.announce(Digest::of(&count.to_le_bytes()))?;
        let every = self.plan.transaction_ms.unwrap_or(1_000);
        let after = self.random.between(1, every * 2);
        self.schedule(after, Event::Transaction);
        Ok(())
    }

    pub(crate) fn set_change(&mut self) -> Result<(), Violation> {
        let set = self.checks.final_epoch();
        if set + 1 < self.plan.seats.len() {
            self.announce(ledger::set_change(set))?;
        }
        let every = self.plan.epoch_ms.unwrap_or(1_000);
        let after = self.random.between(every / 2, every * 2);
        self.schedule(after, Event::SetChange);
        Ok(())
    }

    /// Everybody hears of a transaction, some late.
    pub(crate) fn announce(&mut self, transaction: Digest) -> Result<(), Violation> {
        if !self.transactions.insert(transaction) {
            return Ok(());
        }
        for node in 0..self.nodes.len() {
            let late = if self.faulty {
                self.plan.faults.late_payload
            } else {
                0
            };
            if self.random.chance(late) {
                self.nodes[node].late.insert(transaction);
                let after = self.random.between(50, 5_000);
                self.schedule(after, Event::Arrive { node, transaction });
            }
            self.nodes[node].pool.insert(transaction);
            let life = self.nodes[node].life;
            self.input(node, life, Input::Work(true))?;
        }
        Ok(())
    }
}
