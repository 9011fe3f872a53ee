//! Executed blocks that are not final yet, and the state that each of them leaves.
//!
//! A block's state is the committed tree with the unwritten batches of its ancestors laid over it.
//! When a block becomes final its batch moves to the store; its children then lay theirs over a
//! tree that contains it. Both views read the same, so an execution under way is not disturbed.

use crate::mempool::PooledTransaction;
use cairn_consensus::{Block, BlockId, Execution, Header};
use cairn_runtime::tree::{Layered, TreeBatch};
use cairn_runtime::{AccountId, Receipt, ValidatorRecord};
use cairn_storage::{StorageError, Store, TreeView};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A block, what executing it gave, and what it takes to make it final.
#[derive(Debug)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Arc<Block>,
    /// Its transactions, in order.
    pub transactions: Vec<PooledTransaction>,
    /// What its header must say.
    pub execution: Execution,
    /// The validators from the next block on, as the ledger has them, if this block changes them.
    pub next_records: Option<Vec<ValidatorRecord>>,
    /// One a transaction.
    pub receipts: Arc<Vec<Receipt>>,
    /// The change of the state tree.
    pub batch: Arc<TreeBatch>,
    /// The next nonce of every sender in it.
    pub next_nonces: Vec<(AccountId, u64)>,
}

/// What executing a payload gave, before or without a block that names it.
#[derive(Debug)]
pub struct Applied {
    /// What a header must say.
    pub execution: Execution,
    /// The validators from the next block on, as the ledger has them, if this block changes them.
    pub next_records: Option<Vec<ValidatorRecord>>,
    /// The transactions, in order.
    pub transactions: Vec<PooledTransaction>,
    /// One a transaction.
    pub receipts: Vec<Receipt>,
    /// The change of the state tree.
    pub batch: TreeBatch,
    /// The next nonce of every sender in it.
    pub next_nonces: Vec<(AccountId, u64)>,
}

impl Applied {
    /// The result as that of `block`.
    #[must_use]
    pub fn into_block(self, block: Arc<Block>) -> ExecutedBlock {
        ExecutedBlock {
            block,
            transactions: self.transactions,
            execution: self.execution,
            next_records: self.next_records,
            receipts: Arc::new(self.receipts),
            batch: Arc::new(self.batch),
            next_nonces: self.next_nonces,
        }
    }
}

/// What this node built for its own proposal.
#[derive(Debug)]
struct Built {
    parent: BlockId,
    timestamp_ms: u64,
    applied: Applied,
}

/// The state tree after a block that may not be final.
pub type SpeculativeTree = Layered<TreeView>;

/// See the [module](self). Shared between the executor, which fills it, and the driver, which
/// commits from it.
#[derive(Debug)]
pub struct Speculation {
    store: Store,
    blocks: Mutex<HashMap<BlockId, Arc<ExecutedBlock>>>,
    built: Mutex<Option<Built>>,
}

impl Speculation {
    /// Nothing executed beyond what `store` holds.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            blocks: Mutex::default(),
            built: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlockId, Arc<ExecutedBlock>>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An executed block.
    #[must_use]
    pub fn get(&self, id: &BlockId) -> Option<Arc<ExecutedBlock>> {
        self.lock().get(id).cloned()
    }

    /// Keeps an executed block.
    pub fn insert(&self, id: BlockId, executed: Arc<ExecutedBlock>) {
        self.lock().insert(id, executed);
    }

    /// Keeps the result of this node's own build until its block has a name.
    pub fn keep_built(&self, parent: BlockId, timestamp_ms: u64, applied: Applied) {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        *built = Some(Built {
            parent,
            timestamp_ms,
            applied,
        });
    }

    /// Takes `block` as executed if it is what this node built last; whether it is executed now.
    pub fn adopt(&self, block: &Arc<Block>) -> bool {
        let id = block.id();
        if self.get(&id).is_some() {
            return true;
        }
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let same = built.as_ref().is_some_and(|built| {
            built.parent == block.header.parent
                && built.timestamp_ms == block.header.timestamp_ms
                && built
                    .applied
                    .transactions
                    .iter()
                    .map(|transaction| transaction.signed_hash())
                    .eq(block.payload.iter().copied())
        });
        if !same {
            return false;
        }
        if let Some(built) = built.take() {
            let executed = built.applied.into_block(Arc::clone(block));
            self.insert(id, Arc::new(executed));
        }
        true
    }

    /// Forgets blocks that lost, or that the store now holds with all below them.
    pub fn remove(&self, ids: impl IntoIterator<Item = BlockId>) {
        let mut blocks = self.lock();
        for id in ids {
            blocks.remove(&id);
        }
    }

    /// Forgets everything at or below a final height.
    pub fn settle(&self, final_height: u64) {
        self.lock()
            .retain(|_, executed| executed.block.header.height.0 > final_height);
    }

    /// The state tree after block `id`, and that block's header; `None` when the block, or one
    /// between it and the final tip, was not executed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn state_after(
        &self,
        id: &BlockId,
    ) -> Result<Option<(SpeculativeTree, Header)>, StorageError> {
        // The map is held while the tip is read, so that a commit between the two cannot take a
        // layer away that the tree does not have yet.
        let blocks = self.lock();
        let tip = self.store.tip()?;
        let mut layers = Vec::new();
        let mut cursor = *id;
        while cursor != tip.id() {
            let Some(executed) = blocks.get(&cursor) else {
                break;
            };
            if executed.block.header.height <= tip.height {
                break;
            }
            layers.push(Arc::clone(&executed.batch));
            cursor = executed.block.header.parent;
        }
        if cursor != tip.id() {
            return Ok(None);
        }
        layers.reverse();
        let header = match blocks.get(id) {
            Some(executed) => executed.block.header.clone(),
            None => tip,
        };
        Ok(Some((Layered::new(self.store.tree(), layers), header)))
    }
}
