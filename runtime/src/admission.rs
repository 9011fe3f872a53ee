//! Whether a transaction may go into a block: the checks that come before its signature.
//!
//! A pool asks [`admit`] about the state it has; a block is judged by the executor on the state that
//! the transaction's predecessors leave. Both use the checks of this file.

use crate::execute::BlockContext;
use crate::policy::OperationKind;
use crate::verify::check_operations;
use crate::{
    Account, AccountKey, AdmissionError, ChainParams, SignedTransaction, StateError, StateReader,
    Transaction, query,
};
use cairn_crypto::PublicKey;

impl From<StateError> for AdmissionError {
    fn from(error: StateError) -> Self {
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}

/// Checks a transaction against a state, as if it went into the block at `next`, and returns the key that its signature has to verify under. The cheapest checks come first; the signature,
/// the dearest, is left to the caller ([`VerifiedTransaction::verify`](crate::VerifiedTransaction::verify)).
///
/// `nonce_window` is how far the nonce may be ahead of the sender's next one: the pool may hold those
/// between.
///
/// # Errors
/// [`AdmissionError`]; [`Unavailable`](AdmissionError::Unavailable) if the state cannot be read.
pub fn admit(
    state: &(impl StateReader + ?Sized),
    next: &BlockContext,
    signed: &SignedTransaction,
    params: &ChainParams,
    nonce_window: u64,
) -> Result<PublicKey, AdmissionError> {
    let transaction = &signed.transaction;
    check_form(transaction, next, params)?;
    let expected = query::nonce(state, transaction.sender)?;
    let got = transaction.nonce;
    if got < expected {
        return Err(AdmissionError::NonceMismatch { expected, got });
    }
    if got - expected > nonce_window {
        return Err(AdmissionError::NonceTooFar {
            expected,
            got,
            window: nonce_window,
        });
    }
    let key = query::account_key(state, transaction.sender, transaction.key_index)?;
    let account = query::account(state, transaction.sender)?;
    match (key, account) {
        (Some(key), Some(account)) => {
            check_key(transaction, &key, next, params)?;
            check_standing(&account)?;
            Ok(key.signing)
        }
        (_, account) => Err(no_key(transaction, account.is_some())),
    }
}

/// What needs no record of the state.
pub(crate) fn check_form(
    transaction: &Transaction,
    block: &BlockContext,
    params: &ChainParams,
) -> Result<(), AdmissionError> {
    if transaction.chain_id != block.chain_id {
        return Err(AdmissionError::WrongChain {
            expected: block.chain_id,
            got: transaction.chain_id,
        });
    }
    check_operations(&transaction.ops, params)?;
    let height = block.height;
    let expires_at = transaction.expires_at_height;
    if expires_at < height {
        return Err(AdmissionError::Expired { expires_at, height });
    }
    if expires_at - height > params.max_expiry_blocks {
        return Err(AdmissionError::ExpiryTooFar {
            expires_at,
            height,
            limit: params.max_expiry_blocks,
        });
    }
    Ok(())
}

/// Whether the key signs this transaction in this block: a key that is too old signs its rotation only.
pub(crate) fn check_key(
    transaction: &Transaction,
    key: &AccountKey,
    block: &BlockContext,
    params: &ChainParams,
) -> Result<(), AdmissionError> {
    let (account, key_index) = (transaction.sender, transaction.key_index);
    if !key.is_valid_at(block.height) {
        return Err(AdmissionError::KeyNotValid {
            account,
            key_index,
            valid_from: key.valid_from,
            valid_until: key.valid_until,
            height: block.height,
        });
    }
    let rotates = |operation: &crate::Operation| operation.kind() == OperationKind::RotateKeys;
    if key.is_expired_at(block.timestamp_ms, params.max_key_age_ms)
        && !transaction.ops.iter().all(rotates)
    {
        return Err(AdmissionError::KeyExpired {
            account,
            key_index,
            recorded_ms: key.valid_from_ms,
            max_age_ms: params.max_key_age_ms,
            now_ms: block.timestamp_ms,
        });
    }
    Ok(())
}

/// A suspended account signs nothing.
pub(crate) fn check_standing(account: &Account) -> Result<(), AdmissionError> {
    match account.suspended_at {
        None => Ok(()),
        Some(since) => Err(AdmissionError::AccountSuspended {
            account: account.id,
            since,
        }),
    }
}

/// The sender lacks the key, or there is no such sender.
pub(crate) fn no_key(transaction: &Transaction, account_exists: bool) -> AdmissionError {
    let account = transaction.sender;
    if account_exists {
        AdmissionError::UnknownKey {
            account,
            key_index: transaction.key_index,
        }
    } else {
        AdmissionError::UnknownAccount { account }
    }
}
