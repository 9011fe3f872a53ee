//! Final blocks that block sync brings.

use super::{Executor, ExecutorError, SyncedBlock};
use crate::driver::DriverInput;
use crate::intake;
use cairn_consensus::FinalityCert;
use cairn_runtime::query;
use cairn_runtime::tree::StateAt;
use std::sync::Arc;

impl Executor {
    /// Executes final blocks one after the other and hands them to the driver to commit; whether
    /// they were usable.
    pub(super) fn sync(
        &mut self,
        blocks: Vec<SyncedBlock>,
        cert: Arc<FinalityCert>,
    ) -> Result<bool, ExecutorError> {
        let mut ready = Vec::with_capacity(blocks.len());
        for synced in blocks {
            let header = &synced.block.header;
            if header.height <= self.parts.store.tip()?.height {
                continue;
            }
            let id = synced.block.id();
            if let Some(done) = self.parts.speculation.get(&id) {
                ready.push(done);
                continue;
            }
            let Some((tree, parent)) = self.parts.speculation.state_after(&header.parent)? else {
                tracing::warn!(
                    height = header.height.0,
                    "synced block does not extend the tip"
                );
                return Ok(false);
            };
            let state = StateAt::new(tree.clone(), parent.height.0);
            let params = query::params(&state)?;
            let checked =
                intake::verify_payload(&state, &synced.transactions, &params, &self.parts.pool);
            let transactions = match checked {
                Ok(transactions) => transactions,
                Err(error) => {
                    tracing::warn!(height = header.height.0, %error, "synced block has a bad transaction");
                    return Ok(false);
                }
            };
            let applied = self.apply(&tree, &parent, self.context(header), transactions, false)?;
            let checked = applied.and_then(|applied| {
                applied.execution.check(header)?;
                Ok(applied)
            });
            match checked {
                Ok(applied) => {
                    let executed = Arc::new(applied.into_block(Arc::clone(&synced.block)));
                    self.parts.speculation.insert(id, Arc::clone(&executed));
                    ready.push(executed);
                }
                Err(reason) => {
                    // A quorum vouches for another result than ours.
                    let _stopping = self.parts.driver.send(DriverInput::Diverged { id, reason });
                    return Ok(false);
                }
            }
        }
        let _stopping = self.parts.driver.send(DriverInput::SyncReady {
            blocks: ready,
            cert,
        });
        Ok(true)
    }
}
