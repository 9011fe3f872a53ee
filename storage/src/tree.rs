//! The state tree on disk, as the runtime reads and writes it.

use crate::database::Batch;
use crate::schema::{self, Table};
use crate::store::Inner;
use crate::{StorageError, Store};
use cairn_runtime::tree::TreeBatch;
use jmt::storage::{HasPreimage, LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};
use std::sync::Arc;

/// Before a value: it was written at this height.
const PRESENT: u8 = 1;
/// Instead of a value: it was deleted at this height.
const DELETED: u8 = 0;

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
pub(crate) fn stage(tree: &TreeBatch, batch: &mut Batch<'_>) -> Result<(), StorageError> {
    for (key, node) in tree.nodes() {
        batch.put(Table::Nodes, schema::node(key).as_ref(), node)?;
    }
    for (place, value) in tree.values() {
        let key = schema::value(*place, tree.height());
        match value {
            Some(value) => batch.put_parts(Table::Values, &key, &[&[PRESENT], value]),
            None => batch.put_bytes(Table::Values, &key, &[DELETED]),
        }
    }
    for (place, preimage) in tree.preimages() {
        batch.put_bytes(Table::Values, &place.0, preimage);
    }
    Ok(())
}

impl TreeReader for TreeView {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        if let Some(node) = self.inner.nodes.get(key) {
            return Ok(Some(node));
        }
        let node = self
            .inner
            .db
            .read(Table::Nodes, schema::node(key).as_ref())?;
        Ok(node)
    }

    fn get_value_option(
        &self,
        max_version: Version,
        place: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        let db = &self.inner.db;
        let newest = db.first_from(
            Table::Values,
            &schema::value(place, max_version),
            place.0.len(),
            |_, value| match value.split_first() {
                Some((&PRESENT, value)) => Ok(Some(value.to_vec())),
                Some((&DELETED, [])) => Ok(None),
                _ => Err(db.damaged("a value of the state is neither present nor deleted")),
            },
        )?;
        Ok(newest.flatten())
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("the state tree grows by whole blocks; it is not restored leaf by leaf")
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
