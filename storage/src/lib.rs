//! The node's disk: final blocks, the authenticated state, certificates, and what a validator must never
//! forget. RocksDB appears here and nowhere else.
//!
//! Two promises carry everything above:
//!
//! - What [`Store::persist`] and [`Store::commit`] return from is on disk, synced. A message that the safety
//!   record allows may be sent after that, and not before.
//! - Each of them is one atomic write. After a crash a block is there with its transactions, receipts, state,
//!   history and certificate, or not at all; and the safety record is the last one that was acknowledged, or a
//!   newer one. A store that cannot keep this promise (files were damaged, cut short or replaced by older
//!   ones) refuses to open and says what to do.
//!
//! ```
//! use cairn_storage::{StorageError, Store, StoreOptions};
//!
//! let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path(), &StoreOptions::default())?;
//! assert_eq!(store.chain_id()?, None); // initialize() comes next, with the genesis header
//!
//! let second = Store::open(folder.path(), &StoreOptions::default());
//! assert!(matches!(second, Err(StorageError::InUse { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | what |
//! |---|---|
//! | `store.rs`    | [`Store`]: opening, the genesis block, checking |
//! | `safety.rs`   | [`SafetyWrite`]: the safety record and blocks that are not final |
//! | `commit.rs`   | [`FinalBlock`]: finality in one write |
//! | `restore.rs` | [`Snapshot`]: beginning from a state instead of from every block |
//! | `certificates.rs` | which finality certificates are kept |
//! | `chain.rs`    | reading headers, blocks, transactions, certificates and history proofs |
//! | `tree.rs`     | [`TreeView`]: the state tree for the runtime |
//! | `state_cache.rs` | the newest values and nodes in memory |
//! | `schema.rs`   | tables and keys |
//! | `database.rs` | the engine behind typed reads, batches and errors |
//! | `witness.rs`  | noticing that acknowledged writes are gone |
//! | `options.rs`  | [`StoreOptions`]: memory and threads |
//! | `error.rs`    | [`StorageError`] |
#![forbid(unsafe_code)]

mod certificates;
mod chain;
mod commit;
mod database;
mod error;
mod options;
mod restore;
mod safety;
mod schema;
mod state_cache;
mod store;
mod tree;
mod witness;

pub use certificates::{CERTIFICATE_INTERVAL, CERTIFICATE_WINDOW};
pub use commit::FinalBlock;
pub use error::StorageError;
pub use options::StoreOptions;
pub use restore::{EpochEnding, Restoring, Snapshot};
pub use safety::SafetyWrite;
pub use store::{Scan, Store};
pub use tree::TreeView;
