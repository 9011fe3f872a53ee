//! Everything the node measures, in one Prometheus registry. Names: `cairn_<area>_<what>_<unit>`.

use cairn_tls::CryptoObserver;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};
use std::sync::Arc;
use std::time::Duration;

/// See the [module](self).
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Height of the last final block.
    pub final_height: IntGauge,
    /// Round that consensus is in.
    pub round: IntGauge,
    /// Epoch that consensus is in.
    pub epoch: IntGauge,
    /// Transactions in final blocks, since the start.
    pub final_transactions: IntCounter,
    /// Seconds from a block's timestamp to its finality here.
    pub finality: Histogram,
    /// Rounds that ended by a timeout certificate.
    pub timeouts: IntCounter,
    /// Pieces of evidence of equivocation.
    pub evidence: IntCounter,
    /// Consensus messages, by what became of them.
    pub messages: IntCounterVec,
    /// Transactions that wait.
    pub mempool_transactions: IntGauge,
    /// Transactions received, by where from and what became of them.
    pub intake: IntCounterVec,
    /// Seconds to execute a block.
    pub execution: Histogram,
    /// Seconds of one operation, by store (`chain`: the database, `blobs`), operation and outcome.
    pub storage_latency: HistogramVec,
    /// Seconds to read a blob and check it against its digest, by store and outcome.
    pub retrieval_time: HistogramVec,
    /// Seconds to check one consensus message's signatures.
    pub verification_duration: Histogram,
    verifications: HistogramVec,
    /// Seconds to verify one transaction's ML-DSA-87 signature.
    pub signature_verification: Histogram,
    signatures: HistogramVec,
    /// Seconds to make a key pair, by algorithm.
    key_generation: HistogramVec,
    /// Seconds to encrypt or decrypt one chunk of 4 MiB or one record of TLS, by operation.
    encryption: HistogramVec,
    /// Seconds of an HTTP request, by route and status.
    pub api: HistogramVec,
}

/// A metric could not be made or registered: a name stands twice.
pub type MetricsError = prometheus::Error;

const SECONDS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5,
    10.0,
];

