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
    let text = event.to_string();
    // Some events are worded for the log of their model, and do not name it.
    let model = cairn_api::event_model(event).map(ToString::to_string);
    let model = model.filter(|model| !text.contains(model.as_str()));
    let about = model.map_or_else(String::new, |model| format!("{model}: "));
    format!("{id}  {time}  {about}{text}  by {sender}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_runtime::Event;

    #[test]
    fn every_line_names_the_model_once() {
        let told = |event: Event| {
            line(&StreamedEvent {
                id: "1-0-0".parse().unwrap(),
                time: "now".to_owned(),
                tx_hash: cairn_crypto::Digest::ZERO,
                sender: AccountId(cairn_crypto::Digest::ZERO),
                event,
            })
        };
        let model: ModelName = "acme/bert".parse().unwrap();
        let created = told(Event::ModelCreated {
            model: model.clone(),
            owner: AccountId(cairn_crypto::Digest::ZERO),
        });
        assert!(created.starts_with("1-0-0  now  acme/bert: model registered  by "));
        let yanked = told(Event::VersionYanked {
            id: "acme/bert@1.0.0".parse().unwrap(),
            reason: "bad".to_owned(),
        });
        assert_eq!(yanked.matches("acme/bert").count(), 1, "{yanked}");
    }
}
