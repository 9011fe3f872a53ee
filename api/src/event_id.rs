//! Where an event stands in the ledger, and how far a reader of the stream has come.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// Where an event stands: `height-index-event`. The order is that of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    /// Height of the block.
    pub height: u64,
    /// The transaction's place in the block, from 0.
    pub index: u32,
    /// The event's place in the transaction's receipt, from 0.
    pub event: u32,
}

/// How far a reader has come; the `id` of a message of the stream, and `Last-Event-ID` of the request that resumes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventCursor {
    /// Up to and with this event: `height-index-event`.
    Event(EventId),
    /// Up to and with all events of the block of this height: `height`.
    Height(u64),
}

/// A text that is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no place in the events; expected HEIGHT-INDEX-EVENT or HEIGHT, in decimal digits"
)]
pub struct ParseCursorError {
    /// The text, cut to 80 characters.
    pub text: String,
}

impl EventId {
    /// The place before all events of the block of this height.
    #[must_use]
    pub fn start_of(height: u64) -> Self {
        Self {
            height,
            index: 0,
            event: 0,
        }
    }
}

impl EventCursor {
    /// The first place that may follow.
    #[must_use]
    pub fn next(&self) -> EventId {
        match *self {
            Self::Height(height) => EventId::start_of(height.saturating_add(1)),
            Self::Event(id) => match (id.event.checked_add(1), id.index.checked_add(1)) {
                (Some(event), _) => EventId { event, ..id },
                (None, Some(index)) => EventId {
                    index,
                    event: 0,
                    ..id
                },
                (None, None) => EventId::start_of(id.height.saturating_add(1)),
            },
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.height, self.index, self.event)
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(id) => id.fmt(f),
            Self::Height(height) => height.fmt(f),
        }
    }
}

/// A number as it is written: no sign, no leading zeros.
fn number<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse()
        .ok()
        .filter(|number: &T| number.to_string() == text)
}

impl FromStr for EventCursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let read = |part: Option<&str>| part.map(number::<u32>);
        let height = parts.next().and_then(number::<u64>);
        match (height, read(parts.next()), read(parts.next()), parts.next()) {
            (Some(height), None, None, None) => Ok(Self::Height(height)),
            (Some(height), Some(Some(index)), Some(Some(event)), None) => {
                Ok(Self::Event(EventId {
                    height,
                    index,
                    event,
                }))
            }
            _ => Err(ParseCursorError {
                text: text.chars().take(80).collect(),
            }),
        }
    }
}

impl FromStr for EventId {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse()? {
            EventCursor::Event(id) => Ok(id),
            EventCursor::Height(_) => Err(ParseCursorError {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for EventId {
    type Error = ParseCursorError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for EventCursor {
    type Error = ParseCursorError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EventCursor> for String {
    fn from(cursor: EventCursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_and_the_next_place_lies_after_it(
            height in 0..u64::MAX, index: u32, event: u32,
        ) {
            let id = EventId { height, index, event };
            let cursor = EventCursor::Event(id);
            prop_assert_eq!(cursor.to_string().parse::<EventCursor>().unwrap(), cursor);
            prop_assert!(cursor.next() > id);
            let whole = EventCursor::Height(height);
            prop_assert_eq!(whole.to_string().parse::<EventCursor>().unwrap(), whole);
            prop_assert!(whole.next() > id);
        }

        #[test]
        fn no_text_makes_it_panic_and_what_is_read_is_written_the_same(text in "[0-9-]{0,30}|.{0,20}") {
            if let Ok(cursor) = text.parse::<EventCursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "", "-", "1-", "1-2", "1-2-", "1-2-3-", "1-2-3-4", "01", "+1", "1-02-3", "x",
        ] {
            assert!(bad.parse::<EventCursor>().is_err(), "{bad}");
        }
        assert!("7".parse::<EventId>().is_err());
    }
}
