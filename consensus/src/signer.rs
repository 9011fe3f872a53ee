//! Who makes signatures and who checks them: ML-DSA-87, with the key in this process or in another.

use borsh::BorshSerialize;
use cairn_crypto::{BadSignature, PublicKey, SignError, Signature, SigningKey, Tag};
use std::fmt::Debug;

/// Holds a validator's consensus key: in memory ([`SigningKey`]), in a hardware module, or in another process.
///
/// Only [`LocalSafety`](crate::LocalSafety) asks it, and only for what the safety rules allow. It is asked while a
/// step runs, so it should answer within milliseconds.
pub trait Signer: Debug + Send + Sync {
    /// The public half. Never changes.
    fn public_key(&self) -> &PublicKey;

    /// Signs `tag || 0x00 || statement` (FIPS 204, pure, empty context). `statement` is the Borsh encoding of the
    /// [`Statement`](crate::Statement) with this tag, so that a signer in another process can decode it and
    /// apply rules of its own.
    ///
    /// # Errors
    /// [`SignerError`]. The step then goes on as if the safety rules had refused.
    fn sign_statement(&self, tag: Tag, statement: &[u8]) -> Result<Signature, SignerError>;
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The library failed.
    #[error(transparent)]
    Library(#[from] SignError),
    /// It does not answer.
    #[error("the signer does not answer: {reason}; see whether it runs and can be reached")]
    Unavailable {
        /// What was tried, and what happened.
        reason: String,
    },
    /// It answered that it will not sign this.
    #[error("the signer refuses: {reason}; compare its records with this node's")]
    Refused {
        /// What it said.
        reason: String,
    },
}

/// Checks signatures. [`MlDsa87`] is the only one that a node uses.
pub trait SignatureVerifier: Sync {
    /// Checks that `key` signed `tag || 0x00 || statement`.
    ///
    /// # Errors
    /// [`BadSignature`] if it did not.
    fn verify_statement(
        &self,
        key: &PublicKey,
        tag: Tag,
        statement: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature>;
}

/// ML-DSA-87 (FIPS 204, pure, empty context).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MlDsa87;

/// Bytes that are a Borsh encoding already.
struct Encoded<'a>(&'a [u8]);

impl BorshSerialize for Encoded<'_> {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(self.0)
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> &PublicKey {
        SigningKey::public_key(self)
    }

    fn sign_statement(&self, tag: Tag, statement: &[u8]) -> Result<Signature, SignerError> {
        Ok(self.sign(tag, &Encoded(statement))?)
    }
}

impl SignatureVerifier for MlDsa87 {
    fn verify_statement(
        &self,
        key: &PublicKey,
        tag: Tag,
        statement: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        key.verify(tag, &Encoded(statement), signature)
    }
}
