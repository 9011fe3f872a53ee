//! `GET /v1/events`: every event of the ledger in order, as server-sent events.
//!
//! A stream is one task that reads final blocks from the store and follows finality; nothing is queued for it, so a
//! reader that lags is served from the store and holds no more than one batch. Each message's `id` says how far the
//! reader has come when it has the message, and is all that is needed to go on at this node or another one. Between
//! events, messages named `height` say so where nothing was wanted.

use super::{
    event_blocks::BlockEvents,
    extract::{self, InQuery},
    limiter::StreamGuard,
    problem::ApiProblem,
    router::{Peer, rate_limited},
    server::stopped,
    snapshot::not_here,
    state::ApiState,
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Response, header},
};
use bytes::Bytes;
use cairn_api::{
    EVENT_STREAM, EventCursor, EventFilter, EventId, HEIGHT_MESSAGE, HeightMark, LAST_EVENT_ID,
    PROBLEM_MESSAGE, check_event_kind,
};
use serde::{Deserialize, Serialize};
use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;

/// Bytes of messages that are put together before they are sent.
const PIECE: usize = 32 * 1_024;
/// Pieces that wait for the connection to take them.
const WAITING: usize = 2;

/// `?from=&model=&namespace=&kind=&account=`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// First height, default the next one to become final
    from: Option<u64>,
    /// Only of this model, `namespace/name`
    model: Option<String>,
    /// Only of this namespace and its models
    namespace: Option<String>,
    /// Only of this kind, such as `model_registered`
    kind: Option<String>,
    /// Only signed by this account or about it
    account: Option<String>,
}

impl Wanted {
    fn filter(&self) -> Result<EventFilter, ApiProblem> {
        let model = self.model.as_deref().map(str::parse).transpose();
        let model = model.map_err(|error: cairn_runtime::ParseNameError| {
            ApiProblem::bad_request(error.to_string())
        })?;
        if let Some(kind) = &self.kind {
            check_event_kind(kind).map_err(ApiProblem::bad_request)?;
        }
        Ok(EventFilter {
            model,
            namespace: self.namespace.clone(),
            kind: self.kind.clone(),
            account: self.account.as_deref().map(extract::account).transpose()?,
        })
    }
}

/// The first place that a reader does not have: after `Last-Event-ID`, or from a height on, or what becomes final from
/// now on.
fn first(headers: &HeaderMap, from: Option<u64>, last: u64) -> Result<EventId, ApiProblem> {
    if let Some(value) = headers.get(LAST_EVENT_ID) {
        let text = String::from_utf8_lossy(value.as_bytes());
        let cursor: EventCursor = text.parse().map_err(|error: cairn_api::ParseCursorError| {
            ApiProblem::bad_request(error.to_string())
        })?;
        return Ok(cursor.next());
    }
    Ok(EventId::start_of(from.unwrap_or(last.saturating_add(1))))
}

