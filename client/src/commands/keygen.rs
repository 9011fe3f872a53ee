//! `cairn keygen`.

use crate::exit::Failure;
use crate::output::{Fields, Output};
use crate::passphrase;
use crate::settings::Settings;
use cairn_client::AccountCard;
use cairn_crypto::keyfile::{self, KeyMaterial};
use cairn_crypto::{AccountKeys, Digest};
use cairn_genesis::GenesisDocument;
use cairn_runtime::AccountId;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Where the keys go, and what the card says.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// The key file to write; --key where it is not given
    #[arg(value_name = "KEYFILE")]
    keyfile: Option<PathBuf>,
    /// Name shown to people, on the card
    #[arg(long, value_name = "NAME", default_value = "account", value_parser = display_name)]
    name: String,
    /// Also write the account's public card, for the chain of --genesis, or for use in a new
    /// genesis document without
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

fn display_name(text: &str) -> Result<String, String> {
    cairn_runtime::check_display_name(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[derive(Serialize)]
struct Made<'a> {
    account: AccountId,
    key_file: PathBuf,
    card: Option<&'a PathBuf>,
    chain_id: Option<Digest>,
}

/// Runs the command.
pub(crate) fn run(
    arguments: &KeygenArgs,
    settings: &Settings,
    output: Output,
) -> Result<(), Failure> {
    let path = match &arguments.keyfile {
        Some(path) => path.clone(),
        None => settings.key()?.to_owned(),
    };
    let chain_id = match (&arguments.card, settings.genesis_if_named()) {
        (None, _) => None,
        (Some(_), None) => Some(Digest::ZERO),
        (Some(_), Some(genesis)) => Some(GenesisDocument::load(genesis)?.chain_id()),
    };
    let keys = AccountKeys::generate()?;
    let card = chain_id
        .map(|id| AccountCard::new(&arguments.name, &keys, id))
        .transpose()?;
    let passphrase = passphrase::new(settings, &path)?;
    let material = KeyMaterial::Account {
        signing: keys.signing.seed().clone(),
        decapsulation: keys.decapsulation.clone(),
    };
    keyfile::write(&path, &material, &passphrase)?;
    if let (Some(path), Some(card)) = (&arguments.card, card) {
        std::fs::write(path, card.to_json()).map_err(|source| Failure::Io {
            action: "write",
            path: path.clone(),
            source,
        })?;
    }
    let made = Made {
        account: AccountId::of(keys.signing.public_key()),
        key_file: path,
        card: arguments.card.as_ref(),
        chain_id,
    };
    output.result(&made, || {
        Fields::new()
            .add("account", made.account)
            .add("key file", made.key_file.display())
            .add_some("card", made.card.map(|path| path.display()))
            .add_some("for chain", made.chain_id)
            .render()
    })
}
