//! The handle: what the node does with the network.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::Ordering},
};

use bytes::Bytes;
use libp2p::PeerId;
use prometheus::{PullingGauge, Registry};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

use crate::{
    config::{NetworkConfig, PeerConfig, Plane},
    error::{NetworkError, RequestError},
    event::NetworkEvent,
    identity::peer_id,
    metrics::Metrics,
    plane::{Command, Driver},
    shared::{PeerStatus, Shared},
    swarm,
    upgrade::PqTls,
};

/// Both planes of one node. Clones are handles to the same network; it ends when all are dropped, or at
/// [`Network::shutdown`].
#[derive(Clone)]
pub struct Network {
    shared: Arc<Shared>,
    commands: [mpsc::UnboundedSender<Command>; 2],
    drivers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Network {
    /// Listens on both planes and begins to dial the peers. Events come from the receiver; a node
    /// that does not take them is sent no more, and holds nobody else up.
    ///
    /// # Errors
    /// [`NetworkError`]: a TLS configuration that cannot be made, an address that cannot be listened on, or a
    /// rekey schedule that is out of order.
    pub async fn start(
        config: NetworkConfig,
    ) -> Result<(Network, mpsc::Receiver<NetworkEvent>), NetworkError> {
        config.rekey.check()?;
        let (events, receiver) = mpsc::channel(config.limits.queued_events.max(1));
        let local = peer_id(config.identity.public_key());
        let metrics = Arc::new(Metrics::new());
        let shared = Arc::new(Shared::new(
            local,
            config.chain_id,
            config.limits,
            config.rekey,
            metrics.clone(),
        ));
        shared.set_peers(config.peers);

        let mut commands = Vec::new();
        let mut network_drivers = Vec::new();
        for plane in Plane::ALL {
            let address = match plane {
                Plane::Consensus => config.consensus_listen,
                Plane::Data => config.data_listen,
            };
            let failed = |reason| NetworkError::Listen {
                plane,
                address,
                reason,
            };
            let tls = PqTls::with_metrics(
                &config.identity,
                &config.chain_id,
                plane,
                shared.allow.clone(),
                metrics.clone(),
            )?;
            let swarm = swarm::build(plane, tls, &shared);
            let (command, command_receiver) = mpsc::unbounded_channel();
            let (bound, is_bound) = oneshot::channel();
            let driver = Driver::new(
                plane,
                shared.clone(),
                swarm,
                address,
                bound,
                events.clone(),
                command_receiver,
            )
            .map_err(failed)?;
            network_drivers.push(tokio::spawn(driver.run()));
            commands.push(command);
            is_bound
                .await
                .unwrap_or_else(|_| Err("the listener ended".into()))
                .map_err(failed)?;
        }
        let commands = commands.try_into().expect("one for each of the two planes");
        let drivers = Arc::new(Mutex::new(network_drivers));
        Ok((
            Network {
                shared,
                commands,
                drivers,
            },
            receiver,
        ))
    }

    /// Our own PeerId.
    pub fn local_peer(&self) -> PeerId {
        self.shared.local
    }

    /// The address on which this node listens, with the port that was taken.
    pub fn listen_addr(&self, plane: Plane) -> SocketAddr {
        self.shared
            .listening(plane)
            .expect("set before a Network is handed out")
    }

    /// Sends a message to one peer. Never blocks: when too much waits for that peer, its oldest message
    /// is dropped and counted. A message to a peer that is not listed is dropped.
    pub fn send(&self, plane: Plane, to: &PeerId, message: Bytes) {
        match self.shared.outboxes(plane).get(to) {
            Some(outbox) => outbox.send(message, Instant::now()),
            None => self.shared.metrics.dropped(plane, "not_listed", 1),
        }
    }

    /// Sends a message to all listed peers, sharing its bytes. Those that are away for a moment get it later.
    pub fn broadcast(&self, plane: Plane, message: Bytes) {
        let now = Instant::now();
        for outbox in self.shared.outboxes(plane).values() {
            outbox.send(message.clone(), now);
        }
    }

    /// Asks a peer on the data plane and waits for the response.
    ///
    /// # Errors
    /// [`RequestError`]: not connected, too long, too many, refused, late, or broken. Ask another peer.
    pub async fn request(&self, to: PeerId, body: Bytes) -> Result<Bytes, RequestError> {
        let limit = self.shared.limits.request_bytes;
        if body.len() > limit {
            return Err(RequestError::TooLong {
                len: body.len(),
                limit,
            });
        }
        let (reply, response) = oneshot::channel();
        self.command(Plane::Data, Command::Request { to, body, reply })
            .map_err(|()| RequestError::ShutDown)?;
        response.await.unwrap_or(Err(RequestError::ShutDown))
    }

    /// Lists exactly these peers from now on. Others are disconnected and can no longer connect; new ones are
    /// dialled. A changed address counts from the next dial.
    pub fn set_peers(&self, peers: Vec<PeerConfig>) {
        self.shared.set_peers(peers);
        for plane in Plane::ALL {
            // A network that was shut down has no peers to update.
            let _ = self.command(plane, Command::PeersChanged);
        }
    }

    /// The height that our hello names from now on.
    pub fn set_height(&self, height: u64) {
        self.shared.height.store(height, Ordering::Relaxed);
    }

    /// The listed peers, in the order of their ids.
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.shared.peers()
    }

    /// Registers this network's metrics, all named `cairn_p2p_*`.
    ///
    /// # Errors
    /// When the registry already has metrics of these names.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        self.shared.metrics.register(registry)?;
        let shared: Weak<Shared> = Arc::downgrade(&self.shared);
        let oldest = PullingGauge::new(
            "cairn_p2p_oldest_session_seconds",
            "Age of the oldest key exchange in use. Beyond 86400 is an alert.",
            Box::new(move || {
                shared
                    .upgrade()
                    .map_or(0.0, |shared| shared.oldest_session().as_secs_f64())
            }),
        )?;
        registry.register(Box::new(oldest))
    }

    /// Closes all connections and both listeners. What was not sent is dropped.
    pub async fn shutdown(&self) {
        for plane in Plane::ALL {
            // Already ended is as good.
            let _ = self.command(plane, Command::ShutDown);
        }
        let drivers =
            std::mem::take(&mut *self.drivers.lock().unwrap_or_else(PoisonError::into_inner));
        for driver in drivers {
            if let Err(error) = driver.await {
                tracing::error!(%error, "a plane's driver did not end as it should");
            }
        }
    }

    fn command(&self, plane: Plane, command: Command) -> Result<(), ()> {
        self.commands[plane.index()].send(command).map_err(|_| ())
    }
}
