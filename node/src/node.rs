//! Puts a validator together, and takes it apart again.

use crate::api::{self, ApiConfig};
use crate::config::NodeConfig;
use crate::dissemination;
use crate::driver::{Driver, DriverError, DriverInput, DriverParts, Position, now_ms};
use crate::executor::{Executor, ExecutorError, ExecutorHandle, ExecutorParts, Work};
use crate::fetch::{Fetch, FetchParts};
use crate::finality::Finality;
use crate::handle::{HandleParts, NodeHandle};
use crate::inbound::Inbound;
use crate::intake::Intake;
use crate::mempool::Mempool;
use crate::metrics::Metrics;
use crate::payloads::Payloads;
use crate::peers::Peers;
use crate::serve::Answers;
use crate::speculation::Speculation;
use crate::sync::{Sync, SyncHandle};
use cairn_artifacts::DiskStore;
use cairn_consensus::{
    Config as ReplicaConfig, Epoch, Recovery, Replica, SafetyRecord, ValidatorIndex, ValidatorSet,
};
use cairn_crypto::{Digest, NodeKeys, keyfile};
use cairn_genesis::GenesisDocument;
use cairn_p2p::{Limits, Network, NetworkConfig, PeerConfig, RekeySchedule};
use cairn_storage::{Store, StoreOptions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::sync::{mpsc::unbounded_channel, watch};

/// A node cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The genesis document.
    #[error(transparent)]
    Genesis(#[from] cairn_genesis::GenesisError),
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] keyfile::KeyFileError),
    /// No way to open the key file.
    #[error(
        "no passphrase for {key_file}: set CAIRN_PASSPHRASE or `passphrase_file` in the configuration"
    )]
    NoPassphrase {
        /// The key file.
        key_file: PathBuf,
    },
    /// The passphrase file.
    #[error("cannot read the passphrase file {path}: {source}")]
    PassphraseFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the passphrase file.
    #[error(
        "the passphrase file {path} has mode {mode:04o}, so others can read it: run `chmod 600 {path}`, and choose another passphrase if anybody may have"
    )]
    PassphraseMode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The genesis document knows no validator of this name.
    #[error("the genesis document has no validator named {name:?}; it has {known}")]
    UnknownValidator {
        /// The name.
        name: String,
        /// Some of the names it has.
        known: String,
    },
    /// The key file is another validator's.
    #[error(
        "the {key} key of {key_file} is not the one that the genesis document has for {name:?}"
    )]
    WrongKey {
        /// `consensus` or `transport`.
        key: &'static str,
        /// The key file.
        key_file: PathBuf,
        /// The validator.
        name: String,
    },
    /// The database belongs to another chain.
    #[error(
        "the database in {data_dir} is of chain {got}, the genesis document is of chain {expected}; use another data_dir"
    )]
    OtherChain {
        /// The data folder.
        data_dir: PathBuf,
        /// Of the genesis document.
        expected: Digest,
        /// Of the database.
        got: Digest,
    },
    /// The data folder.
    #[error("cannot make the data folder {data_dir}: {source}")]
    DataDir {
        /// The folder.
        data_dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Storage(#[from] cairn_storage::StorageError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] cairn_artifacts::StoreError),
    /// The network.
    #[error(transparent)]
    Network(#[from] cairn_p2p::NetworkError),
    /// The API.
    #[error(transparent)]
    Api(#[from] api::ApiError),
    /// Metrics.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] crate::metrics::MetricsError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(String),
    /// Consensus stopped.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// Execution stopped.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// A thread panicked: a defect.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
}

/// Who this node is, checked against the genesis document.
struct Identity {
    keys: NodeKeys,
    index: ValidatorIndex,
}

/// A running node.
pub struct Node {
    handle: NodeHandle,
    bound: Bound,
    shutdown: watch::Sender<bool>,
    failed: watch::Receiver<bool>,
    driver: JoinHandle<Result<(), DriverError>>,
    executor: JoinHandle<Result<(), ExecutorError>>,
    stop_driver: std::sync::mpsc::Sender<DriverInput>,
    stop_executor: ExecutorHandle,
    network: Network,
    api: api::Bound,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// The HTTP API.
    pub api: SocketAddr,
    /// Health and metrics.
    pub operations: SocketAddr,
}

/// Tells the outside when a thread that the node cannot do without has ended.
struct Alarm(watch::Sender<bool>);

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl Node {
    /// Starts a validator. Returns once it listens; consensus goes on in the background.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let genesis = Arc::new(GenesisDocument::load(&config.genesis)?);
        genesis.check()?;
        let chain_id = genesis.chain_id();
        let validators = genesis.validator_set()?;
        let identity = identify(&config, &genesis, &validators)?;
        let store = open_store(&config, &genesis, chain_id)?;
        let blobs = Arc::new(DiskStore::open(config.data_dir.join("blobs"))?);
        let metrics = Arc::new(Metrics::new()?);
        // Votes do not queue behind transactions.
        let pool = worker_pool("transactions", config.verify_threads)?;
        let consensus_pool = worker_pool("votes", config.verify_threads)?;
        let params = genesis.state.params.clone();
        let peers = Arc::new(Peers::new(
            &validators,
            &genesis.state.validators,
            Some(identity.index),
        ));
        let (network, events) = Network::start(NetworkConfig {
            identity: identity.keys.transport.clone(),
            chain_id,
            consensus_listen: config.listen.consensus,
            data_listen: config.listen.data,
            peers: addresses(&config, &genesis)?,
            limits: network_limits(),
            rekey: RekeySchedule::default(),
        })
        .await?;
        network.register(metrics.registry())?;

        let tip = store.tip()?;
        network.set_height(tip.height.0);
        let finality = Arc::new(Finality::new(tip));
        let mempool = Arc::new(Mempool::new(config.mempool));
        let speculation = Arc::new(Speculation::new(store.clone()));
        let position = Arc::new(Mutex::new(Position::default()));
        let (driver_inputs, driver_queue) = channel();
        let (work, work_queue) = channel();
        let (executor, waiting) = ExecutorHandle::new(work);
        let (fetch, fetch_queue) = Fetch::new();
        let payloads = Arc::new(Payloads::new(
            usize::try_from(params.max_block_bytes).unwrap_or(usize::MAX),
        ));
        let (sync, sync_hints) = SyncHandle::new(Arc::clone(&peers));
        let (shutdown, stopping) = watch::channel(false);
        let (alarm, failed) = watch::channel(false);
        let alarm = Arc::new(Alarm(alarm));

        let executor_thread = {
            let parts = ExecutorParts {
                chain_id,
                params: params.clone(),
                validators_hash: validators.hash(),
                store: store.clone(),
                speculation: Arc::clone(&speculation),
                mempool: Arc::clone(&mempool),
                fetch: fetch.clone(),
                payloads: Arc::clone(&payloads),
                driver: driver_inputs.clone(),
                pool: Arc::clone(&pool),
                metrics: Arc::clone(&metrics),
                waiting,
            };
            let alarm = Arc::clone(&alarm);
            spawn("executor", move || {
                let _alarm = alarm;
                Executor::new(parts).run(&work_queue)
            })?
        };
        tokio::spawn(fetch_queue.run(FetchParts {
            network: network.clone(),
            peers: Arc::clone(&peers),
            mempool: Arc::clone(&mempool),
            payloads,
            executor: executor.clone(),
            driver: driver_inputs.clone(),
            next: Arc::default(),
        }));
        tokio::spawn(
            Sync {
                network: network.clone(),
                peers: Arc::clone(&peers),
                finality: Arc::clone(&finality),
                validators: validators.clone(),
                chain_id,
                executor: executor.clone(),
            }
            .run(sync_hints),
        );
        let (accepted, to_disseminate) = unbounded_channel();
        tokio::spawn(dissemination::run(to_disseminate, network.clone()));

        let intake = Arc::new(Intake {
            chain_id,
            params,
            store: store.clone(),
            mempool: Arc::clone(&mempool),
            finality: Arc::clone(&finality),
            executor: executor.clone(),
            driver: driver_inputs.clone(),
            pool: Arc::clone(&pool),
            metrics: Arc::clone(&metrics),
        });
        tokio::spawn(
            Inbound {
                peers: Arc::clone(&peers),
                driver: driver_inputs.clone(),
                intake: Arc::clone(&intake),
                sync: sync.clone(),
                answers: Arc::new(Answers::new(
                    store.clone(),
                    Arc::clone(&mempool),
                    Arc::clone(&speculation),
                )),
                metrics: Arc::clone(&metrics),
            }
            .run(events),
        );

        let (replica, effects) = Replica::recover(
            ReplicaConfig {
                chain_id,
                params: genesis.consensus.clone(),
                validators: validators.clone(),
                epoch: Epoch(0),
                key: Some(identity.keys.consensus.clone()),
                me: Some(identity.index),
            },
            recovery(&store)?,
            now_ms(),
        );
        let driver_thread = {
            let driver = Driver::new(DriverParts {
                replica,
                chain_id,
                validators: validators.clone(),
                store: store.clone(),
                speculation,
                mempool: Arc::clone(&mempool),
                executor: executor.clone(),
                fetch,
                sync: sync.clone(),
                network: network.clone(),
                peers,
                finality: Arc::clone(&finality),
                position: Arc::clone(&position),
                metrics: Arc::clone(&metrics),
                pool: consensus_pool,
                inputs: driver_inputs.clone(),
            })?;
            spawn("consensus", move || {
                let _alarm = alarm;
                driver.run(effects, &driver_queue)
            })?
        };

        let handle = NodeHandle::new(HandleParts {
            store,
            genesis,
            chain_id,
            validators,
            blobs,
            transport_key: identity.keys.transport.public_key().clone(),
            name: config.name,
            intake,
            mempool,
            finality,
            sync,
            network: network.clone(),
            position,
            metrics,
            accepted,
        });
        let api = api::serve(
            ApiConfig {
                listen: config.listen.api,
                ops_listen: config.listen.operations,
                limits: config.api,
            },
            handle.clone(),
            identity.keys.transport,
            stopping,
        )
        .await?;
        Ok(Self {
            handle,
            bound: Bound {
                api: api.api,
                operations: api.ops,
            },
            shutdown,
            failed,
            driver: driver_thread,
            executor: executor_thread,
            stop_driver: driver_inputs,
            stop_executor: executor,
            network,
            api,
        })
    }

    /// What the API sees.
    #[must_use]
    pub fn handle(&self) -> &NodeHandle {
        &self.handle
    }

    /// Where it listens.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// Ends when a thread that the node cannot do without has ended; [`stop`](Self::stop) then says why.
    pub async fn failure(&self) {
        let mut failed = self.failed.clone();
        let _sender_gone_is_failure_too = failed.wait_for(|failed| *failed).await;
    }

    /// Stops in order: no new requests, then consensus, execution, connections. Everything that was
    /// answered is on disk already.
    ///
    /// # Errors
    /// Why a thread ended before it was told to.
    pub async fn stop(self) -> Result<(), NodeError> {
        self.shutdown.send_replace(true);
        self.api.finished().await;
        let _ended_already = self.stop_driver.send(DriverInput::Stop);
        self.stop_executor.give(Work::Stop);
        let (driver, executor) =
            tokio::task::spawn_blocking(|| (self.driver.join(), self.executor.join()))
                .await
                .map_err(|_| NodeError::Panicked("shutdown"))?;
        self.network.shutdown().await;
        driver.map_err(|_| NodeError::Panicked("consensus"))??;
        executor.map_err(|_| NodeError::Panicked("executor"))??;
        Ok(())
    }
}

fn worker_pool(name: &'static str, threads: usize) -> Result<Arc<rayon::ThreadPool>, NodeError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |index| format!("{name}-{index}"))
        .build()
        .map(Arc::new)
        .map_err(|error| NodeError::Thread(error.to_string()))
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, NodeError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| NodeError::Thread(error.to_string()))
}

/// The passphrase of a key file: `CAIRN_PASSPHRASE`, or the first line of a file.
///
/// # Errors
/// [`NodeError::NoPassphrase`], or as [`passphrase_in`].
pub fn passphrase(config: &NodeConfig) -> Result<String, NodeError> {
    if let Ok(passphrase) = std::env::var("CAIRN_PASSPHRASE") {
        return Ok(passphrase);
    }
    let Some(path) = &config.passphrase_file else {
        return Err(NodeError::NoPassphrase {
            key_file: config.key_file.clone(),
        });
    };
    passphrase_in(path)
}

/// The first line of a passphrase file, which only its owner may be able to read, as a key file.
///
/// # Errors
/// [`NodeError::PassphraseFile`], [`NodeError::PassphraseMode`].
pub fn passphrase_in(path: &Path) -> Result<String, NodeError> {
    let failed = |source| NodeError::PassphraseFile {
        path: path.to_path_buf(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    // Of the open file: another may stand under the name a moment later.
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(NodeError::PassphraseMode {
            path: path.to_path_buf(),
            mode,
        });
    }
    let text = std::io::read_to_string(file).map_err(failed)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn identify(
    config: &NodeConfig,
    genesis: &GenesisDocument,
    validators: &ValidatorSet,
) -> Result<Identity, NodeError> {
    let known = &genesis.state.validators;
    let record = known
        .iter()
        .find(|record| record.name == config.name)
        .ok_or_else(|| NodeError::UnknownValidator {
            name: config.name.clone(),
            known: known
                .iter()
                .take(4)
                .map(|record| format!("{:?}", record.name))
                .collect::<Vec<_>>()
                .join(", "),
        })?;
    let keys = keyfile::read(&config.key_file, &passphrase(config)?)?.node()?;
    for (key, expected, got) in [
        (
            "consensus",
            &record.consensus_key,
            keys.consensus.public_key(),
        ),
        (
            "transport",
            &record.transport_key,
            keys.transport.public_key(),
        ),
    ] {
        if expected != got {
            return Err(NodeError::WrongKey {
                key,
                key_file: config.key_file.clone(),
                name: config.name.clone(),
            });
        }
    }
    let index = validators
        .index_of(&record.id.0)
        .expect("the validator set is made of the same records");
    Ok(Identity { keys, index })
}

fn open_store(
    config: &NodeConfig,
    genesis: &GenesisDocument,
    chain_id: Digest,
) -> Result<Store, NodeError> {
    std::fs::create_dir_all(&config.data_dir).map_err(|source| NodeError::DataDir {
        data_dir: config.data_dir.clone(),
        source,
    })?;
    let store = Store::open(config.data_dir.join("chain"), &StoreOptions::default())?;
    match store.chain_id()? {
        Some(got) if got == chain_id => {}
        Some(got) => {
            return Err(NodeError::OtherChain {
                data_dir: config.data_dir.clone(),
                expected: chain_id,
                got,
            });
        }
        None => {
            let (header, batch) = genesis.header_and_tree()?;
            store.initialize(&header, &batch)?;
        }
    }
    Ok(store)
}

/// The other validators' addresses, in the network's terms.
fn addresses(config: &NodeConfig, genesis: &GenesisDocument) -> Result<Vec<PeerConfig>, NodeError> {
    config
        .peers
        .iter()
        .filter(|peer| peer.name != config.name)
        .map(|peer| {
            let record = genesis
                .state
                .validators
                .iter()
                .find(|record| record.name == peer.name)
                .ok_or_else(|| NodeError::UnknownValidator {
                    name: peer.name.clone(),
                    known: format!("{} others", genesis.state.validators.len()),
                })?;
            Ok(PeerConfig {
                peer: cairn_p2p::peer_id(&record.transport_key),
                consensus_addr: peer.consensus,
                data_addr: peer.data,
            })
        })
        .collect()
}

fn network_limits() -> Limits {
    let mut limits = Limits {
        response_bytes: crate::wire::MAX_DATA_BYTES,
        ..Limits::default()
    };
    limits.consensus.message_bytes = cairn_consensus::Message::MAX_LEN;
    limits.consensus.messages_per_second = 4_000;
    limits
}

/// Where the replica stood when the node last ran.
fn recovery(store: &Store) -> Result<Recovery, NodeError> {
    let final_header = store.tip()?;
    let final_cert = store.certificate(final_header.height)?.map(Arc::new);
    let record = store
        .safety_record()?
        .unwrap_or_else(|| SafetyRecord::genesis(Epoch(0)));
    Ok(Recovery {
        final_header,
        final_cert,
        history: store.history()?,
        record,
        pending: store.pending_blocks()?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn a_passphrase_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        fs::write(&path, "correct horse\nand more\n").unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = passphrase_in(&path).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
            assert!(matches!(error, NodeError::PassphraseMode { mode: told, .. } if told == mode));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(passphrase_in(&path).unwrap(), "correct horse");
    }
}
