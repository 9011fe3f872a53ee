//! `cairn log`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_api::EventView;
use cairn_runtime::{Event, ModelName};
use clap::Args;

/// Whose log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
}

/// Runs the command.
pub(crate) async fn run(arguments: &LogArgs, context: &Context) -> Result<(), Failure> {
    let events = context.client()?.events(&arguments.model).await?;
    context.output().result(&events, || {
        let headings = ["HEIGHT", "TIME", "EVENT", "BY", "TRANSACTION"];
        table(headings, events.iter().map(row).collect())
    })
}

fn row(view: &EventView) -> [String; 5] {
    [
        view.event.height.to_string(),
        view.time.clone(),
        event_text(&view.event.event),
        view.event.sender.to_string(),
        view.event.tx_hash.to_string(),
    ]
}

fn event_text(event: &Event) -> String {
    match event {
        Event::AccountAdmitted {
            account,
            display_name,
        } => {
            format!("account {account} ({display_name}) admitted")
        }
        Event::RoleGranted {
            account,
            role,
            scope,
        } => {
            format!("role {role} at {scope} granted to {account}")
        }
        Event::RoleRevoked {
            account,
            role,
            scope,
        } => {
            format!("role {role} at {scope} revoked from {account}")
        }
        Event::NamespaceCreated { namespace, .. } => format!("namespace {namespace} created"),
        Event::ModelCreated { .. } => "model registered".to_owned(),
        Event::ModelRegistered { id, model_hash, .. } => {
            format!("published {id} {}", model_hash.reference())
        }
        Event::AccessGranted { id, reader, .. } => format!("access to {id} granted to {reader}"),
    }
}
