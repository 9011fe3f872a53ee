//! Going on from a snapshot.

use super::{Driver, DriverError, now_ms};
use crate::epochs::EpochError;
use crate::executor::Work;
use crate::recovery::recovery;
use crate::timers::Timers;
use cairn_consensus::{Effect, Replica};
use cairn_runtime::query;
use cairn_runtime::tree::StateAt;
use cairn_storage::Snapshot;
use std::time::Instant;

impl Driver {
    /// Moves the node to a snapshot: the store first, then everything that follows its tip. The replica begins
    /// anew from the store, as after a start, with the safety record that is on disk.
    pub(super) fn adopt(&mut self, snapshot: &Snapshot) -> Result<Vec<Effect>, DriverError> {
        let header = &snapshot.header;
        if header.height.0 <= self.tip_height {
            return Ok(Vec::new()); // Consensus was faster.
        }
        let started = Instant::now();
        self.parts.store.adopt(snapshot)?;
        self.observe_write("adopt", started);
        let parts = &self.parts;
        self.tip_height = header.height.0;
        let state = StateAt::new(parts.store.tree(), header.height.0);
        let waiting = parts.mempool.accounts().into_iter();
        let next_nonces = waiting
            .map(|account| Ok((account, query::nonce(&state, account)?)))
            .collect::<Result<Vec<_>, EpochError>>()?;
        parts.mempool.settle(&next_nonces, header.height.0);
        parts.speculation.settle(header.height.0);
        parts.executor.give(Work::Reset);
        parts.network.set_height(header.height.0);
        self.seat()?;
        let parts = &self.parts;
        parts.finality.announce(header.clone(), std::iter::empty());
        tracing::info!(height = self.tip_height, "goes on from a snapshot");
        let recovery = recovery(&parts.store)?;
        let (replica, effects) = Replica::recover(parts.config.clone(), recovery, now_ms());
        self.parts.replica = replica;
        self.timers = Timers::default();
        self.work = false;
        Ok(effects)
    }
}
