//! When to dial a peer. Of two nodes the one with the lower PeerId dials; the other waits two
//! seconds first, so that they do not meet in the middle, and then dials as well, so that a node whose
//! inbound side is broken is still reached.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

/// How long the higher PeerId leaves dialling to the lower.
const GRACE: Duration = Duration::from_secs(2);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// No peer is dialled more often than this, whatever it does to its connections.
const SPACING: Duration = Duration::from_millis(20);

/// A number to spread work over time. It comes from the randomness that std draws for its hash
/// maps and carries no security.
pub(crate) fn jitter() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// The state of dialling one peer.
#[derive(Debug)]
pub(crate) struct Dialing {
    lower: bool,
    failures: u32,
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Dialing {
    /// A peer just listed, and not connected. `lower` says whether our PeerId is the lower one.
    pub(crate) fn new(lower: bool, now: Instant) -> Self {
        let mut dialing = Self {
            lower,
            failures: 0,
            last: None,
            next: None,
        };
        dialing.disconnected(now);
        dialing
    }

    /// When to dial next; `None` while connected or dialling.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// We dial now. Counts as a failure until [`Self::established`] says otherwise.
    pub(crate) fn dialled(&mut self, now: Instant) {
        self.last = Some(now);
        self.next = None;
        self.failures = self.failures.saturating_add(1);
    }

    /// A connection exists, though the peer has not said hello.
    pub(crate) fn connected(&mut self) {
        self.next = None;
    }

    /// The peer has said hello.
    pub(crate) fn established(&mut self) {
        self.next = None;
        self.failures = 0;
    }

    /// A connection ended. The peer had time to dial only if it knew, so the grace begins here.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        let grace = if self.lower { Duration::ZERO } else { GRACE };
        self.schedule(now, grace.max(self.backoff()));
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, now: Instant) {
        self.schedule(now, self.backoff());
    }

    fn schedule(&mut self, now: Instant, wait: Duration) {
        let spaced = self.last.map_or(now, |last| last + SPACING);
        self.next = Some((now + wait).max(spaced));
    }

    fn backoff(&self) -> Duration {
        if self.failures == 0 {
            return Duration::ZERO;
        }
        let doubled = FIRST_RETRY
            .saturating_mul(1 << (self.failures - 1).min(16))
            .min(LAST_RETRY);
        doubled.mul_f64(0.75 + jitter() / 2.0)
    }
}

/// How many dials may be under way at once. When many nodes start together on few cores, all
/// handshakes at once would all be too late; a few at a time are all in time.
///
/// A dial frees its slot when the peer has said hello or the connection has failed, and after `hold` in any case, so
/// that peers which cannot be reached take little from those that can.
#[derive(Debug)]
pub(crate) struct DialSlots {
    limit: usize,
    hold: Duration,
    /// The dials under way, and when they give up their slots.
    busy: BTreeMap<ConnectionId, Instant>,
}

impl DialSlots {
    pub(crate) fn new(limit: usize, hold: Duration) -> Self {
        Self {
            limit: limit.max(1),
            hold,
            busy: BTreeMap::new(),
        }
    }

    /// How many dials may begin now.
    pub(crate) fn free(&mut self, now: Instant) -> usize {
        self.busy.retain(|_, until| *until > now);
        self.limit - self.busy.len().min(self.limit)
    }

    pub(crate) fn take(&mut self, id: ConnectionId, now: Instant) {
        self.busy.insert(id, now + self.hold);
    }

    pub(crate) fn release(&mut self, id: ConnectionId) {
        self.busy.remove(&id);
    }

    /// When a dial that is due at `due` can begin, as things stand.
    pub(crate) fn earliest(&self, due: Instant) -> Instant {
        if self.busy.len() < self.limit {
            return due;
        }
        self.busy.values().min().map_or(due, |free| due.max(*free))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_lower_peer_dials_at_once_and_the_higher_after_two_seconds() {
        let now = Instant::now();
        assert_eq!(Dialing::new(true, now).next(), Some(now));
        assert_eq!(Dialing::new(false, now).next(), Some(now + GRACE));
    }

    #[test]
    fn failures_back_off_up_to_a_bound_and_a_hello_ends_it() {
        let now = Instant::now();
        let mut dialing = Dialing::new(true, now);
        for _ in 0..40 {
            dialing.dialled(now);
            assert_eq!(dialing.next(), None);
            dialing.failed(now);
        }
        let wait = dialing.next().unwrap() - now;
        assert!(
            wait >= LAST_RETRY.mul_f64(0.75) && wait <= LAST_RETRY.mul_f64(1.25),
            "{wait:?}"
        );
        dialing.established();
        dialing.disconnected(now + LAST_RETRY);
        assert_eq!(dialing.next(), Some(now + LAST_RETRY));
    }

    #[test]
    fn a_connection_that_closes_before_hello_does_not_make_a_busy_loop() {
        let now = Instant::now();
        let mut dialing = Dialing::new(true, now);
        dialing.dialled(now);
        dialing.connected();
        dialing.disconnected(now);
        assert!(dialing.next().unwrap() >= now + FIRST_RETRY.mul_f64(0.75));
    }

    #[test]
    fn jitter_stays_in_range() {
        assert!((0..1000).map(|_| jitter()).all(|j| (0.0..1.0).contains(&j)));
    }

    #[test]
    fn dials_wait_for_a_slot_and_a_dead_peer_gives_its_own_up() {
        let (now, hold) = (Instant::now(), Duration::from_secs(2));
        let mut slots = DialSlots::new(2, hold);
        let ids: Vec<_> = (0..3).map(ConnectionId::new_unchecked).collect();
        assert_eq!(slots.free(now), 2);
        slots.take(ids[0], now);
        assert_eq!(slots.earliest(now), now);
        slots.take(ids[1], now + hold / 2);
        assert_eq!((slots.free(now), slots.earliest(now)), (0, now + hold));
        slots.release(ids[1]);
        assert_eq!((slots.free(now), slots.earliest(now)), (1, now));
        slots.take(ids[2], now + hold / 2);
        assert_eq!(slots.free(now + hold), 1);
    }
}
