//! A node's clock: off by some time, running a little fast or slow, and jumping now and then.

/// Turns the simulation's time into what one node takes for the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Ahead by so many milliseconds; behind if negative.
    pub offset_ms: i64,
    /// Gains so many milliseconds in a thousand seconds.
    pub drift_ppm: i64,
}

impl Clock {
    /// What it shows.
    #[must_use]
    pub fn read(&self, now_ms: u64) -> u64 {
        let elapsed = i64::try_from(now_ms).unwrap_or(i64::MAX);
        let drift = elapsed / 1_000 * self.drift_ppm / 1_000;
        now_ms.saturating_add_signed(self.offset_ms.saturating_add(drift))
    }
}
