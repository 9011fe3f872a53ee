//! The node's HTTP API, over TLS 1.3 with ML-KEM-1024 and the node's ML-DSA-87 key, and a plain
//! listener for operators.
//!
//! Every read is answered from the last final block and names its height. Every route has a limit on
//! its body, its time and its rate; connections and handshakes are limited apart from that. Errors are
//! RFC 9457 problems with a stable `code`.
//!
//! | file | what it holds |
//! |---|---|
//! | `limits` | [`ApiLimits`]: every limit, with its default |
//! | `server` | [`serve`]: the listeners, handshakes and connections |
//! | `stall` | a connection whose peer stops reading or writing ends |
//! | `limiter` | what one address may use |
//! | `router` | the table of routes, and what is done around each of them |
//! | `state` | `ApiState`: what the handlers share |
//! | `snapshot` | reading the state of one final block |
//! | `extract` | path, query and body, with problems for errors |
//! | `problem` | errors as answers |
//! | `auth` | access tokens against the ledger |
//! | `latest` | which version of a model is the highest |
//! | `transactions`, `blocks`, `registry`, `accounts`, `validators`, `proposals`, `proofs`, `ranges`, `blobs`, `status` | the routes |
//! | `catalogue` | policies, aliases, tags, transfers |
//! | `search` | what the catalogue finds |
//! | `assurance` | how a version stands, its lineage, who may read it |
//! | `events`, `event_blocks` | the stream of events, and where it reads them |
//! | `places` | places for blobs on their way, some for each account |
//! | `sending` | the body of a blob on its way, with a deadline |
//! | `recent` | the last blocks that were asked for, each read once |
//! | `operations` | health and metrics |
//! | `openapi` | the OpenAPI document, made from the code |

mod accounts;
mod assurance;
mod auth;
mod blobs;
mod blocks;
mod catalogue;
mod event_blocks;
mod events;
mod extract;
mod latest;
mod limiter;
mod limits;
mod list_proofs;
mod openapi;
mod operations;
mod places;
mod problem;
mod proofs;
mod proposals;
mod quota;
mod ranges;
mod recent;
mod registry;
mod router;
mod search;
mod sending;
mod server;
mod snapshot;
mod stall;
mod state;
mod status;
mod transactions;
mod validators;

pub use limits::ApiLimits;
pub use quota::BlobLimits;
pub use server::{ApiError, Bound, serve};

use std::net::SocketAddr;

/// Where the API listens and what it allows.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The API, over post-quantum TLS.
    pub listen: SocketAddr,
    /// Health and metrics, without TLS.
    pub ops_listen: SocketAddr,
    /// Every limit.
    pub limits: ApiLimits,
    /// What the blobs of namespaces may take.
    pub blobs: BlobLimits,
}
