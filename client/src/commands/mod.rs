//! The commands, one file each: what they are asked, what they do, what they show.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod alias;
pub(crate) mod audit;
pub(crate) mod audit_export;
pub(crate) mod certify;
pub(crate) mod completion;
pub(crate) mod describe;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod export;
pub(crate) mod grant;
pub(crate) mod key;
pub(crate) mod keygen;
pub(crate) mod lineage;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod namespace;
mod policy;
pub(crate) mod proposal;
mod propose;
pub(crate) mod prove;
pub(crate) mod provenance;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod role;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod tag;
pub(crate) mod transfer;
pub(crate) mod tx;
pub(crate) mod validator;
mod values;
pub(crate) mod verify;
pub(crate) mod withdraw;

use crate::cli::{Offline, Online};
use crate::exit::Failure;
use crate::output::{Fields, Output};
use crate::passphrase;
use crate::settings::{Settings, SettingsError};
use cairn_client::{Client, ClientConfig, Endpoint, Final, Session};
use cairn_consensus::BlockId;
use cairn_crypto::{Digest, keyfile};
use cairn_genesis::GenesisDocument;
use cairn_runtime::Operation;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Runs a command that asks nodes.
pub(crate) async fn online(command: Online, context: &Context) -> Result<(), Failure> {
    match command {
        Online::Push(arguments) => push::run(*arguments, context).await,
        Online::Pull(arguments) => pull::run(&arguments, context).await,
        Online::Verify(arguments) => verify::run(&arguments, context).await,
        Online::Show(arguments) => show::run(&arguments, context).await,
        Online::List(arguments) => list::run(&arguments, context).await,
        Online::Search(arguments) => search::run(*arguments, context).await,
        Online::Log(arguments) => log::run(&arguments, context).await,
        Online::Grant(arguments) => grant::run(&arguments, context).await,
        Online::Revoke(arguments) => access::revoke(arguments, context).await,
        Online::RequestAccess(arguments) => access::request(arguments, context).await,
        Online::Access(arguments) => access::list(&arguments, context).await,
        Online::Model(command) => model::run(command, context).await,
        Online::Reseal(arguments) => access::reseal(&arguments, context).await,
        Online::Lineage(arguments) => lineage::run(&arguments, context).await,
        Online::Provenance(command) => provenance::run(command, context).await,
        Online::Alias(command) => alias::run(command, context).await,
        Online::Tag(command) => tag::run(command, context).await,
        Online::Describe(arguments) => describe::run(arguments, context).await,
        Online::Deprecate(arguments) => withdraw::deprecate(arguments, context).await,
        Online::Yank(arguments) => withdraw::yank(arguments, context).await,
        Online::Transfer(command) => transfer::run(command, context).await,
        Online::Certify(arguments) => certify::certify(arguments, context).await,
        Online::Certification(command) => certify::run(command, context).await,
        Online::Events(arguments) => events::run(arguments, context).await,
        Online::Prove(arguments) => prove::run(&arguments, context).await,
        Online::Export(arguments) => export::run(&arguments, context).await,
        Online::Account(command) => account::run(command, context).await,
        Online::Key(command) => key::run(command, context).await,
        Online::Validator(command) => validator::run(command, context).await,
        Online::Proposal(command) => proposal::run(command, context).await,
        Online::Evidence(command) => evidence::run(command, context).await,
        Online::Role(command) => role::run(command, context).await,
        Online::Namespace(command) => namespace::run(command, context).await,
        Online::Gc(arguments) => store::gc(&arguments, context).await,
        Online::Fsck(arguments) => store::fsck(&arguments, context).await,
        Online::Status => status::run(context).await,
        Online::Tx(arguments) => tx::run(&arguments, context).await,
        Online::AuditExport(arguments) => audit_export::run(&arguments, context).await,
    }
}

/// Runs a command that reaches no network. Completions must not need a sound configuration.
pub(crate) fn offline(
    command: Offline,
    settings: impl FnOnce() -> Result<Settings, SettingsError>,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Offline::Keygen(arguments) => keygen::run(&arguments, &settings()?, output),
        Offline::Audit(arguments) => audit::run(&arguments, &settings()?, output),
        Offline::Completion(arguments) => completion::run(&arguments, output),
    }
}

