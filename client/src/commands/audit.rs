//! `cairn audit`: no node is asked, and nothing here could ask one.

use super::{audit_export, read_file, values};
use crate::cli::{Command, Offline, Online};
use crate::exit::Failure;
use crate::output::{Fields, Output};
use crate::settings::Settings;
use cairn_audit::{Bundle, Claim, MAX_BUNDLE_BYTES, Summary, Verified};
use cairn_client::HeadNote;
use cairn_genesis::GenesisDocument;
use cairn_runtime::{Grant, Outcome, StateKey};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Which proof, and how old it may be.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct AuditArgs {
    /// What to do instead of checking a file.
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// The proof that `cairn prove` wrote, or the export that `cairn audit export` wrote
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// Refuse a claim about how things are that is older, such as 1h, 90m or 30s
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    max_age: Option<Duration>,
}

impl AuditArgs {
    /// Checking reaches no network; fetching what is to be checked does.
    pub(crate) fn split(self) -> Command {
        match self.command {
            Some(AuditCommand::Export(arguments)) => {
                Command::Online(Online::AuditExport(arguments))
            }
            None => Command::Offline(Offline::Audit(self)),
        }
    }
}

/// What `cairn audit` does besides checking.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Fetch a range of blocks with everything that proves it, into one file for `cairn audit`
    Export(audit_export::ExportArgs),
}

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    verified: &'a Verified,
    head: HeadNote,
}

/// Runs the command.
pub(crate) fn run(
    arguments: &AuditArgs,
    settings: &Settings,
    output: Output,
) -> Result<(), Failure> {
    let genesis = GenesisDocument::load(settings.genesis()?)?;
    let file = arguments
        .file
        .as_ref()
        .ok_or_else(|| Failure::Usage("say which file to check: cairn audit FILE".to_owned()))?;
    if audit_export::is_export(file)? {
        if arguments.max_age.is_some() {
            return Err(Failure::Usage(
                "--max-age is for claims about how things are; an export says what happened"
                    .to_owned(),
            ));
        }
        return audit_export::check(file, &genesis, settings, output);
    }
    let bytes = read_file(file, "a proof", MAX_BUNDLE_BYTES as u64)?;
    let heads = settings.heads();
    let audited = cairn_client::audit(&bytes, &genesis, arguments.max_age, heads.as_ref())?;
    let view = View {
        verified: &audited.verified,
        head: audited.head,
    };
    output.result(&view, || {
        let mut text = text(&audited.bundle, &audited.verified);
        if audited.head == HeadNote::Unlinked {
            text += "\nwhether it continues the newest block seen before cannot be told offline\n";
        }
        text
    })
}

fn text(bundle: &Bundle, verified: &Verified) -> String {
    claim(bundle, verified)
        .add("height", verified.height)
        .add("time", cairn_api::time::rfc3339(verified.time_ms))
        .add("block", verified.block_id)
        .add(
            "signed by",
            format!("{} validators, a quorum", verified.signers),
        )
        .add("chain", verified.chain_id)
        .render()
}

fn claim(bundle: &Bundle, verified: &Verified) -> Fields {
    let fields = Fields::new();
    match &verified.claim {
        Summary::Block => fields.add("proved", "a final block"),
        Summary::Version { version } => fields
            .add("proved", format!("version {}", version.id))
            .add("model hash", version.model_hash.reference())
            .add_some(
                "vector hash",
                version.vector_hash.map(|digest| digest.reference()),
            )
            .add("manifest", version.manifest_digest.reference())
            .add("owner", version.owner)
            .add("published", cairn_api::time::rfc3339(version.timestamp_ms)),
        Summary::Account { account } => fields
            .add("proved", format!("account {}", account.id))
            .add("name", &account.display_name),
        Summary::Grant { id, grant } => fields
            .add("proved", format!("{} may read {id}", grant.reader))
            .add(
                "granted by",
                format!("{} at height {}", grant.granted_by, grant.granted_at),
            ),
        Summary::Transaction {
            tx_hash,
            sender,
            outcome,
            ..
        } => fields
            .add("proved", format!("transaction {tx_hash}"))
            .add("sender", sender)
            .add("outcome", outcome_text(outcome)),
        Summary::List { list, entries } => {
            let all = format!("{list:?} is complete with {} entries", entries.len());
            entries
                .iter()
                .fold(fields.add("proved", all), |fields, entry| {
                    let value = entry.value.as_deref().unwrap_or_default();
                    fields.add("proved", format!("{}: {value}", entry.key))
                })
        }
        Summary::ListPage {
            list,
            count,
            from,
            entries,
        } => {
            let end = from.saturating_add(entries.len() as u64);
            let all = format!("{list:?} has {count} entries; those from {from} to before {end}:");
            entries
                .iter()
                .fold(fields.add("proved", all), |fields, entry| {
                    let value = entry.value.as_deref().unwrap_or_default();
                    fields.add("proved", format!("{}: {value}", entry.key))
                })
        }
        Summary::Records { records } => {
            // The claim has the same keys in the same order, and not only as text.
            let claimed = claimed(&bundle.claim).into_iter();
            claimed
                .zip(records)
                .fold(fields, |fields, ((key, bytes), record)| {
                    let name = record_name(key, bytes);
                    match &record.value {
                        Some(value) => fields.add("proved", format!("{name}: {value}")),
                        None => fields.add("proved", format!("there is no {name}")),
                    }
                })
        }
    }
}

/// The keys that a claim is about, each with its record.
fn claimed(claim: &Claim) -> Vec<(&StateKey, Option<&[u8]>)> {
    match claim {
        Claim::Absent { key, .. } => vec![(key, None)],
        Claim::Record { key, value, .. } => vec![(key, Some(value))],
        Claim::Records(records) => {
            let records = records.iter();
            records
                .map(|record| (&record.key, record.value.as_deref()))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn record_name(key: &StateKey, value: Option<&[u8]>) -> String {
    let grant = value.and_then(|value| borsh::from_slice::<Grant>(value).ok());
    match key {
        StateKey::Grant(id, reader) if let Some(notice) = grant.and_then(|grant| grant.revoked) => {
            let since = notice.at;
            format!("revoked access of {reader} to {id}, without access since height {since}")
        }
        StateKey::Account(id) => format!("account {id}"),
        StateKey::AccountKey(id, index) => format!("key {index} of account {id}"),
        StateKey::Namespace(name) => format!("namespace {name}"),
        StateKey::Model(name) => format!("model {name}"),
        StateKey::Version(id) => format!("version {id}"),
        StateKey::Grant(id, reader) => format!("access of {reader} to {id}"),
        other => format!("{other:?}"),
    }
}

/// What came of a transaction, in words.
pub(super) fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied(events) if events.len() == 1 => "applied, 1 event".to_owned(),
        Outcome::Applied(events) => format!("applied, {} events", events.len()),
        Outcome::Failed { operation, error } => format!("failed at operation {operation}: {error}"),
    }
}
