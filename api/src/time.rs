//! RFC 3339 from the milliseconds of the ledger.

use jiff::Timestamp;

/// `ms` milliseconds since the Unix epoch as RFC 3339 in UTC. A time that RFC 3339 cannot write (past
/// the year 9999) becomes the last one that it can.
#[must_use]
pub fn rfc3339(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn milliseconds_are_written_when_there_are_any() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_time_out_of_range_is_the_last_that_can_be_written() {
        assert!(rfc3339(u64::MAX).starts_with("9999-12-3"));
    }
}
