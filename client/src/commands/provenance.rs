//! `cairn provenance`: steps in the life of a model, by digest.

use super::certify::digest_of;
use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_api::ProvenanceView;
use cairn_client::Reference;
use cairn_crypto::Digest;
use cairn_runtime::{EventKind, ModelName, Operation, Provenance};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with provenance.
#[derive(Debug, Subcommand)]
pub(crate) enum ProvenanceCommand {
    /// Record a step: what happened, what went in and what came out
    Record(RecordArgs),
    /// List the steps that name a version, as a node tells them
    List(ListArgs),
}

/// The step.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
    /// What happened: dataset_used, trained, fine_tuned, quantized, converted, merged, distilled, pruned, evaluated,
    /// deployed, retired, or a name of your own
    #[arg(long, value_name = "KIND", value_parser = values::step)]
    kind: EventKind,
    /// What went in: a model hash, or the digest of a dataset or a configuration; repeatable
    #[arg(long = "input", value_name = "SHA256")]
    inputs: Vec<Digest>,
    /// What came out: a model hash, or the digest of a report; repeatable
    #[arg(long = "output", value_name = "SHA256")]
    outputs: Vec<Digest>,
    /// The in-toto statement that says more: its SHA-256 is recorded, the file stays with you
    #[arg(long, value_name = "FILE")]
    statement: PathBuf,
}

/// Which version.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
}

/// Runs the command.
pub(crate) async fn run(command: ProvenanceCommand, context: &Context) -> Result<(), Failure> {
    match command {
        ProvenanceCommand::Record(arguments) => {
            let statement = digest_of(&arguments.statement)?;
            let done = format!("recorded of {}: {}", arguments.model, arguments.kind);
            let operation = Operation::RecordEvent {
                model: arguments.model,
                provenance: Provenance {
                    kind: arguments.kind,
                    inputs: arguments.inputs,
                    outputs: arguments.outputs,
                    statement,
                },
            };
            context.transact(vec![operation], &done).await
        }
        ProvenanceCommand::List(arguments) => {
            let client = context.client()?;
            let id = client.resolve(&arguments.reference).await?;
            let steps = client.provenance(&id).await?;
            context.output().result(&steps, || {
                let headings = ["HEIGHT", "TIME", "MODEL", "STEP", "BY"];
                table(headings, steps.iter().map(row).collect())
            })
        }
    }
}

fn row(view: &ProvenanceView) -> [String; 5] {
    let event = &view.event.event;
    [
        event.height.to_string(),
        view.event.time.clone(),
        view.place.model.to_string(),
        event.event.to_string(),
        event.sender.to_string(),
    ]
}
