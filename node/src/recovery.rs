//! What consensus goes on from: where the store stands, and what the validator has signed.

use crate::committee::validator_set;
use crate::epochs::{self, EpochError};
use cairn_consensus::{Epoch, Recovery, SafetyRecord};
use cairn_storage::Store;
use std::sync::Arc;

/// Reads it from the store: when the node starts, and after its tip has moved to a snapshot.
///
/// # Errors
/// [`EpochError`] when the store or its state cannot be read.
pub fn recovery(store: &Store) -> Result<Recovery, EpochError> {
    let final_header = store.tip()?;
    let final_cert = store.certificate(final_header.height)?.map(Arc::new);
    let validators = validator_set(&epochs::validators_after(store, final_header.height)?)?;
    let recent = store.headers_up_to(final_header.height, Recovery::RECENT)?;
    let record = store
        .safety_record()?
        .unwrap_or_else(|| SafetyRecord::genesis(Epoch(0)));
    Ok(Recovery {
        final_header,
        final_cert,
        validators,
        recent,
        history: store.history()?,
        record,
        pending: store.pending_blocks()?,
    })
}
