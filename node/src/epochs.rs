//! The epochs that are over, from the store: who decided next, and the certificates that say so.

use crate::committee::validator_set;
use cairn_audit::EpochChange;
use cairn_consensus::{Epoch, FinalityCert, Header, Height, ValidatorSetError};
use cairn_runtime::tree::StateAt;
use cairn_runtime::{EpochRecord, StateError, StateKey, ValidatorRecord, query, state};
use cairn_storage::{EpochEnding, StorageError, Store};

/// The end of an epoch cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The ledger's validators make no set.
    #[error(transparent)]
    Validators(#[from] ValidatorSetError),
    /// A part is not there.
    #[error(
        "the {what} of block {height}, which ended an epoch, is not in the store; restore it from another node's"
    )]
    Missing {
        /// `header` or `certificate`.
        what: &'static str,
        /// The block.
        height: Height,
    },
}

/// The validators in force after the block at `height`.
///
/// # Errors
/// When the state cannot be read.
pub fn validators_after(store: &Store, height: Height) -> Result<Vec<ValidatorRecord>, StateError> {
    query::validators(&StateAt::new(store.tree(), height.0))
}

/// The last block of an epoch that is over, with its certificate; `None` while the epoch lasts.
///
/// # Errors
/// [`EpochError`].
pub fn end_of(store: &Store, epoch: Epoch) -> Result<Option<(Header, FinalityCert)>, EpochError> {
    let tip = store.tip()?.height;
    let next = StateKey::EpochAt(epoch.next().0);
    let now = StateAt::new(store.tree(), tip.0);
    let Some(next) = state::read::<EpochRecord>(&now, &next)? else {
        return Ok(None);
    };
    let height = Height(next.first_height.saturating_sub(1));
    let missing = |what| EpochError::Missing { what, height };
    let header = store
        .lone_header(height)?
        .ok_or_else(|| missing("header"))?;
    let certificate = store.certificate(height)?;
    let certificate = certificate.ok_or_else(|| missing("certificate"))?;
    Ok(Some((header, certificate)))
}

/// The changes of validators that ended the epochs from `first` to the one before `epoch`, oldest first, as many as have
/// at most `max_bytes` together, and one in any case.
///
/// # Errors
/// [`EpochError`].
pub fn changes(
    store: &Store,
    first: Epoch,
    epoch: Epoch,
    max_bytes: usize,
) -> Result<Vec<EpochChange>, EpochError> {
    let endings = endings(store, first, epoch, max_bytes)?.into_iter();
    let changes = endings.map(|ending| EpochChange {
        header: ending.header,
        certificate: ending.certificate,
        validators: ending.validators,
    });
    Ok(changes.collect())
}

/// Height of the first block of an epoch; `None` before it begins.
///
/// # Errors
/// When the state cannot be read.
pub fn first_height(store: &Store, epoch: Epoch) -> Result<Option<Height>, EpochError> {
    let now = StateAt::new(store.tree(), store.tip()?.height.0);
    let record = state::read::<EpochRecord>(&now, &StateKey::EpochAt(epoch.0))?;
    Ok(record.map(|record| Height(record.first_height)))
}

/// The ends of the epochs from `first` to the one before `epoch`, oldest first: as many as fit `max_bytes`, and one in
/// any case.
///
/// # Errors
/// [`EpochError`].
pub fn endings(
    store: &Store,
    first: Epoch,
    epoch: Epoch,
    max_bytes: usize,
) -> Result<Vec<EpochEnding>, EpochError> {
    let (mut endings, mut bytes) = (Vec::new(), 0_usize);
    for past in first.0..epoch.0 {
        let Some((header, certificate)) = end_of(store, Epoch(past))? else {
            break;
        };
        let validators = match store.absent_validators(header.height)? {
            Some(validators) => validators,
            None => validator_set(&validators_after(store, header.height)?)?,
        };
        let ending = EpochEnding {
            header,
            certificate,
            validators,
        };
        let length = borsh::object_length(&ending).unwrap_or(usize::MAX);
        bytes = bytes.saturating_add(length);
        if bytes > max_bytes && !endings.is_empty() {
            break;
        }
        endings.push(ending);
    }
    Ok(endings)
}
