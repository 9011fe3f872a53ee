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
    processes: Option<Processes>,
    _folder: tempfile::TempDir,
}

impl Devnet {
    /// Makes one and waits for its first final block.
    pub(crate) fn start(validators: usize, base_port: u16) -> anyhow::Result<Self> {
        let mut network = Self::prepare(validators, base_port)?;
        network.launch()?;
        Ok(network)
    }

    /// Makes one of which nothing runs yet.
    pub(crate) fn prepare(validators: usize, base_port: u16) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let plan = Plan {
            validators,
            dir: folder.path().to_owned(),
            base_port,
            kind: None,
            load_accounts: SENDERS + 1,
        };
        let layout = devnet::prepare(&plan)?;
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
            processes: None,
            _folder: folder,
        };
        for index in 0..validators {
            let config = network.config(index)?;
            network.apis.push(config.listen.api);
            network.operations.push(config.listen.operations);
        }
        Ok(network)
    }

    /// Starts all validators and waits for the first final block.
    pub(crate) fn launch(&mut self) -> anyhow::Result<()> {
        let cairnd = std::env::current_exe()
            .context("this program has no path")?
            .with_file_name("cairnd");
        let mut processes = Processes::start_with(&cairnd, &self.layout, self.validators)?;
        processes.wait_for_block(0, Duration::from_secs(300))?;
        self.processes = Some(processes);
        Ok(())
    }

    /// Ends a validator as a loss of power would.
    pub(crate) fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        let processes = self.processes.as_mut().context("nothing runs")?;
        Ok(processes.kill(index)?)
    }

    /// A validator's configuration.
    pub(crate) fn config(&self, index: usize) -> anyhow::Result<NodeConfig> {
        Ok(NodeConfig::load(&self.layout.config(index))?)
    }

    /// Changes a validator's configuration.
    pub(crate) fn write_config(&self, index: usize, config: &NodeConfig) -> anyhow::Result<()> {
        let text = toml::to_string(config)?;
        Ok(std::fs::write(self.layout.config(index), text)?)
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
        let name = "cairn_ledger_final_transactions_total";
        devnet::metric(self.operations[index], name).map(|value| value as u64)
    }

    /// Seconds from their timestamps to finality of all blocks on all nodes, added up, and how many they were.
    pub(crate) fn finality_totals(&self) -> anyhow::Result<(f64, f64)> {
        let mut totals = (0.0, 0.0);
        for operations in &self.operations {
            let value = |part: &str| {
                let name = format!("cairn_consensus_finality_seconds_{part}");
                devnet::metric(*operations, &name).context("no metrics")
            };
            totals.0 += value("sum")?;
            totals.1 += value("count")?;
        }
        Ok(totals)
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if let Err(error) = devnet::stop(&self.layout, self.validators) {
            eprintln!("the validators cannot be stopped: {error}");
        }
    }
}
