//! A token bucket: how long a peer has to wait that sends more than its rate.

use std::time::Duration;

use tokio::time::Instant;

/// Holds at most one second's worth of tokens, and may go into debt, so that one thing larger than
/// a second's worth passes and is paid for afterwards.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl TokenBucket {
    /// A full bucket. A rate of zero would never let anything pass twice, and counts as one.
    pub(crate) fn new(per_second: u64, now: Instant) -> Self {
        let per_second = per_second.max(1) as f64;
        Self {
            per_second,
            tokens: per_second,
            at: now,
        }
    }

    /// Takes `amount` and tells how long to wait before taking more; zero while within the rate.
    pub(crate) fn take(&mut self, amount: u64, now: Instant) -> Duration {
        self.refill(now);
        self.tokens -= amount as f64;
        if self.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::try_from_secs_f64(-self.tokens / self.per_second).unwrap_or(Duration::MAX)
        }
    }

    /// Takes one if there is one.
    pub(crate) fn try_take_one(&mut self, now: Instant) -> bool {
        self.refill(now);
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.per_second);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_tokens_passes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100, start);
        assert_eq!(bucket.take(100, start), Duration::ZERO);
        assert_eq!(bucket.take(50, start), Duration::from_millis(500));
        assert_eq!(
            bucket.take(0, start + Duration::from_millis(500)),
            Duration::ZERO
        );
    }

    #[test]
    fn one_thing_larger_than_a_second_of_tokens_passes_and_is_paid_for() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, start);
        assert_eq!(bucket.take(40, start), Duration::from_secs(3));
        assert_eq!(
            bucket.take(0, start + Duration::from_secs(3)),
            Duration::ZERO
        );
    }

    #[test]
    fn refusals_take_nothing() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(1, start);
        assert!(bucket.try_take_one(start));
        assert!(!bucket.try_take_one(start));
        assert!(!bucket.try_take_one(start + Duration::from_millis(900)));
        assert!(bucket.try_take_one(start + Duration::from_millis(1100)));
    }
}