/// All events of the ledger in order, from a height or from where the reader was, and then as they become final.
///
/// The `id` of a message is `height-index-event` for an event and `height` for a message named `height`, which says that
/// everything up to that height was sent. Give the last one as `Last-Event-ID` to go on, at any node. A message named
/// `problem` ends a stream that this node cannot go on with.
#[utoipa::path(
    get, path = "/v1/events", tag = "registry",
    params(
        Wanted,
        ("Last-Event-ID" = Option<String>, Header, description = "`id` of the last message that the reader has; before `from`"),
    ),
    responses(
        (status = 200, description = "The stream", body = cairn_api::StreamedEvent, content_type = "text/event-stream"),
        (status = 404, description = "The node began after that height", body = cairn_api::Problem),
        (status = 429, description = "Too many streams", body = cairn_api::Problem),
    )
)]
pub(super) async fn stream(
    State(state): State<ApiState>,
    Extension(Peer(address)): Extension<Peer>,
    InQuery(wanted): InQuery<Wanted>,
    headers: HeaderMap,
) -> Result<Response<Body>, ApiProblem> {
    let filter = wanted.filter()?;
    let guard = state
        .limiter
        .stream(address, Instant::now())
        .map_err(rate_limited)?;
    let place = Arc::clone(&state.streams)
        .try_acquire_owned()
        .map_err(|_| {
            let limit = state.limits.max_event_streams;
            ApiProblem::too_many(format!(
                "at most {limit} streams of events; ask another node"
            ))
        })?;
    let last = state.node.finality().height();
    let next = first(&headers, wanted.from, last)?;
    let earliest = next.height.max(1);
    if earliest <= last {
        // A node that began after that height says so before the stream begins.
        state
            .read(None, move |shared, _| {
                let block = shared.final_block(earliest)?;
                block.map(|_| ()).ok_or_else(|| not_here(earliest, last))
            })
            .await?;
    }
    let (sender, receiver) = mpsc::channel(WAITING);
    let reader = Reader {
        state,
        filter,
        next,
        marked: None,
        text: String::new(),
        sent: Instant::now(),
        sender,
        _places: (guard, place),
    };
    tokio::spawn(reader.run());
    let pieces = futures::stream::unfold(receiver, |mut receiver| async move {
        let piece: Bytes = receiver.recv().await?;
        Some((Ok::<_, Infallible>(piece), receiver))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// One stream.
struct Reader {
    state: ApiState,
    filter: EventFilter,
    /// The first place that was not sent yet.
    next: EventId,
    /// The height of the last mark.
    marked: Option<u64>,
    /// Messages that were not handed over yet.
    text: String,
    /// When something was handed over last.
    sent: Instant,
    sender: mpsc::Sender<Bytes>,
    _places: (StreamGuard, OwnedSemaphorePermit),
}

/// The reader is gone.
struct Gone;

impl Reader {
    async fn run(mut self) {
        let mut tip = self.state.node.finality().subscribe();
        let mut stop = self.state.stop.clone();
        let gone = self.sender.clone();
        let heartbeat = Duration::from_millis(self.state.limits.event_heartbeat_ms);
        loop {
            let last = tip.borrow_and_update().height.0;
            let sent = tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                sent = self.catch_up(last, heartbeat) => sent,
            };
            if sent.is_err() {
                return;
            }
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                () = gone.closed() => return,
                changed = tip.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(heartbeat) => {
                    if self.beat(last).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Sends everything up to the block at `last`.
    async fn catch_up(&mut self, last: u64, heartbeat: Duration) -> Result<(), Gone> {
        while self.next.height <= last {
            let first = self.next.height;
            let batch = self
                .state
                .read(None, move |shared, _| shared.events_from(first, last))
                .await;
            let batch = match batch {
                Ok(batch) => batch,
                Err(problem) => return self.fail(problem).await,
            };
            for block in batch {
                self.block(&block).await?;
            }
            if self.sent.elapsed() >= heartbeat {
                self.mark(last).await?;
            }
        }
        // Caught up: whoever wants no more than what there is knows that this is all.
        if self.marked.is_none() || !self.text.is_empty() || self.sent.elapsed() >= heartbeat {
            self.mark(last).await?;
        }
        Ok(())
    }

    /// Adds the events of the block at `next`.
    async fn block(&mut self, block: &BlockEvents) -> Result<(), Gone> {
        let mut text = std::mem::take(&mut self.text);
        for (kind, event) in block.wanted(self.next, &self.filter) {
            message(&mut text, kind, &event.id.to_string(), event);
            if text.len() >= PIECE {
                hand_over(&self.sender, std::mem::take(&mut text)).await?;
                self.sent = Instant::now();
            }
        }
        self.text = text;
        self.next = EventId::start_of(self.next.height.saturating_add(1));
        Ok(())
    }

    /// Says how far the stream has come. A reader that is ahead of this node is told how far the node is, without an
    /// `id`: it has come further.
    async fn mark(&mut self, last: u64) -> Result<(), Gone> {
        let reached = self.next.height.saturating_sub(1);
        let ahead = self.next > EventId::start_of(last.saturating_add(1));
        let height = if ahead { last } else { reached };
        let mark = HeightMark {
            height,
            last_final: last,
        };
        let id = if ahead {
            String::new()
        } else {
            height.to_string()
        };
        message(&mut self.text, HEIGHT_MESSAGE, &id, &mark);
        self.marked = Some(height);
        let text = std::mem::take(&mut self.text);
        self.send(text).await
    }

    /// What is sent when nothing else was for a while: a mark, or a comment where a mark would say nothing new.
    async fn beat(&mut self, last: u64) -> Result<(), Gone> {
        if self.next.height.checked_sub(1) > self.marked {
            self.mark(last).await?;
        }
        self.send(":\n\n".to_owned()).await
    }

    /// Ends the stream with the reason.
    async fn fail(&mut self, problem: ApiProblem) -> Result<(), Gone> {
        if let Ok(json) = serde_json::to_string(&problem.0) {
            self.text
                .push_str(&format!("event: {PROBLEM_MESSAGE}\ndata: {json}\n\n"));
        }
        let text = std::mem::take(&mut self.text);
        self.send(text).await?;
        Err(Gone)
    }

    async fn send(&mut self, text: String) -> Result<(), Gone> {
        if text.is_empty() {
            return Ok(());
        }
        self.sent = Instant::now();
        hand_over(&self.sender, text).await
    }
}

async fn hand_over(sender: &mpsc::Sender<Bytes>, text: String) -> Result<(), Gone> {
    sender.send(Bytes::from(text)).await.map_err(|_| Gone)
}

/// One message, with an id unless that is empty. JSON on one line has no line break in it.
fn message(text: &mut String, name: &str, id: &str, data: &impl Serialize) {
    let id_line = if id.is_empty() {
        String::new()
    } else {
        format!("id: {id}\n")
    };
    match serde_json::to_string(data) {
        Ok(json) => text.push_str(&format!("{id_line}event: {name}\ndata: {json}\n\n")),
        Err(error) => tracing::error!(%error, id, "an event has no JSON form"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stream_begins_after_what_the_reader_has() {
        let with = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_EVENT_ID, id.parse().unwrap());
            headers
        };
        let none = HeaderMap::new();
        assert_eq!(first(&none, None, 7).unwrap(), EventId::start_of(8));
        assert_eq!(first(&none, Some(0), 7).unwrap(), EventId::start_of(0));
        assert_eq!(first(&with("5"), Some(0), 7).unwrap(), EventId::start_of(6));
        let after = EventId {
            height: 5,
            index: 1,
            event: 3,
        };
        assert_eq!(first(&with("5-1-2"), None, 7).unwrap(), after);
        for bad in ["", "x", "5-1"] {
            assert!(first(&with(bad), None, 7).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_meant_is_refused() {
        let wanted = |model: Option<&str>, kind: Option<&str>, account: Option<&str>| Wanted {
            from: None,
            model: model.map(str::to_owned),
            namespace: None,
            kind: kind.map(str::to_owned),
            account: account.map(str::to_owned),
        };
        assert!(
            wanted(Some("acme/bert"), Some("alias_set"), None)
                .filter()
                .is_ok()
        );
        assert!(wanted(Some("acme"), None, None).filter().is_err());
        assert!(wanted(None, Some("alias"), None).filter().is_err());
        assert!(wanted(None, None, Some("alice")).filter().is_err());
    }
}
