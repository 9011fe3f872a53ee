//! What one block writes into the tree.

use super::{Tree, place, unreadable};
use crate::{StateDiff, StateError};
use cairn_crypto::Digest;
use jmt::storage::{HasPreimage, Node, NodeBatch, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue};
use std::collections::BTreeMap;

/// The nodes, values and key preimages that one height adds, and the nodes it makes stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeBatch {
    height: u64,
    nodes: NodeBatch,
    preimages: BTreeMap<KeyHash, Vec<u8>>,
    stale: Vec<NodeKey>,
}

impl TreeBatch {
    /// The height at which the batch makes the tree readable.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// New nodes in order of their keys. At least one: the root of this height.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = (&NodeKey, &Node)> {
        self.nodes.nodes().iter()
    }

    /// Values written at this height, in order of their places; `None` says that there is none from
    /// here on.
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&KeyHash, Option<&[u8]>)> {
        self.nodes
            .values()
            .iter()
            .map(|((_, place), value)| (place, value.as_deref()))
    }

    /// The encoded [`StateKey`](crate::StateKey) of every place written, in order of the places.
    pub fn preimages(&self) -> impl ExactSizeIterator<Item = (&KeyHash, &[u8])> {
        self.preimages
            .iter()
            .map(|(place, key)| (place, key.as_slice()))
    }

    /// Nodes that belong to earlier heights only: whoever drops the earlier heights drops these.
    pub fn stale_nodes(&self) -> impl ExactSizeIterator<Item = &NodeKey> {
        self.stale.iter()
    }

    pub(super) fn node(&self, key: &NodeKey) -> Option<&Node> {
        self.nodes.get_node(key)
    }

    /// `Some` if this height wrote the place; inside, what it wrote.
    pub(super) fn value(&self, place: KeyHash) -> Option<&Option<OwnedValue>> {
        self.nodes.values().get(&(self.height, place))
    }

    pub(super) fn preimage(&self, place: KeyHash) -> Option<&Vec<u8>> {
        self.preimages.get(&place)
    }
}

/// Applies the changes of the block at `height` to the tree at `height - 1`, and returns the new
/// root and what is to be written. Height 0 starts from the empty tree.
///
/// An empty diff leaves the root as it is; its batch carries the root over to the new height, which
/// makes that height readable.
///
/// # Errors
/// [`StateError::Unreadable`] if `reader` lacks the tree at `height - 1`.
pub fn apply<R: TreeReader + HasPreimage>(
    reader: &R,
    height: u64,
    diff: &StateDiff,
) -> Result<(Digest, TreeBatch), StateError> {
    if let Some(parent) = height.checked_sub(1) {
        // For an empty diff jmt would take a missing parent for an empty tree.
        super::root(reader, parent)?;
    }
    let tree = Tree::new(reader);
    let preimages: BTreeMap<_, _> = diff.keys().map(|key| (place(key), key.clone())).collect();
    let removes = diff.values().any(Option::is_none);
    let result = if removes || diff.is_empty() {
        let writes = diff.iter().map(|(key, value)| (place(key), value.clone()));
        tree.put_value_set(writes, height)
    } else {
        // One descent for the whole block instead of one a key. It cannot remove.
        let writes = diff
            .iter()
            .filter_map(|(key, value)| Some((place(key), value.clone()?)))
            .collect();
        tree.batch_put_value_sets(vec![writes], None, height)
            .and_then(|(roots, update)| match roots.as_slice() {
                [root] => Ok((*root, update)),
                _ => anyhow::bail!("{} roots for one set of values", roots.len()),
            })
    };
    let (root, update) = result.map_err(|error| unreadable(height, &error))?;
    let stale = update
        .stale_node_index_batch
        .into_iter()
        .map(|index| index.node_key)
        .collect();
    let batch = TreeBatch {
        height,
        nodes: update.node_batch,
        preimages,
        stale,
    };
    Ok((Digest::new(root.0), batch))
}
