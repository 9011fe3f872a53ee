//! `cairn log`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_api::EventView;
use cairn_runtime::ModelName;
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
        view.event.event.to_string(),
        view.event.sender.to_string(),
        view.event.tx_hash.to_string(),
    ]
}
