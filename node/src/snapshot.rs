//! What another node needs to begin from a recent final block, and how it is checked.
//!
//! An offer convinces whoever knows the validators of one epoch. The certificates of the epochs' ends lead from them to
//! those who certified the block; the block's header fixes everything else: the state by its root, all earlier
//! blocks by `history_root`, the headers before it by their links.

use crate::epochs::{self, EpochError};
use cairn_consensus::{
    BlockId, CertificateError, Epoch, FinalityCert, Header, Height, Recovery, ValidatorSet,
};
use cairn_crypto::Digest;
use cairn_storage::{EpochEnding, Snapshot, Store};

/// Bytes of the ends of epochs in one offer. Whoever is further behind begins from the end of the last of them, and asks
/// again.
const EPOCH_BYTES: usize = 16 << 20;

/// An offer cannot be used. The peer that gave it is at fault.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// A block is not of the epoch that follows from those before.
    #[error("block {height} is of epoch {got}, it must be of {expected}")]
    Epoch {
        /// Height of the block.
        height: Height,
        /// The epoch whose validators are known by then.
        expected: Epoch,
        /// What the block states.
        got: Epoch,
    },
    /// A certificate is for another block.
    #[error("the certificate beside block {expected} is for {got}")]
    OtherBlock {
        /// The block.
        expected: BlockId,
        /// Whose certificate it is.
        got: BlockId,
    },
    /// A certificate does not hold.
    #[error("a certificate of the offer does not hold: {0}")]
    Certificate(#[from] CertificateError),
    /// The validators of an epoch are not those that the block before it names.
    #[error("block {height} names validators {expected} for the next epoch, the offer gives {got}")]
    Validators {
        /// The last block of the epoch before.
        height: Height,
        /// What it names.
        expected: Digest,
        /// Hash of the set in the offer.
        got: Digest,
    },
    /// The block is not above what the asker has.
    #[error("the offer is for height {got}, this node is at {tip}")]
    NotAbove {
        /// The asker's height.
        tip: Height,
        /// The height offered.
        got: Height,
    },
    /// The history is not the one that the header commits to.
    #[error(
        "block {height} follows {height} blocks with root {expected}; the offer has {blocks} with root {got}"
    )]
    History {
        /// Height of the block.
        height: Height,
        /// Its `history_root`.
        expected: Digest,
        /// Blocks in the offer.
        blocks: u64,
        /// Their root.
        got: Digest,
    },
    /// A header before the block is not its ancestor.
    #[error("header {got} is not the parent {expected} of the one after it")]
    Link {
        /// The parent named.
        expected: BlockId,
        /// What the offer has.
        got: BlockId,
    },
    /// There are more or fewer headers than consensus needs.
    #[error("the offer has {got} headers before its block, consensus needs {expected}")]
    Recent {
        /// How many are needed.
        expected: u64,
        /// How many there are.
        got: usize,
    },
}

/// An offer for a node that knows the validators of `epoch`: the block at `wanted` if it is here with a certificate, else
/// the last final one. `None` when there is nothing to begin from, or not from here.
///
/// # Errors
/// [`EpochError`] when the store cannot be read.
pub fn offer(
    store: &Store,
    epoch: Epoch,
    wanted: Option<Height>,
) -> Result<Option<Snapshot>, EpochError> {
    let mut header = store.tip()?;
    if let Some(height) = wanted
        && store.certificate(height)?.is_some()
        && let Some(begun) = store.header(height)?
    {
        header = begun;
    }
    let mut epochs = epochs::endings(store, epoch, header.epoch, EPOCH_BYTES)?;
    let certificate = if epoch.0 + epochs.len() as u64 >= header.epoch.0 {
        store.certificate(header.height)?
    } else {
        let Some(last) = epochs.pop() else {
            return Ok(None); // The certificate of an epoch's last block comes shortly after the block.
        };
        header = last.header;
        Some(last.certificate)
    };
    let Some(certificate) = certificate else {
        return Ok(None); // Genesis.
    };
    if store.header(header.height)?.is_none() {
        return Ok(None); // The state of that block is not here either.
    }
    let history = match store.history_at(header.height.0) {
        Ok(history) => history,
        Err(cairn_storage::StorageError::NotHere { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let before = header.height.previous();
    Ok(Some(Snapshot {
        certificate,
        history,
        recent: store.headers_up_to(before, Recovery::RECENT - 1)?,
        epochs,
        header,
    }))
}

/// Checks an offer by what is known: the final tip, and the validators of the epoch after it.
///
/// # Errors
/// [`OfferError`]: nothing of the offer may be used.
pub fn check(
    offer: &Snapshot,
    tip: &Header,
    validators: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(), OfferError> {
    let header = &offer.header;
    if header.height <= tip.height {
        return Err(OfferError::NotAbove {
            tip: tip.height,
            got: header.height,
        });
    }
    let (mut epoch, mut set) = (tip.next_epoch(), validators);
    for end in &offer.epochs {
        check_certified(&end.header, &end.certificate, epoch, set, chain_id)?;
        set = next_validators(end)?;
        epoch = epoch.next();
    }
    check_certified(header, &offer.certificate, epoch, set, chain_id)?;
    let (blocks, got) = (offer.history.len(), offer.history.root());
    if blocks != header.height.0 || got != header.history_root {
        return Err(OfferError::History {
            height: header.height,
            expected: header.history_root,
            blocks,
            got,
        });
    }
    check_links(offer)
}

fn check_certified(
    header: &Header,
    certificate: &FinalityCert,
    epoch: Epoch,
    validators: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(), OfferError> {
    if header.epoch != epoch || certificate.epoch != epoch {
        return Err(OfferError::Epoch {
            height: header.height,
            expected: epoch,
            got: header.epoch,
        });
    }
    let expected = header.id();
    if certificate.block_id != expected || certificate.height != header.height {
        return Err(OfferError::OtherBlock {
            expected,
            got: certificate.block_id,
        });
    }
    Ok(certificate.verify(validators, chain_id)?)
}

fn next_validators(end: &EpochEnding) -> Result<&ValidatorSet, OfferError> {
    let (expected, got) = (end.header.next_validators_hash, end.validators.hash());
    if expected != got || !end.header.ends_epoch() {
        return Err(OfferError::Validators {
            height: end.header.height,
            expected,
            got,
        });
    }
    Ok(&end.validators)
}

fn check_links(offer: &Snapshot) -> Result<(), OfferError> {
    let expected = (Recovery::RECENT - 1).min(offer.header.height.0);
    if offer.recent.len() as u64 != expected {
        return Err(OfferError::Recent {
            expected,
            got: offer.recent.len(),
        });
    }
    let mut parent = offer.header.parent;
    for header in offer.recent.iter().rev() {
        let got = header.id();
        if got != parent {
            return Err(OfferError::Link {
                expected: parent,
                got,
            });
        }
        parent = header.parent;
    }
    Ok(())
}
