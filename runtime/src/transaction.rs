//! Transactions and their names.

use crate::{AccountId, Operation};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{
    Digest, PublicKey, SignError, Signature, SigningKey, domain, hash, kem::EncapsulationKey,
};
use serde::{Deserialize, Serialize};

/// What an account asks of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Transaction {
    /// Digest of the genesis document: a transaction belongs to one chain.
    pub chain_id: Digest,
    /// Who asks.
    pub sender: AccountId,
    /// Which of the sender's keys signed.
    pub key_index: u32,
    /// The sender's transactions are executed in this order, from 0 and without gaps.
    pub nonce: u64,
    /// Last height at which it may be executed; at most `max_expiry_blocks` ahead.
    pub expires_at_height: u64,
    /// What is asked, in order.
    pub ops: Vec<Operation>,
}

impl Transaction {
    /// The transaction's name: `H("cairn/txid/v1", transaction)`. Without the signature, so not malleable.
    #[must_use]
    pub fn hash(&self) -> Digest {
        hash(domain::TX_ID, self)
    }

    /// Signs with the sender's key `key_index`.
    ///
    /// # Errors
    /// [`SignError`] if the key cannot sign.
    pub fn sign(self, key: &SigningKey) -> Result<SignedTransaction, SignError> {
        let signature = key.sign(domain::TX, &self)?;
        Ok(SignedTransaction {
            transaction: self,
            signature,
        })
    }
}

/// A transaction and its sender's signature, tag `cairn/tx/v1`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SignedTransaction {
    /// What is signed.
    pub transaction: Transaction,
    /// ML-DSA-87 by key `key_index` of the sender.
    pub signature: Signature,
}

impl SignedTransaction {
    /// Names these very bytes: `H("cairn/stx/v1", signed transaction)`. What payloads list.
    #[must_use]
    pub fn signed_hash(&self) -> Digest {
        hash(domain::SIGNED_TX, self)
    }
}

/// What a new signing key signs, under `cairn/possession/v1`, to bind an encryption key to its account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Possession {
    /// Digest of the genesis document (of zeros inside the genesis document itself).
    pub chain_id: Digest,
    /// The account.
    pub account: AccountId,
    /// Index that the keys will have.
    pub key_index: u32,
    /// The new signing key.
    pub signing_key: PublicKey,
    /// The new encryption key.
    pub encryption_key: EncapsulationKey,
}