impl Metrics {
    /// Makes and registers every metric.
    ///
    /// # Errors
    /// When a name stands twice.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, MetricsError> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str| -> Result<IntCounter, MetricsError> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let counters =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, MetricsError> {
                let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(counters.clone()))?;
                Ok(counters)
            };
        let histogram = |name: &str, help: &str| -> Result<Histogram, MetricsError> {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let histograms =
            |name: &str, help: &str, labels: &[&str]| -> Result<HistogramVec, MetricsError> {
                let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
                let histograms = HistogramVec::new(options, labels)?;
                registry.register(Box::new(histograms.clone()))?;
                Ok(histograms)
            };
        let verifications = histograms(
            "cairn_verification_duration_seconds",
            "Checking one thing: a consensus message's signatures, a transaction with its state and limits, a blob while reading it",
            &["what"],
        )?;
        let signatures = histograms(
            "cairn_signature_verification_seconds",
            "One ML-DSA-87 signature: of a transaction, with its state and limits, or of the self-test",
            &["what"],
        )?;
        Ok(Self {
            final_height: gauge(
                "cairn_consensus_final_height",
                "Height of the last final block",
            )?,
            round: gauge("cairn_consensus_round", "Round that consensus is in")?,
            epoch: gauge("cairn_consensus_epoch", "Epoch that consensus is in")?,
            final_transactions: counter(
                "cairn_ledger_final_transactions_total",
                "Transactions in final blocks since the start",
            )?,
            finality: histogram(
                "cairn_consensus_finality_seconds",
                "From a block's timestamp to its finality on this node",
            )?,
            timeouts: counter(
                "cairn_consensus_timeouts_total",
                "Timeouts that this node signed",
            )?,
            evidence: counter(
                "cairn_consensus_evidence_total",
                "Pieces of evidence of equivocation",
            )?,
            messages: counters(
                "cairn_consensus_messages_total",
                "Consensus messages received, by what became of them",
                &["outcome"],
            )?,
            mempool_transactions: gauge("cairn_mempool_transactions", "Transactions that wait")?,
            intake: counters(
                "cairn_mempool_intake_total",
                "Transactions received, by source and outcome",
                &["source", "outcome"],
            )?,
            execution: histogram("cairn_ledger_execution_seconds", "Executing one block")?,
            storage_latency: histograms(
                "cairn_storage_latency_seconds",
                "One operation on the node's store",
                &["store", "operation", "outcome"],
            )?,
            retrieval_time: histograms(
                "cairn_retrieval_time_seconds",
                "Reading one blob and comparing it with its digest",
                &["store", "outcome"],
            )?,
            verification_duration: verifications.with_label_values(&["consensus_message"]),
            verifications,
            signature_verification: signatures.with_label_values(&["transaction"]),
            signatures,
            key_generation: histograms(
                "cairn_key_generation_time_seconds",
                "Making one key pair: in the self-test, and of ML-KEM-1024 for each handshake that this node begins",
                &["algorithm"],
            )?,
            encryption: histograms(
                "cairn_encryption_performance_seconds",
                "AES-256-GCM over one chunk of 4 MiB in the self-test (seal, open), and over one record of TLS, at most 16 KiB, of which one in 16 is timed (seal_record, open_record)",
                &["operation"],
            )?,
            api: histograms(
                "cairn_api_request_seconds",
                "An HTTP request, by route and status",
                &["route", "status"],
            )?,
            registry,
        })
    }

    /// Records one operation on a store.
    pub fn observe_store(&self, store: &str, operation: &str, outcome: &str, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        (self.storage_latency)
            .with_label_values(&[store, operation, outcome])
            .observe(seconds);
        if operation == "get" {
            (self.retrieval_time)
                .with_label_values(&[store, outcome])
                .observe(seconds);
            if ["ok", "wrong_bytes"].contains(&outcome) {
                self.observe_verification("blob", elapsed);
            }
        }
    }

    /// Records the check of one thing that is not a consensus message.
    pub fn observe_verification(&self, what: &str, elapsed: Duration) {
        let histogram = self.verifications.with_label_values(&[what]);
        histogram.observe(elapsed.as_secs_f64());
    }

    /// Records the check of one signature that is not a transaction's.
    pub fn observe_signature(&self, what: &str, elapsed: Duration) {
        let histogram = self.signatures.with_label_values(&[what]);
        histogram.observe(elapsed.as_secs_f64());
    }

    /// Records how long a key pair took to make.
    pub fn observe_key_generation(&self, algorithm: &str, elapsed: Duration) {
        let histogram = self.key_generation.with_label_values(&[algorithm]);
        histogram.observe(elapsed.as_secs_f64());
    }

    /// Records how long a chunk took to be encrypted (`seal`) or decrypted (`open`), or a record of TLS (`seal_record`,
    /// `open_record`).
    pub fn observe_encryption(&self, operation: &str, elapsed: Duration) {
        let histogram = self.encryption.with_label_values(&[operation]);
        histogram.observe(elapsed.as_secs_f64());
    }

    /// The registry, for parts that bring their own metrics.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Prometheus text exposition.
    #[must_use]
    pub fn text(&self) -> String {
        let mut buffer = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut buffer) {
            tracing::warn!(%error, "metrics cannot be rendered");
        }
        String::from_utf8(buffer).unwrap_or_default()
    }
}

/// The cryptography of a node's connections, in its metrics.
#[derive(Debug)]
pub struct ConnectionMetrics(pub Arc<Metrics>);

impl CryptoObserver for ConnectionMetrics {
    fn key_generated(&self, elapsed: Duration) {
        self.0.observe_key_generation("ml_kem_1024", elapsed);
    }

    fn sealed(&self, elapsed: Duration) {
        self.0.observe_encryption("seal_record", elapsed);
    }

    fn opened(&self, elapsed: Duration) {
        self.0.observe_encryption("open_record", elapsed);
    }
}
