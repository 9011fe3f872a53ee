//! The upper nodes of the newest tree, kept in memory for a store.
//!
//! Every block rewrites and reads again the same few thousand nodes near the root. A store that fills
//! this with each batch it writes answers for them without reading or searching.

use super::{EncodedNode, TreeBatch};
use jmt::storage::{Node, NodeKey};
use std::sync::{PoisonError, RwLock};

/// The newest written node of every path of at most so many nibbles. A path has one slot, so the size
/// is bounded: with depth 4 about 70,000 nodes of at most 850 bytes each.
#[derive(Debug)]
pub struct NodeCache {
    depth: usize,
    /// By length of the path, then by the path's nibbles as a number.
    slots: RwLock<Vec<Option<Slot>>>,
}

#[derive(Clone, Debug)]
struct Slot {
    version: u64,
    node: EncodedNode,
}

/// Deepest level that may be kept; the next one has sixteen times as many nodes.
const MAX_DEPTH: usize = 5;

impl NodeCache {
    /// An empty cache for the paths of at most `depth` nibbles, at most 5.
    #[must_use]
    pub fn new(depth: usize) -> Self {
        let depth = depth.min(MAX_DEPTH);
        Self {
            depth,
            slots: RwLock::new(vec![None; first_of_level(depth + 1)]),
        }
    }

    /// Keeps the upper nodes of a batch that the store has written. Never of one that it has not: two
    /// batches of one height have the same keys.
    pub fn fill(&self, written: &TreeBatch) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        // Nodes come in order of depth.
        for (key, node) in written.nodes() {
            let Some(index) = self.index(key) else {
                break;
            };
            slots[index] = Some(Slot {
                version: key.version(),
                node: node.clone(),
            });
        }
    }

    /// The node, if it is the newest of its path and was kept.
    #[must_use]
    pub fn get(&self, key: &NodeKey) -> Option<Node> {
        let index = self.index(key)?;
        let node = {
            let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
            let slot = slots[index].as_ref()?;
            (slot.version == key.version()).then(|| slot.node.clone())
        };
        node.map(|node| node.decode())
    }

    fn index(&self, key: &NodeKey) -> Option<usize> {
        let path = key.nibble_path();
        if path.num_nibbles() > self.depth {
            return None;
        }
        let nibbles = path.nibbles();
        let number = nibbles.fold(0, |number, nibble| number * 16 + nibble.as_usize());
        Some(first_of_level(path.num_nibbles()) + number)
    }
}

/// Slots before those of paths with so many nibbles.
fn first_of_level(depth: usize) -> usize {
    (0..depth).map(|level| 1 << (4 * level)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::StateDiff;
    use crate::tree::{MemoryTree, apply};
    use jmt::storage::TreeReader as _;

    fn diff(numbers: std::ops::Range<u32>) -> StateDiff {
        numbers
            .map(|number| (number.to_be_bytes().to_vec(), Some(vec![1])))
            .collect()
    }

    #[test]
    fn the_cache_answers_as_the_store_for_the_newest_upper_nodes_and_for_no_others() {
        let (mut store, cache) = (MemoryTree::new(), NodeCache::new(2));
        let mut written = Vec::new();
        for (height, numbers) in [(0, 0..2_000), (1, 1_990..2_010), (2, 0..0)] {
            let (_, batch) = apply(&store, height, &diff(numbers)).unwrap();
            store.commit(&batch);
            cache.fill(&batch);
            written.push(batch);
        }
        let newest = |key: &NodeKey| {
            let above = written
                .iter()
                .filter(|batch| batch.height() > key.version());
            !above
                .flat_map(TreeBatch::nodes)
                .any(|(other, _)| other.nibble_path() == key.nibble_path())
        };
        let mut hits = 0;
        for (key, _) in written.iter().flat_map(TreeBatch::nodes) {
            let kept = cache.get(key);
            assert_eq!(
                kept.is_some(),
                key.nibble_path().num_nibbles() <= 2 && newest(key)
            );
            if let Some(node) = kept {
                assert_eq!(Some(node), store.get_node_option(key).unwrap());
                hits += 1;
            }
        }
        assert_eq!(hits, 1 + 16 + 256);
    }
}
