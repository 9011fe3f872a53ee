//! `cairn events`.

use super::{Context, values};
use crate::exit::Failure;
use cairn_api::{EventCursor, EventFilter, StreamedEvent};
use cairn_client::FeedItem;
use cairn_runtime::{AccountId, ModelName};
use clap::Args;

/// Which events, and from where on.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Go on as blocks become final, at another node when one goes away; without, end with what there is
    #[arg(long, short)]
    follow: bool,
    /// First height; by default the first one, or with --follow the next one to become final
    #[arg(long, value_name = "HEIGHT", conflicts_with = "after")]
    from: Option<u64>,
    /// Go on after this event, HEIGHT-INDEX-EVENT as shown before, or after all of a height
    #[arg(long, value_name = "ID")]
    after: Option<EventCursor>,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Only of this model
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: Option<ModelName>,
    /// Only of this namespace and its models
    #[arg(long, value_name = "NAMESPACE", value_parser = values::name)]
    namespace: Option<String>,
    /// Only of this kind, such as model_registered
    #[arg(long, value_name = "KIND", value_parser = values::event_kind)]
    kind: Option<String>,
    /// Only signed by this account, or about it
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountId>,
}

/// Runs the command. With `--json`, each event is a line of its own.
pub(crate) async fn run(arguments: EventsArgs, context: &Context) -> Result<(), Failure> {
    let filter = EventFilter {
        model: arguments.model,
        namespace: arguments.namespace,
        kind: arguments.kind,
        account: arguments.account,
    };
    let from = arguments.from.or((!arguments.follow).then_some(0));
    let mut feed = context.client()?.feed(filter, from, arguments.after);
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        match feed.next().await? {
            FeedItem::Event(event) => {
                left -= 1;
                if !context.output().item(&event, || line(&event))? {
                    return Ok(());
                }
            }
            FeedItem::Height(mark) if !arguments.follow && mark.height >= mark.last_final => {
                return Ok(());
            }
            FeedItem::Height(_) => {}
        }
    }
    Ok(())
}

fn line(event: &StreamedEvent) -> String {
    let StreamedEvent {
        id,
        time,
        sender,
        event,
        ..
    } = event;
    format!("{id}  {time}  {event}  by {sender}")
}
