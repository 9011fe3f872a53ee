//! `cairn alias`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_client::Reference;
use cairn_runtime::{Alias, ModelName, Operation};
use clap::{Args, Subcommand};

/// What to do with aliases.
#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    /// Point an alias at a version, in place of whatever it pointed at
    Set(SetArgs),
    /// Delete an alias; it can be set again
    Remove(RemoveArgs),
    /// List the aliases of a model, as a node tells them
    List(ListArgs),
}

/// Which alias, and where it points.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The version: namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// 1 to 64 characters of a-z 0-9 . _ -, neither a version nor `latest`
    #[arg(value_name = "ALIAS", value_parser = values::name)]
    alias: String,
}

/// Which alias.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
    /// The alias
    #[arg(value_name = "ALIAS", value_parser = values::name)]
    alias: String,
}

/// Whose aliases, and when.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
    /// As of this height
    #[arg(long, value_name = "HEIGHT")]
    at_height: Option<u64>,
}

/// Runs the command.
pub(crate) async fn run(command: AliasCommand, context: &Context) -> Result<(), Failure> {
    match command {
        AliasCommand::Set(arguments) => {
            let id = context.client()?.resolve(&arguments.reference).await?;
            let done = format!("alias {} points at {id}", arguments.alias);
            let operation = Operation::SetAlias {
                id,
                alias: arguments.alias,
            };
            context.transact(vec![operation], &done).await
        }
        AliasCommand::Remove(RemoveArgs { model, alias }) => {
            let done = format!("alias {alias} of {model} deleted");
            let operation = Operation::DeleteAlias { model, alias };
            context.transact(vec![operation], &done).await
        }
        AliasCommand::List(arguments) => {
            let client = context.client()?;
            let aliases = client
                .aliases(&arguments.model, arguments.at_height)
                .await?;
            context.output().result(&aliases, || render(&aliases))
        }
    }
}

/// A table of aliases.
pub(super) fn render(aliases: &[Alias]) -> String {
    let row = |alias: &Alias| {
        [
            alias.alias.clone(),
            alias.version.clone().unwrap_or_else(|| "-".to_owned()),
            alias.set_at.to_string(),
            alias.set_by.to_string(),
        ]
    };
    let headings = ["ALIAS", "VERSION", "SET AT", "BY"];
    table(headings, aliases.iter().map(row).collect())
}
