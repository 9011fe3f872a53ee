//! Rows as bytes: a check over place and value, and the value in Borsh. The check is there because not every store has
//! one of its own for what it sends.

use crate::CatalogueError;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{codec, domain, hash};

/// Most bytes of a row.
const MAX_ROW_BYTES: usize = 300 * 1_024;
/// Bytes of the check: the beginning of a digest.
const CHECK: usize = 8;

fn check(partition: &str, place: &str, value: &[u8]) -> [u8; CHECK] {
    let digest = hash(domain::CATALOGUE_ROW, &(partition, place, value));
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest.as_bytes()[..CHECK]);
    check
}

/// The row of a value at a place.
pub(crate) fn encode<T: BorshSerialize>(partition: &str, place: &str, value: &T) -> Vec<u8> {
    let value = borsh::to_vec(value).expect("Borsh into memory cannot fail");
    let mut row = check(partition, place, &value).to_vec();
    row.extend_from_slice(&value);
    row
}

/// The value of a row that the catalogue named `catalogue` gave for a place.
///
/// # Errors
/// [`CatalogueError::Damaged`] when it is not what was written there.
pub(crate) fn decode<T: BorshDeserialize + BorshSerialize>(
    catalogue: &str,
    partition: &str,
    place: &str,
    row: &[u8],
) -> Result<T, CatalogueError> {
    let damaged = |reason: String| CatalogueError::Damaged {
        catalogue: catalogue.to_owned(),
        reason: format!("the row at {place:?} of {partition:?}: {reason}"),
    };
    let (found, value) = row
        .split_first_chunk::<CHECK>()
        .ok_or_else(|| damaged(format!("{} bytes are no row", row.len())))?;
    if *found != check(partition, place, value) {
        return Err(damaged(
            "its bytes are not those that were written".to_owned(),
        ));
    }
    codec::decode(value, MAX_ROW_BYTES).map_err(|error| damaged(error.to_string()))
}
