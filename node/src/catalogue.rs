//! The searchable catalogue of a node: a task follows the ledger's final blocks and keeps it up to date. Nothing waits
//! for it: a catalogue that is slow, broken or gone makes searching fail, and nothing else.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings` | [`CatalogueConfig`]: which catalogue, and opening it |
//! | `blocks` | what final blocks have changed, read from the store |
//! | `follower` | the task |
//! | `fill` | a catalogue made anew from a state |
//! | `searches` | [`Searches`]: what the API asks |
//! | `measure` | metrics |

mod blocks;
mod fill;
mod follower;
mod measure;
mod searches;
mod settings;

pub use fill::{Rebuilt, rebuild};
pub(crate) use follower::Follower;
pub use searches::{SearchError, Searches};
pub use settings::{CatalogueConfig, CatalogueKind};

use cairn_catalogue::CatalogueError;
use cairn_runtime::StateError;
use cairn_storage::StorageError;

/// Why a catalogue is not what the ledger is.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The node's store.
    #[error("the catalogue cannot follow the ledger: {0}")]
    Storage(#[from] StorageError),
    /// The state in it.
    #[error("the catalogue cannot follow the ledger: {0}")]
    State(#[from] StateError),
    /// The store has no chain yet.
    #[error("the store in {0} has no chain: start the node once, and rebuild then")]
    NoChain(String),
    /// The configuration names none.
    #[error(
        "the configuration says kind = \"none\" under [catalogue]: there is nothing to rebuild"
    )]
    Off,
    /// A thread ended.
    #[error("a thread that reads blocks ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}
