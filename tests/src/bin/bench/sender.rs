//! Accounts that publish versions, and whole crowds of them.

use crate::devnet::{Devnet, SENDERS};
use anyhow::Context;
use bytes::Bytes;
use cairn_client::{Client, Session, Wait};
use cairn_crypto::{Digest, SigningKey};
use cairn_runtime::{
    AccountId, Confidentiality, ModelName, Operation, SignedTransaction, Transaction, VersionId,
};
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

/// An account that publishes versions of one model.
pub(crate) struct Sender {
    key: SigningKey,
    account: AccountId,
    model: ModelName,
    chain_id: Digest,
    next_nonce: u64,
}

impl Sender {
    /// Creates the account's namespace and model.
    pub(crate) async fn prepare(
        session: &Session,
        name: &str,
        key: SigningKey,
    ) -> anyhow::Result<Self> {
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
    pub(crate) fn next(&mut self, height: u64) -> anyhow::Result<Bytes> {
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

/// Accounts that send as fast as they can, and one that only looks how long it takes.
pub(crate) struct Crowd {
    senders: Vec<Sender>,
    probe: Sender,
}

/// What a load did.
pub(crate) struct Loaded {
    /// Transactions sent, all of which became final.
    pub(crate) transactions: u64,
    /// From the first to the last of them final.
    pub(crate) seconds: f64,
    /// Times to finality of single transactions meanwhile, sorted, in milliseconds.
    pub(crate) probes: Vec<f64>,
}

impl Crowd {
    /// Gives every account a namespace and a model.
    pub(crate) async fn prepare(network: &Devnet) -> anyhow::Result<Self> {
        let mut preparing = tokio::task::JoinSet::new();
        for index in 0..=SENDERS {
            let name = format!("load-{index:03}");
            let session = network.session(&name, index % network.validators)?;
            let key = network.keys(&name)?.signing;
            preparing.spawn(async move {
                let sender = Sender::prepare(&session, &name, key).await?;
                Ok::<_, anyhow::Error>((index, sender))
            });
        }
        let mut senders = Vec::with_capacity(SENDERS + 1);
        while let Some(prepared) = preparing.join_next().await {
            senders.push(prepared??);
        }
        senders.sort_by_key(|(index, _)| *index);
        let mut senders: Vec<Sender> = senders.into_iter().map(|(_, sender)| sender).collect();
        let probe = senders.pop().context("no sender")?;
        Ok(Self { senders, probe })
    }

    /// Sends single transactions one after the other and times each to finality: sorted, in milliseconds. Each goes to
    /// another of the nodes.
    pub(crate) async fn probe(
        &mut self,
        network: &Devnet,
        nodes: &[usize],
        count: usize,
    ) -> anyhow::Result<Vec<f64>> {
        let clients = nodes
            .iter()
            .map(|node| network.client(*node))
            .collect::<anyhow::Result<Vec<_>>>()?;
        probe_times(&clients, &mut self.probe, count, &AtomicBool::new(false)).await
    }

    /// Loads these nodes of the network, and says how long it took.
    pub(crate) async fn load(
        &mut self,
        network: &Devnet,
        nodes: &[usize],
        load: Load,
    ) -> anyhow::Result<Loaded> {
        let observer = *nodes.first().context("no node")?;
        let each = load.transactions / SENDERS as u64;
        let transactions = each * SENDERS as u64;
        let height = height(&network.client(observer)?).await?;
        eprintln!("signing {transactions} transactions");
        let mut loads = Vec::with_capacity(SENDERS);
        for (index, sender) in self.senders.iter_mut().enumerate() {
            let signed: Vec<Bytes> = (0..each)
                .map(|_| sender.next(height))
                .collect::<anyhow::Result<_>>()?;
            loads.push((network.client(nodes[index % nodes.len()])?, signed));
        }
        let seen = || network.final_transactions(observer).context("no metrics");
        let before = seen()?;
        let submitted = Arc::new(AtomicU64::new(0));
        let finished = Arc::new(AtomicU64::new(0));
        let done = AtomicBool::new(false);
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
        let watch = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                while let Some(ended) = tasks.try_join_next() {
                    ended??;
                }
                let probes_too = seen()? - before;
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
            Ok::<_, anyhow::Error>(seconds)
        };
        let clients = [network.client(observer)?];
        let probing = probe_times(&clients, &mut self.probe, usize::MAX, &done);
        let (seconds, probes) = tokio::try_join!(watch, probing)?;
        Ok(Loaded {
            transactions,
            seconds,
            probes,
        })
    }
}

async fn height(client: &Client) -> anyhow::Result<u64> {
    let node = client.endpoints().first().context("no node")?.clone();
    Ok(client.status_of(&node).await?.height)
}

async fn probe_times(
    clients: &[Client],
    sender: &mut Sender,
    count: usize,
    done: &AtomicBool,
) -> anyhow::Result<Vec<f64>> {
    let mut times = Vec::new();
    let height = height(&clients[0]).await?;
    while times.len() < count && !done.load(Ordering::Relaxed) {
        let transaction = sender.next(height)?;
        let started = Instant::now();
        clients[times.len() % clients.len()]
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
pub(crate) fn percentile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
