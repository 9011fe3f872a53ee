//! A tree in memory: for the genesis document, whose root nobody has written anywhere yet, and for
//! tests.

use super::TreeBatch;
use anyhow::bail;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};
use std::collections::HashMap;

/// Every node and value of every height committed to it. In hash maps, because trees of many thousand
/// records are measured here; nothing depends on their order.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    nodes: HashMap<NodeKey, Node>,
    /// Oldest first.
    values: HashMap<KeyHash, Vec<(Version, Option<OwnedValue>)>>,
    preimages: HashMap<KeyHash, Vec<u8>>,
}

impl MemoryTree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the batch of the next height.
    pub fn commit(&mut self, batch: &TreeBatch) {
        for (key, node) in batch.nodes() {
            self.nodes.insert(key.clone(), node.decode());
        }
        for (place, value) in batch.values() {
            let history = self.values.entry(*place).or_default();
            history.push((batch.height(), value.map(<[u8]>::to_vec)));
        }
        for (place, key) in batch.preimages() {
            self.preimages.insert(*place, key.to_vec());
        }
    }
}

impl TreeReader for MemoryTree {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.get(key).cloned())
    }

    fn get_value_option(
        &self,
        max_version: Version,
        place: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        let history = self.values.get(&place).map_or(&[][..], Vec::as_slice);
        let newest = history.iter().rfind(|(version, _)| *version <= max_version);
        Ok(newest.and_then(|(_, value)| value.clone()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        bail!("a tree in memory is built from batches, not restored")
    }
}

impl HasPreimage for MemoryTree {
    fn preimage(&self, place: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.preimages.get(&place).cloned())
    }
}
