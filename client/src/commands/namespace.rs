//! `cairn namespace`.

use super::policy::{self, PolicyArgs, SetPolicyArgs};
use super::{Context, FinalView, values};
use crate::exit::Failure;
use crate::output::{size, table};
use cairn_api::BlobUsage;
use cairn_runtime::{Namespace, Operation};
use clap::{Args, Subcommand};
use serde::Serialize;

/// What to do with namespaces.
#[derive(Debug, Subcommand)]
pub(crate) enum NamespaceCommand {
    /// Create a namespace and own it (needs Registrar); the name is never free again
    Create(CreateArgs),
    /// List all namespaces, as a node tells them
    List,
    /// Show what each configured node keeps of a namespace's blobs, and its quota there
    Usage(UsageArgs),
    /// Show the policies of a namespace, oldest first: the last is in force
    Policy(PolicyArgs),
    /// Say who certifies the versions of a namespace, and what it takes
    SetPolicy(SetPolicyArgs),
}

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// The namespace
    #[arg(value_name = "NAME", value_parser = values::namespace)]
    name: String,
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
        NamespaceCommand::Usage(arguments) => usage(&arguments.name, context).await,
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

#[derive(Serialize)]
struct UsageView {
    node: String,
    #[serde(flatten)]
    usage: BlobUsage,
}

async fn usage(name: &str, context: &Context) -> Result<(), Failure> {
    let (session, mut views) = (context.session().await?, Vec::new());
    for (node, client) in context.each_node()? {
        views.push(UsageView {
            node: node.to_string(),
            usage: session.with_client(client).blob_usage(name).await?,
        });
    }
    context.output().result(&views, || {
        let headings = ["NODE", "BLOBS", "SIZE", "QUOTA"];
        table(headings, views.iter().map(usage_row).collect())
    })
}

fn usage_row(view: &UsageView) -> [String; 4] {
    [
        view.node.clone(),
        view.usage.blobs.to_string(),
        size(view.usage.bytes),
        view.usage.quota_bytes.map_or("none".to_owned(), size),
    ]
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
