//! Where a model's bytes come from and go to: the nodes, and stores that they need not know of.

use crate::NodeBlobStore;
use cairn_artifacts::cache::AnyCache;
use cairn_artifacts::{AnyStore, EitherStore};

/// What a pull reads from, besides the nodes.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Asked before the nodes, in this order.
    pub stores: Vec<AnyStore>,
    /// Asked before all of them, and given what they give.
    pub cache: Option<AnyCache>,
}

/// A folder or a bucket, or a node.
pub(crate) type Source = EitherStore<AnyStore, NodeBlobStore>;
