//! Validators that are started, killed and started again one by one.

use crate::person::Person;
use crate::{Account, Api, ports, until};
use cairn_api::{BlockView, Status, TransactionStatus, token};
use cairn_crypto::keyfile::{self, PublicKeys};
use cairn_crypto::{Digest, PublicKey};
use cairn_genesis::GenesisDocument;
use cairn_node::config::Listen;
use cairn_node::devnet::{Layout, Plan, prepare};
use cairn_runtime::{Operation, Outcome};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Lines of each log that are shown when a test fails.
const SHOWN: usize = 8;

/// A network of validators, each a process.
pub struct Network {
    layout: Layout,
    genesis: GenesisDocument,
    base_port: u16,
    children: Vec<Option<Child>>,
    pub(crate) environment: Vec<(String, String)>,
    folder: TempDir,
    _lock: File,
}

impl Network {
    /// Makes a network and waits until all validators are connected.
    ///
    /// # Panics
    /// When that does not happen.
    #[must_use]
    pub fn start(validators: usize) -> Self {
        Self::start_with_load(validators, 0)
    }

    /// As [`Network::start`], with further accounts for a [`Load`](crate::Load).
    ///
    /// # Panics
    /// When a validator does not connect to all others.
    #[must_use]
    pub fn start_with_load(validators: usize, accounts: usize) -> Self {
        let mut network = Self::prepare(validators, accounts);
        network.launch_all();
        network.wait_for_peers();
        network
    }

    /// A network of which nothing runs yet.
    fn prepare(validators: usize, load_accounts: usize) -> Self {
        let lock = lock();
        let folder = TempDir::with_prefix("cairn-tests-")
            .expect("the system has a place for temporary files");
        // One more than there are: a validator may join.
        let count = u16::try_from((validators + 1) * 4).expect("a test has few validators");
        let base_port = ports::free(count);
        let layout = prepare(&Plan {
            validators,
            dir: folder.path().join("network"),
            base_port,
            kind: None,
            load_accounts,
        })
        .expect("a devnet can be made");
        let genesis =
            GenesisDocument::load(layout.genesis()).expect("its genesis document is sound");
        let children = (0..validators).map(|_| None).collect();
        Self {
            layout,
            genesis,
            base_port,
            children,
            environment: Vec::new(),
            folder,
            _lock: lock,
        }
    }

    /// A folder that lives as long as the network.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Where everything lies.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many validators there are, running or not.
    #[must_use]
    pub fn validators(&self) -> usize {
        self.children.len()
    }

    /// The chain's name.
    #[must_use]
    pub fn chain_id(&self) -> Digest {
        self.genesis.chain_id()
    }

    /// The validators that run.
    #[must_use]
    pub fn running(&self) -> Vec<usize> {
        (0..self.validators())
            .filter(|index| self.children[*index].is_some())
            .collect()
    }

    /// Starts a validator.
    ///
    /// # Panics
    /// When it runs already, or cannot be started.
    pub fn launch(&mut self, index: usize) {
        assert!(self.children[index].is_none(), "validator {index} runs");
        self.children[index] = Some(self.spawn(index));
    }

    /// A place for one more validator; its index.
    pub(crate) fn make_room(&mut self) -> usize {
        self.children.push(None);
        self.children.len() - 1
    }

    /// Where a validator listens.
    pub(crate) fn listen(&self, index: usize) -> Listen {
        Layout::listen(self.base_port, index)
    }

    /// Starts all validators that do not run.
    ///
    /// # Panics
    /// When one cannot be started.
    pub fn launch_all(&mut self) {
        for index in 0..self.validators() {
            if self.children[index].is_none() {
                self.launch(index);
            }
        }
    }

