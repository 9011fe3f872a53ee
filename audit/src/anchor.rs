//! What the auditor trusts already.

use crate::{AuditError, BundleError, MAX_BUNDLE_BYTES};
use cairn_consensus::{BlockId, Epoch, Header, Height, ValidatorSet};
use cairn_crypto::{Digest, codec};
use cairn_genesis::{GenesisDocument, GenesisError};

/// The first bytes of an anchor that is kept in a file.
const MAGIC: [u8; 8] = *b"CAIRNAN1";

/// A block that needs no proof, and the validators that decide after it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        Ok(Self::of(document.header()?, document.validator_set()?))
    }

    /// A final header that was verified before, and the validators that decide on the block after it: those of its
    /// epoch, or of the next one when it ends its epoch.
    ///
    /// # Errors
    /// When these are not the validators that the header names.
    pub fn trusted(header: Header, validators: ValidatorSet) -> Result<Self, AuditError> {
        if header.next_validators_hash != validators.hash() {
            return Err(AuditError::Validators {
                height: header.height,
                expected: header.next_validators_hash,
                got: validators.hash(),
            });
        }
        Ok(Self::of(header, validators))
    }

    fn of(header: Header, validators: ValidatorSet) -> Self {
        Self {
            id: header.id(),
            header,
            validators,
        }
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

    /// The epoch that these validators decide in: bundles to be checked against this anchor begin there.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        if self.header.next_validators_hash == self.header.validators_hash {
            self.header.epoch
        } else {
            self.header.epoch.next()
        }
    }

    /// The anchor as bytes, to be kept between runs.
    ///
    /// # Errors
    /// [`BundleError::Encode`].
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut bytes = MAGIC.to_vec();
        borsh::to_writer(&mut bytes, &(&self.header, &self.validators))
            .map_err(BundleError::Encode)?;
        Ok(bytes)
    }

    /// Reads what [`Anchor::encode`] wrote. That it is true, only whoever kept it can say.
    ///
    /// # Errors
    /// [`BundleError`], also for validators that the header does not name.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let content = bytes
            .strip_prefix(&MAGIC)
            .ok_or_else(|| BundleError::magic(MAGIC, bytes))?;
        let (header, validators): (Header, ValidatorSet) =
            codec::decode(content, MAX_BUNDLE_BYTES)?;
        Self::trusted(header, validators).map_err(|error| BundleError::Anchor(Box::new(error)))
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
