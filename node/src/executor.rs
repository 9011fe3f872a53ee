//! The thread that executes blocks: those that others propose, those that this node proposes, and
//! those that block sync brings.
//!
//! Work comes in through an [`ExecutorHandle`]; results go to the driver. A block whose payload or
//! parent is not here yet waits: its missing transactions are asked for, and it is tried again
//! whenever transactions or executed blocks arrive.

use crate::committee::validator_set;
use crate::driver::DriverInput;
use crate::fetch::Fetch;
use crate::intake;
use crate::mempool::{Mempool, PooledTransaction};
use crate::metrics::Metrics;
use crate::payloads::Payloads;
use crate::speculation::{Applied, Speculation, SpeculativeTree};
use cairn_consensus::{
    Block, BlockId, BlockRejection, BuiltBlock, Execution, FinalityCert, Header, Input, Round,
    ValidatorSetError,
};
use cairn_crypto::Digest;
use cairn_runtime::tree::{self, StateAt};
use cairn_runtime::{BlockContext, BlockExecutor, StateError, query};
use cairn_storage::{StorageError, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use tokio::sync::oneshot;

/// What the executor cannot go on after: the store or the state in it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The ledger names validators that make no set: a defect of this software.
    #[error(
        "the ledger's next validators cannot decide: {0}; run the consortium's version of this software"
    )]
    Validators(#[from] ValidatorSetError),
}

/// A final block as block sync brings it: transactions in payload order, not yet checked.
#[derive(Clone, Debug)]
pub struct SyncedBlock {
    /// The block.
    pub block: Arc<Block>,
    /// Encoded signed transactions, in payload order.
    pub transactions: Vec<Vec<u8>>,
}

/// What the executor is asked to do.
#[derive(Debug)]
pub enum Work {
    /// Execute a proposed or certified block.
    Execute(Arc<Block>),
    /// Choose and execute a payload for this node's own proposal.
    Build {
        /// The round to propose in.
        round: Round,
        /// The block to extend.
        parent: BlockId,
        /// Block time.
        timestamp_ms: u64,
        /// Whether a block without transactions is wanted too.
        allow_empty: bool,
    },
    /// Execute final blocks, oldest first, whose last one `cert` makes final.
    Sync {
        /// The blocks; the first extends this node's final tip.
        blocks: Vec<SyncedBlock>,
        /// Verified certificate of the last block.
        cert: Arc<FinalityCert>,
        /// Is told `false` when the blocks cannot be used.
        done: oneshot::Sender<bool>,
    },
    /// Transactions arrived: try what waits for them.
    Retry,
    /// Nobody asked has the payload of this block.
    PayloadUnavailable(BlockId),
    /// Forget blocks that lost.
    Discard(Vec<BlockId>),
    /// Forget all that waits: the final tip has moved past it.
    Reset,
    /// End the thread.
    Stop,
}

/// Gives work to the executor.
#[derive(Clone, Debug)]
pub struct ExecutorHandle {
    work: Sender<Work>,
    waiting: Arc<AtomicUsize>,
}

impl ExecutorHandle {
    /// A handle over the sending half of the work queue, and the gauge to give to [`Executor`].
    #[must_use]
    pub fn new(work: Sender<Work>) -> (Self, Arc<AtomicUsize>) {
        let waiting = Arc::new(AtomicUsize::new(0));
        let handle = Self {
            work,
            waiting: Arc::clone(&waiting),
        };
        (handle, waiting)
    }

    /// Queues work. A stopped executor means that the node is stopping: then it is dropped.
    pub fn give(&self, work: Work) {
        let _stopping = self.work.send(work);
    }

    /// Says that transactions arrived; costs nothing when no block waits for any.
    pub fn transactions_arrived(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.give(Work::Retry);
        }
    }
}

/// What [`Executor`] works with.
#[derive(Debug)]
pub struct ExecutorParts {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// The node's store.
    pub store: Store,
    /// Executed blocks beyond it.
    pub speculation: Arc<Speculation>,
    /// Transactions that wait.
    pub mempool: Arc<Mempool>,
    /// Asks other nodes for what is missing.
    pub fetch: Fetch,
    /// What they answered.
    pub payloads: Arc<Payloads>,
    /// Where results go.
    pub driver: Sender<DriverInput>,
    /// Checks signatures.
    pub pool: Arc<rayon::ThreadPool>,
    /// Measurements.
    pub metrics: Arc<Metrics>,
    /// Number of blocks that wait, shared with [`ExecutorHandle`].
    pub waiting: Arc<AtomicUsize>,
}

