//! The node's configuration: one TOML file, every setting with its default. Unknown settings are errors.

use crate::api::{ApiLimits, BlobLimits};
use crate::catalogue::CatalogueConfig;
use crate::mempool::MempoolLimits;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// See the [module](self). Relative paths are relative to the file's folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// This validator's name on the ledger.
    pub name: String,
    /// The genesis document.
    pub genesis: PathBuf,
    /// The encrypted file with the consensus key and the transport key.
    pub key_file: PathBuf,
    /// The file with the keys that are to follow, while they are being replaced; same passphrase.
    #[serde(default)]
    pub next_key_file: Option<PathBuf>,
    /// A file whose first line is the key file's passphrase; `CAIRN_PASSPHRASE` goes before it.
    pub passphrase_file: Option<PathBuf>,
    /// Everything the node keeps: database, blobs, lock.
    pub data_dir: PathBuf,
    /// Threads that check signatures; 0: one a core.
    #[serde(default)]
    pub verify_threads: usize,
    /// Threads for network and API.
    #[serde(default = "two")]
    pub async_threads: usize,
    /// Blocks behind the others from which on the node begins again from a snapshot of the state instead of executing
    /// every block.
    #[serde(default = "ten_thousand")]
    pub snapshot_after_blocks: u64,
    /// Addresses of this node.
    pub listen: Listen,
    /// What the mempool may hold.
    #[serde(default)]
    pub mempool: MempoolLimits,
    /// What the HTTP API allows.
    #[serde(default)]
    pub api: ApiLimits,
    /// What the blobs of namespaces may take.
    #[serde(default)]
    pub blobs: BlobLimits,
    /// What can be searched.
    #[serde(default)]
    pub catalogue: CatalogueConfig,
    /// The other validators.
    #[serde(default, rename = "peer")]
    pub peers: Vec<Peer>,
}

fn two() -> usize {
    2
}

fn ten_thousand() -> u64 {
    10_000
}

/// Where the node listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Votes and proposals.
    pub consensus: SocketAddr,
    /// Transactions and blocks.
    pub data: SocketAddr,
    /// The HTTP API, over post-quantum TLS.
    pub api: SocketAddr,
    /// Health and metrics, without TLS: keep it on loopback or a management network.
    pub operations: SocketAddr,
}

/// Another validator's addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name in the genesis document.
    pub name: String,
    /// Its consensus plane.
    pub consensus: SocketAddr,
    /// Its data plane.
    pub data: SocketAddr,
}

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}; `cairnd init` writes one")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
}

impl NodeConfig {
    /// Reads a file and makes its paths absolute.
    ///
    /// # Errors
    /// [`ConfigError`] with the place in the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for file in [
            &mut config.genesis,
            &mut config.key_file,
            &mut config.data_dir,
        ]
        .into_iter()
        .chain(config.passphrase_file.as_mut())
        .chain(config.next_key_file.as_mut())
        {
            *file = folder.join(&*file);
        }
        Ok(config)
    }
}

/// A configuration with every setting, its default and one line of explanation.
#[must_use]
pub fn template(name: &str) -> String {
    let mempool = MempoolLimits::default();
    let api = toml::to_string(&ApiLimits::default()).unwrap_or_default();
    format!(
        r#"# Configuration of a Cairn validator. Paths are relative to this file. Unknown settings are errors.

# This validator's name on the ledger.
name = {name:?}
# The genesis document, the same file for all.
genesis = "genesis.json"
# The encrypted consensus and transport keys, made by `cairnd keys`; mode 0600.
key_file = "node.key"
# The keys that are to follow, while they are being replaced; same passphrase.
# next_key_file = "next.key"
# First line: the key file's passphrase. CAIRN_PASSPHRASE in the environment goes before it.
passphrase_file = "passphrase"
# Database and blobs.
data_dir = "data"
# Threads that check signatures; 0: one a core.
verify_threads = 0
# Threads for network and API.
async_threads = 2
# Blocks behind the others from which on the node begins again from a snapshot of the state. It then has no blocks from
# before the snapshot, but for those that it had.
snapshot_after_blocks = 10000

[listen]
# Votes and proposals, from the other validators.
consensus = "0.0.0.0:7000"
# Transactions and blocks, from the other validators.
data = "0.0.0.0:7001"
# The HTTP API, over post-quantum TLS.
api = "0.0.0.0:7002"
# Health and metrics, without TLS: keep it on loopback or a management network.
operations = "127.0.0.1:7003"

[mempool]
# Transactions that may wait, their bytes, and those of one account.
transactions = {}
bytes = {}
per_account = {}

# What the HTTP API allows: times in milliseconds unless the name says otherwise.
[api]
{api}
# Bytes of blobs that this node keeps for each namespace; without them, as many as the disk takes. A push beyond them is
# refused before anything of it is taken.
[blobs]
# namespace_quota_bytes = 1099511627776
# For single namespaces.
# [blobs.namespace_quotas]
# acme = 2199023255552

# What can be searched with `cairn search`: made from the ledger, and made anew with `cairnd catalogue rebuild`.
[catalogue]
# "embedded": in the data folder. "dynamodb": in a table of DynamoDB. "none": this node answers no searches.
kind = "embedded"
# For "dynamodb": the table, which belongs to this node alone; its region; and the server, for anything but Amazon's own.
# Credentials come from the environment, AWS_ACCESS_KEY_ID and so on.
# table = "cairn-{name}"
# region = "us-east-1"
# endpoint = "https://dynamodb.example:8000"

# One section for each other validator: its name in the genesis document and its addresses.
# [[peer]]
# name = "validator-01"
# consensus = "192.0.2.1:7000"
# data = "192.0.2.1:7001"
"#,
        mempool.transactions, mempool.bytes, mempool.per_account
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_template_says_every_default_and_is_itself_a_configuration() {
        let config: NodeConfig = toml::from_str(&template("validator-00")).unwrap();
        assert_eq!(config.name, "validator-00");
        assert_eq!(config.mempool, MempoolLimits::default());
        assert_eq!(config.api, ApiLimits::default());
        assert_eq!(config.blobs, BlobLimits::default());
        assert_eq!(config.catalogue, CatalogueConfig::default());
        assert_eq!(config.verify_threads, 0);
        assert_eq!(config.async_threads, two());
        assert_eq!(config.snapshot_after_blocks, ten_thousand());
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_it() {
        let text = template("x").replace("verify_threads", "verify_treads");
        let error = toml::from_str::<NodeConfig>(&text).unwrap_err();
        assert!(error.to_string().contains("verify_treads"), "{error}");
    }
}
