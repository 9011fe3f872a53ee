//! Many validators on one machine: keys, genesis, configuration, processes.
//!
//! | file | what it does |
//! |---|---|
//! | `layout` | where everything of a devnet lies |
//! | `setup` | makes keys, the genesis document and configurations |
//! | `processes` | starts, watches and stops the validators |

mod layout;
mod processes;
mod setup;

pub use layout::Layout;
pub use processes::{Processes, metric, stop};
pub use setup::{Plan, prepare};

use crate::node::NodeError;
use std::path::PathBuf;

/// A devnet cannot be made or run.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// Too few or too many.
    #[error("a devnet has 1 to 128 validators, not {got}")]
    Validators {
        /// What was asked for.
        got: usize,
    },
    /// The ports do not fit.
    #[error(
        "{validators} validators need {needed} ports from {base_port} on, which goes past 65535; choose a lower --base-port"
    )]
    Ports {
        /// First port.
        base_port: u16,
        /// How many are needed.
        needed: usize,
        /// For how many validators.
        validators: usize,
    },
    /// The folder holds a network of another size.
    #[error(
        "{dir} holds a network of {got} validators; asked for {expected}. Choose another --dir, or remove it"
    )]
    OtherSize {
        /// The folder.
        dir: PathBuf,
        /// Asked for.
        expected: usize,
        /// Held.
        got: usize,
    },
    /// A file or folder.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The genesis document.
    #[error(transparent)]
    Genesis(#[from] cairn_genesis::GenesisError),
    /// Keys.
    #[error("keys cannot be made: {0}")]
    Key(#[from] cairn_crypto::KeyError),
    /// Key files.
    #[error(transparent)]
    KeyFile(#[from] cairn_crypto::keyfile::KeyFileError),
    /// Configuration.
    #[error("the configuration cannot be written: {0}")]
    Config(#[from] toml::ser::Error),
    /// A validator ended by itself.
    #[error("{name} ended by itself ({status}); the end of its log, {log}:\n{tail}")]
    Ended {
        /// Its name.
        name: String,
        /// Its exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// No block became final in time.
    #[error("no block became final within {seconds} s; the logs are in {dir}")]
    NoBlock {
        /// How long was waited.
        seconds: u64,
        /// Where the logs are.
        dir: PathBuf,
    },
    /// The devnet runs already.
    #[error("{name} of this devnet runs already (process {pid}); stop it with --stop")]
    Running {
        /// A validator that runs.
        name: String,
        /// Its process.
        pid: i32,
    },
    /// A node.
    #[error(transparent)]
    Node(#[from] NodeError),
}
