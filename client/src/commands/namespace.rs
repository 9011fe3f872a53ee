//! `cairn namespace`.

use super::policy::{self, PolicyArgs, SetPolicyArgs};
use super::{Context, FinalView, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_runtime::{Namespace, Operation};
use clap::{Args, Subcommand};

/// What to do with namespaces.
#[derive(Debug, Subcommand)]
pub(crate) enum NamespaceCommand {
    /// Create a namespace and own it (needs Registrar); the name is never free again
    Create(CreateArgs),
    /// List all namespaces, as a node tells them
    List,
    /// Show the policies of a namespace, oldest first: the last is in force
    Policy(PolicyArgs),
    /// Say who certifies the versions of a namespace, and what it takes
    SetPolicy(SetPolicyArgs),
}

/// Its name.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// 1 to 64 characters of a-z 0-9 . _ -
    #[arg(value_name = "NAME", value_parser = values::namespace)]
    name: String,
}

/// Runs the command.
pub(crate) async fn run(command: NamespaceCommand, context: &Context) -> Result<(), Failure> {
    match command {
        NamespaceCommand::Create(arguments) => create(arguments.name, context).await,
        NamespaceCommand::List => list(context).await,
        NamespaceCommand::Policy(arguments) => policy::show(&arguments, context).await,
        NamespaceCommand::SetPolicy(arguments) => policy::set(arguments, context).await,
    }
}

async fn create(namespace: String, context: &Context) -> Result<(), Failure> {
    let done = format!("created namespace {namespace}");
    let operation = Operation::CreateNamespace { namespace };
    let created: FinalView = context
        .session()
        .await?
        .transact(vec![operation])
        .await?
        .into();
    context.output().result(&created, || created.text(&done))
}

async fn list(context: &Context) -> Result<(), Failure> {
    let namespaces = context.client()?.namespaces().await?;
    context.output().result(&namespaces, || {
        let headings = ["NAMESPACE", "MODELS", "CREATED AT", "OWNER"];
        table(headings, namespaces.iter().map(row).collect())
    })
}

fn row(namespace: &Namespace) -> [String; 4] {
    [
        namespace.name.clone(),
        namespace.models.to_string(),
        namespace.created_at.to_string(),
        namespace.owner.to_string(),
    ]
}
