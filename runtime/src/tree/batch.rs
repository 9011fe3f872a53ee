//! What one block writes into the tree.

use super::nodes::TreeNodes;
use super::update::{self, Leaf};
use super::{EncodedNode, NodeId, NodeReader, NodeView, Tree, committed, place, unreadable};
use crate::{StateDiff, StateError};
use anyhow::anyhow;
use cairn_crypto::Digest;
use jmt::KeyHash;
use jmt::storage::HasPreimage;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// The nodes, values and key preimages that one height adds, and the nodes it makes stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeBatch {
    height: u64,
    nodes: Arc<TreeNodes>,
    /// In order of their places.
    writes: Vec<Write>,
    stale: Vec<NodeId>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Write {
    place: KeyHash,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

impl TreeBatch {
    /// The height at which the batch makes the tree readable.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// New nodes in order of their names. At least one: the root of this height.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, NodeView<'_>)> {
        self.nodes.iter()
    }

    /// Number of [`nodes`](Self::nodes).
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Values written at this height, in order of their places; `None` says that there is none from
    /// here on.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&KeyHash, Option<&[u8]>)> {
        self.writes
            .iter()
            .map(|write| (&write.place, write.value.as_deref()))
    }

    /// The encoded [`StateKey`](crate::StateKey) of every place written, in order of the places.
    pub fn preimages(&self) -> impl ExactSizeIterator<Item = (&KeyHash, &[u8])> {
        self.writes
            .iter()
            .map(|write| (&write.place, write.key.as_slice()))
    }

    /// Nodes that belong to earlier heights only: whoever drops the earlier heights drops these.
    pub fn stale_nodes(&self) -> impl ExactSizeIterator<Item = &NodeId> {
        self.stale.iter()
    }

    pub(super) fn node(&self, id: &NodeId) -> Option<NodeView<'_>> {
        self.nodes.get(id)
    }

    /// The nodes, for who keeps them.
    pub(super) fn shared_nodes(&self) -> Arc<TreeNodes> {
        Arc::clone(&self.nodes)
    }

    /// `Some` if this height wrote the place; inside, what it wrote.
    pub(super) fn value(&self, place: KeyHash) -> Option<Option<&Vec<u8>>> {
        self.write(place).map(|write| write.value.as_ref())
    }

    pub(super) fn preimage(&self, place: KeyHash) -> Option<&Vec<u8>> {
        self.write(place).map(|write| &write.key)
    }

    fn write(&self, place: KeyHash) -> Option<&Write> {
        let index = self
            .writes
            .binary_search_by(|write| write.place.cmp(&place));
        index.ok().map(|index| &self.writes[index])
    }
}

/// Applies the changes of the block at `height` to the tree at `height - 1`, and returns the new
/// root and what is to be written. Height 0 starts from the empty tree.
///
/// An empty diff leaves the root as it is; its batch carries the root over to the new height, which
/// makes that height readable.
///
/// # Errors
/// [`StateError::Unreadable`] if `reader` lacks the tree at `height - 1`, or if two keys share a place (`place.rs`).
pub fn apply<R: NodeReader + HasPreimage>(
    reader: &R,
    height: u64,
    diff: &StateDiff,
) -> Result<(Digest, TreeBatch), StateError> {
    let mut writes: Vec<_> = diff
        .iter()
        .map(|(key, value)| Write {
            place: place(key),
            key: key.clone(),
            value: value.clone(),
        })
        .collect();
    writes.sort_unstable_by_key(|write| write.place);
    if let Some(pair) = writes
        .windows(2)
        .find(|pair| pair[0].place == pair[1].place)
    {
        let error = anyhow!(
            "the keys {:?} and {:?} have one place",
            pair[0].key,
            pair[1].key
        );
        return Err(unreadable(height, &error));
    }

    let leaves: Option<Vec<_>> = writes
        .iter()
        .map(|write| {
            let committed = Sha256::new_with_prefix(&write.key);
            Some(Leaf {
                place: write.place.0,
                value_hash: committed
                    .chain_update(write.value.as_ref()?)
                    .finalize()
                    .into(),
            })
        })
        .collect();
    let parent = height.checked_sub(1);
    let (root, nodes, stale) = match leaves {
        Some(leaves) if !leaves.is_empty() => {
            let update = update::insert(reader, height, parent, &leaves)
                .map_err(|error| unreadable(parent.unwrap_or(height), &error))?;
            (update.root, update.nodes, update.stale)
        }
        _ => remove(reader, height, &writes)?,
    };
    let batch = TreeBatch {
        height,
        nodes: Arc::new(nodes),
        writes,
        stale,
    };
    Ok((Digest::new(root), batch))
}

/// The same with removals, or with nothing at all, one value after the other.
fn remove<R: NodeReader + HasPreimage>(
    reader: &R,
    height: u64,
    writes: &[Write],
) -> Result<([u8; 32], TreeNodes, Vec<NodeId>), StateError> {
    if let Some(parent) = height.checked_sub(1) {
        // jmt would take a missing parent for an empty tree.
        super::root(reader, parent)?;
    }
    let values = writes.iter().map(|write| {
        let value = write.value.as_ref();
        (write.place, value.map(|value| committed(&write.key, value)))
    });
    let (root, update) = Tree::new(reader)
        .put_value_set(values, height)
        .map_err(|error| unreadable(height, &error))?;
    let mut nodes = TreeNodes::new(height);
    for (key, node) in update.node_batch.nodes() {
        nodes.push(&NodeId::from(key), EncodedNode::of(node).view());
    }
    nodes.finish();
    let stale = update.stale_node_index_batch.iter();
    let stale = stale.map(|index| NodeId::from(&index.node_key)).collect();
    Ok((root.0, nodes, stale))
}
