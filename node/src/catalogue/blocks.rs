//! What final blocks have changed, read from the store. All of it may wait for the disk.

use super::FollowError;
use cairn_catalogue::{Entry, Position, Touched, read, touched};
use cairn_consensus::{Header, Height};
use cairn_runtime::Outcome;
use cairn_runtime::tree::StateAt;
use cairn_storage::Store;
use std::collections::BTreeSet;

/// Most blocks that are looked at together.
const BLOCKS: u64 = 256;
/// Things touched after which no further block is looked at.
const TOUCHED: usize = 1_024;

/// What blocks after one that the catalogue has reached have changed.
#[derive(Debug)]
pub(super) enum Changed {
    /// These things, up to a block.
    Since(Vec<Touched>, Position),
    /// Nobody knows: a block is not here, because the node began again from a snapshot.
    Unknown,
}

/// Place and time of a block.
pub(super) fn position(header: &Header) -> Position {
    Position {
        height: header.height.0,
        timestamp_ms: header.timestamp_ms,
    }
}

/// What the blocks after `reached` have changed, up to `last` or fewer. `last` is final and above `reached`.
pub(super) fn changed(store: &Store, reached: u64, last: u64) -> Result<Changed, FollowError> {
    let mut all = BTreeSet::new();
    let mut at = None;
    for height in (reached + 1..=last).take(usize::try_from(BLOCKS).unwrap_or(usize::MAX)) {
        let (header, receipts) = (
            store.header(Height(height))?,
            store.receipts(Height(height))?,
        );
        let (Some(header), Some(receipts)) = (header, receipts) else {
            return Ok(Changed::Unknown);
        };
        for receipt in &receipts {
            if let Outcome::Applied(events) = &receipt.outcome {
                all.extend(events.iter().flat_map(touched));
            }
        }
        at = Some(position(&header));
        if all.len() >= TOUCHED {
            break;
        }
    }
    Ok(at.map_or(Changed::Unknown, |at| {
        Changed::Since(all.into_iter().collect(), at)
    }))
}

/// What has been touched, as it is after the block at `height`.
pub(super) fn entries(
    store: &Store,
    height: u64,
    touched: &[Touched],
) -> Result<Vec<Entry>, FollowError> {
    let state = StateAt::new(store.tree(), height);
    let mut entries = Vec::new();
    for one in touched {
        entries.extend(read(&state, one)?);
    }
    Ok(entries)
}
