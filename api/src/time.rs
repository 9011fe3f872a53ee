//! RFC 3339 from the milliseconds of the ledger, and back.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use thiserror::Error;

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

/// A text that is no time since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{got:?} is no time since 1970: write it as 2026-11-23T10:00:00Z, or as 2026-11-23 for the beginning of the day in UTC"
)]
pub struct ParseTimeError {
    /// Its beginning.
    pub got: String,
}

/// The milliseconds since the Unix epoch of a time in RFC 3339, or of the beginning of a day in UTC.
///
/// # Errors
/// [`ParseTimeError`].
pub fn parse(text: &str) -> Result<u64, ParseTimeError> {
    let day = || {
        let date: Date = text.parse().ok()?;
        let begun = date.to_zoned(TimeZone::UTC).ok()?;
        (text.len() == 10).then(|| begun.timestamp())
    };
    let time = day().or_else(|| text.parse::<Timestamp>().ok());
    time.and_then(|time| u64::try_from(time.as_millisecond()).ok())
        .ok_or_else(|| ParseTimeError {
            got: text.chars().take(40).collect(),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{parse, rfc3339};

    #[test]
    fn what_is_written_is_read_back_and_a_day_begins_in_utc() {
        for ms in [0, 1_700_000_000_123, 253_402_000_000_000] {
            assert_eq!(parse(&rfc3339(ms)).unwrap(), ms);
        }
        assert_eq!(parse("2023-11-14").unwrap(), 1_699_920_000_000);
        assert_eq!(
            parse("2023-11-14T01:00:00+01:00").unwrap(),
            1_699_920_000_000
        );
        for bad in [
            "",
            "now",
            "2023",
            "2023-13-01",
            "1969-12-31",
            "2023-11-14T22:13:20",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

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
