//! A reader behind a reference.

use super::{NodeId, NodeReader, ReadNode};
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};

/// Lends a reader to whoever wants to own one ([`Layered`](super::Layered),
/// [`StateAt`](super::StateAt)): the traits are another crate's, so references cannot have them.
#[derive(Debug)]
pub struct Borrowed<'a, R>(pub &'a R);

impl<R> Clone for Borrowed<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Borrowed<'_, R> {}

impl<R: TreeReader> TreeReader for Borrowed<'_, R> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        self.0.get_node_option(key)
    }

    fn get_value_option(
        &self,
        max_version: Version,
        place: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        self.0.get_value_option(max_version, place)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        self.0.get_rightmost_leaf()
    }
}

impl<R: NodeReader> NodeReader for Borrowed<'_, R> {
    fn node(&self, id: &NodeId) -> anyhow::Result<Option<ReadNode<'_>>> {
        self.0.node(id)
    }

    fn nodes(&self, ids: &[NodeId]) -> anyhow::Result<Vec<Option<ReadNode<'_>>>> {
        self.0.nodes(ids)
    }
}

impl<R: HasPreimage> HasPreimage for Borrowed<'_, R> {
    fn preimage(&self, place: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        self.0.preimage(place)
    }
}
