//! `cairnd`: consensus, ledger, storage and network in one validator node.
//!
//! This is the only place where they meet. A transaction comes in over HTTP or from another node,
//! is checked once (`intake`) and waits (`mempool`). The replica, driven by one thread (`driver`),
//! asks for blocks to be built and executed; another thread does so (`executor`) on states that are
//! not final yet (`speculation`). What a quorum made final is written in one atomic, synced batch,
//! and then announced (`finality`).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use cairn_node::{config::NodeConfig, node::Node};
//! let config = NodeConfig::load(std::path::Path::new("cairnd.toml"))?;
//! let node = Node::start(config).await?;
//! println!("{:?}", node.handle().status());
//! node.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `node` | puts a validator together and takes it apart |
//! | `config` | the TOML file |
//! | `driver`, `timers` | consensus: step, write, send |
//! | `executor`, `speculation` | execution of blocks that are not final yet |
//! | `intake`, `mempool`, `dissemination` | transactions on their way into a block |
//! | `committee`, `epochs` | who decides now, who is who on the network, and who decided before |
//! | `catalogue` | what can be searched, kept up to date
//! | `accusations` | evidence of validators that signed two contents |
//! | `acquaintance` | who may connect, by the ledger's registry |
//! | `inbound`, `serve`, `answer_places`, `wire` | what other nodes send and ask |
//! | `fetch`, `sync` | what this node asks others for |
//! | `snapshot`, `restore`, `recovery` | beginning from a recent state instead of from every block |
//! | `finality`, `handle`, `metrics` | what the outside sees |
//! | `self_test` | cryptography, tried before the node starts |
//! | `api` | the HTTP API |
//! | `devnet` | many validators on one machine |

#![forbid(unsafe_code)]

pub mod accusations;
pub mod acquaintance;
mod answer_places;
pub mod api;
pub mod catalogue;
pub mod committee;
pub mod config;
pub mod devnet;
pub mod dissemination;
pub mod driver;
pub mod epochs;
pub mod executor;
pub mod fetch;
pub mod finality;
pub mod handle;
pub mod inbound;
pub mod intake;
pub mod mempool;
pub mod metrics;
pub mod node;
pub mod payloads;
pub mod recovery;
pub mod restore;
mod seldom;
pub mod self_test;
pub mod serve;
pub mod snapshot;
pub mod speculation;
pub mod sync;
pub mod timers;
pub mod wire;
