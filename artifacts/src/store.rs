//! Blob stores: bytes under the name of their SHA-256.

use std::future::Future;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_crypto::Digest;
use futures::Stream;

use crate::error::StoreError;

/// Where blobs are kept. Blobs never change, so every operation may be repeated.
///
/// A transfer calls a store from many places at once. Calls that fail with
/// [`StoreError::Unavailable`] are tried again after a while; any other error is final.
pub trait BlobStore: Send + Sync + 'static {
    /// A name for messages: a path, an address.
    fn name(&self) -> String;

    /// Keeps `bytes` under `digest`, the SHA-256 that the caller says they have. Keeping a blob
    /// that is there already changes nothing.
    fn put(
        &self,
        digest: &Digest,
        bytes: Bytes,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives a blob. Callers check the digest unless [`BlobStore::checks_reads`].
    fn get(&self, digest: &Digest) -> impl Future<Output = Result<Bytes, StoreError>> + Send;

    /// As [`BlobStore::put`], for bytes that the caller has hashed in this process, so that they are
    /// not hashed again. A power failure may undo it until [`BlobStore::settle`] has returned.
    fn put_hashed(
        &self,
        digest: &Digest,
        bytes: Bytes,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.put(digest, bytes)
    }

    /// Makes everything durable that was put so far, by whichever caller.
    fn settle(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// As [`BlobStore::get`], without comparing the bytes with the digest: for callers who check them in
    /// another way, and ask again with `get` if they are wrong.
    fn get_unchecked(
        &self,
        digest: &Digest,
    ) -> impl Future<Output = Result<Bytes, StoreError>> + Send {
        self.get(digest)
    }

    /// Whether the store has a blob.
    fn has(&self, digest: &Digest) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether [`BlobStore::get`] has itself compared every byte with the digest, in this process.
    /// What a server says about its bytes does not count.
    fn checks_reads(&self) -> bool {
        false
    }

    /// Whether it was not available when it was last asked, a moment ago. Those who know other stores ask them first.
    fn is_out_of_order(&self) -> bool {
        false
    }
}

/// A blob as a store lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptBlob {
    /// Its name.
    pub digest: Digest,
    /// Its size in bytes, by the store's word.
    pub size: u64,
    /// When it was put last, or later, when somebody who may publish what needs it asked for it; by the store's clock.
    pub since: SystemTime,
}

/// A store whose keeper can see all of it and remove what is not needed.
pub trait BlobInventory: BlobStore {
    /// Every blob, in no order. Blobs that come and go meanwhile may be listed or not.
    fn list(&self) -> impl Stream<Item = Result<KeptBlob, StoreError>> + Send;

    /// A blob as it is now, with the last time that anybody asked for it, which [`BlobInventory::list`] need not know;
    /// nothing where it is not there.
    fn kept(
        &self,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<KeptBlob>, StoreError>> + Send;

    /// Removes a blob. Removing one that is not there changes nothing.
    fn remove(&self, digest: &Digest) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The pause before a store is asked again; each further one is three times as long.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How often a store is asked for the same thing.
pub(crate) const ATTEMPTS: u32 = 5;

/// Calls a store until it answers: five times in all, with pauses of 0.1, 0.3, 0.9 and 2.7 seconds.
pub(crate) async fn persist<T, F>(mut call: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(StoreError::Unavailable { store, reason }) => {
                tracing::debug!(store, reason, ?pause, "store not available, trying again");
            }
            answer => return answer,
        }
        tokio::time::sleep(pause).await;
        pause *= 3;
    }
    call().await
}
