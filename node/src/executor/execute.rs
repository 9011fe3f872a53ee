//! Blocks that others propose, with their payload from wherever it is.

use super::{Executor, ExecutorError};
use crate::intake;
use crate::mempool::PooledTransaction;
use crate::speculation::SpeculativeTree;
use cairn_consensus::{Block, BlockRejection, Execution, Header};
use cairn_crypto::Digest;
use cairn_runtime::query;
use cairn_runtime::tree::StateAt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is to be had of a payload.
enum Payload {
    /// Every transaction, checked.
    Here(Vec<PooledTransaction>),
    /// These are not here.
    Missing(Vec<Digest>),
    /// One can never be executed.
    Bad(cairn_runtime::AdmissionError),
}

/// Why a block cannot be executed now.
pub(super) enum Obstacle {
    /// Its parent was not executed here.
    Parent,
    /// These transactions are not here.
    Payload(Vec<Digest>),
}

impl Executor {
    pub(super) fn execute(
        &self,
        block: &Arc<Block>,
    ) -> Result<Result<Result<Execution, BlockRejection>, Obstacle>, ExecutorError> {
        let id = block.id();
        if let Some(done) = self.parts.speculation.get(&id) {
            return Ok(Ok(Ok(done.execution.clone())));
        }
        let Some((tree, parent)) = self.parts.speculation.state_after(&block.header.parent)? else {
            return Ok(Err(Obstacle::Parent));
        };
        let got = u64::try_from(block.payload.len()).unwrap_or(u64::MAX);
        let state = StateAt::new(tree.clone(), parent.height.0);
        let limit = query::params(&state)?.max_block_transactions;
        if got > limit {
            return Ok(Ok(Err(BlockRejection::InvalidPayload(format!(
                "{got} transactions, at most {limit} are allowed"
            )))));
        }
        let transactions = match self.payload(&tree, &parent, block)? {
            Payload::Here(transactions) => transactions,
            Payload::Missing(missing) => return Ok(Err(Obstacle::Payload(missing))),
            Payload::Bad(reason) => {
                return Ok(Ok(Err(BlockRejection::InvalidPayload(reason.to_string()))));
            }
        };
        let context = self.context(&block.header);
        let started = std::time::Instant::now();
        let result = self.apply(&tree, &parent, context, transactions, false)?;
        self.parts
            .metrics
            .execution
            .observe(started.elapsed().as_secs_f64());
        Ok(Ok(match result {
            Ok(applied) => {
                let execution = applied.execution.clone();
                if let Err(mismatch) = execution.check(&block.header) {
                    return Ok(Ok(Err(mismatch.into())));
                }
                let executed = applied.into_block(Arc::clone(block));
                self.parts.speculation.insert(id, Arc::new(executed));
                Ok(execution)
            }
            Err(rejection) => Err(rejection),
        }))
    }

    /// The payload's transactions: from the mempool, from what was fetched for this block, or from
    /// the store (where they are after a restart). Those that the mempool did not check are
    /// checked here, with the keys of the state that the block builds on.
    fn payload(
        &self,
        tree: &SpeculativeTree,
        parent: &Header,
        block: &Block,
    ) -> Result<Payload, ExecutorError> {
        let absent = match self.parts.mempool.payload(&block.payload) {
            Ok(found) => return Ok(Payload::Here(found)),
            Err(absent) => absent,
        };
        let fetched = self.parts.payloads.get(&block.id());
        let mut bodies = Vec::with_capacity(absent.len());
        let mut missing = Vec::new();
        for hash in absent {
            let body = match fetched.get(&hash) {
                Some(body) => Some(body.clone()),
                None => self.parts.store.transaction(&hash)?,
            };
            match body {
                Some(body) => bodies.push(body),
                None => missing.push(hash),
            }
        }
        if !missing.is_empty() {
            return Ok(Payload::Missing(missing));
        }
        let state = StateAt::new(tree.clone(), parent.height.0);
        let params = query::params(&state)?;
        let checked = intake::verify_payload(&state, &bodies, &params, &self.parts.pool);
        let checked: BTreeMap<Digest, PooledTransaction> = match checked {
            Ok(checked) => checked
                .into_iter()
                .map(|transaction| (transaction.signed_hash(), transaction))
                .collect(),
            Err(error) => return Ok(Payload::Bad(error)),
        };
        let mut transactions = Vec::with_capacity(block.payload.len());
        for hash in &block.payload {
            let transaction = match checked.get(hash) {
                Some(transaction) => Some(Arc::clone(transaction)),
                None => self.parts.mempool.get(hash),
            };
            match transaction {
                Some(transaction) => transactions.push(transaction),
                None => return Ok(Payload::Missing(vec![*hash])), // Became final, or expired, just now.
            }
        }
        Ok(Payload::Here(transactions))
    }
}
