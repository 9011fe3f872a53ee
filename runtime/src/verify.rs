//! Transactions whose signature was checked. A [`VerifiedTransaction`] can only be made by checking.

use crate::{AdmissionError, ChainParams, Operation, SignedTransaction};
use cairn_crypto::{Digest, Hasher, PublicKey, Signature, codec, domain};
use std::sync::Arc;

impl SignedTransaction {
    /// Reads a transaction from bytes of any origin and checks what needs no state: its size and the
    /// number of its operations.
    ///
    /// # Errors
    /// [`AdmissionError::TooLarge`], [`Malformed`](AdmissionError::Malformed),
    /// [`NoOperations`](AdmissionError::NoOperations),
    /// [`TooManyOperations`](AdmissionError::TooManyOperations), [`NotAlone`](AdmissionError::NotAlone).
    pub fn decode(bytes: &[u8], params: &ChainParams) -> Result<Self, AdmissionError> {
        check_size(bytes.len(), params)?;
        let signed: Self =
            codec::decode(bytes, bytes.len()).map_err(|error| AdmissionError::Malformed {
                reason: error.to_string(),
            })?;
        check_operations(&signed.transaction.ops, params)?;
        Ok(signed)
    }

    /// The bytes that travel.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("a vector takes every byte")
    }
}

fn check_size(bytes: usize, params: &ChainParams) -> Result<(), AdmissionError> {
    let bytes = bytes as u64;
    if bytes > params.max_transaction_bytes {
        return Err(AdmissionError::TooLarge {
            bytes,
            limit: params.max_transaction_bytes,
        });
    }
    Ok(())
}

/// How many operations there are, and whether one of them has to stand alone.
pub(crate) fn check_operations(
    operations: &[Operation],
    params: &ChainParams,
) -> Result<(), AdmissionError> {
    let got = operations.len() as u64;
    if got == 0 {
        return Err(AdmissionError::NoOperations);
    }
    if got > params.max_operations {
        return Err(AdmissionError::TooManyOperations {
            got,
            limit: params.max_operations,
        });
    }
    let alone = (operations.iter().map(Operation::kind)).find(|kind| kind.stands_alone());
    match alone {
        Some(kind) if got > 1 => Err(AdmissionError::NotAlone {
            operation: kind.name().to_owned(),
            got,
        }),
        _ => Ok(()),
    }
}

/// A transaction whose signature verified under one public key. Whether that key is the sender's is
/// for the state to say: the executor compares. Clones share everything.
#[derive(Clone, Debug)]
pub struct VerifiedTransaction {
    signed: Arc<SignedTransaction>,
    bytes: Arc<[u8]>,
    tx_hash: Digest,
    signed_hash: Digest,
    key: Digest,
}

impl VerifiedTransaction {
    /// Decodes a transaction and verifies its signature under `key`.
    ///
    /// # Errors
    /// Those of [`SignedTransaction::decode`], and [`AdmissionError::BadSignature`].
    pub fn verify(
        bytes: &[u8],
        key: &PublicKey,
        params: &ChainParams,
    ) -> Result<Self, AdmissionError> {
        let signed = SignedTransaction::decode(bytes, params)?;
        Self::check(signed, bytes.into(), key)
    }

    /// Verifies the signature of a decoded transaction under `key`.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_decoded(
        signed: SignedTransaction,
        key: &PublicKey,
        params: &ChainParams,
    ) -> Result<Self, AdmissionError> {
        let bytes = signed.encode();
        check_size(bytes.len(), params)?;
        check_operations(&signed.transaction.ops, params)?;
        Self::check(signed, bytes.into(), key)
    }

    fn check(
        signed: SignedTransaction,
        bytes: Arc<[u8]>,
        key: &PublicKey,
    ) -> Result<Self, AdmissionError> {
        verify_signature(&signed, key)?;
        // The encoded transaction is what precedes the signature, whose length is fixed.
        let transaction = &bytes[..bytes.len() - Signature::LEN];
        Ok(Self {
            tx_hash: hash_encoded(domain::TX_ID, transaction),
            signed_hash: hash_encoded(domain::SIGNED_TX, &bytes),
            key: key.fingerprint(),
            signed: Arc::new(signed),
            bytes,
        })
    }

    /// The transaction and its signature.
    #[must_use]
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// Its name, [`Transaction::hash`](crate::Transaction::hash).
    #[must_use]
    pub fn tx_hash(&self) -> Digest {
        self.tx_hash
    }

    /// The name of its bytes, [`SignedTransaction::signed_hash`].
    #[must_use]
    pub fn signed_hash(&self) -> Digest {
        self.signed_hash
    }

    /// Its encoded bytes.
    #[must_use]
    pub fn encoded(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Number of its encoded bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Fingerprint of the key that verified it.
    #[must_use]
    pub fn key(&self) -> Digest {
        self.key
    }
}

pub(crate) fn verify_signature(
    signed: &SignedTransaction,
    key: &PublicKey,
) -> Result<(), AdmissionError> {
    let transaction = &signed.transaction;
    key.verify(domain::TX, transaction, &signed.signature)
        .map_err(|_| AdmissionError::BadSignature {
            account: transaction.sender,
            key_index: transaction.key_index,
        })
}

/// [`cairn_crypto::hash`] of a value whose encoding is at hand.
fn hash_encoded(tag: cairn_crypto::Tag, encoded: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(tag.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(encoded);
    hasher.finish()
}
