//! This node's own proposal: a payload from the mempool, executed.

use super::{Executor, ExecutorError};
use cairn_consensus::{BlockId, BuiltBlock, Input, Round};
use cairn_runtime::tree::StateAt;
use cairn_runtime::{BlockContext, query};

/// A payload that is wanted for this node's own proposal.
pub(super) struct Build {
    pub(super) round: Round,
    pub(super) parent: BlockId,
    pub(super) timestamp_ms: u64,
    pub(super) allow_empty: bool,
}

impl Executor {
    pub(super) fn build_proposal(&mut self) -> Result<(), ExecutorError> {
        let Some(build) = &self.build else {
            return Ok(());
        };
        let Some((tree, parent)) = self.parts.speculation.state_after(&build.parent)? else {
            return Ok(()); // The parent is still waiting; its execution brings us back here.
        };
        let state = StateAt::new(tree.clone(), parent.height.0);
        let params = query::params(&state)?;
        let candidates = self.parts.mempool.select(
            usize::try_from(params.max_block_transactions).unwrap_or(usize::MAX),
            usize::try_from(params.max_block_bytes).unwrap_or(usize::MAX),
            |account| query::nonce(&state, *account),
        )?;
        let context = BlockContext {
            chain_id: self.parts.chain_id,
            height: parent.height.next().0,
            timestamp_ms: build.timestamp_ms,
        };
        let (round, parent_id, timestamp_ms) = (build.round, build.parent, build.timestamp_ms);
        let allow_empty = build.allow_empty;
        let block = match self.apply(&tree, &parent, context, candidates, true)? {
            Ok(applied) if allow_empty || !applied.transactions.is_empty() => {
                let block = BuiltBlock {
                    payload: applied
                        .transactions
                        .iter()
                        .map(|transaction| transaction.signed_hash())
                        .collect(),
                    execution: applied.execution.clone(),
                };
                self.parts
                    .speculation
                    .keep_built(parent_id, timestamp_ms, applied);
                Some(block)
            }
            _ => None,
        };
        self.build = None;
        self.tell(Input::Built {
            round,
            parent: parent_id,
            block,
        });
        Ok(())
    }
}
