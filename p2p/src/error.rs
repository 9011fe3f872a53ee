//! What can go wrong, by where it goes wrong.

use std::{io, net::SocketAddr, time::Duration};

use cairn_crypto::Digest;
use cairn_tls::TlsError;
use libp2p::PeerId;

use crate::config::Plane;

/// Why the network could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The TLS configuration could not be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A listen address could not be taken.
    #[error(
        "cannot listen on {address} for the {plane} plane: {reason}; is another node running there?"
    )]
    Listen {
        /// The plane.
        plane: Plane,
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The rekey schedule is out of order or too long.
    #[error(
        "rekey schedule from {from:?} to {to:?}, hard {hard:?}: must rise, and hard may be 24 h at most"
    )]
    Rekey {
        /// The youngest age.
        from: Duration,
        /// The oldest age.
        to: Duration,
        /// The hard limit.
        hard: Duration,
    },
}

/// Why a hello was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum HelloError {
    /// Another version of the protocol.
    #[error("the peer speaks protocol version {theirs}, this node {ours}: upgrade the older one")]
    Protocol {
        /// Our version.
        ours: u16,
        /// The peer's.
        theirs: u16,
    },
    /// Another chain.
    #[error("the peer's chain is {theirs}, this node's {ours}: check the genesis document")]
    Chain {
        /// Our chain.
        ours: Digest,
        /// The peer's.
        theirs: Digest,
    },
    /// More addresses than a hello may have.
    #[error("the hello names {count} addresses, {limit} are allowed")]
    Addresses {
        /// How many it names.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Not a hello.
    #[error("not a hello: {0}")]
    Malformed(String),
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than allowed; nothing was allocated for it.
    #[error("a frame of {len} bytes, {limit} are allowed")]
    TooLong {
        /// The length announced.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The stream broke or ended.
    #[error("stream: {0}")]
    Io(#[from] io::Error),
}

/// Why a request got no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The peer is not connected on the data plane; ask another.
    #[error("peer {0} is not connected")]
    NotConnected(PeerId),
    /// The body is longer than allowed.
    #[error("a request of {len} bytes, {limit} are allowed")]
    TooLong {
        /// Its length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many requests are outstanding at this peer.
    #[error("{limit} requests are outstanding at this peer; wait for one to end")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The peer had no answer or was too busy; ask another.
    #[error("the peer refused the request")]
    Refused,
    /// No response in time.
    #[error("no response in time")]
    TimedOut,
    /// The connection closed before the response arrived, or the response was not well-formed.
    #[error("no response: {0}")]
    Failed(String),
    /// The network was shut down.
    #[error("the network is shut down")]
    ShutDown,
}
