//! What the auditor trusts already.

use crate::AuditError;
use cairn_consensus::{BlockId, Header, Height, ValidatorSet};
use cairn_crypto::Digest;
use cairn_genesis::{GenesisDocument, GenesisError};

/// A block that needs no proof, and the validators that decide after it.
#[derive(Clone, Debug)]
pub struct Anchor {
    header: Header,
    id: BlockId,
    validators: ValidatorSet,
}

impl Anchor {
    /// The genesis document, which everybody on the chain agreed on. It is checked as a node would check it.
    ///
    /// # Errors
    /// When the document does not pass its checks.
    pub fn genesis(document: &GenesisDocument) -> Result<Self, GenesisError> {
        document.check()?;
        let header = document.header()?;
        Ok(Self {
            id: header.id(),
            header,
            validators: document.validator_set()?,
        })
    }

    /// A final header that was verified before, and the validators of its epoch.
    ///
    /// # Errors
    /// When these are not the validators that the header states, or the header ends its epoch (then the next
    /// block's validators are others; take that one as anchor).
    pub fn trusted(header: Header, validators: ValidatorSet) -> Result<Self, AuditError> {
        for stated in [header.validators_hash, header.next_validators_hash] {
            if stated != validators.hash() {
                return Err(AuditError::Validators {
                    height: header.height,
                    expected: stated,
                    got: validators.hash(),
                });
            }
        }
        Ok(Self {
            id: header.id(),
            header,
            validators,
        })
    }

    /// The chain.
    #[must_use]
    pub fn chain_id(&self) -> &Digest {
        &self.header.chain_id
    }

    /// The trusted block.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The validators that decide after it.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    /// Another block at the anchor's height is another chain.
    pub(crate) fn check_conflict(&self, height: Height, id: BlockId) -> Result<(), AuditError> {
        if height == self.header.height && id != self.id {
            return Err(AuditError::Conflict {
                height,
                trusted: self.id,
                got: id,
            });
        }
        Ok(())
    }
}
