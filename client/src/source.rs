//! Where a model's bytes come from and go to: the nodes, and stores that they need not know of.

use crate::NodeBlobStore;
use bytes::Bytes;
use cairn_artifacts::cache::AnyCache;
use cairn_artifacts::{AnyStore, BlobStore, StoreError};
use cairn_crypto::Digest;

/// What a pull reads from, besides the nodes.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Asked before the nodes, in this order.
    pub stores: Vec<AnyStore>,
    /// Asked before all of them, and given what they give.
    pub cache: Option<AnyCache>,
}

/// A store of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A folder or a bucket.
    Store(AnyStore),
    /// A node.
    Node(NodeBlobStore),
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            Source::Store($store) => $call,
            Source::Node($store) => $call,
        }
    };
}

impl BlobStore for Source {
    fn name(&self) -> String {
        either!(self, store => store.name())
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        either!(self, store => store.put(digest, bytes).await)
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        either!(self, store => store.get(digest).await)
    }

    async fn put_hashed(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        either!(self, store => store.put_hashed(digest, bytes).await)
    }

    async fn settle(&self) -> Result<(), StoreError> {
        either!(self, store => store.settle().await)
    }

    async fn get_unchecked(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        either!(self, store => store.get_unchecked(digest).await)
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        either!(self, store => store.has(digest).await)
    }

    fn checks_reads(&self) -> bool {
        either!(self, store => store.checks_reads())
    }
}
