//! Bounded, canonical Borsh decoding of bytes from outside.

use std::io::{self, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

/// Bytes that are not the encoding of the value asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Longer than the caller allows; nothing was decoded.
    #[error("{len} bytes where at most {limit} are allowed")]
    TooLong {
        /// How many bytes there were.
        len: usize,
        /// How many the caller allows.
        limit: usize,
    },
    /// Not an encoding of this type.
    #[error("malformed {type_name}: {reason}")]
    Malformed {
        /// The Rust type that was to be decoded.
        type_name: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A whole value, and then more.
    #[error("{remaining} bytes follow the {type_name}, of {len} in all")]
    TrailingBytes {
        /// The Rust type that was decoded.
        type_name: &'static str,
        /// How many bytes follow.
        remaining: usize,
        /// How many bytes there were in all.
        len: usize,
    },
    /// A value whose own encoding is not these bytes, for example a map with its keys out of order.
    #[error("not the canonical encoding of a {type_name}: it differs at byte {at}")]
    NotCanonical {
        /// The Rust type that was decoded.
        type_name: &'static str,
        /// The first byte where the canonical encoding differs.
        at: usize,
    },
}

/// Decodes one `T` from all of `bytes`.
///
/// The value is encoded again and compared, so that one value has one encoding whatever the decoder
/// of its type tolerates.
///
/// # Errors
/// [`DecodeError`]: longer than `limit`, not a `T`, trailing bytes, or not the canonical encoding.
pub fn decode<T: BorshDeserialize + BorshSerialize>(
    bytes: &[u8],
    limit: usize,
) -> Result<T, DecodeError> {
    let len = bytes.len();
    if len > limit {
        return Err(DecodeError::TooLong { len, limit });
    }
    let type_name = std::any::type_name::<T>();
    let mut rest = bytes;
    let value = T::deserialize(&mut rest).map_err(|error| DecodeError::Malformed {
        type_name,
        reason: error.to_string(),
    })?;
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes {
            type_name,
            remaining: rest.len(),
            len,
        });
    }
    let mut comparison = Comparison {
        expected: bytes,
        at: 0,
    };
    let same = borsh::to_writer(&mut comparison, &value).is_ok();
    if !same || comparison.at != len {
        return Err(DecodeError::NotCanonical {
            type_name,
            at: comparison.at,
        });
    }
    Ok(value)
}

/// A writer that compares what it is given with what is expected, and keeps nothing.
struct Comparison<'a> {
    expected: &'a [u8],
    at: usize,
}

impl Write for Comparison<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let expected = &self.expected[self.at..];
        let same = expected
            .iter()
            .zip(bytes)
            .take_while(|(left, right)| left == right)
            .count();
        self.at += same;
        if same == bytes.len() {
            Ok(same)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_value_is_read_back() {
        let value = (7u32, vec![String::from("a"), String::from("b")], Some(true));
        let bytes = borsh::to_vec(&value).unwrap();
        assert_eq!(decode(&bytes, bytes.len()), Ok(value));
    }

    #[test]
    fn the_limit_is_checked_before_anything_is_decoded() {
        assert_eq!(
            decode::<u64>(&[0; 9], 8),
            Err(DecodeError::TooLong { len: 9, limit: 8 })
        );
    }

    #[test]
    fn short_bytes_and_trailing_bytes_are_refused() {
        assert!(matches!(
            decode::<u64>(&[0; 7], 100),
            Err(DecodeError::Malformed { .. })
        ));
        assert!(matches!(
            decode::<u64>(&[0; 9], 100),
            Err(DecodeError::TrailingBytes { remaining: 1, .. })
        ));
    }

    #[test]
    fn a_length_that_promises_more_than_there_is_costs_nothing() {
        assert!(matches!(
            decode::<Vec<u64>>(&[255, 255, 255, 255, 1], 100),
            Err(DecodeError::Malformed { .. })
        ));
    }

    #[test]
    fn a_map_out_of_order_is_not_canonical() {
        let ordered = borsh::to_vec(&vec![(1u8, 10u8), (2, 20)]).unwrap();
        assert!(decode::<BTreeMap<u8, u8>>(&ordered, 100).is_ok());
        for other in [vec![(2u8, 20u8), (1, 10)], vec![(1, 10), (1, 10)]] {
            let bytes = borsh::to_vec(&other).unwrap();
            assert!(matches!(
                decode::<BTreeMap<u8, u8>>(&bytes, 100),
                Err(DecodeError::NotCanonical { .. } | DecodeError::Malformed { .. })
            ));
        }
    }
}
