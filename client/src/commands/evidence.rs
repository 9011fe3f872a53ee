//! `cairn evidence`.

use super::{Context, FinalView, read_file};
use crate::exit::Failure;
use cairn_client::ClientError;
use cairn_consensus::Evidence;
use cairn_runtime::evidence::EvidenceBytes;
use cairn_runtime::{AccountId, Operation, ValidatorError};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;

/// What to do with evidence.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// Submit a file of a node's folder `evidence`: the validator is jailed and loses stake
    Submit(SubmitArgs),
}

/// Which evidence.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Submitted {
    epoch: u64,
    round: u64,
    /// The offender, by a node's word; the ledger found it by itself.
    validator: Option<AccountId>,
    #[serde(flatten)]
    transaction: FinalView,
}

/// Runs the command.
pub(crate) async fn run(command: EvidenceCommand, context: &Context) -> Result<(), Failure> {
    let EvidenceCommand::Submit(arguments) = command;
    let limit = Evidence::MAX_LEN as u64;
    let bytes = read_file(&arguments.file, "a piece of evidence", limit)?;
    // What the ledger would refuse for its form costs no transaction.
    let evidence = Evidence::decode(&bytes).map_err(|error| {
        let reason = error.to_string();
        let malformed = ValidatorError::MalformedEvidence { reason };
        ClientError::Invalid(Box::new(malformed.into()))
    })?;
    let (epoch, round) = evidence.position();
    let session = context.session().await?;
    let submission = Operation::SubmitEvidence {
        evidence: EvidenceBytes(bytes),
    };
    let transaction = session.transact(vec![submission]).await?.into();
    let members = session.client().epoch(Some(epoch.0)).await?.data.members;
    let offender = members.get(usize::from(evidence.offender().0));
    let submitted = Submitted {
        epoch: epoch.0,
        round: round.0,
        validator: offender.map(|member| member.id),
        transaction,
    };
    context.output().result(&submitted, || {
        let who = submitted.validator.map_or_else(String::new, |validator| {
            format!(" of validator {validator}")
        });
        let done = format!("offence{who} in round {round} of epoch {epoch} is on the ledger");
        submitted.transaction.text(&done)
    })
}
