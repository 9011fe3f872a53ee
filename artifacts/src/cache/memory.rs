//! A cache in this process, bounded by the bytes of its blobs.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cairn_crypto::Digest;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::BlobCache;
use crate::chunk::CHUNK_SIZE;

/// Blobs in memory. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct MemoryCache {
    blobs: Arc<Cache<Digest, Bytes, ByLength>>,
    limit: u64,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Digest, Bytes> for ByLength {
    fn weight(&self, _: &Digest, bytes: &Bytes) -> u64 {
        // The key and what the cache itself needs count too, lest tiny blobs fill the memory.
        bytes.len() as u64 + 128
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache")
            .field("bytes", &self.blobs.weight())
            .field("limit", &self.limit)
            .finish()
    }
}

impl MemoryCache {
    /// A cache of up to `limit` bytes. A blob longer than a part of it, which depends on the number of cores, is not
    /// kept.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        let blobs = usize::try_from(limit / CHUNK_SIZE as u64).unwrap_or(usize::MAX);
        Self {
            blobs: Arc::new(Cache::with_weighter(blobs.max(16), limit, ByLength)),
            limit,
        }
    }

    /// Bytes that are kept now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blobs.weight()
    }
}

impl BlobCache for MemoryCache {
    async fn get(&self, digest: &Digest) -> Option<Bytes> {
        self.blobs.get(digest)
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) {
        self.blobs.insert(*digest, bytes);
    }

    async fn remove(&self, digest: &Digest) {
        self.blobs.remove(digest);
    }
}
