//! Reading the state of one final block.

use super::problem::ApiProblem;
use axum::http::StatusCode;
use cairn_api::code;
use cairn_consensus::{BlockId, Header, Height};
use cairn_runtime::{Receipt, tree::StateAt};
use cairn_storage::{Store, TreeView};

/// The answer for a height that this node does not have: not yet, or not any more because it began from a snapshot.
pub(super) fn not_here(height: u64, last: u64) -> ApiProblem {
    ApiProblem::new(
        StatusCode::NOT_FOUND,
        code::HEIGHT_NOT_AVAILABLE,
        format!("height {height} is not here, the last final block is {last}"),
    )
    .with("height", height)
    .with("last_final", last)
}

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
            Some(height) => store
                .header(Height(height))?
                .ok_or_else(|| not_here(height, tip.height.0))?,
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

impl FinalBlock {
    /// The final block at `height`, `None` when there is none yet.
    pub(super) fn read(store: &Store, height: u64) -> Result<Option<Self>, ApiProblem> {
        let Some(header) = store.header(Height(height))? else {
            return Ok(None);
        };
        let Some(receipts) = store.receipts(Height(height))? else {
            return Ok(None); // A snapshot's block has a header and a state here, no more.
        };
        Ok(Some(Self {
            id: header.id(),
            header,
            receipts,
        }))
    }
}
