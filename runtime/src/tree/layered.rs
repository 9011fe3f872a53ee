//! Batches that are not written yet, over a store: the state of a block that is not final.

use super::{NodeId, NodeReader, NodeView, ReadNode, TreeBatch};
use anyhow::bail;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};
use std::sync::Arc;

/// A tree reader over `base` and the batches above it, lowest height first.
#[derive(Clone, Debug)]
pub struct Layered<R> {
    base: R,
    layers: Vec<Arc<TreeBatch>>,
}

impl<R> Layered<R> {
    /// `layers` in ascending order of height, without gaps, on top of the newest height of `base`.
    /// A layer that `base` holds already does no harm.
    pub fn new(base: R, layers: Vec<Arc<TreeBatch>>) -> Self {
        debug_assert!(
            layers
                .windows(2)
                .all(|pair| pair[0].height() + 1 == pair[1].height())
        );
        Self { base, layers }
    }

    /// One more layer on top.
    pub fn push(&mut self, batch: Arc<TreeBatch>) {
        debug_assert!(
            self.layers
                .last()
                .is_none_or(|top| top.height() + 1 == batch.height())
        );
        self.layers.push(batch);
    }

    /// The layers, lowest height first.
    pub fn layers(&self) -> &[Arc<TreeBatch>] {
        &self.layers
    }

    /// What lies below.
    pub fn base(&self) -> &R {
        &self.base
    }

    fn own_node(&self, id: &NodeId) -> Option<NodeView<'_>> {
        // A node's name says which height wrote it, so at most one layer can have it.
        let mut layers = self.layers.iter();
        let layer = layers.find(|layer| layer.height() == id.height());
        layer.and_then(|layer| layer.node(id))
    }
}

impl<R: TreeReader> TreeReader for Layered<R> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        match self.own_node(&NodeId::from(key)) {
            Some(node) => Ok(Some(node.decode())),
            None => self.base.get_node_option(key),
        }
    }

    fn get_value_option(
        &self,
        max_version: Version,
        place: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        let newest_first = self.layers.iter().rev();
        for layer in newest_first.filter(|layer| layer.height() <= max_version) {
            if let Some(value) = layer.value(place) {
                return Ok(value.cloned());
            }
        }
        self.base.get_value_option(max_version, place)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        bail!("a tree is restored in its store, not in layers over it")
    }
}

impl<R: NodeReader> NodeReader for Layered<R> {
    fn node(&self, id: &NodeId) -> anyhow::Result<Option<ReadNode<'_>>> {
        match self.own_node(id) {
            Some(node) => Ok(Some(ReadNode::Lent(node))),
            None => self.base.node(id),
        }
    }

    fn nodes(&self, ids: &[NodeId]) -> anyhow::Result<Vec<Option<ReadNode<'_>>>> {
        let own = ids.iter().map(|id| self.own_node(id).map(ReadNode::Lent));
        let mut nodes: Vec<_> = own.collect();
        let below: Vec<_> = ids
            .iter()
            .zip(&mut nodes)
            .filter(|(_, node)| node.is_none())
            .collect();
        let names: Vec<_> = below.iter().map(|(id, _)| **id).collect();
        for ((_, node), found) in below.into_iter().zip(self.base.nodes(&names)?) {
            *node = found;
        }
        Ok(nodes)
    }
}

impl<R: HasPreimage> HasPreimage for Layered<R> {
    fn preimage(&self, place: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        for layer in &self.layers {
            if let Some(key) = layer.preimage(place) {
                return Ok(Some(key.clone()));
            }
        }
        self.base.preimage(place)
    }
}
