//! Reading nodes without decoding them.

use super::{NodeId, ReadNode};
use jmt::storage::TreeReader;

/// A tree reader whose nodes are kept as an update wants them. [`TreeReader`] gives the same nodes to `jmt`.
pub trait NodeReader: TreeReader {
    /// The node of this name, or `None` if there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn node(&self, id: &NodeId) -> anyhow::Result<Option<ReadNode<'_>>>;

    /// The same of several nodes, in their order: a reader that has to wait for them waits for all at once.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn nodes(&self, ids: &[NodeId]) -> anyhow::Result<Vec<Option<ReadNode<'_>>>> {
        ids.iter().map(|id| self.node(id)).collect()
    }
}