    fn spawn(&self, index: usize) -> Child {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.layout.log(index));
        let log = log.expect("a log can be written");
        let errors = log.try_clone().expect("a file has a second handle");
        self.cairnd(index, &["start"])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("cairnd can be started")
    }

    /// Ends a validator at once, as a loss of power would: SIGKILL.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self, index: usize) {
        let mut child = self.children[index].take().expect("the validator runs");
        child.kill().expect("a process of ours can be killed");
        child.wait().expect("a process of ours can be waited for");
    }

    /// Ends all validators at once: all signals are sent before the first is waited for.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn kill_all(&mut self) {
        for child in self.children.iter_mut().flatten() {
            child.kill().expect("a process of ours can be killed");
        }
        for child in &mut self.children {
            if let Some(mut child) = child.take() {
                child.wait().expect("a process of ours can be waited for");
            }
        }
    }

    /// Asks a validator to stop (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// When it runs still after `deadline`.
    pub fn terminate(&mut self, index: usize, deadline: Duration) -> ExitStatus {
        let mut child = self.children[index].take().expect("the validator runs");
        kill_process(pid(&child), Signal::TERM).expect("a process of ours can be signalled");
        until(deadline, "the validator stops", || {
            child
                .try_wait()
                .expect("a process of ours can be waited for")
        })
    }

    /// Process id of a validator.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self, index: usize) -> u32 {
        self.children[index]
            .as_ref()
            .expect("the validator runs")
            .id()
    }

    /// Fails if a validator that should run has ended by itself.
    ///
    /// # Panics
    /// When one has.
    pub fn check_alive(&mut self) {
        for (index, child) in self.children.iter_mut().enumerate() {
            if let Some(child) = child {
                let ended = child
                    .try_wait()
                    .expect("a process of ours can be waited for");
                assert!(
                    ended.is_none(),
                    "validator {index} ended by itself: {ended:?}"
                );
            }
        }
    }

    /// What a validator wrote.
    ///
    /// # Panics
    /// When there is no log.
    #[must_use]
    pub fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.layout.log(index)).expect("the validator has a log")
    }

    /// Ports of a validator: consensus, data, API, operations.
    #[must_use]
    pub fn ports(&self, index: usize) -> [SocketAddr; 4] {
        let listen = Layout::listen(self.base_port, index);
        [listen.consensus, listen.data, listen.api, listen.operations]
    }

    /// A client of a validator.
    ///
    /// # Panics
    /// When there is no such validator.
    #[must_use]
    pub fn api(&self, index: usize) -> Api {
        Api::new(
            self.ports(index)[2],
            &self.chain_id(),
            &self.transport_key(index),
        )
    }

    /// What tokens for a validator name.
    ///
    /// # Panics
    /// When there is no such validator.
    #[must_use]
    pub fn audience(&self, index: usize) -> String {
        token::audience(&self.chain_id(), &self.transport_key(index).fingerprint())
    }

    /// A validator's transport key, from its key file.
    fn transport_key(&self, index: usize) -> PublicKey {
        let name = Layout::name(index);
        let mut records = self.genesis.state.validators.iter();
        if let Some(record) = records.find(|record| record.name == name) {
            return record.transport_key.clone();
        }
        let path = self.layout.validator(index).join("node.key");
        match keyfile::read_public(&path).expect("there is a key file") {
            PublicKeys::Node { transport, .. } => transport,
            PublicKeys::Account { .. } => panic!("{} is a node's", path.display()),
        }
    }

    /// Opens every key file of the network.
    pub(crate) fn passphrase(&self) -> String {
        let text = std::fs::read_to_string(self.layout.passphrase());
        text.expect("there is a passphrase").trim().to_owned()
    }

    /// The genesis document.
    #[must_use]
    pub fn genesis(&self) -> &GenesisDocument {
        &self.genesis
    }

    /// A demo account with its keys.
    ///
    /// # Panics
    /// When there is no such account.
    #[must_use]
    pub fn account(&self, name: &str) -> Account {
        let material = keyfile::read(&self.layout.account(name), &self.passphrase());
        let keys = material
            .and_then(|material| material.account())
            .expect("the key file opens");
        Account::new(keys, self.chain_id())
    }

    /// Somebody with a demo account and the `cairn` program, who knows all validators.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let all: Vec<usize> = (0..self.validators()).collect();
        let path = |path: std::path::PathBuf| path.display().to_string();
        Person::new(
            &self.folder().join(name),
            &[
                ("CAIRN_GENESIS", path(self.layout.genesis())),
                ("CAIRN_NODES", self.nodes(&all)),
                ("CAIRN_PASSPHRASE_FILE", path(self.layout.passphrase())),
                ("CAIRN_KEY", path(self.layout.account(name))),
            ],
        )
    }

    /// The value of `CAIRN_NODES` for these validators.
    #[must_use]
    pub fn nodes(&self, indices: &[usize]) -> String {
        let urls: Vec<String> = indices
            .iter()
            .map(|index| format!("cairn://{}", self.ports(*index)[2]))
            .collect();
        urls.join(",")
    }

    /// How a validator is, if it answers.
    #[must_use]
    pub fn status(&self, index: usize) -> Option<Status> {
        let reply = self.api(index).get("/v1/status").ok()?;
        (reply.status == 200).then(|| reply.parse())
    }

    /// Waits until every running validator is connected to all others that run, on both planes.
    ///
    /// # Panics
    /// When it does not happen, or a validator ends by itself.
    pub fn wait_for_peers(&mut self) {
        let mut left = self.running();
        let others = left.len() - 1;
        until(
            self.patience(),
            "all running validators are connected",
            || {
                self.check_alive();
                left.retain(|index| {
                    self.status(*index)
                        .is_none_or(|status| status.peers_consensus.min(status.peers_data) < others)
                });
                left.is_empty().then_some(())
            },
        );
    }

    /// Waits until all running validators have final blocks up to `height`, patiently: the more there are,
    /// the longer a round may take.
    ///
    /// # Panics
    /// When it does not happen, or a validator ends by itself.
    pub fn wait_for_height(&mut self, height: u64) {
        let deadline = self.patience();
        let mut left = self.running();
        until(
            deadline,
            &format!("final blocks up to {height} on all running validators"),
            || {
                self.check_alive();
                left.retain(|index| {
                    self.status(*index)
                        .is_none_or(|status| status.height < height)
                });
                left.is_empty().then_some(())
            },
        );
    }

    /// How long something may take that needs some rounds with leaders that are gone.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(60 + 8 * self.validators() as u64)
    }

    /// Checks that the network still does what it is for: `alice` creates a namespace through validator 0.
    ///
    /// # Panics
    /// When that does not become final, or a validator has ended by itself.
    pub fn expect_goes_on(&mut self, namespace: &str) {
        self.check_alive();
        let alice = self.account("alice");
        let mut api = self.api(0);
        let (nonce, expiry) = alice.next(&mut api).expect("the validator answers");
        let ops = vec![Operation::CreateNamespace {
            namespace: namespace.to_owned(),
        }];
        let bytes = alice.sign(alice.transaction(nonce, expiry, ops));
        let reply = api
            .submit("?wait=final&timeout_s=60", &bytes)
            .expect("the validator answers");
        assert_eq!(
            reply.status,
            200,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        let status: TransactionStatus = reply.parse();
        let outcome = status.receipt.map(|receipt| receipt.outcome);
        assert!(matches!(outcome, Some(Outcome::Applied(_))), "{outcome:?}");
    }

    /// A final block of a validator.
    ///
    /// # Panics
    /// When it does not have it.
    #[must_use]
    pub fn block(&self, index: usize, height: u64) -> BlockView {
        let reply = self
            .api(index)
            .get(&format!("/v1/blocks/{height}"))
            .expect("the validator answers");
        reply.parse()
    }

    /// Ids of the final blocks of a validator from height 0 up to `height`.
    ///
    /// # Panics
    /// When it does not have them all.
    #[must_use]
    pub fn block_ids(&self, index: usize, height: u64) -> Vec<String> {
        let mut api = self.api(index);
        let mut ids = Vec::new();
        while (ids.len() as u64) <= height {
            let path = format!("/v1/blocks?from={}&limit=100", ids.len());
            let page = api.get(&path).expect("the validator answers").json();
            let items = page["items"].as_array().expect("a page has items");
            assert!(
                !items.is_empty(),
                "validator {index} lacks block {}",
                ids.len()
            );
            for item in items {
                assert_eq!(
                    item["header"]["height"],
                    ids.len() as u64,
                    "blocks come in order"
                );
                ids.push(item["id"].as_str().expect("a block has an id").to_owned());
            }
        }
        ids.truncate(usize::try_from(height + 1).expect("a test has few blocks"));
        ids
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // It may have ended already.
            let _ended = child.kill();
            let _waited = child.wait();
        }
        if std::thread::panicking() {
            for index in 0..self.validators() {
                let log = std::fs::read_to_string(self.layout.log(index)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
                eprintln!("--- the end of the log of {}:\n{end}", Layout::name(index));
            }
            eprintln!("--- everything is kept in {}", self.folder.path().display());
            self.folder.disable_cleanup(true);
        }
    }
}

/// Waits until no other test has a network, in this process or another one.
fn lock() -> File {
    let path = std::env::temp_dir().join("cairn-tests.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.expect("the system has a place for temporary files");
    file.lock().expect("a file of ours can be locked");
    file
}

fn pid(child: &Child) -> Pid {
    let raw = i32::try_from(child.id()).expect("the system's process ids fit");
    Pid::from_raw(raw).expect("a process id is not 0")
}
