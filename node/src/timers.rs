//! The driver's pending timers, earliest first. They are never cancelled; the replica ignores stale ones.

use cairn_consensus::Timer;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Pending {
    due: Instant,
    timer: Timer,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}
impl Eq for Pending {}
impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Pending {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Timers(BinaryHeap<Reverse<Pending>>);

impl Timers {
    /// Adds one.
    pub fn set(&mut self, now: Instant, after_ms: u64, timer: Timer) {
        self.0.push(Reverse(Pending {
            due: now + Duration::from_millis(after_ms),
            timer,
        }));
    }

    /// How long until the earliest; `at_most` when there is none or it is later.
    #[must_use]
    pub fn wait(&self, now: Instant, at_most: Duration) -> Duration {
        self.0.peek().map_or(at_most, |Reverse(next)| {
            next.due.saturating_duration_since(now).min(at_most)
        })
    }

    /// Takes one that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.0.peek().is_some_and(|Reverse(next)| next.due <= now) {
            self.0.pop().map(|Reverse(pending)| pending.timer)
        } else {
            None
        }
    }
}
