//! Why a node cannot start or go on.

use crate::api;
use crate::driver::DriverError;
use crate::executor::ExecutorError;
use cairn_crypto::{Digest, keyfile};
use std::path::PathBuf;

/// A node cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The genesis document.
    #[error(transparent)]
    Genesis(#[from] cairn_genesis::GenesisError),
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] keyfile::KeyFileError),
    /// No way to open the key file.
    #[error(
        "no passphrase for {key_file}: set CAIRN_PASSPHRASE or `passphrase_file` in the configuration"
    )]
    NoPassphrase {
        /// The key file.
        key_file: PathBuf,
    },
    /// The passphrase file.
    #[error("cannot read the passphrase file {path}: {source}")]
    PassphraseFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the passphrase file.
    #[error(
        "the passphrase file {path} has mode {mode:04o}, so others can read it: run `chmod 600 {path}`, and choose another passphrase if anybody may have"
    )]
    PassphraseMode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key file is another validator's.
    #[error(
        "neither {key_file} nor `next_key_file` holds the {key} key that the ledger has for {name:?} at height {height}"
    )]
    WrongKey {
        /// `consensus` or `transport`.
        key: &'static str,
        /// Height of the ledger.
        height: u64,
        /// The key file.
        key_file: PathBuf,
        /// The validator.
        name: String,
    },
    /// The database belongs to another chain.
    #[error(
        "the database in {data_dir} is of chain {got}, the genesis document is of chain {expected}; use another data_dir"
    )]
    OtherChain {
        /// The data folder.
        data_dir: PathBuf,
        /// Of the genesis document.
        expected: Digest,
        /// Of the database.
        got: Digest,
    },
    /// The data folder.
    #[error("cannot make the data folder {data_dir}: {source}")]
    DataDir {
        /// The folder.
        data_dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What consensus goes on from.
    #[error(transparent)]
    Recovery(#[from] crate::epochs::EpochError),
    /// The state in it.
    #[error(transparent)]
    State(#[from] cairn_runtime::StateError),
    /// The ledger's validators make no set.
    #[error(transparent)]
    Validators(#[from] cairn_consensus::ValidatorSetError),
    /// The store.
    #[error(transparent)]
    Storage(#[from] cairn_storage::StorageError),
    /// The blob store.
    #[error(transparent)]
    Blobs(#[from] cairn_artifacts::StoreError),
    /// The network.
    #[error(transparent)]
    Network(#[from] cairn_p2p::NetworkError),
    /// The API.
    #[error(transparent)]
    Api(#[from] api::ApiError),
    /// Metrics.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] crate::metrics::MetricsError),
    /// The cryptography does not do what it should here.
    #[error(transparent)]
    SelfTest(#[from] crate::self_test::SelfTestError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(String),
    /// Consensus stopped.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// Execution stopped.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// A thread panicked: a defect.
    #[error("the {0} thread panicked")]
    Panicked(&'static str),
}
