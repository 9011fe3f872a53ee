//! TLS 1.3 with one way to do everything: ML-KEM-1024 is the only key exchange, AES-256-GCM the only
//! cipher, ML-DSA-87 the only signature, and a peer is its public key (RFC 7250), not a certificate.
//! Handshake and record layer are rustls'; this crate only says what may be negotiated and who may
//! connect.
//!
//! ```
//! use cairn_crypto::SigningKey;
//! use cairn_tls::{AllowList, client_config, server_config};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = SigningKey::generate()?;
//! let alpn = b"cairn/1/api/00";
//! // A server that shows its key and lets anyone connect ..
//! let server = server_config(&node, None, alpn)?;
//! // .. and an anonymous client that accepts this one server.
//! let nodes = Arc::new(AllowList::new([node.public_key()]));
//! let client = client_config(None, nodes, alpn)?;
//! # let _ = (server, client);
//! # Ok(())
//! # }
//! ```
//!
//! After the handshake both sides call [`negotiated`]: an application protocol that was not negotiated
//! is an error there, so two chains never speak to each other. [`HandshakeError::new`] says what a failed one failed with.
//!
//! | file | what it holds |
//! |---|---|
//! | `config` | [`client_config`], [`server_config`], [`server_name`] |
//! | `provider` | [`provider`]: what may be negotiated |
//! | `observed` | [`observe`]: how long the cryptography of connections takes |
//! | `policy` | [`PeerPolicy`], [`AllowList`]: who may connect, changeable at run time |
//! | `verify` | the verifiers: key form, then policy, then signature |
//! | `identity` | an ML-DSA-87 key as rustls wants it |
//! | `spki` | the one DER form of an ML-DSA-87 key (RFC 9881) |
//! | `negotiated` | [`negotiated`], [`peer_key`]: what came of a handshake |
//! | `error` | [`TlsError`], [`PeerRefused`], [`HandshakeError`] |

#![forbid(unsafe_code)]

mod config;
mod error;
mod identity;
mod negotiated;
mod observed;
mod policy;
mod provider;
mod spki;
mod verify;

pub use config::{client_config, server_config, server_name};
pub use error::{HandshakeError, PeerRefused, TlsError, refusal};
pub use negotiated::{Negotiated, negotiated, peer_key};
pub use observed::{CryptoObserver, observe};
pub use policy::{AllowList, PeerPolicy};
pub use provider::provider;
pub use spki::{key_of_spki, spki_of_key};
