//! The SDK of Cairn: what a program needs to publish, find, fetch and prove AI models.
//!
//! A [`Client`] speaks to several nodes and believes none of them: whatever matters is fetched as a
//! proof bundle and checked against the genesis document. A [`Session`] is a client with an
//! account's keys: it signs transactions, pushes, pulls and grants.
//!
//! ```no_run
//! use cairn_client::{Client, ClientConfig};
//! use cairn_genesis::GenesisDocument;
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let genesis = Arc::new(GenesisDocument::load("genesis.json")?);
//! let nodes = vec!["cairn://127.0.0.1:7400".parse()?];
//! let client = Client::new(ClientConfig::new(nodes, genesis))?;
//! let version = client.proved_version(&"acme/bert@1.0.0".parse()?).await?;
//! println!("{}", version.model_hash);
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `client` | [`Client`], [`ClientConfig`] |
//! | `endpoint` | [`Endpoint`]: where a node is |
//! | `connection` | one connection to a node, and the pool of idle ones |
//! | `call` | one request and its answer, within limits |
//! | `attempt` | the same request to one node after another |
//! | `routes` | a typed method for every route that reads |
//! | `governance` | the same for validators, proposals and keys |
//! | `catalogue` | the same for aliases, tags, certification, access and lineage |
//! | `search` | [`SearchQuery`]: what a node's catalogue finds |
//! | `feed`, `sse` | [`Feed`]: the events of the ledger as they become final, from one node after another |
//! | `submit` | transactions on their way to a block |
//! | `transaction` | [`TransactionBuilder`] |
//! | `proof` | [`Subject`], and bundles fetched and verified; [`audit`] offline |
//! | `export` | [`VersionFacts`], and the formats of the supply chain for them |
//! | `range` | exports of a range of blocks, and [`audit_export`] offline |
//! | `epochs` | the newest epoch whose validators are known: where proofs begin |
//! | `records` | any record or list of the ledger, proved |
//! | `heads` | [`HeadStore`]: the newest header seen, kept between runs |
//! | `link` | how a proof's header goes together with the newest one seen |
//! | `reference` | [`Reference`]: how people name a version |
//! | `card` | [`AccountCard`]: what an admin needs to admit an account |
//! | `session` | [`Session`], [`Final`] |
//! | `rotation` | new keys for the account of a session |
//! | `reseal` | data keys moved to an account's newest key |
//! | `access` | data keys: sealed, opened, committed to |
//! | `token` | access tokens for blobs |
//! | `blobs` | [`NodeBlobStore`] |
//! | `push`, `pull` | models, there and back |
//! | `inherit` | which version the next one may take file keys from |
//! | `rekey` | new keys for a version after access was revoked |
//! | `tally` | [`Times`]: where the time of a push or pull went |
//! | `signatures` | OpenSSF signatures of a version, and whose they are |
//! | `inventory` | which stored manifests the ledger refers to |
//! | `source` | [`Sources`]: stores and caches that nodes need not know of |
//! | `resume` | what an interrupted push leaves for the next one |
//! | `error` | [`ClientError`] |

#![forbid(unsafe_code)]

mod access;
mod attempt;
mod blobs;
mod call;
mod card;
mod catalogue;
mod client;
mod connection;
mod endpoint;
mod epochs;
mod error;
mod export;
mod feed;
mod governance;
mod heads;
mod inherit;
mod inventory;
mod link;
mod proof;
mod pull;
mod push;
mod range;
mod records;
mod reference;
mod rekey;
mod reseal;
mod resume;
mod room;
mod rotation;
mod routes;
mod search;
mod session;
mod signatures;
mod source;
mod sse;
mod submit;
mod tally;
mod token;
mod transaction;

pub use access::{Recipient, key_commit, open_grant, seal_for, version_digest};
pub use blobs::NodeBlobStore;
pub use card::{AccountCard, CARD_FORMAT, CardError, MAX_CARD_BYTES};
pub use client::{Client, ClientConfig};
pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::{CallError, ClientError, NodeFailure};
pub use export::{ExportFormat, ParentFacts, ParseFormatError, VersionFacts};
pub use feed::{Feed, FeedItem};
pub use heads::{HeadNote, HeadStore};
pub use inventory::Manifests;
pub use proof::{Audited, Proved, Subject, audit};
pub use pull::{Pulled, Yanked};
pub use push::{PushRequest, Pushed, Signing};
pub use range::{AuditedExport, audit_export};
pub use reference::{ParseReferenceError, Reference};
pub use rekey::{RekeyRequest, Rekeyed, Rekeying};
pub use reseal::Resealed;
pub use search::SearchQuery;
pub use session::{Final, Session};
pub use signatures::CheckedSignatures;
pub use source::Sources;
pub use submit::Wait;
pub use tally::{StoreTimes, Times, Work};
pub use transaction::{EXPIRY_BLOCKS, TransactionBuilder};
