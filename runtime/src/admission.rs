//! Whether a transaction may go into a block: the checks that come before its signature.
//!
//! A pool asks [`admit`] about the state it has; a block is judged by the executor on the state that
//! the transaction's predecessors leave. Both use the checks of this file.

use crate::verify::check_operations;
use crate::{
    AccountKey, AdmissionError, ChainParams, SignedTransaction, StateError, StateReader,
    Transaction, query,
};
use cairn_crypto::{Digest, PublicKey};

impl From<StateError> for AdmissionError {
    fn from(error: StateError) -> Self {
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}

/// Checks a transaction against a state, as if it went into the block at `next_height`, and returns
/// the key that its signature has to verify under. The cheapest checks come first; the signature,
/// the dearest, is left to the caller ([`VerifiedTransaction::verify`](crate::VerifiedTransaction::verify)).
///
/// `nonce_window` is how far the nonce may be ahead of the sender's next one: the pool may hold those
/// between.
///
/// # Errors
/// [`AdmissionError`]; [`Unavailable`](AdmissionError::Unavailable) if the state cannot be read.
pub fn admit(
    state: &(impl StateReader + ?Sized),
    chain_id: &Digest,
    next_height: u64,
    signed: &SignedTransaction,
    params: &ChainParams,
    nonce_window: u64,
) -> Result<PublicKey, AdmissionError> {
    let transaction = &signed.transaction;
    check_form(transaction, chain_id, next_height, params)?;
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
    match key {
        Some(key) => {
            check_key(transaction, &key, next_height)?;
            Ok(key.signing)
        }
        None => {
            let known = query::account(state, transaction.sender)?.is_some();
            Err(no_key(transaction, known))
        }
    }
}

/// What needs no record of the state.
pub(crate) fn check_form(
    transaction: &Transaction,
    chain_id: &Digest,
    height: u64,
    params: &ChainParams,
) -> Result<(), AdmissionError> {
    if transaction.chain_id != *chain_id {
        return Err(AdmissionError::WrongChain {
            expected: *chain_id,
            got: transaction.chain_id,
        });
    }
    check_operations(transaction.ops.len(), params)?;
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

/// Whether the key signs at `height`.
pub(crate) fn check_key(
    transaction: &Transaction,
    key: &AccountKey,
    height: u64,
) -> Result<(), AdmissionError> {
    if key.is_valid_at(height) {
        return Ok(());
    }
    Err(AdmissionError::KeyNotValid {
        account: transaction.sender,
        key_index: transaction.key_index,
        valid_from: key.valid_from,
        valid_until: key.valid_until,
        height,
    })
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
