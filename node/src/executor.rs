//! The thread that executes blocks: those that others propose, those that this node proposes, and
//! those that block sync brings.
//!
//! Work comes in through an [`ExecutorHandle`]; results go to the driver. A block whose payload or
//! parent is not here yet waits: its missing transactions are asked for, and it is tried again
//! whenever transactions or executed blocks arrive.
//!
//! | file | what it does |
//! |---|---|
//! | `work` | what the thread is asked to do, and the handle that asks |
//! | `execute` | others' proposals, with the payload from wherever it is |
//! | `proposal` | this node's own |
//! | `sync` | final blocks of block sync |
//! | `apply` | transactions on a state: what all three end in |

mod apply;
mod execute;
mod proposal;
mod sync;
mod work;

pub use work::{ExecutorHandle, SyncedBlock, Work};

use crate::driver::DriverInput;
use crate::fetch::Fetch;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::payloads::Payloads;
use crate::speculation::Speculation;
use cairn_consensus::{Block, BlockId, BlockRejection, Input, Round, ValidatorSetError};
use cairn_crypto::Digest;
use cairn_runtime::StateError;
use cairn_storage::{StorageError, Store};
use execute::Obstacle;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

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

/// See the [module](self).
pub struct Executor {
    parts: ExecutorParts,
    waiting: BTreeMap<BlockId, Arc<Block>>,
    build: Option<proposal::Build>,
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
                    self.build = Some(proposal::Build {
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
}
