//! Reading the state, and what can be wrong with a store.

use crate::StateKey;
use borsh::BorshDeserialize;
use thiserror::Error;

/// The state at one height: records by key.
pub trait StateReader {
    /// The record at `key`, in Borsh, or `None` where there is none.
    ///
    /// # Errors
    /// [`StateError`] if the store cannot answer. That is never the fault of a transaction.
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError>;
}

impl<S: StateReader + ?Sized> StateReader for &S {
    fn get(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StateError> {
        (**self).get(key)
    }
}

/// A store that is unreadable or damaged. Never a receipt: a node that meets one stops executing and
/// repairs its store.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// The store failed to answer.
    #[error("the state at height {height} cannot be read: {reason}; check the store and its disk")]
    Unreadable {
        /// Height that was read.
        height: u64,
        /// What the store said.
        reason: String,
    },
    /// A record is not what its key promises.
    #[error("the record at {key} is damaged: {reason}; restore the store from a snapshot")]
    Damaged {
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A record that every state holds is missing.
    #[error("the record at {key} is missing; restore the store from a snapshot")]
    Missing {
        /// The key.
        key: String,
    },
}

impl StateError {
    pub(crate) fn damaged(key: &StateKey, reason: impl ToString) -> Self {
        Self::Damaged {
            key: format!("{key:?}"),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn missing(key: &StateKey) -> Self {
        Self::Missing {
            key: format!("{key:?}"),
        }
    }
}

/// Reads a record of type `T` (the type that `key` names).
///
/// # Errors
/// [`StateError`]; [`StateError::Damaged`] if the bytes are no `T`.
pub fn read<T: BorshDeserialize>(
    state: &(impl StateReader + ?Sized),
    key: &StateKey,
) -> Result<Option<T>, StateError> {
    match state.get(key)? {
        None => Ok(None),
        Some(bytes) => decode_record(key, &bytes).map(Some),
    }
}

/// Reads a record that has to be there because another record says so.
///
/// # Errors
/// [`StateError::Missing`] if it is not, and whatever [`read`] returns.
pub fn expect<T: BorshDeserialize>(
    state: &(impl StateReader + ?Sized),
    key: &StateKey,
) -> Result<T, StateError> {
    read(state, key)?.ok_or_else(|| StateError::missing(key))
}

/// Decodes the record at `key`.
pub(crate) fn decode_record<T: BorshDeserialize>(
    key: &StateKey,
    bytes: &[u8],
) -> Result<T, StateError> {
    borsh::from_slice(bytes).map_err(|error| StateError::damaged(key, error))
}
