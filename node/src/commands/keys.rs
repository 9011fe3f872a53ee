//! `cairnd keys`

use anyhow::Context;
use cairn_crypto::NodeKeys;
use cairn_crypto::keyfile::{self, KeyMaterial};
use cairn_genesis::ceremony::ValidatorCard;
use cairn_genesis::{GenesisDocument, KeyCard};
use cairn_node::node::passphrase_in;
use cairn_runtime::AccountId;
use clap::Args;
use std::path::{Path, PathBuf};

/// Make a validator's keys, and the card that says whose they are: for a genesis document (--network), to join a chain
/// that exists (--join), or to replace the keys that a validator has there (--next).
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// The validator's name.
    #[arg(long)]
    name: String,
    /// The account that signs transactions for the validator (`cairn keygen` prints its id). It has to be among the
    /// accounts of the genesis document, or to be admitted before the validator joins.
    #[arg(long)]
    operator: AccountId,
    /// For a new network of this name, as in its genesis document to be.
    #[arg(long, required_unless_present_any = ["join", "next"], conflicts_with_all = ["join", "next", "genesis"])]
    network: Option<String>,
    /// To join the chain of --genesis.
    #[arg(long, requires = "genesis", conflicts_with = "next")]
    join: bool,
    /// To replace the consensus key of a validator of the chain of --genesis; its transport key, which is in
    /// --key-file, stays.
    #[arg(long, requires_all = ["genesis", "validator", "key_index"])]
    next: bool,
    /// The genesis document of the chain.
    #[arg(long)]
    genesis: Option<PathBuf>,
    /// With --next: the validator's id, as `cairn validator show` says it.
    #[arg(long, value_name = "ID", requires = "next")]
    validator: Option<AccountId>,
    /// With --next: how many pairs of keys the validator ever had, as `cairn validator show` says it.
    #[arg(long, value_name = "N", requires = "next")]
    key_index: Option<u32>,
    /// The encrypted key file: written, or with --next the one that is in use.
    #[arg(long, default_value = "node.key")]
    key_file: PathBuf,
    /// With --next: where the encrypted file with the next keys goes.
    #[arg(long, default_value = "next.key", requires = "next")]
    next_key_file: PathBuf,
    /// A file (mode 0600) whose first line is the passphrase; CAIRN_PASSPHRASE goes before it.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Where the card goes.
    #[arg(long, default_value = "validator.json")]
    card: PathBuf,
}

impl Keys {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let passphrase = self.passphrase()?;
        let fresh = NodeKeys::generate()?;
        let (keys, file, card) = match (&self.network, &self.genesis) {
            (Some(network), _) => {
                let card = ValidatorCard::new(
                    network,
                    &self.name,
                    self.operator,
                    &fresh.consensus,
                    &fresh.transport,
                )?;
                (fresh, &self.key_file, card.to_json()?)
            }
            (None, Some(genesis)) => {
                let chain_id = checked(genesis)?;
                let (keys, file, card) = match (self.validator, self.key_index) {
                    (Some(validator), Some(index)) if self.next => {
                        let present = keyfile::read(&self.key_file, &passphrase)?.node()?;
                        let keys = NodeKeys {
                            transport: present.transport,
                            ..fresh
                        };
                        let of = (validator, index);
                        let card =
                            KeyCard::replacing(chain_id, &self.name, of, self.operator, &keys)?;
                        (keys, &self.next_key_file, card)
                    }
                    _ => {
                        let card = KeyCard::joining(chain_id, &self.name, self.operator, &fresh)?;
                        (fresh, &self.key_file, card)
                    }
                };
                (keys, file, card.to_json())
            }
            (None, None) => anyhow::bail!("name the new --network, or the chain's --genesis"),
        };
        keyfile::write(
            file,
            &KeyMaterial::Node {
                consensus: keys.consensus.seed().clone(),
                transport: keys.transport.seed().clone(),
            },
            &passphrase,
        )?;
        std::fs::write(&self.card, card)
            .with_context(|| format!("cannot write {}", self.card.display()))?;
        println!("{}", self.card.display());
        Ok(())
    }

    fn passphrase(&self) -> anyhow::Result<String> {
        let passphrase = match (std::env::var("CAIRN_PASSPHRASE"), &self.passphrase_file) {
            (Ok(passphrase), _) => passphrase,
            (Err(_), Some(path)) => passphrase_in(path)?,
            (Err(_), None) => {
                anyhow::bail!("no passphrase: set CAIRN_PASSPHRASE or give --passphrase-file")
            }
        };
        anyhow::ensure!(!passphrase.is_empty(), "the passphrase is empty");
        Ok(passphrase)
    }
}

/// The chain id of a genesis document that passes its checks.
fn checked(genesis: &Path) -> anyhow::Result<cairn_crypto::Digest> {
    let document = GenesisDocument::load(genesis)?;
    document.check()?;
    Ok(document.chain_id())
}
