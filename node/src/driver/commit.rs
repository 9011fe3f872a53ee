//! Final blocks, committed: to the store in one write, and then to everybody who waits for them.

use super::{Driver, DriverError, now_ms, seating};
use crate::speculation::ExecutedBlock;
use cairn_consensus::{Block, Effect, FinalityCert, Input, Recovery};
use cairn_storage::{FinalBlock, SafetyWrite};
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Driver {
    /// What executing these blocks gave, of those above the tip.
    pub(super) fn executed(
        &self,
        blocks: &[Arc<Block>],
        cert: &FinalityCert,
    ) -> Result<Vec<Arc<ExecutedBlock>>, DriverError> {
        let above = blocks
            .iter()
            .filter(|block| block.header.height.0 > self.tip_height);
        let executed: Option<Vec<_>> = above
            .map(|block| self.parts.speculation.get(&block.id()))
            .collect();
        executed.ok_or(DriverError::NotExecuted { id: cert.block_id })
    }

    /// Commits final blocks in one write, with the safety record of the turn if there is one, and tells everybody.
    pub(super) fn commit(
        &mut self,
        executed: &[Arc<ExecutedBlock>],
        cert: &FinalityCert,
        safety: Option<SafetyWrite<'_>>,
    ) -> Result<(), DriverError> {
        let Some(last) = executed.last() else {
            return Ok(());
        };
        let started = Instant::now();
        let final_blocks: Vec<FinalBlock> = executed
            .iter()
            .map(|executed| FinalBlock {
                block: Arc::clone(&executed.block),
                transactions: executed
                    .transactions
                    .iter()
                    .map(|transaction| {
                        (
                            transaction.tx_hash(),
                            transaction.signed_hash(),
                            Arc::clone(transaction.encoded()),
                        )
                    })
                    .collect(),
                receipts: Arc::clone(&executed.receipts),
                batch: Arc::clone(&executed.batch),
            })
            .collect();
        self.parts.store.commit(&final_blocks, cert, safety)?;
        self.observe_write("commit", started);
        let header = &last.block.header;
        self.tip_height = header.height.0;
        let now = now_ms();
        for executed in executed {
            let header = &executed.block.header;
            self.parts
                .mempool
                .settle(&executed.next_nonces, header.height.0);
            let count = u64::try_from(executed.transactions.len()).unwrap_or(u64::MAX);
            self.parts.metrics.final_transactions.inc_by(count);
            let age = Duration::from_millis(now.saturating_sub(header.timestamp_ms));
            self.parts.metrics.finality.observe(age.as_secs_f64());
        }
        self.parts.speculation.settle(self.tip_height);
        // Before anybody hears of the new tip: what comes next is certified by the new validators.
        if executed.iter().any(|block| seating::concerns(block)) {
            self.seat()?;
        }
        for executed in executed {
            self.parts.finality.announce(
                executed.block.header.clone(),
                executed
                    .transactions
                    .iter()
                    .map(|transaction| transaction.tx_hash()),
            );
        }
        self.parts.network.set_height(self.tip_height);
        tracing::debug!(
            height = self.tip_height,
            transactions = last.transactions.len(),
            "final"
        );
        Ok(())
    }

    /// Commits what block sync brought and moves the replica there.
    pub(super) fn commit_synced(
        &mut self,
        blocks: &[Arc<ExecutedBlock>],
        cert: Arc<FinalityCert>,
    ) -> Result<Vec<Effect>, DriverError> {
        let executed: Vec<Arc<ExecutedBlock>> = blocks
            .iter()
            .filter(|executed| executed.block.header.height.0 > self.tip_height)
            .map(Arc::clone)
            .collect();
        let follows = executed
            .first()
            .is_some_and(|first| first.block.header.height.0 == self.tip_height + 1)
            && executed
                .last()
                .is_some_and(|last| last.block.id() == cert.block_id);
        if !follows {
            return Ok(Vec::new()); // Consensus was faster.
        }
        self.commit(&executed, &cert, None)?;
        let header = self.parts.store.tip()?;
        let history = self.parts.store.history()?;
        let recent = self
            .parts
            .store
            .headers_up_to(header.height, Recovery::RECENT)?;
        Ok(self.step(Input::Synced {
            header,
            cert,
            validators: self.parts.committee.set(),
            recent,
            history,
        }))
    }

    pub(super) fn observe_write(&self, operation: &str, started: Instant) {
        self.parts
            .metrics
            .storage_latency
            .with_label_values(&["chain", operation, "ok"])
            .observe(started.elapsed().as_secs_f64());
    }
}
