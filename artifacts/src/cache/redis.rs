//! A cache in a Redis. A Redis that does not answer is left alone for a while, so that it slows one
//! read and not each.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cairn_crypto::Digest;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError};
use thiserror::Error;

use super::BlobCache;
use crate::stored::MAX_STORED_MANIFEST;

/// How long things may take and how long they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisLimits {
    /// For a connection to be made.
    pub connect: Duration,
    /// For an answer.
    pub answer: Duration,
    /// How long a Redis that failed is left alone.
    pub pause: Duration,
    /// How long a blob is kept at most, in whole seconds. What is removed before is the Redis's own
    /// business (`maxmemory` and its policy).
    pub keep: Duration,
}

impl Default for RedisLimits {
    /// Half a second, one second, ten seconds, a day.
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(500),
            answer: Duration::from_secs(1),
            pause: Duration::from_secs(10),
            keep: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Why there is no cache.
#[derive(Debug, Error)]
#[error("{url:?} is no address of a Redis, redis://host:port or redis+unix:///path: {reason}")]
pub struct RedisCacheError {
    url: String,
    reason: String,
}

/// Blobs in a Redis, under `cairn/blob/<digest in hex>`. Cheap to clone; clones share the connection.
///
/// Blobs of private models are encrypted, and all are named by content, so that a Redis may serve
/// several chains. It sees who asks for what.
#[derive(Clone)]
pub struct RedisCache {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    limits: RedisLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Nothing is asked before this.
    silent_until: Option<Instant>,
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may have a password.
        f.debug_struct("RedisCache").finish_non_exhaustive()
    }
}

impl RedisCache {
    /// A cache at an address. Nothing is connected yet.
    ///
    /// # Errors
    /// [`RedisCacheError`] if the address is none.
    pub fn new(url: &str, limits: RedisLimits) -> Result<Self, RedisCacheError> {
        let client = Client::open(url).map_err(|error| RedisCacheError {
            // Without what may be a password.
            url: url
                .rsplit_once('@')
                .map_or(url, |(_, host)| host)
                .to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                limits,
                state: Mutex::default(),
            }),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        let state = self.inner.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, unless the Redis is left alone or does not give one.
    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Option<T> {
        let kept = {
            let state = self.state();
            if state
                .silent_until
                .is_some_and(|until| Instant::now() < until)
            {
                return None;
            }
            state.connection.clone()
        };
        match self.try_ask(kept, command).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(%error, pause = ?self.inner.limits.pause, "no answer from the Redis cache");
                let mut state = self.state();
                state.connection = None;
                state.silent_until = Some(Instant::now() + self.inner.limits.pause);
                None
            }
        }
    }

    async fn try_ask<T: FromRedisValue>(
        &self,
        kept: Option<MultiplexedConnection>,
        command: Cmd,
    ) -> Result<T, RedisError> {
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let limits = &self.inner.limits;
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(limits.connect))
                    .set_response_timeout(Some(limits.answer));
                let new = (self.inner.client)
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?;
                self.state().connection = Some(new.clone());
                new
            }
        };
        command.query_async(&mut connection).await
    }
}

fn key(digest: &Digest) -> String {
    format!("cairn/blob/{digest}")
}

fn command(name: &str, digest: &Digest) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(key(digest));
    command
}

impl BlobCache for RedisCache {
    async fn get(&self, digest: &Digest) -> Option<Bytes> {
        // One byte more than a blob can have: whatever somebody else has put there, no more of it comes here.
        let mut read = command("GETRANGE", digest);
        read.arg(0).arg(MAX_STORED_MANIFEST);
        let bytes: Vec<u8> = self.ask(read).await?;
        // A key that is not there reads as empty, which no blob is.
        let is_blob = (1..=MAX_STORED_MANIFEST).contains(&(bytes.len() as u64));
        is_blob.then(|| bytes.into())
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) {
        let mut set = command("SET", digest);
        set.arg(&bytes[..])
            .arg("EX")
            .arg(self.inner.limits.keep.as_secs().max(1));
        // A blob that is not kept is read from the store.
        let _ = self.ask::<()>(set).await;
    }

    async fn remove(&self, digest: &Digest) {
        let _ = self.ask::<()>(command("DEL", digest)).await;
    }
}
