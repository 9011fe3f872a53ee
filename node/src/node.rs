//! Puts a validator together, and takes it apart again.

mod database;
mod error;
mod identity;

pub use error::NodeError;
pub use identity::{passphrase, passphrase_in};

use crate::accusations::Accusations;
use crate::acquaintance::acquaintances;
use crate::api::{self, ApiConfig};
use crate::catalogue::Follower;
use crate::committee::{Addresses, Committee};
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
use crate::metrics::{ConnectionMetrics, Metrics};
use crate::payloads::Payloads;
use crate::recovery::recovery;
use crate::restore::Restore;
use crate::self_test;
use crate::serve::Answers;
use crate::speculation::Speculation;
use crate::sync::{Sync, SyncHandle};
use cairn_artifacts::DiskStore;
use cairn_catalogue::Identity;
use cairn_consensus::{Config as ReplicaConfig, Replica};
use cairn_genesis::GenesisDocument;
use cairn_p2p::{Limits, Network, NetworkConfig, RekeySchedule};
use cairn_runtime::query;
use cairn_runtime::tree::StateAt;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::sync::{mpsc::unbounded_channel, watch};

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
        let store = database::open(&config, &genesis, chain_id)?;
        let tip = store.tip()?;
        let state = StateAt::new(store.tree(), tip.height.0);
        let identity = identity::identify(&config, &state, tip.height.0)?;
        let (records, known) = (query::validators(&state)?, acquaintances(&state)?);
        let committee = Committee::new(identity.id, addresses(&config), records, known)?;
        let committee = Arc::new(committee);
        let blobs = Arc::new(DiskStore::open(config.data_dir.join("blobs"))?);
        let metrics = Arc::new(Metrics::new()?);
        self_test::run(&metrics)?;
        // Of several nodes in one process, the first one is told of the connections of all.
        let _first = cairn_tls::observe(Box::new(ConnectionMetrics(Arc::clone(&metrics))));
        // Votes do not queue behind transactions.
        let pool = worker_pool("transactions", config.verify_threads)?;
        let consensus_pool = worker_pool("votes", config.verify_threads)?;
        let (network, events) = Network::start(NetworkConfig {
            identity: identity.transport.clone(),
            chain_id,
            consensus_listen: config.listen.consensus,
            data_listen: config.listen.data,
            peers: committee.network_peers(),
            limits: network_limits(),
            rekey: RekeySchedule::default(),
        })
        .await?;
        network.register(metrics.registry())?;

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
            usize::try_from(cairn_runtime::params::BLOCK_BYTES_CEILING).unwrap_or(usize::MAX),
        ));
        let (sync, sync_hints) = SyncHandle::new(Arc::clone(&committee));
        let (shutdown, stopping) = watch::channel(false);
        let (alarm, failed) = watch::channel(false);
        let alarm = Arc::new(Alarm(alarm));

        let executor_thread = {
            let parts = ExecutorParts {
                chain_id,
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
            committee: Arc::clone(&committee),
            mempool: Arc::clone(&mempool),
            payloads,
            executor: executor.clone(),
            driver: driver_inputs.clone(),
            next: Arc::default(),
        }));
        tokio::spawn(
            Sync {
                network: network.clone(),
                committee: Arc::clone(&committee),
                finality: Arc::clone(&finality),
                chain_id,
                executor: executor.clone(),
                restore: Restore {
                    network: network.clone(),
                    committee: Arc::clone(&committee),
                    finality: Arc::clone(&finality),
                    chain_id,
                    store: store.clone(),
                    driver: driver_inputs.clone(),
                    after_blocks: config.snapshot_after_blocks,
                },
            }
            .run(sync_hints),
        );
        let (accepted, to_disseminate) = unbounded_channel();
        tokio::spawn(dissemination::run(to_disseminate, network.clone()));

        let intake = Arc::new(Intake {
            chain_id,
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
                committee: Arc::clone(&committee),
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

        let config_of_replica = ReplicaConfig {
            chain_id,
            params: genesis.consensus.clone(),
            id: Some(identity.id),
            signers: identity.signers,
        };
        let (replica, effects) =
            Replica::recover(config_of_replica.clone(), recovery(&store)?, now_ms());
        let driver_thread = {
            let driver = Driver::new(DriverParts {
                replica,
                config: config_of_replica,
                chain_id,
                store: store.clone(),
                speculation,
                mempool: Arc::clone(&mempool),
                executor: executor.clone(),
                fetch,
                sync: sync.clone(),
                network: network.clone(),
                committee: Arc::clone(&committee),
                accusations: Accusations::new(&config.data_dir),
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

        let (follower, searches) = Follower::new(
            config.catalogue,
            Identity {
                chain_id,
                node: config.name.clone(),
            },
            config.data_dir,
            store.clone(),
            Arc::clone(&finality),
            metrics.registry(),
        )?;
        tokio::spawn(follower.run(stopping.clone()));

        let handle = NodeHandle::new(HandleParts {
            store,
            genesis,
            chain_id,
            committee,
            blobs,
            searches,
            transport_key: identity.transport.public_key().clone(),
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
                blobs: config.blobs,
            },
            handle.clone(),
            identity.transport,
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

/// The addresses that the configuration knows, by the validators' names.
fn addresses(config: &NodeConfig) -> BTreeMap<String, Addresses> {
    let known = config.peers.iter().map(|peer| {
        let at = Addresses {
            consensus: peer.consensus,
            data: peer.data,
        };
        (peer.name.clone(), at)
    });
    known.collect()
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
