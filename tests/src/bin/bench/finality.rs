//! Final transactions per second, and the time to finality.

use crate::devnet::{Devnet, SENDERS};
use crate::primitives::{Primitives, verification_us};
use anyhow::Context;
use bytes::Bytes;
use cairn_client::{Client, Session, Wait};
use cairn_crypto::{Digest, SigningKey};
use cairn_runtime::{
    AccountId, Confidentiality, ModelName, Operation, SignedTransaction, Transaction, VersionId,
};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nothing may take longer.
const PATIENCE: Duration = Duration::from_secs(900);

/// What a network is loaded with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Transactions in all.
    pub(crate) transactions: u64,
    /// Accepted ones that may wait for finality at the same time.
    pub(crate) in_flight: u64,
}

/// What one network did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finality {
    /// How many validators.
    pub(crate) validators: usize,
    /// Transactions sent, all of which became final.
    pub(crate) transactions: u64,
    /// Final transactions a second.
    pub(crate) per_second: f64,
    /// Time of one ML-DSA-87 verification, the mean of before and after the load, microseconds.
    pub(crate) verify_us: f64,
    /// Final transactions a second, divided by cores / (n x time of one verification).
    pub(crate) ratio: f64,
    /// Median time to finality of single transactions on an idle network, milliseconds.
    pub(crate) idle_median_ms: f64,
    /// 99th percentile of the same.
    pub(crate) idle_p99_ms: f64,
    /// Median time to finality under the full load, milliseconds.
    pub(crate) loaded_median_ms: f64,
    /// 99th percentile of the same.
    pub(crate) loaded_p99_ms: f64,
}

impl std::fmt::Display for Finality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "n = {}: {} transactions, {:.0} final a second, ratio {:.3} of what verification alone allows ({:.1} us each); time to finality idle {:.0} ms (p99 {:.0}), loaded {:.0} ms (p99 {:.0})",
            self.validators,
            self.transactions,
            self.per_second,
            self.ratio,
            self.verify_us,
            self.idle_median_ms,
            self.idle_p99_ms,
            self.loaded_median_ms,
            self.loaded_p99_ms
        )
    }
}

/// An account that publishes versions of one model.
struct Sender {
    key: SigningKey,
    account: AccountId,
    model: ModelName,
    chain_id: Digest,
    next_nonce: u64,
}

impl Sender {
    /// Creates the account's namespace and model.
    async fn prepare(session: &Session, name: &str, key: SigningKey) -> anyhow::Result<Self> {
        let model = ModelName {
            namespace: name.to_owned(),
            name: "model".to_owned(),
        };
        let ops = vec![
            Operation::CreateNamespace {
                namespace: name.to_owned(),
            },
            Operation::RegisterModel {
                model: model.clone(),
                description: "benchmark".into(),
            },
        ];
        session.transact(ops).await?;
        Ok(Self {
            account: AccountId::of(key.public_key()),
            key,
            model,
            chain_id: *session.client().chain_id(),
            next_nonce: 1,
        })
    }

    /// Signs the next PublishVersion.
    fn next(&mut self, height: u64) -> anyhow::Result<Bytes> {
        let nonce = self.next_nonce;
        self.next_nonce += 1;
        let unique = Digest::of(format!("{}/{nonce}", self.model.namespace).as_bytes());
        let transaction = Transaction {
            chain_id: self.chain_id,
            sender: self.account,
            key_index: 0,
            nonce,
            expires_at_height: height + 900,
            ops: vec![Operation::PublishVersion {
                id: VersionId {
                    model: self.model.clone(),
                    version: format!("1.0.{nonce}"),
                },
                model_hash: unique,
                vector_hash: Some(unique),
                manifest_digest: unique,
                metadata: r#"{"framework":"pytorch","task":"speech","license":"mit"}"#.into(),
                parents: Vec::new(),
                confidentiality: Confidentiality::Public,
            }],
        };
        let signature = self.key.sign(cairn_crypto::domain::TX, &transaction)?;
        let signed = SignedTransaction {
            transaction,
            signature,
        };
        Ok(Bytes::from(signed.encode()))
    }
}

