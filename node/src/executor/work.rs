//! What the executor is asked to do, and the handle that asks it.

use cairn_consensus::{Block, BlockId, FinalityCert, Round};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use tokio::sync::oneshot;

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
    /// A handle over the sending half of the work queue, and the gauge to give to [`Executor`](super::Executor).
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
