//! A tree in memory: for the genesis document, whose root nobody has written anywhere yet, and for
//! tests.

use super::nodes::TreeNodes;
use super::{NodeId, NodeReader, NodeView, ReadNode, TreeBatch};
use anyhow::bail;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

/// What a processor fetches from memory at once, in bytes.
const CACHE_LINE: usize = 64;

/// Every node and value of every height committed to it. The values in hash maps, because trees of many
/// thousand records are measured here; nothing depends on their order.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    /// By height, lowest first.
    nodes: Vec<Arc<TreeNodes>>,
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
        self.nodes.push(batch.shared_nodes());
        for (place, value) in batch.values() {
            let history = self.values.entry(*place).or_default();
            history.push((batch.height(), value.map(<[u8]>::to_vec)));
        }
        for (place, key) in batch.preimages() {
            self.preimages.insert(*place, key.to_vec());
        }
    }
}

impl MemoryTree {
    fn find(&self, id: &NodeId) -> Option<NodeView<'_>> {
        let nodes = &self.nodes;
        let at = nodes.partition_point(|nodes| nodes.height() < id.height());
        let nodes = nodes.get(at);
        nodes.filter(|nodes| nodes.height() == id.height())?.get(id)
    }
}

impl NodeReader for MemoryTree {
    fn node(&self, id: &NodeId) -> anyhow::Result<Option<ReadNode<'_>>> {
        Ok(self.find(id).map(ReadNode::Lent))
    }

    fn nodes(&self, ids: &[NodeId]) -> anyhow::Result<Vec<Option<ReadNode<'_>>>> {
        let nodes: Vec<_> = ids.iter().map(|id| self.find(id)).collect();
        // Reads nothing that the update would not read, but all of it at once.
        let views = nodes.iter().flatten();
        let lines = views.flat_map(|node| node.in_memory().chunks(CACHE_LINE));
        black_box(lines.fold(0, |all, line| all ^ line[0]));
        Ok(nodes
            .into_iter()
            .map(|node| node.map(ReadNode::Lent))
            .collect())
    }
}

impl TreeReader for MemoryTree {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.find(&NodeId::from(key)).map(NodeView::decode))
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