/// What a command that asks nodes works with.
pub(crate) struct Context {
    settings: Settings,
    output: Output,
}

impl Context {
    /// These settings, this output.
    pub(crate) fn new(settings: Settings, output: Output) -> Self {
        Self { settings, output }
    }

    /// Where results go.
    fn output(&self) -> Output {
        self.output
    }

    /// A client of the configured nodes; nothing is connected yet.
    fn client(&self) -> Result<Client, Failure> {
        let genesis = GenesisDocument::load(self.settings.genesis()?)?;
        let mut config = ClientConfig::new(self.settings.nodes()?, Arc::new(genesis));
        config.node_keys = self.settings.node_keys().to_vec();
        config.heads = self.settings.heads();
        Ok(Client::new(config)?)
    }

    /// A client of each configured node alone, with where it is.
    fn each_node(&self) -> Result<Vec<(Endpoint, Client)>, Failure> {
        let all = self.client()?;
        let mut clients = Vec::new();
        for node in self.settings.nodes()? {
            let mut config = ClientConfig::new(vec![node.clone()], Arc::clone(all.genesis()));
            config.node_keys = self.settings.node_keys().to_vec();
            clients.push((node, Client::new(config)?));
        }
        Ok(clients)
    }

    /// A client with the keys of `--key`, and those of `--former-key`.
    async fn session(&self) -> Result<Session, Failure> {
        let path = self.settings.key()?;
        let client = self.client()?;
        let passphrase = passphrase::existing(&self.settings, path)?;
        let keys = keyfile::read(path, &passphrase)?.account()?;
        let former = self.settings.former_keys().iter();
        let former = former
            .map(|path| keyfile::read(path, &passphrase)?.account())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Session::open(client, keys, former).await?)
    }

    /// Sends operations in one transaction of the account of `--key`, and says what was done.
    async fn transact(&self, operations: Vec<Operation>, done: &str) -> Result<(), Failure> {
        let session = self.session().await?;
        let changed: FinalView = session.transact(operations).await?.into();
        self.output().result(&changed, || changed.text(done))
    }
}

/// The most that is read of a PEM key, bytes.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// Reads a file of at most `limit` bytes.
fn read_file(path: &Path, what: &'static str, limit: u64) -> Result<Vec<u8>, Failure> {
    let read = |source| Failure::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(read)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::TooLong {
            path: path.to_owned(),
            what,
            limit,
        });
    }
    Ok(bytes)
}

/// Reads a text file of at most `limit` bytes.
fn read_text(path: &Path, what: &'static str, limit: u64) -> Result<String, Failure> {
    String::from_utf8(read_file(path, what, limit)?).map_err(|error| Failure::Io {
        action: "read",
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error.utf8_error()),
    })
}

/// A final transaction, as every command that sends one shows it.
#[derive(Serialize)]
struct FinalView {
    tx_hash: Digest,
    height: u64,
    block_id: BlockId,
    time: String,
}

impl From<Final> for FinalView {
    fn from(transaction: Final) -> Self {
        let Final {
            tx_hash,
            height,
            block_id,
            time,
            ..
        } = transaction;
        Self {
            tx_hash,
            height,
            block_id,
            time,
        }
    }
}

impl FinalView {
    /// A line that says what was done, and where it stands.
    fn text(&self, done: &str) -> String {
        let fields = Fields::new()
            .add("transaction", self.tx_hash)
            .add("height", self.height)
            .add("block", self.block_id)
            .add("time", &self.time);
        format!("{done}\n{}", fields.render())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn files_beyond_their_limit_are_refused_unread() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "12345").unwrap();
        assert_eq!(read_file(file.path(), "a test", 5).unwrap(), b"12345");
        let refused = read_file(file.path(), "a test", 4);
        assert!(matches!(refused, Err(Failure::TooLong { limit: 4, .. })));
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0xff]).unwrap();
        assert!(matches!(
            read_text(file.path(), "a test", 9),
            Err(Failure::Io { .. })
        ));
    }
}
