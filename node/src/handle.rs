//! What the API sees of the node.

use crate::catalogue::Searches;
use crate::committee::Committee;
use crate::driver::Position;
use crate::finality::{Finality, Location};
use crate::intake::{Intake, IntakeError, Source};
use crate::mempool::{Mempool, MempoolError};
use crate::metrics::Metrics;
use crate::sync::SyncHandle;
use bytes::Bytes;
use cairn_artifacts::DiskStore;
use cairn_crypto::{Digest, PublicKey};
use cairn_genesis::GenesisDocument;
use cairn_p2p::{Network, Plane};
use cairn_runtime::tree::StateAt;
use cairn_runtime::{AccountId, AdmissionError, SignedTransaction, query};
use cairn_storage::Store;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc::UnboundedSender, oneshot};

/// A transaction was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It cannot be executed as it is.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// No room for it now, or its nonce is taken.
    #[error(transparent)]
    Mempool(#[from] MempoolError),
    /// The node is catching up and cannot judge it.
    #[error(
        "this node is catching up and stands at height {height}; ask another node, or again in a moment"
    )]
    Syncing {
        /// Its final height.
        height: u64,
    },
    /// The node is stopping.
    #[error("the node cannot take transactions: {0}")]
    Internal(String),
}

/// What a [`NodeHandle`] shares.
pub struct HandleParts {
    /// The node's store.
    pub store: Store,
    /// The genesis document.
    pub genesis: Arc<GenesisDocument>,
    /// Its digest.
    pub chain_id: Digest,
    /// Who decides.
    pub committee: Arc<Committee>,
    /// The node's blobs.
    pub blobs: Arc<DiskStore>,
    /// What can be searched.
    pub searches: Arc<Searches>,
    /// The node's transport key.
    pub transport_key: PublicKey,
    /// The node's name.
    pub name: String,
    /// Takes transactions in.
    pub intake: Arc<Intake>,
    /// Transactions that wait.
    pub mempool: Arc<Mempool>,
    /// Tells what became final.
    pub finality: Arc<Finality>,
    /// Block sync.
    pub sync: SyncHandle,
    /// Connections.
    pub network: Network,
    /// Where consensus stands.
    pub position: Arc<Mutex<Position>>,
    /// Measurements.
    pub metrics: Arc<Metrics>,
    /// Accepted transactions, on their way to the other validators.
    pub accepted: UnboundedSender<Vec<u8>>,
}

/// See the [module](self). Cheap to clone.
#[derive(Clone)]
pub struct NodeHandle {
    parts: Arc<HandleParts>,
}

impl NodeHandle {
    /// A handle on the parts of a running node.
    #[must_use]
    pub fn new(parts: HandleParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The node's store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.parts.store
    }

    /// The genesis document.
    #[must_use]
    pub fn genesis(&self) -> &Arc<GenesisDocument> {
        &self.parts.genesis
    }

    /// Tells what became final.
    #[must_use]
    pub fn finality(&self) -> &Finality {
        &self.parts.finality
    }

    /// Digest of the genesis document.
    #[must_use]
    pub fn chain_id(&self) -> Digest {
        self.parts.chain_id
    }

    /// Who decides.
    #[must_use]
    pub fn committee(&self) -> &Committee {
        &self.parts.committee
    }

    /// The node's blobs.
    #[must_use]
    pub fn blobs(&self) -> &Arc<DiskStore> {
        &self.parts.blobs
    }

    /// What can be searched.
    #[must_use]
    pub fn searches(&self) -> &Searches {
        &self.parts.searches
    }

    /// The key that the node shows to clients.
    #[must_use]
    pub fn transport_key(&self) -> &PublicKey {
        &self.parts.transport_key
    }