/// Loads a network and times it.
pub(crate) async fn measure(
    network: &Devnet,
    load: Load,
    primitives: &Primitives,
) -> anyhow::Result<Finality> {
    let mut senders = Vec::with_capacity(SENDERS);
    let names: Vec<String> = (0..=SENDERS)
        .map(|index| format!("load-{index:03}"))
        .collect();
    let mut preparing = tokio::task::JoinSet::new();
    for (index, name) in names.iter().enumerate() {
        let session = network.session(name, index % network.validators)?;
        let key = network.keys(name)?.signing;
        let name = name.clone();
        preparing.spawn(async move {
            let sender = Sender::prepare(&session, &name, key).await?;
            Ok::<_, anyhow::Error>((index, session.client().clone(), sender))
        });
    }
    while let Some(prepared) = preparing.join_next().await {
        senders.push(prepared??);
    }
    senders.sort_by_key(|(index, _, _)| *index);
    let (_, probe_client, mut probe) = senders.pop().context("no sender")?;

    let idle = probe_times(&probe_client, &mut probe, 30, &AtomicBool::new(false)).await?;

    let each = load.transactions / SENDERS as u64;
    let transactions = each * SENDERS as u64;
    let height = height(&probe_client).await?;
    eprintln!("signing {transactions} transactions");
    let mut loads = Vec::with_capacity(SENDERS);
    for (_, client, mut sender) in senders {
        let signed: Vec<Bytes> = (0..each)
            .map(|_| sender.next(height))
            .collect::<anyhow::Result<_>>()?;
        loads.push((client, signed));
    }

    let verify_before = verification_us()?;
    let before = network.final_transactions(0).context("no metrics")?;
    let submitted = Arc::new(AtomicU64::new(0));
    let finished = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (client, signed) in loads {
        let submitted = Arc::clone(&submitted);
        let finished = Arc::clone(&finished);
        tasks.spawn(async move {
            for transaction in signed {
                while submitted.load(Ordering::Relaxed)
                    > finished.load(Ordering::Relaxed) + load.in_flight
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                client.submit_bytes(transaction, Wait::Accepted).await?;
                submitted.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    let prober = {
        let done = Arc::clone(&done);
        tokio::spawn(async move { probe_times(&probe_client, &mut probe, usize::MAX, &done).await })
    };
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        while let Some(ended) = tasks.try_join_next() {
            ended??;
        }
        let probes_too = network.final_transactions(0).context("no metrics")? - before;
        finished.store(probes_too, Ordering::Relaxed);
        if probes_too >= transactions {
            break;
        }
        anyhow::ensure!(
            started.elapsed() < PATIENCE,
            "only {probes_too} of {transactions} transactions became final in {PATIENCE:?}"
        );
    }
    let seconds = started.elapsed().as_secs_f64();
    done.store(true, Ordering::Relaxed);
    let loaded = prober.await??;
    let counted = network.final_transactions(0).context("no metrics")? - before;
    anyhow::ensure!(counted >= transactions, "transactions were lost");
    let per_second = transactions as f64 / seconds;
    let verify_us = f64::midpoint(verify_before, verification_us()?);
    Ok(Finality {
        validators: network.validators,
        transactions,
        per_second,
        verify_us,
        ratio: per_second / primitives.transactions_bound(network.validators, verify_us),
        idle_median_ms: percentile(&idle, 0.5),
        idle_p99_ms: percentile(&idle, 0.99),
        loaded_median_ms: percentile(&loaded, 0.5),
        loaded_p99_ms: percentile(&loaded, 0.99),
    })
}

async fn height(client: &Client) -> anyhow::Result<u64> {
    let node = client.endpoints().first().context("no node")?.clone();
    Ok(client.status_of(&node).await?.height)
}

/// Sends single transactions one after the other and times each to finality, in milliseconds.
async fn probe_times(
    client: &Client,
    sender: &mut Sender,
    count: usize,
    done: &AtomicBool,
) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    let height = height(client).await?;
    while times.len() < count && !done.load(Ordering::Relaxed) {
        let transaction = sender.next(height)?;
        let started = Instant::now();
        client
            .submit_bytes(
                transaction,
                Wait::Final {
                    timeout: Duration::from_secs(60),
                },
            )
            .await?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Of sorted values; 0 without any.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
