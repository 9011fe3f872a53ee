//! A store whose every operation is timed, and which is asked last while it is out of order.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cairn_crypto::Digest;

use crate::error::{ErrorKind, StoreError};
use crate::store::BlobStore;

/// How long a store that was not available is asked after all others.
const REST: Duration = Duration::from_secs(60);

/// What was asked of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StoreOperation {
    /// To keep a blob.
    Put,
    /// To give one.
    Get,
    /// Whether it has one.
    Has,
    /// To make everything durable.
    Settle,
}

impl StoreOperation {
    /// Its name in labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Has => "has",
            Self::Settle => "settle",
        }
    }
}

/// How an operation on a store ended, as labels name it: `ok`, `not_found`, `wrong_bytes`, `refused`, `unavailable` or
/// `failed`.
#[must_use]
pub fn outcome<T>(result: &Result<T, StoreError>) -> &'static str {
    match result.as_ref().map_err(StoreError::kind) {
        Ok(_) => "ok",
        Err(ErrorKind::NotFound) => "not_found",
        Err(ErrorKind::DigestMismatch) => "wrong_bytes",
        Err(ErrorKind::NotAllowed) => "refused",
        Err(ErrorKind::Unavailable) => "unavailable",
        Err(ErrorKind::BadSignature | ErrorKind::Other) => "failed",
    }
}

/// Is told of every operation.
pub trait StoreObserver: Send + Sync + 'static {
    /// An operation on `store`, one of the names of [`BlobStore::name`], ended like this after `elapsed`.
    fn observe(
        &self,
        store: &str,
        operation: StoreOperation,
        outcome: &'static str,
        elapsed: Duration,
    );
}

/// A store whose every operation is timed, and which is asked last while it is out of order. Cheap to clone if the store
/// is; clones share what is known of it.
#[derive(Clone)]
pub struct Measured<S> {
    store: S,
    observer: Arc<dyn StoreObserver>,
    /// When it was last not available, and nothing else since.
    unavailable_since: Arc<Mutex<Option<Instant>>>,
}

impl<S: fmt::Debug> fmt::Debug for Measured<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Measured").field(&self.store).finish()
    }
}

impl<S: BlobStore> Measured<S> {
    /// This store, of whose operations `observer` is told.
    pub fn new(store: S, observer: Arc<dyn StoreObserver>) -> Self {
        Self {
            store,
            observer,
            unavailable_since: Arc::default(),
        }
    }

    async fn time<T>(
        &self,
        operation: StoreOperation,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = work.await;
        let outcome = outcome(&result);
        (self.observer).observe(&self.store.name(), operation, outcome, begun.elapsed());
        let unavailable = matches!(result, Err(StoreError::Unavailable { .. }));
        *self.state() = unavailable.then(Instant::now);
        result
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        let state = self.unavailable_since.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: BlobStore> BlobStore for Measured<S> {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.time(StoreOperation::Put, self.store.put(digest, bytes))
            .await
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        self.time(StoreOperation::Get, self.store.get(digest)).await
    }

    async fn put_hashed(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.time(StoreOperation::Put, self.store.put_hashed(digest, bytes))
            .await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        self.time(StoreOperation::Settle, self.store.settle()).await
    }

    async fn get_unchecked(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        self.time(StoreOperation::Get, self.store.get_unchecked(digest))
            .await
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.time(StoreOperation::Has, self.store.has(digest)).await
    }

    fn checks_reads(&self) -> bool {
        self.store.checks_reads()
    }

    fn is_out_of_order(&self) -> bool {
        self.state().is_some_and(|since| since.elapsed() < REST)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::DiskStore;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(StoreOperation, &'static str)>>);

    impl StoreObserver for Seen {
        fn observe(&self, _: &str, operation: StoreOperation, outcome: &'static str, _: Duration) {
            self.0.lock().unwrap().push((operation, outcome));
        }
    }

    /// Is away, or not.
    #[derive(Clone)]
    struct Away(DiskStore, Arc<Mutex<bool>>);

    impl BlobStore for Away {
        fn name(&self) -> String {
            self.0.name()
        }

        async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
            self.0.put(digest, bytes).await
        }

        async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
            if *self.1.lock().unwrap() {
                return Err(StoreError::Unavailable {
                    store: self.name(),
                    reason: "away".to_owned(),
                });
            }
            self.0.get(digest).await
        }

        async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
            self.0.has(digest).await
        }
    }

    #[tokio::test]
    async fn every_operation_is_told_with_its_end_and_a_store_that_is_away_is_known_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let away = Arc::new(Mutex::new(false));
        let store = Away(DiskStore::open(folder.path()).unwrap(), Arc::clone(&away));
        let seen = Arc::new(Seen::default());
        let measured = Measured::new(store, Arc::clone(&seen) as _);
        let blob = Digest::of(b"blob");
        assert!(!measured.has(&blob).await.unwrap());
        assert!(measured.get(&blob).await.is_err());
        assert!(
            measured
                .put(&blob, Bytes::from_static(b"blog"))
                .await
                .is_err()
        );
        measured
            .put(&blob, Bytes::from_static(b"blob"))
            .await
            .unwrap();
        measured.settle().await.unwrap();
        assert!(!measured.is_out_of_order());
        *away.lock().unwrap() = true;
        assert!(measured.get(&blob).await.is_err());
        assert!(measured.is_out_of_order() && measured.clone().is_out_of_order());
        *away.lock().unwrap() = false;
        measured.get_unchecked(&blob).await.unwrap();
        assert!(!measured.is_out_of_order());
        use StoreOperation::{Get, Has, Put, Settle};
        let expected = [
            (Has, "ok"),
            (Get, "not_found"),
            (Put, "wrong_bytes"),
            (Put, "ok"),
            (Settle, "ok"),
            (Get, "unavailable"),
            (Get, "ok"),
        ];
        assert_eq!(*seen.0.lock().unwrap(), expected);
    }
}
