//! Every check of a bundle, in order:
//!
//! 1. It is about the anchor's chain, and begins in its epoch.
//! 2. From the anchor's validators, each epoch that ended names the next one's, under a certificate of its own.
//! 3. The certified header states the validators so found, and a quorum of them signed its id.
//! 4. The claim's header is the certified one, or lies in its history.
//! 5. Neither contradicts the anchor.
//! 6. The claim follows from the header.
//! 7. If it is about how things are, it is recent enough.

use crate::{Anchor, AuditError, Bundle, EpochChange, HeadError, Summary};
use cairn_consensus::{BlockId, Epoch, FinalityCert, Header, Height, ValidatorSet};
use cairn_crypto::{Digest, merkle};
use cairn_runtime::StateKey;
use serde::Serialize;
use std::time::Duration;

/// A block that lies further in the future of the auditor's clock than this shows that the clock is wrong, so no age can
/// be told.
pub const MAX_CLOCK_AHEAD: Duration = Duration::from_secs(300);

/// A bundle that was found true. Only [`verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// The chain.
    pub chain_id: Digest,
    /// Height of the block that the claim is about.
    pub height: Height,
    /// Its time, milliseconds since the Unix epoch. A claim about the state holds as of this time.
    pub time_ms: u64,
    /// Its id.
    pub block_id: BlockId,
    /// Header that the certificate is for: the same block, or a later one that vouches for it.
    pub certified: Header,
    /// Validators whose signatures were counted.
    pub signers: usize,
    /// The epochs that led from the anchor to the certified header, oldest first, that one's own included.
    #[serde(skip)]
    pub(crate) epochs: Vec<EpochSeen>,
    #[serde(skip)]
    newest: Anchor,
    /// The claim.
    #[serde(flatten)]
    pub claim: Summary,
}

impl Verified {
    /// The newest epoch that the bundle led to: an anchor for later bundles, which need not begin at genesis then.
    #[must_use]
    pub fn newest_epoch(&self) -> &Anchor {
        &self.newest
    }

    /// Whether the way that was verified passes through an epoch that is known: with other validators there, it is
    /// another past.
    ///
    /// # Errors
    /// [`HeadError::OtherValidators`].
    pub fn check_known(&self, known: &Anchor) -> Result<(), HeadError> {
        let expected = known.validators().hash();
        let there = self.epochs.iter().find(|seen| seen.epoch == known.epoch());
        match there {
            Some(seen) if seen.validators != expected => Err(HeadError::OtherValidators {
                height: self.certified.height,
                epoch: seen.epoch,
                expected,
                got: seen.validators,
            }),
            _ => Ok(()),
        }
    }
}

/// An epoch on the way from the anchor to the certified header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EpochSeen {
    pub(crate) epoch: Epoch,
    /// Hash of its validators.
    pub(crate) validators: Digest,
    /// Its last block; `None` for the epoch of the certified header.
    pub(crate) end: Option<(Height, BlockId)>,
}

/// Checks a bundle as [`verify`] does, and that it is about exactly these keys of the state, in this order. Whoever
/// asks about something says so here: a bundle that is true and about something else answers nothing.
///
/// # Errors
/// [`AuditError::OtherKeys`], or as [`verify`].
pub fn verify_keys(
    bundle: &Bundle,
    anchor: &Anchor,
    expected: &[StateKey],
    now_ms: Option<u64>,
    max_age: Option<Duration>,
) -> Result<Verified, AuditError> {
    let got = bundle.claim.keys();
    if got != expected {
        return Err(AuditError::OtherKeys {
            expected: expected.to_vec(),
            got,
        });
    }
    verify(bundle, anchor, now_ms, max_age)
}

/// Checks a bundle against an anchor.
///
/// With `max_age`, a claim about the state (a record, its absence; not a transaction or a block, which stay true) is
/// refused when its block is older than that at `now_ms` (milliseconds since the Unix epoch).
///
/// # Errors
/// The first check that fails.
pub fn verify(
    bundle: &Bundle,
    anchor: &Anchor,
    now_ms: Option<u64>,
    max_age: Option<Duration>,
) -> Result<Verified, AuditError> {
    let header = &bundle.header;
    let certified = bundle.certified();
    for got in [bundle.chain_id, header.chain_id, certified.chain_id] {
        if got != *anchor.chain_id() {
            return Err(AuditError::WrongChain {
                expected: *anchor.chain_id(),
                got,
            });
        }
    }
    if bundle.begins() != anchor.epoch() {
        return Err(AuditError::Beginning {
            expected: anchor.epoch(),
            got: bundle.begins(),
        });
    }
    let (epochs, newest) = follow(&bundle.epochs, anchor)?;
    let (epoch, validators) = (newest.epoch(), newest.validators());
    let certified_id = check_final(certified, &bundle.certificate, epoch, validators)?;
    newest.check_conflict(certified.height, certified_id)?;
    let block_id = check_history(bundle, certified_id)?;
    anchor.check_conflict(certified.height, certified_id)?;
    anchor.check_conflict(header.height, block_id)?;
    let claim = bundle.claim.verify(header)?;
    if let Some(max_age) = max_age.filter(|_| bundle.claim.is_about_state()) {
        check_age(header, now_ms, max_age)?;
    }
    Ok(Verified {
        chain_id: bundle.chain_id,
        height: header.height,
        time_ms: header.timestamp_ms,
        block_id,
        certified: certified.clone(),
        signers: bundle.certificate.signers.len(),
        epochs,
        newest,
        claim,
    })
}

