//! The events of the ledger as they become final, from one node after another, none lost and none twice.
//!
//! The place in the stream is the reader's, not a node's: it goes with every request, so whoever answers goes on exactly
//! there. A node that repeats or skips back is passed over. What comes is a node's word; an event is proved by the
//! transaction that made it ([`crate::Subject::Transaction`]).

use crate::call::Failure;
use crate::connection::Connection;
use crate::routes::segment;
use crate::sse::{Decoder, Message};
use crate::{CallError, Client, ClientError, NodeFailure};
use cairn_api::{
    EventCursor, EventFilter, HEIGHT_MESSAGE, HeightMark, PROBLEM_MESSAGE, Problem, StreamedEvent,
    code,
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long a stream may be silent: nodes say something every ten seconds.
const SILENCE: Duration = Duration::from_secs(45);
/// How long another node is looked for before the feed fails.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first pause between two rounds of asking all nodes, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What a feed gives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum FeedItem {
    /// The next event.
    Event(StreamedEvent),
    /// Everything up to a height was given.
    Height(HeightMark),
}

/// The events of the ledger in order, from one node after the other. Made by [`Client::feed`].
pub struct Feed {
    client: Client,
    filter: EventFilter,
    from: Option<u64>,
    cursor: Option<EventCursor>,
    open: Option<Open>,
    /// Index of the node to ask first.
    node: usize,
    ready: VecDeque<Message>,
}

/// A stream that is open.
struct Open {
    body: Incoming,
    decoder: Decoder,
    /// The connection ends with the stream.
    _connection: Connection,
}

impl Client {
    /// The events that `filter` takes: after `cursor`, or else from height `from` on, or else from now on.
    #[must_use]
    pub fn feed(
        &self,
        filter: EventFilter,
        from: Option<u64>,
        cursor: Option<EventCursor>,
    ) -> Feed {
        Feed {
            node: self.inner.preferred.load(Ordering::Relaxed),
            client: self.clone(),
            filter,
            from,
            cursor,
            open: None,
            ready: VecDeque::new(),
        }
    }
}

impl Feed {
    /// How far the feed has come: what to give [`Client::feed`] to go on.
    #[must_use]
    pub fn cursor(&self) -> Option<EventCursor> {
        self.cursor
    }

    /// The next item. Waits for as long as there is none; when a node goes away, another one is asked.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the nodes do not have the height or do not understand the request,
    /// [`ClientError::FeedBroken`] when no node goes on for two minutes.
    pub async fn next(&mut self) -> Result<FeedItem, ClientError> {
        let mut failures = Vec::new();
        let mut failing_since = None;
        loop {
            let error = match self.advance().await {
                Ok(item) => return Ok(item),
                Err(Failure::Refused(problem)) if problem.code != code::HEIGHT_NOT_AVAILABLE => {
                    return Err(ClientError::Refused {
                        node: self.endpoint().clone(),
                        problem,
                    });
                }
                Err(Failure::Refused(problem)) => CallError::Unavailable(problem),
                Err(Failure::Node(error)) => error,
            };
            tracing::debug!(node = %self.endpoint(), %error, "the stream of events broke off");
            self.open = None;
            self.ready.clear();
            failures.push(NodeFailure {
                node: self.endpoint().clone(),
                error,
            });
            let nodes = self.client.inner.nodes.len();
            self.node = (self.node + 1) % nodes;
            if failures.len() < nodes {
                continue;
            }
            // Every node was asked.
            let since = *failing_since.get_or_insert_with(Instant::now);
            if let Some(refused) = nowhere(&failures) {
                return Err(refused);
            }
            if since.elapsed() > PATIENCE {
                return Err(ClientError::FeedBroken {
                    cursor: self.cursor,
                    failures,
                });
            }
            failures.clear();
            let (first, longest) = PAUSES;
            tokio::time::sleep((since.elapsed() / 4).clamp(first, longest)).await;
        }
    }

    fn endpoint(&self) -> &crate::Endpoint {
        self.client.inner.nodes[self.node].endpoint()
    }