struct Build {
    round: Round,
    parent: BlockId,
    timestamp_ms: u64,
    allow_empty: bool,
}

/// See the [module](self).
pub struct Executor {
    parts: ExecutorParts,
    waiting: BTreeMap<BlockId, Arc<Block>>,
    build: Option<Build>,
}

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
enum Obstacle {
    /// Its parent was not executed here.
    Parent,
    /// These transactions are not here.
    Payload(Vec<Digest>),
}

impl Executor {
    /// An executor with nothing to do.
    #[must_use]
    pub fn new(parts: ExecutorParts) -> Self {
        Self {
            parts,
            waiting: BTreeMap::new(),
            build: None,
        }
    }

    /// Works until it is told to stop.
    ///
    /// # Errors
    /// [`ExecutorError`]: the node cannot go on.
    pub fn run(mut self, work: &Receiver<Work>) -> Result<(), ExecutorError> {
        while let Ok(next) = work.recv() {
            match next {
                Work::Execute(block) => {
                    self.waiting.insert(block.id(), block);
                }
                Work::Build {
                    round,
                    parent,
                    timestamp_ms,
                    allow_empty,
                } => {
                    self.build = Some(Build {
                        round,
                        parent,
                        timestamp_ms,
                        allow_empty,
                    });
                }
                Work::Sync { blocks, cert, done } => {
                    let usable = self.sync(blocks, cert)?;
                    let _gave_up = done.send(usable);
                }
                Work::Retry => {}
                Work::PayloadUnavailable(id) => {
                    self.parts.payloads.remove(&id);
                    if self.waiting.remove(&id).is_some() {
                        let result = Err(BlockRejection::PayloadUnavailable);
                        self.tell(Input::Executed { id, result });
                    }
                }
                Work::Discard(ids) => {
                    for id in &ids {
                        self.parts.payloads.remove(id);
                        self.waiting.remove(id);
                    }
                    self.parts.speculation.remove(ids);
                }
                Work::Reset => {
                    for id in std::mem::take(&mut self.waiting).keys() {
                        self.parts.payloads.remove(id);
                    }
                    self.build = None;
                }
                Work::Stop => break,
            }
            self.advance()?;
            self.parts
                .waiting
                .store(self.waiting.len(), Ordering::Release);
        }
        Ok(())
    }

    /// Executes every waiting block that can be, parents first, then builds.
    fn advance(&mut self) -> Result<(), ExecutorError> {
        loop {
            let mut progressed = false;
            let mut ids: Vec<(Round, BlockId)> = self
                .waiting
                .iter()
                .map(|(id, block)| (block.header.round, *id))
                .collect();
            ids.sort_unstable();
            for (_, id) in ids {
                let Some(block) = self.waiting.get(&id).map(Arc::clone) else {
                    continue;
                };
                let result = match self.execute(&block)? {
                    Ok(result) => result,
                    Err(Obstacle::Parent) => continue,
                    Err(Obstacle::Payload(missing)) => {
                        self.parts.fetch.payload(id, block.header.proposer, missing);
                        continue;
                    }
                };
                self.waiting.remove(&id);
                self.parts.payloads.remove(&id);
                progressed = true;
                self.tell(Input::Executed { id, result });
            }
            if !progressed {
                break;
            }
        }
        self.build_proposal()
    }

    fn tell(&self, input: Input) {
        // A driver that is gone means that the node is stopping.
        let _stopping = self.parts.driver.send(DriverInput::Step(Box::new(input)));
    }

    fn execute(
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

    fn context(&self, header: &Header) -> BlockContext {
        BlockContext {
            chain_id: self.parts.chain_id,
            height: header.height.0,
            timestamp_ms: header.timestamp_ms,
        }
    }

    /// Executes transactions on the state after `parent`. One that is invalid in this block is left
    /// out when `skip_invalid` is set (this node proposes), and otherwise rejects the block.
    fn apply(
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

    fn build_proposal(&mut self) -> Result<(), ExecutorError> {
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

    /// Executes final blocks one after the other and hands them to the driver to commit; whether
    /// they were usable.
    fn sync(
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
