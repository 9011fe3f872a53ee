//! Log lines that somebody else can cause as often as he likes, written once a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets one line through in each period, and counts the others.
#[derive(Debug)]
pub(crate) struct Seldom {
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    /// Lines that were left out since.
    left_out: u64,
}

impl Seldom {
    pub(crate) fn new(period: Duration) -> Self {
        Self {
            period,
            state: Mutex::default(),
        }
    }

    /// Whether a line is to be written now, and how many were left out before it.
    pub(crate) fn turn(&self, now: Instant) -> Option<u64> {
        // A panic elsewhere leaves two numbers, each of which is right.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.last.map(|last| now.saturating_duration_since(last));
        if since.is_some_and(|since| since < self.period) {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_period_says_how_many_were_left_out() {
        let (seldom, begun) = (Seldom::new(Duration::from_secs(10)), Instant::now());
        let at = |seconds: u64| seldom.turn(begun + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0));
        assert_eq!([at(0), at(1), at(9)], [None; 3]);
        assert_eq!(at(10), Some(3));
        assert_eq!(at(19), None);
        assert_eq!(at(60), Some(1));
        // Threads read the clock and wait for one another.
        assert_eq!(at(50), None);
        assert_eq!(at(70), Some(1));
    }
}
