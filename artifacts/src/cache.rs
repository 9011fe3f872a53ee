//! A cache in front of a store: blobs that were read lately, in this process or in a Redis that
//! several processes share.
//!
//! A cache is never believed: what it gives is hashed like what a store gives, and what is wrong or
//! late is as good as not there. So a cache that is down, or lies, slows reads and breaks nothing.

mod any;
mod memory;
mod redis;

use std::future::Future;

use bytes::Bytes;
use cairn_crypto::Digest;
use tokio::task::spawn_blocking;

use crate::error::StoreError;
use crate::store::BlobStore;

pub use any::{AnyCache, OpenCacheError};
pub use memory::MemoryCache;
pub use redis::{RedisCache, RedisCacheError, RedisLimits};

/// Keeps some blobs for a while. Nothing in here can fail: what goes wrong is a blob that is not there.
pub trait BlobCache: Send + Sync + 'static {
    /// A blob, or something that claims to be it.
    fn get(&self, digest: &Digest) -> impl Future<Output = Option<Bytes>> + Send;

    /// Takes a blob, or leaves it.
    fn put(&self, digest: &Digest, bytes: Bytes) -> impl Future<Output = ()> + Send;

    /// Forgets a blob, if it can.
    fn remove(&self, digest: &Digest) -> impl Future<Output = ()> + Send;
}

/// A store, read through a cache. Writes go to the store alone: what is pushed is seldom read by the
/// one who pushed it.
#[derive(Clone, Debug)]
pub struct CachedStore<S, C> {
    store: S,
    cache: C,
}

impl<S: BlobStore, C: BlobCache> CachedStore<S, C> {
    /// This store behind this cache.
    pub fn new(store: S, cache: C) -> Self {
        Self { store, cache }
    }

    /// The store itself.
    pub fn store(&self) -> &S {
        &self.store
    }

    async fn hash(&self, bytes: &Bytes) -> Result<Digest, StoreError> {
        let bytes = bytes.clone();
        let hashed = spawn_blocking(move || Digest::of(&bytes)).await;
        hashed.map_err(|_| StoreError::Unavailable {
            store: self.name(),
            reason: "the runtime is shutting down".to_owned(),
        })
    }

    async fn cached(&self, digest: &Digest) -> Result<Option<Bytes>, StoreError> {
        let Some(bytes) = self.cache.get(digest).await else {
            return Ok(None);
        };
        if self.hash(&bytes).await? == *digest {
            return Ok(Some(bytes));
        }
        tracing::warn!(blob = %digest, "the cache gave other bytes; they are forgotten");
        self.cache.remove(digest).await;
        Ok(None)
    }
}

impl<S: BlobStore, C: BlobCache> BlobStore for CachedStore<S, C> {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put(digest, bytes).await
    }

    async fn put_hashed(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put_hashed(digest, bytes).await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.store.settle().await
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        if let Some(bytes) = self.cached(digest).await? {
            return Ok(bytes);
        }
        let bytes = self.store.get(digest).await?;
        if !self.store.checks_reads() {
            let got = self.hash(&bytes).await?;
            if got != *digest {
                return Err(StoreError::WrongDigest {
                    store: self.name(),
                    expected: *digest,
                    got,
                });
            }
        }
        self.cache.put(digest, bytes.clone()).await;
        Ok(bytes)
    }

    /// Only the store knows: a cache may remember what the store has lost.
    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store.has(digest).await
    }

    fn checks_reads(&self) -> bool {
        true
    }

    fn is_out_of_order(&self) -> bool {
        self.store.is_out_of_order()
    }
}
