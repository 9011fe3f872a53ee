//! The network between Cairn's nodes: libp2p over TLS 1.3 with ML-KEM-1024 key exchange and ML-DSA-87 raw
//! public keys on both sides, and nothing else.
//!
//! A node has one identity and two planes, each with its own listener and connections: the consensus plane, where no
//! vote ever waits behind bulk, and the data plane. Peers are listed; a stranger gets no further than
//! the TLS verifier. On every connection each side says [`Hello`] first, then sends messages on one
//! long-lived stream per direction, and takes acknowledgements on the way back. Sending never blocks:
//! each peer has a bounded queue that loses its own oldest. Connections are replaced every 12 to 20
//! hours for fresh keys, and messages that the old one left unacknowledged go again over the new one.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use cairn_crypto::{Digest, SigningKey};
//! use cairn_p2p::{Limits, Network, NetworkConfig, Plane, RekeySchedule};
//!
//! let (network, _events) = Network::start(NetworkConfig {
//!     identity: SigningKey::generate()?,
//!     chain_id: Digest::of(b"the genesis document"),
//!     consensus_listen: "127.0.0.1:0".parse()?,
//!     data_listen: "127.0.0.1:0".parse()?,
//!     peers: vec![],
//!     limits: Limits::default(),
//!     rekey: RekeySchedule::default(),
//! })
//! .await?;
//! network.broadcast(Plane::Consensus, "a vote".into());
//! assert_ne!(network.listen_addr(Plane::Consensus), network.listen_addr(Plane::Data));
//! network.shutdown().await;
//! # Ok(()) })
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `network` | [`Network`]: the handle |
//! | `config` | [`NetworkConfig`], [`Limits`], [`RekeySchedule`]: every setting and every bound |
//! | `event` | [`NetworkEvent`]: what the node is told |
//! | `error` | everything that can go wrong |
//! | `identity` | [`peer_id`] |
//! | `allow` | [`AllowList`]: who may connect |
//! | `upgrade` | [`PqTls`]: the handshake `/cairn/pq-tls/1`, with the TLS of `cairn-tls` |
//! | `swarm` | TCP, TLS and yamux put together |
//! | `admission` | limits on connections |
//! | `link` | the two streams of a connection |
//! | `hello`, `frame` | what is said first, and how messages are framed |
//! | `session` | one connection's life: hello, messages, acknowledgements |
//! | `outbox` | what waits for a peer, and what it has not acknowledged |
//! | `rate` | a token bucket |
//! | `dialing` | who dials whom, and when again |
//! | `requests`, `exchange` | requests and responses |
//! | `plane`, `peers` | the driver of one plane, which owns its swarm, and what it remembers |
//! | `shared`, `metrics` | what all of them look at, and what an operator sees |

#![forbid(unsafe_code)]

mod admission;
mod allow;
mod config;
mod dialing;
mod error;
mod event;
mod exchange;
mod frame;
mod hello;
mod identity;
mod link;
mod metrics;
mod network;
mod outbox;
mod peers;
mod plane;
mod rate;
mod requests;
mod session;
mod shared;
mod swarm;
mod upgrade;

pub use allow::AllowList;
pub use cairn_tls::{HandshakeError, PeerRefused, TlsError};
pub use config::{Limits, NetworkConfig, PeerConfig, Plane, PlaneLimits, RekeySchedule};
pub use error::{FrameError, HelloError, NetworkError, RequestError};
pub use event::NetworkEvent;
pub use hello::{Hello, PROTOCOL_VERSION};
pub use identity::peer_id;
pub use libp2p::PeerId;
pub use network::Network;
pub use requests::Responder;
pub use shared::{PeerStatus, SessionStatus};
pub use upgrade::{PROTOCOL, PqTls, SecureStream, alpn};
