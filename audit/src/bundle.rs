//! The file: what it holds, and how it is read and written.

use crate::{BundleError, Claim};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::{Epoch, FinalityCert, Header, ValidatorSet};
use cairn_crypto::merkle::InclusionProof;
use cairn_crypto::{Digest, codec};

/// The first bytes of every bundle: what it is, and its format (1).
pub const MAGIC: [u8; 8] = *b"CAIRNPF2";

/// Longest bundle that is read, 16 MiB. With 32 validators a bundle has about 0.1 MB, and as much again for
/// every epoch change since the anchor.
pub const MAX_BUNDLE_BYTES: usize = 16 << 20;

/// A claim about the ledger with everything that shows it to be true.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bundle {
    /// The chain: digest of its genesis document.
    pub chain_id: Digest,
    /// What is claimed about the block of `header`.
    pub claim: Claim,
    /// Header of the block that the claim is about.
    pub header: Header,
    /// The quorum that made `header` final, or the header of `history`.
    pub certificate: FinalityCert,
    /// For a block without a certificate of its own: how a later final block vouches for it.
    pub history: Option<History>,
    /// The epochs that ended between the anchor and the certificate, oldest first.
    pub epochs: Vec<EpochChange>,
}

/// A later final block, and the claim's block in its history.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct History {
    /// The later block, which the certificate is for.
    pub header: Header,
    /// The earlier block's id under `header.history_root` (RFC 6962; leaf index = height).
    pub path: InclusionProof,
}

/// The end of an epoch: the validators of one decide who those of the next are.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EpochChange {
    /// Last block of the epoch.
    pub header: Header,
    /// The quorum of that epoch that made it final.
    pub certificate: FinalityCert,
    /// Validators of the next epoch: `header.next_validators_hash` is the hash of this set.
    pub validators: ValidatorSet,
}

impl Bundle {
    /// A claim about a block that has a certificate of its own, in the anchor's epoch.
    #[must_use]
    pub fn new(claim: Claim, header: Header, certificate: FinalityCert) -> Self {
        Self {
            chain_id: header.chain_id,
            claim,
            header,
            certificate,
            history: None,
            epochs: Vec::new(),
        }
    }

    /// A claim about a block that a later one vouches for: `certificate` is for `history.header`.
    #[must_use]
    pub fn with_history(
        claim: Claim,
        header: Header,
        history: History,
        certificate: FinalityCert,
    ) -> Self {
        Self {
            history: Some(history),
            ..Self::new(claim, header, certificate)
        }
    }

    /// The header that the certificate is for.
    #[must_use]
    pub fn certified(&self) -> &Header {
        self.history
            .as_ref()
            .map_or(&self.header, |history| &history.header)
    }

    /// The epoch that the bundle begins in: an anchor of this epoch is needed. 0 is genesis.
    #[must_use]
    pub fn begins(&self) -> Epoch {
        let first = self.epochs.first();
        first.map_or(self.certified().epoch, |change| change.header.epoch)
    }

    /// The bundle as a file: [`MAGIC`] and the Borsh bytes.
    ///
    /// # Errors
    /// [`BundleError::TooLong`] when nobody would read it.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let mut bytes = MAGIC.to_vec();
        self.serialize(&mut bytes).map_err(BundleError::Encode)?;
        check_length(bytes.len())?;
        Ok(bytes)
    }

    /// Reads a bundle. That it can be read says nothing about whether it is true: [`verify`](crate::verify()) does.
    ///
    /// # Errors
    /// When it is longer than [`MAX_BUNDLE_BYTES`], does not begin with [`MAGIC`], or is not exactly what
    /// [`Bundle::encode`] would write.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        check_length(bytes.len())?;
        let content = bytes
            .strip_prefix(&MAGIC)
            .ok_or_else(|| BundleError::magic(MAGIC, bytes))?;
        Ok(codec::decode(content, MAX_BUNDLE_BYTES)?)
    }
}

pub(crate) fn check_length(len: usize) -> Result<(), BundleError> {
    if len > MAX_BUNDLE_BYTES {
        return Err(BundleError::TooLong {
            len,
            limit: MAX_BUNDLE_BYTES,
        });
    }
    Ok(())
}
