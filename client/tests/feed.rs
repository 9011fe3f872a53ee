//! The events come once each and in order, whatever becomes of the nodes that tell them.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_api::{EventCursor, EventFilter, EventId, HeightMark, StreamedEvent, code};
use cairn_client::{Client, ClientError, Feed, FeedItem};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, Event};
use chain::{Answer, CHAIN, node, problem};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A message of the stream about the event at this place.
fn event(id: &str) -> String {
    let event = StreamedEvent {
        id: id.parse().unwrap(),
        time: "2025-01-01T00:00:00Z".to_owned(),
        tx_hash: Digest::ZERO,
        sender: AccountId(Digest::ZERO),
        event: Event::ProposalPassed { proposal: 1 },
    };
    let json = serde_json::to_string(&event).unwrap();
    format!("id: {id}\nevent: proposal_passed\ndata: {json}\n\n")
}

fn mark(height: u64) -> String {
    let mark = HeightMark {
        height,
        last_final: 9,
    };
    let json = serde_json::to_string(&mark).unwrap();
    format!("id: {height}\nevent: height\ndata: {json}\n\n")
}

/// A stream that breaks off after these messages.
fn stream(messages: &[String]) -> Answer {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    Answer::Last(format!("{head}{}", messages.concat()).into_bytes())
}

fn feed(client: &Client, after: Option<EventCursor>) -> Feed {
    client.feed(EventFilter::default(), Some(0), after)
}

async fn next(feed: &mut Feed) -> String {
    match feed.next().await.unwrap() {
        FeedItem::Event(event) => event.id.to_string(),
        FeedItem::Height(mark) => mark.height.to_string(),
    }
}

#[tokio::test]
async fn another_node_goes_on_exactly_where_the_first_broke_off() {
    let half = event("3-0-0");
    let first = node(move |_| {
        let cut = half[..half.len() / 2].to_owned();
        stream(&[event("1-0-0"), mark(1), event("2-0-1"), cut])
    });
    let second = node(|line: &str| {
        assert!(line.ends_with(" 2-0-1"), "{line}");
        stream(&[event("2-0-2"), event("3-0-0"), mark(9)])
    });
    let client = CHAIN.client(vec![first.await.endpoint, second.await.endpoint]);
    let mut feed = feed(&client, None);
    for expected in ["1-0-0", "1", "2-0-1", "2-0-2", "3-0-0", "9"] {
        assert_eq!(next(&mut feed).await, expected);
    }
    assert_eq!(feed.cursor(), Some(EventCursor::Height(9)));
}

#[tokio::test]
async fn a_node_that_repeats_or_tells_a_false_place_is_passed_over() {
    let repeats = node(|_| stream(&[event("1-0-0")])).await;
    let lies = node(|_| stream(&[event("5-0-0").replace("id: 5", "id: 4")])).await;
    let honest = node(|_| stream(&[event("1-0-1")])).await;
    let client = CHAIN.client(vec![repeats.endpoint, lies.endpoint, honest.endpoint]);
    let known = EventCursor::Event(EventId::start_of(1));
    assert_eq!(next(&mut feed(&client, Some(known))).await, "1-0-1");
}

#[tokio::test]
async fn a_node_that_is_started_again_is_asked_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let node = node(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => stream(&[event("1-0-0")]),
        1 | 2 => problem(503, code::NODE_SYNCING),
        _ => stream(&[event("1-0-1")]),
    });
    let client = CHAIN.client(vec![node.await.endpoint]);
    let mut feed = feed(&client, None);
    assert_eq!(next(&mut feed).await, "1-0-0");
    assert_eq!(next(&mut feed).await, "1-0-1");
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_height_that_no_node_has_is_told_at_once_and_one_that_some_node_has_is_found() {
    let young = || node(|_| problem(404, code::HEIGHT_NOT_AVAILABLE));
    let both = CHAIN.client(vec![young().await.endpoint, young().await.endpoint]);
    let error = feed(&both, None).next().await.unwrap_err();
    assert!(error.is_refusal(code::HEIGHT_NOT_AVAILABLE), "{error}");
    let old = node(|_| stream(&[event("1-0-0")])).await;
    let client = CHAIN.client(vec![young().await.endpoint, old.endpoint]);
    assert_eq!(next(&mut feed(&client, None)).await, "1-0-0");
    let confused = node(|_| problem(400, code::BAD_REQUEST)).await;
    let error = feed(&CHAIN.client(vec![confused.endpoint]), None)
        .next()
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error}");
}
