//! `cairn prove`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::{Fields, size};
use cairn_audit::Claim;
use cairn_client::{Client, ClientError, Reference, Subject};
use cairn_consensus::{BlockId, Epoch, Height};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, List, ModelName, StateKey};
use clap::{ArgGroup, Args};
use serde::Serialize;
use std::path::PathBuf;

/// What to prove, and where to write the proof.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true)
    .args(["reference", "account", "tx", "block", "alias", "events", "aliases", "policies", "record", "children"]))]
#[command(group = ArgGroup::new("aspect").requires("reference")
    .args(["yank", "deprecation", "certifications", "lineage", "derived", "readers", "requests", "grant", "rekeys"]))]
pub(crate) struct ProveArgs {
    /// A version: namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Option<Reference>,
    /// An account
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// A final transaction with its receipt
    #[arg(long, value_name = "HASH")]
    tx: Option<Digest>,
    /// That the block of this height is final
    #[arg(long, value_name = "HEIGHT")]
    block: Option<u64>,
    /// Begin the proof in this epoch: shorter, for readers who know its validators already (`cairn audit` knows those of
    /// the newest epoch that it has seen). Without it, the genesis document is enough to check the proof
    #[arg(long, value_name = "EPOCH", default_value_t = 0)]
    since_epoch: u64,
    /// Where an alias points, namespace/name:alias, or that there is none
    #[arg(long, value_name = "ALIAS")]
    alias: Option<Reference>,
    /// All events of a model
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    events: Option<ModelName>,
    /// All aliases of a model
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    aliases: Option<ModelName>,
    /// All policies of a namespace
    #[arg(long, value_name = "NAMESPACE", value_parser = values::namespace)]
    policies: Option<String>,
    /// All versions that derive directly from what has this digest
    #[arg(long, value_name = "SHA256")]
    children: Option<Digest>,
    /// Whatever the ledger holds at this key, or that there is nothing: `key_hex` of an audit
    #[arg(long, value_name = "HEX", value_parser = state_key)]
    record: Option<StateKey>,
    /// Of the version: that it is yanked, or is not
    #[arg(long, help_heading = "Of the version REF")]
    yank: bool,
    /// Of the version: that it is deprecated, or is not
    #[arg(long, help_heading = "Of the version REF")]
    deprecation: bool,
    /// Of the version: all certifications, revoked ones included
    #[arg(long, help_heading = "Of the version REF")]
    certifications: bool,
    /// Of the version: the versions that its parents are
    #[arg(long, help_heading = "Of the version REF")]
    lineage: bool,
    /// Of the version: all versions that derive from its model hash
    #[arg(long, help_heading = "Of the version REF")]
    derived: bool,
    /// Of the version: all accounts that it was ever granted to
    #[arg(long, help_heading = "Of the version REF")]
    readers: bool,
    /// Of the version: all accounts that ever asked for access
    #[arg(long, help_heading = "Of the version REF")]
    requests: bool,
    /// Of the version: the data keys that replaced one another
    #[arg(long, help_heading = "Of the version REF")]
    rekeys: bool,
    /// Of the version: that this account has access, or has none
    #[arg(long, value_name = "ACCOUNT", help_heading = "Of the version REF")]
    grant: Option<AccountId>,
    /// As of this height, for an alias, a record and a list
    #[arg(long, value_name = "HEIGHT", conflicts_with_all = ["account", "tx", "block", "grant"])]
    at_height: Option<u64>,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

fn state_key(text: &str) -> Result<StateKey, String> {
    let bytes = hex::decode(text).map_err(|error| error.to_string())?;
    StateKey::decode(&bytes).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct Written<'a> {
    subject: String,
    absent: bool,
    height: Height,
    block_id: BlockId,
    output: &'a PathBuf,
    bytes: usize,
}

/// Runs the command.
pub(crate) async fn run(arguments: &ProveArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let subject = subject(arguments, &client).await?;
    let since = Epoch(arguments.since_epoch);
    let (bundle, verified) = client.prove_since(&subject, since).await?;
    let bytes = bundle.encode().map_err(ClientError::from)?;
    std::fs::write(&arguments.output, &bytes).map_err(|source| Failure::Io {
        action: "write",
        path: arguments.output.clone(),
        source,
    })?;
    let written = Written {
        subject: subject.to_string(),
        absent: matches!(bundle.claim, Claim::Absent { .. }),
        height: verified.height,
        block_id: verified.block_id,
        output: &arguments.output,
        bytes: bytes.len(),
    };
    context.output().result(&written, || text(&written))
}

async fn subject(arguments: &ProveArgs, client: &Client) -> Result<Subject, Failure> {
    let at_height = arguments.at_height;
    let record = |key| Ok(Subject::Record { key, at_height });
    let list = |list| Ok(Subject::List { list, at_height });
    if let Some(reference) = &arguments.reference {
        return of_version(arguments, client, reference).await;
    }
    if let Some(id) = arguments.account {
        return Ok(Subject::Account(id));
    }
    if let Some(hash) = arguments.tx {
        return Ok(Subject::Transaction(hash));
    }
    if let Some(height) = arguments.block {
        return Ok(Subject::Block(height));
    }
    if let Some(key) = &arguments.record {
        return record(key.clone());
    }
    match &arguments.alias {
        Some(Reference::Alias(model, alias)) => {
            return record(StateKey::Alias(model.clone(), alias.clone()));
        }
        Some(other) => {
            let message = format!("{other} is no alias: write namespace/name:alias");
            return Err(Failure::Usage(message));
        }
        None => {}
    }
    if let Some(model) = &arguments.events {
        return list(List::Events(model.clone()));
    }
    if let Some(model) = &arguments.aliases {
        return list(List::Aliases(model.clone()));
    }
    if let Some(namespace) = &arguments.policies {
        return list(List::Policies(namespace.clone()));
    }
    if let Some(digest) = arguments.children {
        return list(List::Children(digest));
    }
    Err(Failure::Usage(
        "say what to prove: REF, or one of the options that `cairn prove --help` lists".to_owned(),
    ))
}

/// A version, or what is asked for about it.
async fn of_version(
    arguments: &ProveArgs,
    client: &Client,
    reference: &Reference,
) -> Result<Subject, Failure> {
    let at_height = arguments.at_height;
    let id = client.resolve(reference).await?;
    let record = |key| Subject::Record { key, at_height };
    let list = |list| Subject::List { list, at_height };
    Ok(if arguments.yank {
        record(StateKey::Yank(id))
    } else if arguments.deprecation {
        record(StateKey::Deprecation(id))
    } else if arguments.certifications {
        list(List::Certifications(id))
    } else if arguments.lineage {
        record(StateKey::Lineage(id))
    } else if arguments.derived {
        let version = client.proved_version(&id).await?;
        list(List::Children(version.model_hash))
    } else if arguments.readers {
        list(List::Readers(id))
    } else if arguments.requests {
        list(List::AccessRequests(id))
    } else if arguments.rekeys {
        list(List::Rekeys(id))
    } else if let Some(reader) = arguments.grant {
        Subject::Grant(id, reader)
    } else if at_height.is_some() {
        record(StateKey::Version(id))
    } else {
        Subject::Version(id)
    })
}

fn text(written: &Written) -> String {
    let subject = if written.absent {
        format!("that there is no {}", written.subject)
    } else {
        written.subject.clone()
    };
    let file = format!(
        "{} ({})",
        written.output.display(),
        size(written.bytes as u64)
    );
    Fields::new()
        .add("proves", subject)
        .add("height", written.height)
        .add("block", written.block_id)
        .add("written to", file)
        .render()
}
