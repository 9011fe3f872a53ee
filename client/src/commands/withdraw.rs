//! `cairn deprecate` and `cairn yank`: for ever, as everything on the ledger.

use super::Context;
use crate::exit::Failure;
use cairn_client::Reference;
use cairn_runtime::Operation;
use clap::Args;

/// Which version, and why.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Why, for everybody to read
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `cairn deprecate`.
pub(crate) async fn deprecate(arguments: WithdrawArgs, context: &Context) -> Result<(), Failure> {
    let id = context.client()?.resolve(&arguments.reference).await?;
    let done = format!("{id} is deprecated");
    let reason = arguments.reason;
    let operation = Operation::DeprecateVersion { id, reason };
    context.transact(vec![operation], &done).await
}

/// Runs `cairn yank`.
pub(crate) async fn yank(arguments: WithdrawArgs, context: &Context) -> Result<(), Failure> {
    let id = context.client()?.resolve(&arguments.reference).await?;
    let done = format!("{id} is yanked: `cairn pull` refuses it from now on");
    let reason = arguments.reason;
    let operation = Operation::YankVersion { id, reason };
    context.transact(vec![operation], &done).await
}
