//! `cairn tx`.

use super::Context;
use super::audit::outcome_text;
use crate::exit::Failure;
use crate::output::Fields;
use cairn_api::time::rfc3339;
use cairn_api::{State, TransactionStatus};
use cairn_audit::{Summary, Verified};
use cairn_client::{ClientError, Subject};
use cairn_consensus::{BlockId, Height};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, Receipt};
use clap::Args;
use serde::Serialize;

/// Which transaction.
#[derive(Debug, Args)]
pub(crate) struct TxArgs {
    /// The transaction's hash
    #[arg(value_name = "HASH")]
    hash: Digest,
}

/// A final transaction, as its proof shows it.
#[derive(Serialize)]
struct Proved {
    tx_hash: Digest,
    status: State,
    height: Height,
    index: u64,
    block_id: BlockId,
    time: String,
    time_ms: u64,
    sender: AccountId,
    receipt: Receipt,
}

/// Runs the command.
pub(crate) async fn run(arguments: &TxArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let hash = arguments.hash;
    let unknown = || ClientError::NotFound {
        what: format!("transaction {}", hash.reference()),
    };
    let told = client.transaction(&hash).await?.ok_or_else(unknown)?;
    match told.status {
        State::Unknown => Err(unknown().into()),
        State::Pending => context.output().result(&told, || pending_text(&told)),
        State::Final => {
            let (_, verified) = client.prove(&Subject::Transaction(hash)).await?;
            let proved = proved(verified)?;
            context.output().result(&proved, || text(&proved))
        }
    }
}

fn proved(verified: Verified) -> Result<Proved, Failure> {
    let Summary::Transaction {
        tx_hash,
        sender,
        index,
        outcome,
    } = verified.claim
    else {
        return Err(ClientError::OtherClaim {
            expected: "a transaction".to_owned(),
            got: "something else".to_owned(),
        }
        .into());
    };
    Ok(Proved {
        tx_hash,
        status: State::Final,
        height: verified.height,
        index,
        block_id: verified.block_id,
        time: rfc3339(verified.time_ms),
        time_ms: verified.time_ms,
        sender,
        receipt: Receipt { tx_hash, outcome },
    })
}

fn text(proved: &Proved) -> String {
    Fields::new()
        .add("transaction", proved.tx_hash)
        .add("status", "final, proved against genesis")
        .add("sender", proved.sender)
        .add("height", proved.height)
        .add("block", proved.block_id)
        .add("time", &proved.time)
        .add("outcome", outcome_text(&proved.receipt.outcome))
        .render()
}

fn pending_text(told: &TransactionStatus) -> String {
    Fields::new()
        .add("transaction", told.tx_hash)
        .add("status", "pending: a node has it, no final block does yet")
        .render()
}
