//! A network of real validator processes, stopped when dropped.

use anyhow::Context;
use cairn_client::{Client, ClientConfig, Endpoint, Session};
use cairn_crypto::{AccountKeys, keyfile};
use cairn_genesis::GenesisDocument;
use cairn_node::config::NodeConfig;
use cairn_node::devnet::{self, Layout, Plan, Processes};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Accounts that send transactions.
pub(crate) const SENDERS: usize = 64;

/// See the [module](self).
pub(crate) struct Devnet {
    /// How many validators.
    pub(crate) validators: usize,
    layout: Layout,
    passphrase: String,
    genesis: Arc<GenesisDocument>,
    apis: Vec<SocketAddr>,
    operations: Vec<SocketAddr>,
    _folder: tempfile::TempDir,
}

impl Devnet {
    /// Starts one and waits for its first final block.
    pub(crate) fn start(validators: usize, base_port: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let plan = Plan {
            validators,
            dir: folder.path().to_owned(),
            base_port,
            kind: None,
            load_accounts: SENDERS + 1,
        };
        let layout = devnet::prepare(&plan)?;
        let cairnd = std::env::current_exe()
            .context("this program has no path")?
            .with_file_name("cairnd");
        let mut processes = Processes::start_with(&cairnd, &layout, validators)?;
        let passphrase = std::fs::read_to_string(layout.passphrase())?
            .trim()
            .to_owned();
        let genesis = Arc::new(GenesisDocument::load(layout.genesis())?);
        let mut network = Self {
            validators,
            layout,
            passphrase,
            genesis,
            apis: Vec::new(),
            operations: Vec::new(),
            _folder: folder,
        };
        for index in 0..validators {
            let config = NodeConfig::load(&network.layout.config(index))?;
            network.apis.push(config.listen.api);
            network.operations.push(config.listen.operations);
        }
        processes.wait_for_block(0, Duration::from_secs(300))?;
        Ok(network)
    }

    /// A client that prefers one node.
    pub(crate) fn client(&self, preferred: usize) -> anyhow::Result<Client> {
        let order = (0..self.validators).map(|offset| (preferred + offset) % self.validators);
        let nodes = order
            .map(|index| format!("cairn://{}", self.apis[index]).parse::<Endpoint>())
            .collect::<Result<_, _>>()?;
        Ok(Client::new(ClientConfig::new(
            nodes,
            Arc::clone(&self.genesis),
        ))?)
    }

    /// The keys of an account of this network.
    pub(crate) fn keys(&self, name: &str) -> anyhow::Result<AccountKeys> {
        Ok(keyfile::read(&self.layout.account(name), &self.passphrase)?.account()?)
    }

    /// An account with a client that prefers one node.
    pub(crate) fn session(&self, name: &str, preferred: usize) -> anyhow::Result<Session> {
        Ok(Session::new(self.client(preferred)?, self.keys(name)?))
    }

    /// Transactions that a node has seen become final.
    pub(crate) fn final_transactions(&self, index: usize) -> Option<u64> {
        devnet::metric(
            self.operations[index],
            "cairn_ledger_final_transactions_total",
        )
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if let Err(error) = devnet::stop(&self.layout, self.validators) {
            eprintln!("the validators cannot be stopped: {error}");
        }
    }
}
