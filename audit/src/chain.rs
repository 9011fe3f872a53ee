//! Epoch changes alone, in pages: how an auditor comes from what it trusts to the validators of today when the way is
//! too long for one bundle.

use crate::bundle::check_length;
use crate::verify::follow;
use crate::{Anchor, AuditError, BundleError, EpochChange, MAX_BUNDLE_BYTES};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, codec};

/// The first bytes of every page of epoch changes: what it is, and its format (1).
pub const CHAIN_MAGIC: [u8; 8] = *b"CAIRNEC1";

/// Epochs that ended one after the other.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EpochChain {
    /// The chain: digest of its genesis document.
    pub chain_id: Digest,
    /// The ends of the epochs, oldest first. Empty when the epoch that was asked for has not ended.
    pub changes: Vec<EpochChange>,
}

impl EpochChain {
    /// The page as bytes: [`CHAIN_MAGIC`] and Borsh.
    ///
    /// # Errors
    /// [`BundleError::TooLong`] beyond [`MAX_BUNDLE_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut bytes = CHAIN_MAGIC.to_vec();
        self.serialize(&mut bytes).map_err(BundleError::Encode)?;
        check_length(bytes.len())?;
        Ok(bytes)
    }

    /// Reads a page. Whether it is true, [`EpochChain::follow`] says.
    ///
    /// # Errors
    /// When it is longer than [`MAX_BUNDLE_BYTES`] or not exactly what [`EpochChain::encode`] would write.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        check_length(bytes.len())?;
        let content = bytes
            .strip_prefix(&CHAIN_MAGIC)
            .ok_or_else(|| BundleError::magic(CHAIN_MAGIC, bytes))?;
        Ok(codec::decode(content, MAX_BUNDLE_BYTES)?)
    }

    /// Checks every change, beginning with the validators of the anchor, and returns where they lead: an anchor of the
    /// epoch after the last of them.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn follow(&self, anchor: &Anchor) -> Result<Anchor, AuditError> {
        if self.chain_id != *anchor.chain_id() {
            return Err(AuditError::WrongChain {
                expected: *anchor.chain_id(),
                got: self.chain_id,
            });
        }
        Ok(follow(&self.changes, anchor)?.1)
    }
}
