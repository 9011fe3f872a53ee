//! What the handle, both planes' drivers and the metrics look at together.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cairn_crypto::Digest;
use libp2p::PeerId;
use tokio::time::Instant;

use crate::{
    allow::AllowList,
    config::{Limits, PeerConfig, Plane, RekeySchedule},
    hello::{Hello, PROTOCOL_VERSION},
    metrics::Metrics,
    outbox::Outbox,
};

/// One peer's session on one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// How long ago its keys were exchanged.
    pub age: Duration,
    /// The height that the peer said when it connected.
    pub height: u64,
}

/// One listed peer, and whether it is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which peer.
    pub peer: PeerId,
    /// Its session on the consensus plane.
    pub consensus: Option<SessionStatus>,
    /// Its session on the data plane.
    pub data: Option<SessionStatus>,
}

type Outboxes = Arc<BTreeMap<PeerId, Arc<Outbox>>>;

/// Established sessions: since when, and the height said.
type Sessions = BTreeMap<(Plane, PeerId), (Instant, u64)>;

pub(crate) struct Shared {
    pub(crate) local: PeerId,
    pub(crate) chain_id: Digest,
    pub(crate) allow: AllowList,
    pub(crate) limits: Arc<Limits>,
    pub(crate) rekey: RekeySchedule,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) height: AtomicU64,
    listening: [OnceLock<SocketAddr>; 2],
    outboxes: [RwLock<Outboxes>; 2],
    sessions: Mutex<Sessions>,
}

impl Shared {
    pub(crate) fn new(
        local: PeerId,
        chain_id: Digest,
        limits: Limits,
        rekey: RekeySchedule,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            local,
            chain_id,
            allow: AllowList::default(),
            limits: Arc::new(limits),
            rekey,
            metrics,
            height: AtomicU64::new(0),
            listening: Default::default(),
            outboxes: Default::default(),
            sessions: Mutex::default(),
        }
    }

    /// Lists exactly these peers, but never ourselves. Outboxes of peers that stay are kept.
    pub(crate) fn set_peers(&self, peers: Vec<PeerConfig>) {
        self.allow
            .replace(peers.into_iter().filter(|p| p.peer != self.local));
        let listed = self.allow.snapshot();
        for plane in Plane::ALL {
            let mut outboxes = self.outboxes[plane.index()]
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            let next = listed.keys().map(|peer| {
                let outbox = outboxes.get(peer).cloned().unwrap_or_else(|| {
                    let limits = *self.limits.plane(plane);
                    Arc::new(Outbox::new(
                        plane,
                        limits,
                        self.limits.keep_for_disconnected,
                        self.metrics.clone(),
                    ))
                });
                (*peer, outbox)
            });
            *outboxes = Arc::new(next.collect());
        }
    }

    pub(crate) fn outboxes(&self, plane: Plane) -> Outboxes {
        self.outboxes[plane.index()]
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_listening(&self, plane: Plane, address: SocketAddr) {
        // An interface that comes later has the same port.
        let _ = self.listening[plane.index()].set(address);
    }

    pub(crate) fn listening(&self, plane: Plane) -> Option<SocketAddr> {
        self.listening[plane.index()].get().copied()
    }

    /// What we say first on a connection.
    pub(crate) fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL_VERSION,
            chain_id: self.chain_id,
            height: self.height.load(Ordering::Relaxed),
            addresses: Plane::ALL
                .iter()
                .filter_map(|plane| self.listening(*plane))
                .collect(),
        }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn session_up(&self, plane: Plane, peer: PeerId, since: Instant, height: u64) {
        self.sessions().insert((plane, peer), (since, height));
        self.metrics.plane(plane).sessions.inc();
    }

    pub(crate) fn session_down(&self, plane: Plane, peer: PeerId) {
        if self.sessions().remove(&(plane, peer)).is_some() {
            self.metrics.plane(plane).sessions.dec();
        }
    }

    pub(crate) fn peers(&self) -> Vec<PeerStatus> {
        let now = Instant::now();
        let sessions = self.sessions();
        let session = |plane, peer| {
            sessions
                .get(&(plane, peer))
                .map(|(since, height)| SessionStatus {
                    age: now.saturating_duration_since(*since),
                    height: *height,
                })
        };
        let listed = self.allow.snapshot();
        let status = listed.keys().map(|&peer| PeerStatus {
            peer,
            consensus: session(Plane::Consensus, peer),
            data: session(Plane::Data, peer),
        });
        status.collect()
    }

    /// The age of the oldest key exchange in use; zero when nobody is connected.
    pub(crate) fn oldest_session(&self) -> Duration {
        let now = Instant::now();
        let sessions = self.sessions();
        let ages = sessions
            .values()
            .map(|(since, _)| now.saturating_duration_since(*since));
        ages.max().unwrap_or_default()
    }
}
