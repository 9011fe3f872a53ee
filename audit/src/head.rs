//! The newest final header that a client has seen. Keys of validators long gone can be stolen and used to
//! sign another past; whoever remembers one header of the real chain is not taken in.
//!
//! The head is an anchor: a newer header counts only if the validators of the head's own epoch decided on it, or
//! epochs lead to its validators from there. The head commits to those validators by their hash, so it need not
//! keep their keys. A `history_root` shows nothing by itself, because whoever signs a header chooses it: only the
//! head's own is a reason to believe that an older header is real.

use crate::{HeadError, Verified};
use cairn_consensus::{BlockId, Header};
use cairn_crypto::merkle::{self, InclusionProof};
use serde::{Deserialize, Serialize};

/// The newest header seen, to be kept between runs. It only ever moves to headers that extend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedHead {
    header: Header,
}

/// What became of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The header seen is newer, and is the head now.
    Moved,
    /// The header seen is the head, or lies in its history.
    Kept,
}

impl TrustedHead {
    /// Begins with a first verified header, or with the genesis header.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Self { header }
    }

    /// The newest header seen.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Takes note of the certified header of a verified bundle.
    ///
    /// `link` shows that one of the two headers lies in the history of the other: the id of the lower one under the
    /// `history_root` of the higher one. None is needed for the same header or a direct successor. Upwards the link
    /// comes on top of the rule for validators (see the module), which is checked with and without it.
    ///
    /// # Errors
    /// [`HeadError::Unlinked`] when a link is needed: ask for it. Everything else means two histories: the header seen
    /// must not be trusted, and both belong before the operators.
    pub fn observe(
        &mut self,
        seen: &Verified,
        link: Option<&InclusionProof>,
    ) -> Result<Advance, HeadError> {
        let (head, new) = (&self.header, &seen.certified);
        if head.chain_id != new.chain_id {
            return Err(HeadError::OtherChain {
                expected: head.chain_id,
                got: new.chain_id,
            });
        }
        let (head_id, new_id) = (head.id(), new.id());
        if new.height > head.height {
            self.check_validators(seen)?;
            let successor = new.height == head.height.next() && new.parent == head_id;
            if !successor {
                self.check_link((head, head_id), (new, new_id), link)?;
            }
            self.header = new.clone();
            return Ok(Advance::Moved);
        }
        if new.height < head.height {
            // Block times rise with every block: a lower one that claims to be as late is of another history, whether
            // or not there is a link. So validators of long ago cannot sign something fresh below the head.
            if new.timestamp_ms >= head.timestamp_ms {
                return Err(HeadError::NotExtending {
                    lower: new.height,
                    lower_id: new_id,
                    higher: head.height,
                    higher_id: head_id,
                });
            }
            self.check_link((new, new_id), (head, head_id), link)?;
        } else if new_id != head_id {
            return Err(HeadError::Fork {
                height: head.height,
                trusted: head_id,
                got: new_id,
            });
        }
        Ok(Advance::Kept)
    }

    /// Whether a newer header was decided on by those whom the head entitles to.
    fn check_validators(&self, seen: &Verified) -> Result<(), HeadError> {
        let (head, new) = (&self.header, &seen.certified);
        if new.epoch < head.epoch {
            return Err(HeadError::EpochBack {
                height: new.height,
                epoch: new.epoch,
                head: head.height,
                head_epoch: head.epoch,
            });
        }
        // An anchor of a later epoch vouches for everything after itself.
        let Some(epoch) = seen.epochs.iter().find(|seen| seen.epoch == head.epoch) else {
            return Ok(());
        };
        if epoch.validators != head.validators_hash {
            return Err(HeadError::OtherValidators {
                height: new.height,
                epoch: head.epoch,
                expected: head.validators_hash,
                got: epoch.validators,
            });
        }
        // The head's epoch ends with the head if it says so, and otherwise after it.
        let head_ends_it = head.next_validators_hash != head.validators_hash;
        let fits = match epoch.end {
            Some((height, id)) if height == head.height => id == head.id(),
            Some((height, _)) => height > head.height && !head_ends_it,
            None => !head_ends_it,
        };
        if fits {
            return Ok(());
        }
        Err(HeadError::NotExtending {
            lower: head.height,
            lower_id: head.id(),
            higher: new.height,
            higher_id: new.id(),
        })
    }

    fn check_link(
        &self,
        (lower, lower_id): (&Header, BlockId),
        (higher, higher_id): (&Header, BlockId),
        link: Option<&InclusionProof>,
    ) -> Result<(), HeadError> {
        let link = link.ok_or(HeadError::Unlinked {
            lower: lower.height,
            higher: higher.height,
        })?;
        let leaf = merkle::leaf_hash(lower_id.0.as_bytes());
        let in_place = link.index == lower.height.0 && link.size == higher.height.0;
        if !in_place || link.verify(&leaf, &higher.history_root).is_err() {
            return Err(HeadError::NotExtending {
                lower: lower.height,
                lower_id,
                higher: higher.height,
                higher_id,
            });
        }
        Ok(())
    }
}
