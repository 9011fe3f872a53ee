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
}
