//! `cairn grant`.

use super::{Context, FinalView};
use crate::exit::Failure;
use cairn_client::Reference;
use cairn_runtime::AccountId;
use clap::Args;

/// What, and to whom.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// The reader
    #[arg(value_name = "ACCOUNT")]
    account: AccountId,
}

/// Runs the command.
pub(crate) async fn run(arguments: &GrantArgs, context: &Context) -> Result<(), Failure> {
    let session = context.session().await?;
    let version = session.client().resolve(&arguments.reference).await?;
    let granted: FinalView = session.grant(&version, &arguments.account).await?.into();
    context.output().result(&granted, || {
        granted.text(&format!("{} may read {version}", arguments.account))
    })
}
