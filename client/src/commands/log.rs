//! `cairn log`.

use super::{Context, alias, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_api::EventView;
use cairn_runtime::{Alias, ModelName};
use clap::Args;
use serde::Serialize;

/// Whose log.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The model
    #[arg(value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: ModelName,
    /// As of this height, with where the aliases pointed then
    #[arg(long, value_name = "HEIGHT")]
    at_height: Option<u64>,
}

#[derive(Serialize)]
struct History {
    height: u64,
    events: Vec<EventView>,
    aliases: Vec<Alias>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &LogArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let model = &arguments.model;
    let Some(height) = arguments.at_height else {
        let events = client.events(model).await?;
        return context.output().result(&events, || render(&events));
    };
    let history = History {
        height,
        events: client.events_at(model, height).await?,
        aliases: client.aliases(model, Some(height)).await?,
    };
    context.output().result(&history, || {
        let (events, aliases) = (render(&history.events), alias::render(&history.aliases));
        format!("{events}\naliases at height {height}:\n{aliases}")
    })
}

fn render(events: &[EventView]) -> String {
    let headings = ["HEIGHT", "TIME", "EVENT", "BY", "TRANSACTION"];
    table(headings, events.iter().map(row).collect())
}

fn row(view: &EventView) -> [String; 5] {
    [
        view.event.height.to_string(),
        view.time.clone(),
        view.event.event.to_string(),
        view.event.sender.to_string(),
        view.event.tx_hash.to_string(),
    ]
}
