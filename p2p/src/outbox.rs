//! What waits to be sent to one peer on one plane, and what was sent and not yet acknowledged.
//!
//! Sending never blocks: a full outbox drops its own oldest message, and no other peer notices. It
//! outlives connections: after a reconnect the unacknowledged messages go first, again, so that a connection
//! can be replaced under load and nothing is lost. A message may so arrive twice.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};

use crate::{
    config::{Plane, PlaneLimits},
    metrics::Metrics,
};

/// At most this much is taken to be written at once, so that one flush stays short.
const BATCH_MESSAGES: usize = 64;
const BATCH_BYTES: usize = 256 << 10;

pub(crate) struct Outbox {
    state: Mutex<State>,
    ready: Notify,
    plane: Plane,
    limits: PlaneLimits,
    keep: Duration,
    metrics: Arc<Metrics>,
}

struct State {
    waiting: Backlog,
    /// Written to the present stream, in order, not yet acknowledged.
    sent: Backlog,
    /// How many messages of the present stream came before the first of `sent`.
    sent_before: u64,
    connected: bool,
    /// Since when `connected` is what it is.
    since: Instant,
}

/// Messages in order, with their bytes counted.
#[derive(Default)]
struct Backlog {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

impl Backlog {
    fn push(&mut self, message: Bytes) {
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Bytes> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    /// Drops the oldest until the limits hold; tells how many.
    fn trim(&mut self, limits: &PlaneLimits) -> u64 {
        let mut dropped = 0;
        while self.messages.len() > limits.queued_messages || self.bytes > limits.queued_bytes {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    /// Puts `older` before what is here.
    fn prepend(&mut self, older: &mut Backlog) {
        older.messages.append(&mut self.messages);
        self.bytes += std::mem::take(&mut older.bytes);
        self.messages = std::mem::take(&mut older.messages);
    }

    fn clear(&mut self) -> u64 {
        let count = self.messages.len() as u64;
        *self = Self::default();
        count
    }
}

impl Outbox {
    pub(crate) fn new(
        plane: Plane,
        limits: PlaneLimits,
        keep: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        let state = State {
            waiting: Backlog::default(),
            sent: Backlog::default(),
            sent_before: 0,
            connected: false,
            since: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            ready: Notify::new(),
            plane,
            limits,
            keep,
            metrics,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_long_away(&self, state: &State, now: Instant) -> bool {
        !state.connected && now.saturating_duration_since(state.since) > self.keep
    }

    /// Queues a message; never blocks.
    pub(crate) fn send(&self, message: Bytes, now: Instant) {
        if message.len() > self.limits.message_bytes {
            tracing::warn!(plane = %self.plane, len = message.len(), limit = self.limits.message_bytes,
                "message not sent: beyond the limit on messages");
            self.metrics.dropped(self.plane, "too_long", 1);
            return;
        }
        let mut state = self.lock();
        if self.is_long_away(&state, now) {
            let stale = state.waiting.clear() + state.sent.clear();
            self.metrics.dropped(self.plane, "disconnected", stale + 1);
            return;
        }
        state.waiting.push(message);
        let dropped = state.waiting.trim(&self.limits);
        drop(state);
        self.metrics.dropped(self.plane, "queue_full", dropped);
        self.ready.notify_one();
    }

    /// A new stream begins. What the last one left unacknowledged is sent again, unless the peer was away for too long.
    pub(crate) fn open(&self, now: Instant) {
        let mut state = self.lock();
        let long_away = self.is_long_away(&state, now);
        let State { waiting, sent, .. } = &mut *state;
        waiting.prepend(sent);
        let dropped = if long_away {
            ("disconnected", state.waiting.clear())
        } else {
            ("queue_full", state.waiting.trim(&self.limits))
        };
        state.sent_before = 0;
        state.connected = true;
        state.since = now;
        drop(state);
        self.metrics.dropped(self.plane, dropped.0, dropped.1);
    }

    /// The stream ended.
    pub(crate) fn close(&self, now: Instant) {
        let mut state = self.lock();
        state.connected = false;
        state.since = now;
    }

    /// Waits for messages and moves the next few into `batch`, which is emptied first. They count as sent.
    pub(crate) async fn next_batch(&self, batch: &mut Vec<Bytes>) {
        batch.clear();
        loop {
            self.take_batch(batch);
            if !batch.is_empty() {
                return;
            }
            self.ready.notified().await;
        }
    }

    fn take_batch(&self, batch: &mut Vec<Bytes>) {
        let mut state = self.lock();
        let mut bytes = 0;
        while batch.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let Some(message) = state.waiting.pop() else {
                break;
            };
            bytes += message.len();
            state.sent.push(message.clone());
            batch.push(message);
        }
        state.sent_before += state.sent.trim(&self.limits);
    }

    /// The peer has taken `count` messages of the present stream. `false` when that is more than were sent.
    #[must_use]
    pub(crate) fn acknowledge(&self, count: u64) -> bool {
        let mut state = self.lock();
        if count > state.sent_before + state.sent.messages.len() as u64 {
            return false;
        }
        while state.sent_before < count {
            state.sent.pop();
            state.sent_before += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;

    fn outbox(messages: usize, keep: Duration) -> Outbox {
        let limits = PlaneLimits {
            queued_messages: messages,
            queued_bytes: 1000,
            message_bytes: 100,
            ..Limits::default().consensus
        };
        Outbox::new(Plane::Consensus, limits, keep, Arc::new(Metrics::new()))
    }

    fn message(n: u8) -> Bytes {
        Bytes::from(vec![n])
    }

    fn taken(outbox: &Outbox) -> Vec<u8> {
        let mut batch = Vec::new();
        outbox.take_batch(&mut batch);
        batch.iter().map(|m| m[0]).collect()
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_full_outbox_drops_its_oldest() {
        let outbox = outbox(3, LONG);
        (0..5).for_each(|n| outbox.send(message(n), Instant::now()));
        outbox.open(Instant::now());
        assert_eq!(taken(&outbox), [2, 3, 4]);
    }

    #[test]
    fn bytes_are_bounded_too_and_an_overlong_message_is_not_queued() {
        let outbox = outbox(1000, LONG);
        (0..20).for_each(|n| outbox.send(Bytes::from(vec![n; 100]), Instant::now()));
        outbox.send(Bytes::from(vec![99; 101]), Instant::now());
        outbox.open(Instant::now());
        assert_eq!(taken(&outbox), (10..20).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_reconnect_the_unacknowledged_go_first_in_order() {
        let outbox = outbox(100, LONG);
        outbox.open(Instant::now());
        (0..4).for_each(|n| outbox.send(message(n), Instant::now()));
        assert_eq!(taken(&outbox), [0, 1, 2, 3]);
        assert!(outbox.acknowledge(2));
        outbox.close(Instant::now());
        outbox.send(message(4), Instant::now());
        outbox.open(Instant::now());
        assert_eq!(taken(&outbox), [2, 3, 4]);
        assert!(outbox.acknowledge(3));
        outbox.close(Instant::now());
        outbox.open(Instant::now());
        assert_eq!(taken(&outbox), [0; 0]);
    }

    #[test]
    fn acknowledging_more_than_was_sent_is_found_out() {
        let outbox = outbox(100, LONG);
        outbox.open(Instant::now());
        outbox.send(message(0), Instant::now());
        assert!(!outbox.acknowledge(1));
        assert_eq!(taken(&outbox), [0]);
        assert!(outbox.acknowledge(1));
        assert!(outbox.acknowledge(0), "an old count is late, not false");
    }

    #[test]
    fn acknowledgements_stay_right_when_the_unacknowledged_overflow() {
        let outbox = outbox(3, LONG);
        outbox.open(Instant::now());
        for n in 0..5 {
            outbox.send(message(n), Instant::now());
            assert_eq!(taken(&outbox), [n]);
        }
        assert!(outbox.acknowledge(4));
        outbox.close(Instant::now());
        outbox.open(Instant::now());
        assert_eq!(taken(&outbox), [4]);
    }

    #[test]
    fn messages_for_a_peer_long_away_are_dropped_before_and_after() {
        let outbox = outbox(100, Duration::from_secs(10));
        let later = Instant::now() + Duration::from_secs(11);
        outbox.send(message(1), Instant::now());
        outbox.send(message(2), later);
        outbox.open(later);
        assert_eq!(taken(&outbox), [0; 0]);
        outbox.send(message(3), later);
        assert_eq!(taken(&outbox), [3]);
        outbox.close(later);
        outbox.open(later + Duration::from_secs(9));
        assert_eq!(taken(&outbox), [3]);
    }
}
