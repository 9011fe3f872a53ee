//! A store of one of two kinds.

use bytes::Bytes;
use cairn_crypto::Digest;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::error::StoreError;
use crate::store::{BlobInventory, BlobStore, KeptBlob};

/// A store of one of two kinds, which is what that one is.
#[derive(Clone, Debug)]
pub enum EitherStore<A, B> {
    /// Of the one kind.
    First(A),
    /// Of the other.
    Second(B),
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            EitherStore::First($store) => $call,
            EitherStore::Second($store) => $call,
        }
    };
}

impl<A: BlobStore, B: BlobStore> BlobStore for EitherStore<A, B> {
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

    fn is_out_of_order(&self) -> bool {
        either!(self, store => store.is_out_of_order())
    }
}

impl<A: BlobInventory, B: BlobInventory> BlobInventory for EitherStore<A, B> {
    fn list(&self) -> impl Stream<Item = Result<KeptBlob, StoreError>> + Send {
        let listed: BoxStream<'_, _> = either!(self, store => store.list().boxed());
        listed
    }

    async fn kept(&self, digest: &Digest) -> Result<Option<KeptBlob>, StoreError> {
        either!(self, store => store.kept(digest).await)
    }

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        either!(self, store => store.remove(digest).await)
    }
}