    /// The next item of the stream that is open, or of a new one of this node.
    async fn advance(&mut self) -> Result<FeedItem, Failure> {
        loop {
            while let Some(message) = self.ready.pop_front() {
                if let Some(item) = self.item(&message)? {
                    return Ok(item);
                }
            }
            let Some(open) = &mut self.open else {
                self.open = Some(self.connect().await?);
                continue;
            };
            let frame = tokio::time::timeout(SILENCE, open.body.frame()).await;
            let frame = frame.map_err(|_| CallError::Timeout { limit: SILENCE })?;
            let frame = frame.ok_or_else(|| malformed("the stream ended"))?;
            let frame = frame.map_err(CallError::Http)?;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            let messages = open.decoder.push(&bytes);
            self.ready
                .extend(messages.map_err(|_| malformed("a message is longer than any event"))?);
        }
    }

    /// What a message says, and the place after it.
    fn item(&mut self, message: &Message) -> Result<Option<FeedItem>, Failure> {
        if message.data.is_empty() {
            return Ok(None);
        }
        let data = message.data.as_bytes();
        let read = |error: serde_json::Error| malformed(error);
        if message.name == PROBLEM_MESSAGE {
            let problem: Problem = serde_json::from_slice(data).map_err(read)?;
            return Err(CallError::Unavailable(Box::new(problem)).into());
        }
        let (cursor, item) = if message.name == HEIGHT_MESSAGE {
            let mark: HeightMark = serde_json::from_slice(data).map_err(read)?;
            if message.id.is_empty() {
                // The node is behind this reader.
                return Ok(Some(FeedItem::Height(mark)));
            }
            (EventCursor::Height(mark.height), FeedItem::Height(mark))
        } else {
            let event: StreamedEvent = serde_json::from_slice(data).map_err(read)?;
            if self.cursor.is_some_and(|cursor| event.id < cursor.next()) {
                return Err(malformed(format!("event {} comes again", event.id)).into());
            }
            (EventCursor::Event(event.id), FeedItem::Event(event))
        };
        if message.id != cursor.to_string() {
            return Err(malformed(format!("message {:?} is {cursor}", message.id)).into());
        }
        if self
            .cursor
            .is_some_and(|known| cursor.next() < known.next())
        {
            // A mark below what came already says nothing new.
            return Ok(None);
        }
        self.cursor = Some(cursor);
        Ok(Some(item))
    }

    async fn connect(&self) -> Result<Open, Failure> {
        let node = &self.client.inner.nodes[self.node];
        let (connection, response) = node.stream(&self.path(), self.cursor).await?;
        self.client
            .inner
            .preferred
            .store(self.node, Ordering::Relaxed);
        Ok(Open {
            body: response,
            decoder: Decoder::default(),
            _connection: connection,
        })
    }

    fn path(&self) -> String {
        let EventFilter {
            model,
            namespace,
            kind,
            account,
        } = &self.filter;
        let mut path = "/v1/events?".to_owned();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let _infallible = write!(path, "{name}={}&", segment(&value));
            }
        };
        add("from", self.from.map(|from| from.to_string()));
        add("model", model.as_ref().map(ToString::to_string));
        add("namespace", namespace.clone());
        add("kind", kind.clone());
        add("account", account.map(|account| account.to_string()));
        path
    }
}

/// When every node says that it does not have the height, waiting does not help.
fn nowhere(failures: &[NodeFailure]) -> Option<ClientError> {
    let missing = |failure: &NodeFailure| match &failure.error {
        CallError::Unavailable(problem) if problem.code == code::HEIGHT_NOT_AVAILABLE => {
            Some(problem.clone())
        }
        _ => None,
    };
    let all: Option<Vec<_>> = failures.iter().map(missing).collect();
    let problem = all?.into_iter().next()?;
    Some(ClientError::Refused {
        node: failures.first()?.node.clone(),
        problem,
    })
}

fn malformed(reason: impl ToString) -> CallError {
    CallError::Malformed {
        route: "GET /v1/events".to_owned(),
        reason: reason.to_string(),
    }
}
