//! Reading the state of one final block.

use super::problem::ApiProblem;
use axum::http::StatusCode;
use cairn_api::code;
use cairn_consensus::{BlockId, Header, Height};
use cairn_runtime::{Receipt, tree::StateAt};
use cairn_storage::{Store, TreeView};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The ledger as of one final block. What becomes final meanwhile does not show.
pub(super) struct Snapshot {
    store: Store,
    header: Header,
    state: StateAt<TreeView>,
}

impl Snapshot {
    /// Of the last final block, or of the one at `height`.
    pub(super) fn at(store: &Store, height: Option<u64>) -> Result<Self, ApiProblem> {
        let tip = store.tip()?;
        let header = match height {
            None => tip,
            Some(height) if height == tip.height.0 => tip,
            Some(height) => store.header(Height(height))?.ok_or_else(|| {
                let last = tip.height.0;
                ApiProblem::new(
                    StatusCode::NOT_FOUND,
                    code::HEIGHT_NOT_AVAILABLE,
                    format!("height {height} is not here, the last final block is {last}"),
                )
                .with("height", height)
                .with("last_final", last)
            })?,
        };
        let state = StateAt::new(store.tree(), header.height.0);
        Ok(Self {
            store: store.clone(),
            header,
            state,
        })
    }

    /// The block's header.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The state after the block.
    pub(super) fn state(&self) -> &StateAt<TreeView> {
        &self.state
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Height, and time in milliseconds since the Unix epoch.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.header.height.0, self.header.timestamp_ms)
    }
}

/// A final block's header and receipts.
pub(super) struct FinalBlock {
    pub(super) id: BlockId,
    pub(super) header: Header,
    pub(super) receipts: Vec<Receipt>,
}

/// The last blocks that were asked for. When a block becomes final, everybody who waits for one of its
/// transactions asks for its receipts at once; they are decoded once.
#[derive(Default)]
pub(super) struct RecentBlocks(Mutex<BTreeMap<u64, Arc<FinalBlock>>>);

/// How many blocks are kept. One has at most a few megabytes.
const RECENT: usize = 8;

impl RecentBlocks {
    /// The final block at `height`, `None` when there is none yet.
    pub(super) fn get(
        &self,
        store: &Store,
        height: u64,
    ) -> Result<Option<Arc<FinalBlock>>, ApiProblem> {
        // Held while the block is read, so that those who come meanwhile find it here. A panic elsewhere
        // leaves at worst one block too few.
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = blocks.get(&height) {
            return Ok(Some(Arc::clone(block)));
        }
        let Some(header) = store.header(Height(height))? else {
            return Ok(None);
        };
        let receipts = store.receipts(Height(height))?.unwrap_or_default();
        let block = Arc::new(FinalBlock {
            id: header.id(),
            header,
            receipts,
        });
        // Old blocks are asked for one by one and must not push out the new ones.
        let oldest = blocks.keys().next().copied();
        if blocks.len() < RECENT || oldest.is_some_and(|oldest| oldest < height) {
            blocks.insert(height, Arc::clone(&block));
            if blocks.len() > RECENT {
                blocks.pop_first();
            }
        }
        Ok(Some(block))
    }
}
