//! Transactions on the state after a block.

use super::{Executor, ExecutorError};
use crate::committee::validator_set;
use crate::mempool::PooledTransaction;
use crate::speculation::{Applied, SpeculativeTree};
use cairn_consensus::{BlockRejection, Execution, Header};
use cairn_runtime::tree::{self, StateAt};
use cairn_runtime::{BlockContext, BlockExecutor};
use std::collections::BTreeMap;

impl Executor {
    pub(super) fn context(&self, header: &Header) -> BlockContext {
        BlockContext {
            chain_id: self.parts.chain_id,
            height: header.height.0,
            timestamp_ms: header.timestamp_ms,
        }
    }

    /// Executes transactions on the state after `parent`. One that is invalid in this block is left
    /// out when `skip_invalid` is set (this node proposes), and otherwise rejects the block.
    pub(super) fn apply(
        &self,
        tree: &SpeculativeTree,
        parent: &Header,
        context: BlockContext,
        transactions: Vec<PooledTransaction>,
        skip_invalid: bool,
    ) -> Result<Result<Applied, BlockRejection>, ExecutorError> {
        let height = context.height;
        let state = StateAt::new(tree.clone(), parent.height.0);
        let mut executor = BlockExecutor::new(&state, context)?;
        let mut included = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            match executor.apply(&transaction)? {
                Ok(_receipt) => included.push(transaction),
                Err(_invalid) if skip_invalid => {}
                Err(invalid) => {
                    return Ok(Err(BlockRejection::InvalidPayload(format!(
                        "transaction {}: {invalid}",
                        transaction.tx_hash()
                    ))));
                }
            }
        }
        let executed = executor.finish()?;
        let (state_root, batch) = tree::apply(tree, height, &executed.diff)?;
        let next_validators = executed.next_validators.as_deref();
        let next_validators = next_validators.map(validator_set).transpose()?;
        let next_nonces: BTreeMap<_, _> = included
            .iter()
            .map(|transaction| {
                let transaction = &transaction.signed().transaction;
                (transaction.sender, transaction.nonce + 1)
            })
            .collect();
        Ok(Ok(Applied {
            execution: Execution {
                state_root,
                receipts_root: executed.receipts_root,
                validators_hash: parent.next_validators_hash,
                next_validators,
            },
            next_records: executed.next_validators,
            transactions: included,
            receipts: executed.receipts,
            batch,
            next_nonces: next_nonces.into_iter().collect(),
        }))
    }
}
