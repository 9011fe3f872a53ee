//! Transactions that were fetched for blocks that are not executed yet. Apart from the mempool: whoever proposes a
//! block chooses what it contains, and must not be able to fill the mempool with it.

use cairn_consensus::BlockId;
use cairn_crypto::{Digest, domain, hash_encoded};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Encoded transactions by signed hash.
pub type Bodies = HashMap<Digest, Vec<u8>>;

/// See the [module](self). Blocks leave when they are executed, rejected or discarded; consensus
/// bounds how many wait, the ledger's limits how much each may contain.
#[derive(Debug)]
pub struct Payloads {
    block_bytes: usize,
    blocks: Mutex<HashMap<BlockId, Arc<Bodies>>>,
}

impl Payloads {
    /// Nothing fetched; `block_bytes` is what one block's transactions may take.
    #[must_use]
    pub fn new(block_bytes: usize) -> Self {
        Self {
            block_bytes,
            blocks: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlockId, Arc<Bodies>>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was fetched for a block.
    #[must_use]
    pub fn get(&self, id: &BlockId) -> Arc<Bodies> {
        self.lock().get(id).cloned().unwrap_or_default()
    }

    /// Keeps those of the transactions that were asked for, and takes them off the list. Anything
    /// else that came along is dropped unread.
    pub fn keep(&self, id: BlockId, missing: &mut Vec<Digest>, transactions: Vec<Vec<u8>>) {
        let mut found = self.get(&id).as_ref().clone();
        let mut bytes: usize = found.values().map(Vec::len).sum();
        for transaction in transactions {
            let hash = hash_encoded(domain::SIGNED_TX, &transaction);
            let Some(place) = missing.iter().position(|wanted| *wanted == hash) else {
                continue;
            };
            bytes += transaction.len();
            if bytes > self.block_bytes {
                break;
            }
            missing.swap_remove(place);
            found.insert(hash, transaction);
        }
        self.lock().insert(id, Arc::new(found));
    }

    /// Forgets a block.
    pub fn remove(&self, id: &BlockId) {
        self.lock().remove(id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_what_was_asked_for_is_kept_and_no_more_than_a_block_may_have() {
        let payloads = Payloads::new(25);
        let id = BlockId(Digest::of(b"block"));
        let body = |byte: u8| vec![byte; 10];
        let hash = |byte: u8| hash_encoded(domain::SIGNED_TX, &body(byte));
        let mut missing = vec![hash(1), hash(2), hash(3)];
        payloads.keep(id, &mut missing, vec![body(9), body(2)]);
        assert_eq!(missing, [hash(1), hash(3)]);
        payloads.keep(id, &mut missing, vec![body(1), body(3)]);
        assert_eq!(missing, [hash(3)], "the third would be past 25 bytes");
        assert_eq!(payloads.get(&id).len(), 2);
        payloads.remove(&id);
        assert!(payloads.get(&id).is_empty());
    }
}