/// The epochs from the anchor's on, and the anchor that the last change leads to.
pub(crate) fn follow(
    changes: &[EpochChange],
    anchor: &Anchor,
) -> Result<(Vec<EpochSeen>, Anchor), AuditError> {
    let mut seen = Vec::with_capacity(changes.len() + 1);
    let mut newest = anchor.clone();
    for change in changes {
        let header = &change.header;
        if header.chain_id != *anchor.chain_id() {
            return Err(AuditError::WrongChain {
                expected: *anchor.chain_id(),
                got: header.chain_id,
            });
        }
        let (epoch, validators) = (newest.epoch(), newest.validators());
        let id = check_final(header, &change.certificate, epoch, validators)?;
        anchor.check_conflict(header.height, id)?;
        if header.next_validators_hash == header.validators_hash {
            return Err(AuditError::NoChange {
                height: header.height,
                epoch,
            });
        }
        seen.push(EpochSeen {
            epoch,
            validators: validators.hash(),
            end: Some((header.height, id)),
        });
        newest = Anchor::trusted(header.clone(), change.validators.clone())?;
    }
    seen.push(EpochSeen {
        epoch: newest.epoch(),
        validators: newest.validators().hash(),
        end: None,
    });
    Ok((seen, newest))
}

/// Checks that a quorum of `validators` made `header` final, and returns its id.
fn check_final(
    header: &Header,
    certificate: &FinalityCert,
    epoch: Epoch,
    validators: &ValidatorSet,
) -> Result<BlockId, AuditError> {
    if header.epoch != epoch || certificate.epoch != epoch {
        return Err(AuditError::Epoch {
            expected: epoch,
            header: header.epoch,
            certificate: certificate.epoch,
        });
    }
    if header.validators_hash != validators.hash() {
        return Err(AuditError::Validators {
            height: header.height,
            expected: header.validators_hash,
            got: validators.hash(),
        });
    }
    let id = header.id();
    // The last block of an epoch may have been made final in the round of one of its suffix blocks.
    let ends_epoch = header.next_validators_hash != header.validators_hash;
    let round_fits =
        certificate.round == header.round || (ends_epoch && certificate.round > header.round);
    if certificate.block_id != id || certificate.height != header.height || !round_fits {
        return Err(AuditError::OtherBlock {
            expected: id,
            height: header.height,
            round: header.round,
            got: certificate.block_id,
            got_height: certificate.height,
            got_round: certificate.round,
        });
    }
    certificate.verify(validators, &header.chain_id)?;
    Ok(id)
}

/// Checks that the claim's header is the certified one or lies in its history, and returns its id.
fn check_history(bundle: &Bundle, certified: BlockId) -> Result<BlockId, AuditError> {
    let Some(history) = &bundle.history else {
        return Ok(certified);
    };
    let (id, path) = (bundle.header.id(), &history.path);
    if path.index != bundle.header.height.0 || path.size != history.header.height.0 {
        return Err(AuditError::HistoryPlace {
            height: bundle.header.height,
            later: history.header.height,
            index: path.index,
            size: path.size,
        });
    }
    path.verify(
        &merkle::leaf_hash(id.0.as_bytes()),
        &history.header.history_root,
    )
    .map_err(|source| AuditError::Path {
        what: "block in the history of the certified one",
        source,
    })?;
    Ok(id)
}

fn check_age(header: &Header, now_ms: Option<u64>, max_age: Duration) -> Result<(), AuditError> {
    let now_ms = now_ms.ok_or(AuditError::NoTime)?;
    let ahead = Duration::from_millis(header.timestamp_ms.saturating_sub(now_ms));
    if ahead > MAX_CLOCK_AHEAD {
        return Err(AuditError::Clock {
            block_ms: header.timestamp_ms,
            now_ms,
        });
    }
    let age = Duration::from_millis(now_ms.saturating_sub(header.timestamp_ms));
    if age > max_age {
        return Err(AuditError::TooOld { age, max_age });
    }
    Ok(())
}
