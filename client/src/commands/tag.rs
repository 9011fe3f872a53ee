//! `cairn tag`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_runtime::{Operation, Subject, Tag};
use clap::{Args, Subcommand};

/// What to do with tags.
#[derive(Debug, Subcommand)]
pub(crate) enum TagCommand {
    /// Attach tags to a model or a version, in place of those of the same key
    Add(AddArgs),
    /// Delete tags; their keys can be used again
    Remove(RemoveArgs),
    /// List the tags of a model or a version, as a node tells them
    List(ListArgs),
}

/// What to attach, and to what.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// namespace/name for a model, namespace/name@version for a version
    #[arg(value_name = "SUBJECT", value_parser = values::subject)]
    subject: Subject,
    /// The tags; all or none of them take effect
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = values::tag)]
    tags: Vec<(String, String)>,
}

/// Which tags.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// namespace/name for a model, namespace/name@version for a version
    #[arg(value_name = "SUBJECT", value_parser = values::subject)]
    subject: Subject,
    /// Their keys
    #[arg(value_name = "KEY", required = true, value_parser = values::name)]
    keys: Vec<String>,
}

/// Whose tags.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// namespace/name for a model, namespace/name@version for a version
    #[arg(value_name = "SUBJECT", value_parser = values::subject)]
    subject: Subject,
}

/// Runs the command.
pub(crate) async fn run(command: TagCommand, context: &Context) -> Result<(), Failure> {
    match command {
        TagCommand::Add(AddArgs { subject, tags }) => {
            let done = format!("tagged {subject}");
            let set = |(key, value)| Operation::SetTag {
                subject: subject.clone(),
                key,
                value,
            };
            let operations = tags.into_iter().map(set).collect();
            context.transact(operations, &done).await
        }
        TagCommand::Remove(RemoveArgs { subject, keys }) => {
            let done = format!("{subject} has the tags no more: {}", keys.join(", "));
            let delete = |key| Operation::DeleteTag {
                subject: subject.clone(),
                key,
            };
            let operations = keys.into_iter().map(delete).collect();
            context.transact(operations, &done).await
        }
        TagCommand::List(arguments) => {
            let tags = context.client()?.tags(&arguments.subject).await?;
            context.output().result(&tags, || {
                let headings = ["KEY", "VALUE", "SET AT", "BY"];
                table(headings, tags.iter().map(row).collect())
            })
        }
    }
}

fn row(tag: &Tag) -> [String; 4] {
    [
        tag.key.clone(),
        tag.value
            .clone()
            .unwrap_or_else(|| "- (deleted)".to_owned()),
        tag.set_at.to_string(),
        tag.set_by.to_string(),
    ]
}
