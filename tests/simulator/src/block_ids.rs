//! Ids of blocks, computed once: replicas on one thread share the blocks that they send each other.

use cairn_consensus::{Block, BlockId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Blocks are kept, so that no other takes the place of one in memory.
type Known = BTreeMap<usize, (Arc<Block>, BlockId)>;

/// More than any run makes; beyond, all are forgotten.
const MOST: usize = 100_000;

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) };
}

/// The id of a block.
#[must_use]
pub(crate) fn id_of(block: &Arc<Block>) -> BlockId {
    let place = Arc::as_ptr(block) as usize;
    KNOWN.with_borrow_mut(|known| {
        if known.len() >= MOST {
            known.clear();
        }
        known
            .entry(place)
            .or_insert_with(|| (Arc::clone(block), block.id()))
            .1
    })
}

/// Forgets the blocks of an earlier run on this thread.
pub(crate) fn forget() {
    KNOWN.with_borrow_mut(BTreeMap::clear);
}
