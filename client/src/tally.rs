//! How long stores and cryptography took in one push or pull.

use cairn_artifacts::{Progress, StoreObserver, StoreOperation};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often something was asked of a store and ended in one way, and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoreTimes {
    /// The store's name: an address.
    pub store: String,
    /// `put`, `get`, `has` or `settle`.
    pub operation: &'static str,
    /// `ok`, `not_found`, `wrong_bytes`, `refused`, `unavailable` or `failed`.
    pub outcome: &'static str,
    /// How often.
    pub count: u64,
    /// Seconds in all; operations overlap.
    pub seconds: f64,
    /// Seconds of the longest.
    pub longest_seconds: f64,
}

/// Work on bytes, each on one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Work {
    /// Bytes worked on.
    pub bytes: u64,
    /// Seconds of all cores together.
    pub seconds: f64,
}

impl Work {
    fn add(&mut self, bytes: u64, elapsed: Duration) {
        self.bytes += bytes;
        self.seconds += elapsed.as_secs_f64();
    }
}

/// Where the time of a push or pull went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Every store that was asked.
    pub stores: Vec<StoreTimes>,
    /// Hashing, encrypting and naming chunks; for a public model without encryption.
    pub encryption: Work,
    /// Decrypting chunks, and comparing blobs and files with their digests.
    pub verification: Work,
}

#[derive(Default)]
struct Counts {
    stores: BTreeMap<(String, StoreOperation, &'static str), (u64, Duration, Duration)>,
    encryption: Work,
    verification: Work,
}

/// Counts, and passes progress on.
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    progress: Arc<dyn Progress>,
}

impl Tally {
    /// Nothing counted yet; `progress` is told what this is told.
    pub(crate) fn new(progress: Arc<dyn Progress>) -> Arc<Self> {
        Arc::new(Self {
            counts: Mutex::default(),
            progress,
        })
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted so far.
    pub(crate) fn times(&self) -> Times {
        let counts = self.counts();
        let stores = counts.stores.iter().map(|(key, value)| {
            let (store, operation, outcome) = key;
            let (count, all, longest) = value;
            StoreTimes {
                store: store.clone(),
                operation: operation.as_str(),
                outcome,
                count: *count,
                seconds: all.as_secs_f64(),
                longest_seconds: longest.as_secs_f64(),
            }
        });
        Times {
            stores: stores.collect(),
            encryption: counts.encryption,
            verification: counts.verification,
        }
    }
}

impl StoreObserver for Tally {
    fn observe(
        &self,
        store: &str,
        operation: StoreOperation,
        outcome: &'static str,
        elapsed: Duration,
    ) {
        let mut counts = self.counts();
        let key = (store.to_owned(), operation, outcome);
        let (count, all, longest) = counts.stores.entry(key).or_default();
        *count += 1;
        *all += elapsed;
        *longest = elapsed.max(*longest);
    }
}

impl Progress for Tally {
    fn start(&self, total_bytes: u64) {
        self.progress.start(total_bytes);
    }

    fn advance(&self, bytes: u64) {
        self.progress.advance(bytes);
    }

    fn finish(&self) {
        self.progress.finish();
    }

    fn encrypted(&self, bytes: u64, elapsed: Duration) {
        self.counts().encryption.add(bytes, elapsed);
        self.progress.encrypted(bytes, elapsed);
    }

    fn verified(&self, bytes: u64, elapsed: Duration) {
        self.counts().verification.add(bytes, elapsed);
        self.progress.verified(bytes, elapsed);
    }
}
