//! `cairnd keys`

use anyhow::Context;
use cairn_crypto::NodeKeys;
use cairn_crypto::keyfile::{self, KeyMaterial};
use cairn_genesis::ceremony::ValidatorCard;
use cairn_node::node::passphrase_in;
use cairn_runtime::AccountId;
use clap::Args;
use std::path::PathBuf;

/// Make a validator's keys, and the card that goes into the genesis document.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// The validator's name.
    #[arg(long)]
    name: String,
    /// The network's name, as in the genesis document.
    #[arg(long)]
    network: String,
    /// The account that signs transactions for the validator (`cairn keygen` prints its id); it has to be among the
    /// accounts of the genesis document.
    #[arg(long)]
    operator: AccountId,
    /// Where the encrypted key file goes.
    #[arg(long, default_value = "node.key")]
    key_file: PathBuf,
    /// A file (mode 0600) whose first line is the passphrase; CAIRN_PASSPHRASE goes before it.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Where the card goes.
    #[arg(long, default_value = "validator.json")]
    card: PathBuf,
}

impl Keys {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let passphrase = match (std::env::var("CAIRN_PASSPHRASE"), &self.passphrase_file) {
            (Ok(passphrase), _) => passphrase,
            (Err(_), Some(path)) => passphrase_in(path)?,
            (Err(_), None) => {
                anyhow::bail!("no passphrase: set CAIRN_PASSPHRASE or give --passphrase-file")
            }
        };
        anyhow::ensure!(!passphrase.is_empty(), "the passphrase is empty");
        let keys = NodeKeys::generate()?;
        let card = ValidatorCard::new(
            &self.network,
            &self.name,
            self.operator,
            &keys.consensus,
            &keys.transport,
        )?;
        keyfile::write(
            &self.key_file,
            &KeyMaterial::Node {
                consensus: keys.consensus.seed().clone(),
                transport: keys.transport.seed().clone(),
            },
            &passphrase,
        )?;
        std::fs::write(&self.card, card.to_json()?)
            .with_context(|| format!("cannot write {}", self.card.display()))?;
        println!("{}", self.card.display());
        Ok(())
    }
}
