//! How bytes become transactions that the mempool takes: decoded within limits, checked against
//! the final state, and their signature verified once.

use crate::driver::{DriverInput, now_ms};
use crate::executor::ExecutorHandle;
use crate::finality::Finality;
use crate::mempool::{Mempool, MempoolError, PooledTransaction};
use crate::metrics::Metrics;
use cairn_crypto::{Digest, domain};
use cairn_runtime::tree::StateAt;
use cairn_runtime::{
    AdmissionError, BlockContext, ChainParams, SignedTransaction, StateReader, VerifiedTransaction,
    admit, query,
};
use cairn_storage::Store;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;
use tokio::sync::Semaphore;

/// How far a nonce may be ahead of the sender's next one.
const NONCE_WINDOW: u64 = 4_096;

/// A transaction was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// It cannot be executed as it is.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// There is no room for it.
    #[error(transparent)]
    Mempool(#[from] MempoolError),
}

/// Where transactions come from, in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The HTTP API.
    Api,
    /// Another node's dissemination.
    Network,
}

impl Source {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Network => "network",
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Intake {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// The node's store.
    pub store: Store,
    /// Where checked transactions go.
    pub mempool: Arc<Mempool>,
    /// Names the final height.
    pub finality: Arc<Finality>,
    /// Is told that transactions arrived.
    pub executor: ExecutorHandle,
    /// Is told that transactions arrived.
    pub driver: Sender<DriverInput>,
    /// Checks signatures.
    pub pool: Arc<rayon::ThreadPool>,
    /// Measurements.
    pub metrics: Arc<Metrics>,
}

impl Intake {
    /// Takes one transaction in; its name. Sending the same bytes again gives the same answer.
    ///
    /// # Errors
    /// [`IntakeError`].
    pub fn take(&self, bytes: &[u8], source: Source) -> Result<PooledTransaction, IntakeError> {
        let result = self.check_and_insert(bytes);
        let outcome = match &result {
            Ok(_) => "accepted",
            Err(IntakeError::Admission(error)) => error.code(),
            Err(IntakeError::Mempool(error)) => error.code(),
        };
        self.metrics
            .intake
            .with_label_values(&[source.as_str(), outcome])
            .inc();
        result
    }

    fn check_and_insert(&self, bytes: &[u8]) -> Result<PooledTransaction, IntakeError> {
        let signed_hash = cairn_crypto::hash_encoded(domain::SIGNED_TX, bytes);
        if let Some(known) = self.mempool.get(&signed_hash) {
            return Ok(known);
        }
        let begun = Instant::now();
        let height = self.finality.height();
        let state = StateAt::new(self.store.tree(), height);
        let params = query::params(&state).map_err(AdmissionError::from)?;
        let signed = SignedTransaction::decode(bytes, &params)?;
        let next = BlockContext {
            chain_id: self.chain_id,
            height: height + 1,
            timestamp_ms: now_ms(),
        };
        let key = admit(&state, &next, &signed, &params, NONCE_WINDOW)?;
        let transaction = Arc::new(VerifiedTransaction::verify_decoded(signed, &key, &params)?);
        let elapsed = begun.elapsed();
        (self.metrics.signature_verification).observe(elapsed.as_secs_f64());
        self.metrics.observe_verification("transaction", elapsed);
        let sender = transaction.signed().transaction.sender;
        let expected = query::nonce(&state, sender).map_err(AdmissionError::from)?;
        self.mempool.insert(Arc::clone(&transaction), expected)?;
        let now = self.finality.height();
        if now != height {
            // A block became final in between; it may have raised what is expected.
            let state = StateAt::new(self.store.tree(), now);
            let expected = query::nonce(&state, sender).map_err(AdmissionError::from)?;
            self.mempool.settle(&[(sender, expected)], now);
        }
        Ok(transaction)
    }

    /// Tells those who wait for transactions.
    pub fn arrived(&self) {
        self.executor.transactions_arrived();
        let _stopping = self.driver.send(DriverInput::TransactionsArrived);
    }

    /// Takes a batch from the network in, on the pool. Never waits: when its sender has no free place
    /// the batch is dropped.
    pub fn take_batch(self: &Arc<Self>, batch: Vec<Vec<u8>>, places: &Arc<Semaphore>) {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            self.metrics
                .intake
                .with_label_values(&[Source::Network.as_str(), "dropped"])
                .inc_by(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            return;
        };
        let intake = Arc::clone(self);
        self.pool.spawn(move || {
            batch.par_iter().for_each(|bytes| {
                if let Err(error) = intake.take(bytes, Source::Network) {
                    tracing::debug!(%error, "transaction from the network refused");
                }
            });
            drop(place);
            intake.arrived();
        });
    }
}

/// Verifies transactions that a block contains, in parallel and in order. Their senders' keys are
/// read from `state`; whether nonces and heights fit is for execution to say.
///
/// # Errors
/// The first that fails.
pub fn verify_payload<S: StateReader + Sync>(
    state: &S,
    payload: &[Vec<u8>],
    params: &ChainParams,
    pool: &rayon::ThreadPool,
) -> Result<Vec<PooledTransaction>, AdmissionError> {
    pool.install(|| {
        payload
            .par_iter()
            .map(|bytes| verify_one(state, bytes, params))
            .collect()
    })
}

/// As [`verify_payload`], for one transaction.
///
/// # Errors
/// [`AdmissionError`].
pub fn verify_one<S: StateReader>(
    state: &S,
    bytes: &[u8],
    params: &ChainParams,
) -> Result<PooledTransaction, AdmissionError> {
    let signed = SignedTransaction::decode(bytes, params)?;
    let transaction = &signed.transaction;
    let key = query::account_key(state, transaction.sender, transaction.key_index)?.ok_or(
        AdmissionError::UnknownKey {
            account: transaction.sender,
            key_index: transaction.key_index,
        },
    )?;
    VerifiedTransaction::verify_decoded(signed, &key.signing, params).map(Arc::new)
}