    /// The node's name in the genesis document.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// Takes a transaction in and sends it on its way to all validators; its name. The same bytes
    /// again give the same answer, also when they are final already.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub async fn submit(&self, bytes: Bytes) -> Result<Digest, SubmitError> {
        let parts = &self.parts;
        if parts.sync.is_active() {
            return Err(SubmitError::Syncing {
                height: parts.finality.height(),
            });
        }
        let signed_hash = cairn_crypto::hash_encoded(cairn_crypto::domain::SIGNED_TX, &bytes);
        let intake = Arc::clone(&parts.intake);
        let (sender, receiver) = oneshot::channel();
        let body = bytes.clone();
        parts.intake.pool.spawn(move || {
            let known = intake.mempool.contains_signed(&signed_hash);
            let result = intake.take(&body, Source::Api);
            if result.is_ok() && !known {
                intake.arrived();
            }
            let _gone = sender.send((known, result));
        });
        let (known, result) = receiver
            .await
            .map_err(|_| SubmitError::Internal("it is stopping".into()))?;
        match result {
            Ok(transaction) => {
                if !known {
                    let _stopping = parts.accepted.send(bytes.to_vec());
                }
                Ok(transaction.tx_hash())
            }
            Err(IntakeError::Mempool(error)) => Err(error.into()),
            Err(IntakeError::Admission(error)) => self.final_already(&bytes).ok_or(error.into()),
        }
    }

    /// The name of a transaction whose very bytes are final: a repeated submission is no error.
    fn final_already(&self, bytes: &[u8]) -> Option<Digest> {
        let state = StateAt::new(self.parts.store.tree(), self.parts.finality.height());
        let params = query::params(&state).ok()?;
        let signed = SignedTransaction::decode(bytes, &params).ok()?;
        let tx_hash = signed.transaction.hash();
        let located = self.parts.store.transaction_location(&tx_hash).ok()?;
        located.map(|_| tx_hash)
    }

    /// Waits until a transaction is final; where it stands, or `None` when `timeout` passed.
    pub async fn wait_final(&self, tx_hash: Digest, timeout: Duration) -> Option<Location> {
        let waiting = self.parts.finality.wait_for(tx_hash);
        if let Ok(Some((height, index))) = self.parts.store.transaction_location(&tx_hash) {
            return Some((height.0, index));
        }
        tokio::time::timeout(timeout, waiting).await.ok()?.ok()
    }

    /// Whether a transaction of this name waits here.
    #[must_use]
    pub fn is_pending(&self, tx_hash: &Digest) -> bool {
        self.parts.mempool.contains(tx_hash)
    }

    /// The nonce after an account's last waiting transaction, when it has any.
    #[must_use]
    pub fn pending_nonce(&self, account: &AccountId) -> Option<u64> {
        self.parts.mempool.next_nonce(account)
    }

    /// Where the node stands.
    #[must_use]
    pub fn status(&self) -> cairn_api::Status {
        let parts = &self.parts;
        let tip = parts.finality.tip();
        let position = *parts
            .position
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let on_plane = |plane: Plane| {
            let peers = parts.network.peers();
            let connected = peers.iter().filter(|peer| match plane {
                Plane::Consensus => peer.consensus.is_some(),
                Plane::Data => peer.data.is_some(),
            });
            connected.count()
        };
        let now = crate::driver::now_ms();
        cairn_api::Status {
            network: parts.genesis.network.clone(),
            chain_id: parts.chain_id,
            node: parts.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            epoch: position.epoch.0,
            round: position.round.0,
            height: tip.height.0,
            block_id: tip.id().0,
            time: cairn_api::time::rfc3339(tip.timestamp_ms),
            final_age_ms: now.saturating_sub(tip.timestamp_ms),
            peers_consensus: on_plane(Plane::Consensus),
            peers_data: on_plane(Plane::Data),
            validators: parts.committee.set().len(),
            mempool_transactions: parts.mempool.len(),
            syncing: parts.sync.is_active(),
        }
    }

    /// Whether the node can serve; the reason when not.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn ready(&self) -> Result<(), String> {
        let status = self.status();
        if status.syncing {
            return Err(format!("catching up at height {}", status.height));
        }
        let needed = status.validators * 2 / 3;
        if status.peers_consensus < needed {
            return Err(format!(
                "connected to {} validators, a quorum needs {needed} beside this one",
                status.peers_consensus
            ));
        }
        Ok(())
    }

    /// Prometheus text exposition.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.parts.metrics.text()
    }

    /// Records an HTTP request.
    pub fn observe_api(&self, route: &'static str, status: u16, seconds: f64) {
        self.parts
            .metrics
            .api
            .with_label_values(&[route, &status.to_string()])
            .observe(seconds);
    }

    /// Records one operation on the blob store.
    pub fn observe_blobs(&self, operation: &str, outcome: &str, elapsed: Duration) {
        let metrics = &self.parts.metrics;
        metrics.observe_store("blobs", operation, outcome, elapsed);
    }
}
