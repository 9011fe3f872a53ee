//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Asks `condition` again and again, and returns what it finds.
///
/// # Panics
/// When it has found nothing after `deadline`; `what` says what was waited for.
pub fn until<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(
            started.elapsed() < deadline,
            "waited {} s in vain: {what}",
            deadline.as_secs()
        );
        std::thread::sleep(LOOK);
    }
}
