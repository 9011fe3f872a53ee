//! What a node tells the network layer: its key, its addresses, its peers, and every limit.

use std::{net::SocketAddr, time::Duration};

use cairn_crypto::{Digest, SigningKey};
use libp2p::PeerId;

use crate::error::NetworkError;

/// The two kinds of traffic. Each has connections of its own, because a vote behind a bulk
/// transfer on one connection would wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    /// Proposals, votes, timeouts and certificates.
    Consensus,
    /// Transactions, blocks and snapshots: messages, and requests with responses.
    Data,
}

impl Plane {
    /// Both planes, in order.
    pub const ALL: [Plane; 2] = [Plane::Consensus, Plane::Data];

    /// The plane's name in ALPN, logs and metrics: `consensus` or `data`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Plane::Consensus => "consensus",
            Plane::Data => "data",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A peer that may connect, and where to dial it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// The peer's identity, from its transport key ([`crate::peer_id`]).
    pub peer: PeerId,
    /// Where the peer listens for the consensus plane. One whose address is not known is not dialled; it may dial.
    pub consensus_addr: Option<SocketAddr>,
    /// Where the peer listens for the data plane.
    pub data_addr: Option<SocketAddr>,
}

impl PeerConfig {
    /// Where the peer listens for `plane`, if that is known.
    pub fn address(&self, plane: Plane) -> Option<SocketAddr> {
        match plane {
            Plane::Consensus => self.consensus_addr,
            Plane::Data => self.data_addr,
        }
    }
}

/// All that [`crate::Network::start`] needs.
#[derive(Clone)]
pub struct NetworkConfig {
    /// The node's transport key; not its consensus key.
    pub identity: SigningKey,
    /// The chain (the genesis digest). Nodes of different chains never connect.
    pub chain_id: Digest,
    /// Where to listen for the consensus plane. Port 0 takes a free one
    /// ([`crate::Network::listen_addr`] tells which).
    pub consensus_listen: SocketAddr,
    /// Where to listen for the data plane.
    pub data_listen: SocketAddr,
    /// Who may connect and is to be dialled. The node itself may be among them, and is passed over.
    pub peers: Vec<PeerConfig>,
    /// Every bound on memory, time and rate.
    pub limits: Limits,
    /// When connections are replaced to get fresh keys.
    pub rekey: RekeySchedule,
}

/// Bounds per plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneLimits {
    /// The longest message, in bytes. A longer one from a peer closes its connection; a longer one
    /// to be sent is refused and counted.
    pub message_bytes: usize,
    /// Messages that may wait for one peer, and as many again may be unacknowledged. Beyond
    /// it the oldest is dropped.
    pub queued_messages: usize,
    /// Bytes that may wait for one peer, and as many again may be unacknowledged.
    pub queued_bytes: usize,
    /// Messages per second that one peer may send before reading from it slows down.
    pub messages_per_second: u64,
    /// Bytes per second that one peer may send before reading from it slows down.
    pub bytes_per_second: u64,
}

/// Every explicit limit. `Default` suits 32 to 100 validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bounds on consensus messages.
    pub consensus: PlaneLimits,
    /// Bounds on data messages.
    pub data: PlaneLimits,
    /// Events that may wait for the node. When they do, peers are read no further.
    pub queued_events: usize,
    /// The longest request body, in bytes.
    pub request_bytes: usize,
    /// The longest response body, in bytes.
    pub response_bytes: usize,
    /// Requests outstanding at one peer, in each direction.
    pub requests_per_peer: usize,
    /// Requests per second that one peer may send; more are refused.
    pub requests_per_second: u64,
    /// How long a request may take, from sending it to the last byte of its response.
    pub request_timeout: Duration,
    /// Established connections per plane.
    pub connections: usize,
    /// Established connections per plane and peer. One carries messages; more than one, so that a
    /// peer which lost its end can connect anew while the old connection is still being closed.
    pub connections_per_peer: usize,
    /// Connections that we may be establishing at once, per plane.
    pub dials_at_once: usize,
    /// Inbound connections of strangers' addresses that may be in their handshake, per plane. Addresses of
    /// listed peers have slots of their own, two for each peer.
    pub pending_inbound: usize,
    /// Inbound connections from one stranger's address that may be in their handshake.
    pub pending_inbound_per_address: usize,
    /// How long a handshake may take, and again the hello after it.
    pub handshake_timeout: Duration,
    /// How often each side shows that it lives. A peer silent for three times as long is disconnected.
    pub heartbeat: Duration,
    /// How long messages for an unreachable peer are kept.
    pub keep_for_disconnected: Duration,
}

impl Limits {
    /// The bounds of one plane.
    pub fn plane(&self, plane: Plane) -> &PlaneLimits {
        match plane {
            Plane::Consensus => &self.consensus,
            Plane::Data => &self.data,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let plane = PlaneLimits {
            message_bytes: 8 << 20,
            queued_messages: 4096,
            queued_bytes: 32 << 20,
            messages_per_second: 20_000,
            bytes_per_second: 128 << 20,
        };
        Self {
            consensus: plane,
            data: plane,
            queued_events: 1024,
            request_bytes: 1 << 20,
            response_bytes: 16 << 20,
            requests_per_peer: 64,
            requests_per_second: 1000,
            request_timeout: Duration::from_secs(30),
            connections: 512,
            connections_per_peer: 4,
            dials_at_once: 4,
            pending_inbound: 64,
            pending_inbound_per_address: 4,
            handshake_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(15),
            keep_for_disconnected: Duration::from_secs(10),
        }
    }
}

/// When a connection is replaced, which brings a new ML-KEM-1024 exchange and a new check of the
/// peer. Each connection draws its own age from the range, so that they do not all fall together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RekeySchedule {
    /// The youngest age at which a connection is replaced.
    pub from: Duration,
    /// The oldest.
    pub to: Duration,
    /// The age at which either side closes it whatever happens; 24 hours at most.
    pub hard: Duration,
}

impl RekeySchedule {
    /// The longest that one key exchange may serve.
    pub const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

    pub(crate) fn check(&self) -> Result<(), NetworkError> {
        if self.from <= self.to && self.to <= self.hard && self.hard <= Self::MAX_AGE {
            Ok(())
        } else {
            Err(NetworkError::Rekey {
                from: self.from,
                to: self.to,
                hard: self.hard,
            })
        }
    }
}

impl Default for RekeySchedule {
    fn default() -> Self {
        let hours = |h: u64| Duration::from_secs(h * 3600);
        Self {
            from: hours(12),
            to: hours(20),
            hard: hours(24),
        }
    }
}
