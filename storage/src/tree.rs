//! The state tree on disk, as the runtime reads and writes it.

use crate::database::Batch;
use crate::schema::{self, Table};
use crate::state_cache::StateCache;
use crate::store::Inner;
use crate::{StorageError, Store};
use cairn_runtime::tree::{NodeId, NodeReader, ReadNode, TreeBatch};
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};
use std::sync::Arc;

/// Before a value: it was written at this height.
pub(crate) const PRESENT: u8 = 1;
/// Instead of a value: it was deleted at this height.
pub(crate) const DELETED: u8 = 0;

/// The state tree at all heights that are final. Cloning is cheap.
///
/// It does not keep still: after a commit it holds one more height. A reader says which height it means
/// (`StateAt`), and nothing that was there changes.
#[derive(Clone)]
pub struct TreeView {
    inner: Arc<Inner>,
}

impl Store {
    /// The state tree.
    #[must_use]
    pub fn tree(&self) -> TreeView {
        TreeView {
            inner: Arc::clone(&self.inner),
        }
    }
}

/// Adds what a block changes in the tree.
pub(crate) fn stage(
    tree: &TreeBatch,
    cache: &StateCache,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    for (id, node) in tree.nodes() {
        batch.put_bytes(Table::Nodes, schema::node(&id).as_ref(), node.as_bytes());
    }
    for (place, value) in tree.values() {
        let key = schema::value(*place, tree.height());
        match value {
            Some(value) => batch.put_parts(Table::Values, &key, &[&[PRESENT], value]),
            None => batch.put_bytes(Table::Values, &key, &[DELETED]),
        }
    }
    for (place, preimage) in tree.preimages() {
        // A place that had a value before has its preimage.
        if !cache.has_value(place) {
            batch.put_bytes(Table::Values, &place.0, preimage);
        }
    }
    Ok(())
}

impl TreeView {
    /// The newest value at or below `height`, from the engine.
    fn read_value(&self, height: u64, place: KeyHash) -> Result<Option<OwnedValue>, StorageError> {
        let db = &self.inner.db;
        // What was never written has no preimage either: one look at the filters, where a seek looks into every file.
        if db.get(Table::Values, &place.0)?.is_none() {
            return Ok(None);
        }
        let newest = db.first_from(
            Table::Values,
            &schema::value(place, height),
            place.0.len(),
            |_, value| match value.split_first() {
                Some((&PRESENT, value)) => Ok(Some(value.to_vec())),
                Some((&DELETED, [])) => Ok(None),
                _ => Err(db.damaged("a value of the state is neither present nor deleted")),
            },
        )?;
        Ok(newest.flatten())
    }
}

impl NodeReader for TreeView {
    fn node(&self, id: &NodeId) -> anyhow::Result<Option<ReadNode<'_>>> {
        let node = match self.inner.cache.node(id) {
            Some(node) => Some(node),
            None => {
                let db = &self.inner.db;
                db.read(Table::Nodes, schema::node(id).as_ref())?
            }
        };
        Ok(node.map(ReadNode::Shared))
    }

    fn nodes(&self, ids: &[NodeId]) -> anyhow::Result<Vec<Option<ReadNode<'_>>>> {
        let inner = &self.inner;
        let mut nodes: Vec<_> = ids.iter().map(|id| inner.cache.node(id)).collect();
        let missing = ids
            .iter()
            .zip(&mut nodes)
            .filter(|(_, node)| node.is_none());
        let (names, missing): (Vec<_>, Vec<_>) =
            missing.map(|(id, node)| (schema::node(id), node)).unzip();
        let read = (inner.db).read_many(Table::Nodes, names.iter().map(AsRef::as_ref))?;
        for (node, read) in missing.into_iter().zip(read) {
            *node = read;
        }
        let nodes = nodes.into_iter();
        Ok(nodes.map(|node| node.map(ReadNode::Shared)).collect())
    }
}

impl TreeReader for TreeView {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let id = NodeId::from(key);
        if let Some(node) = self.inner.cache.node(&id) {
            return Ok(Some(node.view().decode()));
        }
        let db = &self.inner.db;
        Ok(db.read(Table::Nodes, schema::node(&id).as_ref())?)
    }

    fn get_value_option(
        &self,
        max_version: Version,
        place: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self
            .inner
            .cache
            .value(max_version, place, |height| self.read_value(height, place))?)
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("what is being restored knows its last leaf itself")
    }
}

impl HasPreimage for TreeView {
    fn preimage(&self, place: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        let preimage = self.inner.db.get(Table::Values, &place.0)?;
        Ok(preimage.map(|bytes| bytes.to_vec()))
    }
}

impl std::fmt::Debug for TreeView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeView")
            .field("path", &self.inner.db.path())
            .finish_non_exhaustive()
    }
}
