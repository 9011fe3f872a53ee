//! Execution, parents first.

use super::Replica;
use crate::tree::Progress;
use crate::{BlockId, BlockRejection, Effect, Execution};
use std::sync::Arc;

impl Replica {
    /// Has a block executed if its parent is.
    pub(super) fn start_execution(&mut self, id: BlockId) {
        let Some(entry) = self.tree.get(&id) else {
            return;
        };
        if entry.progress == Progress::Waiting && self.tree.is_executed(&entry.block.header.parent)
        {
            let block = Arc::clone(&entry.block);
            self.tree.set_progress(&id, Progress::Executing);
            self.emit(Effect::Execute { block });
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
            execution.check(&entry.block.header)?;
            Ok(execution)
        });
        match checked {
            Ok(execution) => {
                self.tree.set_progress(&id, Progress::Executed(execution));
                for child in self.tree.children(&id) {
                    self.start_execution(child);
                }
            }
            Err(reason) => self.reject(id, reason),
        }
    }
}
