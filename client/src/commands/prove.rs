//! `cairn prove`.

use super::Context;
use crate::exit::Failure;
use crate::output::{Fields, size};
use cairn_audit::Claim;
use cairn_client::{Client, ClientError, Reference, Subject};
use cairn_consensus::{BlockId, Epoch, Height};
use cairn_crypto::Digest;
use cairn_runtime::AccountId;
use clap::{ArgGroup, Args};
use serde::Serialize;
use std::path::PathBuf;

/// What to prove, and where to write the proof.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("subject").required(true).args(["reference", "account", "tx", "block"]))]
pub(crate) struct ProveArgs {
    /// A version: namespace/name@version, namespace/name or sha256:HEX
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
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
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
    let ProveArgs {
        reference,
        account,
        tx,
        block,
        ..
    } = arguments;
    match (reference, account, tx, block) {
        (Some(reference), ..) => Ok(Subject::Version(client.resolve(reference).await?)),
        (_, Some(id), ..) => Ok(Subject::Account(*id)),
        (_, _, Some(hash), _) => Ok(Subject::Transaction(*hash)),
        (.., Some(height)) => Ok(Subject::Block(*height)),
        (None, None, None, None) => Err(Failure::Usage(
            "say what to prove: REF, --account, --tx or --block".to_owned(),
        )),
    }
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
