//! A cache by its address: `memory:MIB`, or that of a Redis.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use cairn_crypto::Digest;
use thiserror::Error;

use super::{BlobCache, MemoryCache, RedisCache, RedisCacheError, RedisLimits};

const MEBIBYTE: u64 = 1 << 20;
/// The most that a cache in memory may have, MiB: a terabyte.
const MAX_MEBIBYTES: u64 = 1 << 20;

/// A cache of whichever kind its address names. Cheap to clone; clones share the blobs.
#[derive(Clone)]
pub enum AnyCache {
    /// In this process.
    Memory(MemoryCache),
    /// In a Redis.
    Redis(RedisCache),
}

/// Why there is no cache.
#[derive(Debug, Error)]
pub enum OpenCacheError {
    /// `memory:` is followed by something else than a size.
    #[error(
        "{text:?} is no cache in memory: write memory:MIB, a whole number of MiB from 1 to {MAX_MEBIBYTES}"
    )]
    Size {
        /// What was given.
        text: String,
    },
    /// It is no address of a Redis either.
    #[error(transparent)]
    Redis(#[from] RedisCacheError),
}

impl AnyCache {
    /// The cache at an address. Nothing is connected yet.
    ///
    /// # Errors
    /// [`OpenCacheError`].
    pub fn open(address: &str) -> Result<Self, OpenCacheError> {
        let Some(size) = address.strip_prefix("memory:") else {
            return Ok(Self::Redis(RedisCache::new(
                address,
                RedisLimits::default(),
            )?));
        };
        match u64::from_str(size) {
            Ok(mebibytes @ 1..=MAX_MEBIBYTES) => {
                Ok(Self::Memory(MemoryCache::new(mebibytes * MEBIBYTE)))
            }
            _ => Err(OpenCacheError::Size {
                text: address.to_owned(),
            }),
        }
    }
}

impl fmt::Debug for AnyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(cache) => cache.fmt(f),
            Self::Redis(cache) => cache.fmt(f),
        }
    }
}

impl BlobCache for AnyCache {
    async fn get(&self, digest: &Digest) -> Option<Bytes> {
        match self {
            Self::Memory(cache) => cache.get(digest).await,
            Self::Redis(cache) => cache.get(digest).await,
        }
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) {
        match self {
            Self::Memory(cache) => cache.put(digest, bytes).await,
            Self::Redis(cache) => cache.put(digest, bytes).await,
        }
    }

    async fn remove(&self, digest: &Digest) {
        match self {
            Self::Memory(cache) => cache.remove(digest).await,
            Self::Redis(cache) => cache.remove(digest).await,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_says_which_cache_it_is_and_wrong_ones_are_refused() {
        assert!(matches!(
            AnyCache::open("memory:64"),
            Ok(AnyCache::Memory(_))
        ));
        for url in ["redis://127.0.0.1:6379", "redis+unix:///run/redis"] {
            assert!(matches!(AnyCache::open(url), Ok(AnyCache::Redis(_))));
        }
        for wrong in ["memory:", "memory:0", "memory:-1", "memory:1048577"] {
            let error = AnyCache::open(wrong).unwrap_err();
            assert!(matches!(error, OpenCacheError::Size { .. }), "{error}");
        }
        let error = AnyCache::open("http://host").unwrap_err();
        assert!(matches!(error, OpenCacheError::Redis(_)), "{error}");
    }
}
