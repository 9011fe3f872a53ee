//! What can go wrong, by where it goes wrong.

use std::{io, net::SocketAddr, time::Duration};

use cairn_crypto::Digest;
use libp2p::PeerId;

use crate::config::Plane;

/// Why the network could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The transport key could not be used for TLS.
    #[error("the transport key cannot be used: {0}; create a new node key")]
    Identity(String),
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

/// Why our verifier turned a peer's key away, before any signature was checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerRejected {
    /// Not the DER encoding of an ML-DSA-87 key.
    #[error("the peer's key information ({len} bytes) is not an ML-DSA-87 raw public key")]
    NotMlDsa87 {
        /// Its length.
        len: usize,
    },
    /// An ML-DSA-87 key that is not listed.
    #[error(
        "peer {0} is not in the list of peers; add it to the configuration if it belongs there"
    )]
    NotListed(PeerId),
    /// TLS 1.2, or a certificate chain.
    #[error("the peer sent more than a raw public key under TLS 1.3")]
    NotRawKey,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The peer's key was turned away.
    #[error(transparent)]
    Rejected(#[from] PeerRejected),
    /// The peer presented a listed key and could not sign with it.
    #[error("the peer does not hold the key that it presented: its signature is wrong")]
    BadSignature,
    /// The peer offers no ML-KEM-1024.
    #[error("the peer offers no ML-KEM-1024 key exchange, and no other is accepted")]
    NoCommonKeyExchange,
    /// The peer did not agree to this chain and plane.
    #[error(
        "the peer did not agree to {expected}: it is of another chain, plane or protocol version"
    )]
    Alpn {
        /// The protocol that we insist on.
        expected: String,
    },
    /// What was negotiated is not what we configured; cannot happen unless rustls changes.
    #[error("the handshake settled on {got} where only {expected} is accepted")]
    Parameters {
        /// What is accepted.
        expected: &'static str,
        /// What was negotiated.
        got: String,
    },
    /// The peer presented no key.
    #[error("the peer presented no key")]
    NoKey,
    /// Any other violation of TLS.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// The connection broke.
    #[error("connection: {0}")]
    Io(#[source] io::Error),
}

impl HandshakeError {
    /// A short name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Rejected(PeerRejected::NotMlDsa87 { .. } | PeerRejected::NotRawKey) => {
                "not_ml_dsa_87"
            }
            Self::Rejected(PeerRejected::NotListed(_)) => "not_listed",
            Self::BadSignature => "bad_signature",
            Self::NoCommonKeyExchange => "no_common_key_exchange",
            Self::Alpn { .. } => "alpn",
            Self::Parameters { .. } => "parameters",
            Self::NoKey => "no_key",
            Self::Tls(_) => "tls",
            Self::Io(_) => "io",
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>())
            .cloned();
        tls.map_or(Self::Io(error), Self::from)
    }
}

impl From<rustls::Error> for HandshakeError {
    fn from(error: rustls::Error) -> Self {
        use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
        match &error {
            Error::Other(other) => match other.0.downcast_ref::<PeerRejected>() {
                Some(rejected) => Self::Rejected(rejected.clone()),
                None => Self::Tls(error),
            },
            Error::NoCertificatesPresented => Self::NoKey,
            Error::InvalidCertificate(CertificateError::BadSignature) => Self::BadSignature,
            Error::PeerIncompatible(
                PeerIncompatible::NoKxGroupsInCommon
                | PeerIncompatible::NamedGroupsExtensionRequired,
            ) => Self::NoCommonKeyExchange,
            Error::NoApplicationProtocol
            | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Self::Alpn {
                expected: "this chain and plane".into(),
            },
            _ => Self::Tls(error),
        }
    }
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
