//! The newest epoch whose validators are known, so that proofs need not begin at genesis each time.

use crate::call::Call;
use crate::proof::unmasked;
use crate::{CallError, Client, ClientError, HeadNote};
use cairn_audit::{Anchor, EpochChain, HeadError, MAX_BUNDLE_BYTES, Verified};
use cairn_consensus::{Epoch, Header};

/// Most pages of epoch changes that are asked for. A page has one change at least, so far more epochs than this are
/// reached with validators by the dozen, and a node cannot go on for ever.
const MAX_PAGES: usize = 100_000;

impl Client {
    /// The validators of the newest epoch that is known, checked against genesis in this run or an earlier one.
    ///
    /// # Errors
    /// [`ClientError::HeadFile`] when what is kept of earlier runs cannot be read.
    pub async fn newest_epoch(&self) -> Result<Anchor, ClientError> {
        let mut known = self.inner.known.lock().await;
        if let Some(anchor) = known.as_ref() {
            return Ok(anchor.clone());
        }
        let kept = match &self.inner.heads {
            Some(store) => store.load_epoch(&self.inner.chain_id)?,
            None => None,
        };
        let anchor = kept.unwrap_or_else(|| self.inner.anchor.clone());
        Ok(known.insert(anchor).clone())
    }

    /// The validators of an epoch: followed in pages from the newest known epoch, or from genesis to an earlier one.
    ///
    /// # Errors
    /// [`ClientError::Audit`] or [`ClientError::Bundle`] when no node gave epoch changes that hold,
    /// [`ClientError::NotFound`] when the epoch has not begun, [`ClientError::Unreachable`].
    pub async fn epoch_anchor(&self, epoch: Epoch) -> Result<Anchor, ClientError> {
        let newest = self.newest_epoch().await?;
        let begin = if newest.epoch() <= epoch {
            newest
        } else {
            self.inner.anchor.clone()
        };
        let anchor = self.follow(begin, Some(epoch)).await?;
        if anchor.epoch() < epoch {
            return Err(ClientError::NotFound {
                what: format!("epoch {epoch} yet; the newest is {}", anchor.epoch()),
            });
        }
        Ok(anchor)
    }

    /// Follows the epochs that ended since the newest one known, until now.
    pub(crate) async fn catch_up(&self) -> Result<Anchor, ClientError> {
        let newest = self.newest_epoch().await?;
        self.follow(newest, None).await
    }

    async fn follow(
        &self,
        mut anchor: Anchor,
        until: Option<Epoch>,
    ) -> Result<Anchor, ClientError> {
        for _ in 0..MAX_PAGES {
            if until.is_some_and(|until| anchor.epoch() >= until) {
                break;
            }
            let next = self.page(&anchor, until).await?;
            if next == anchor {
                break;
            }
            self.learn(&next).await?;
            anchor = next;
        }
        Ok(anchor)
    }

    /// One page of epoch changes from the anchor on, and where it leads.
    async fn page(&self, anchor: &Anchor, until: Option<Epoch>) -> Result<Anchor, ClientError> {
        let call = Call {
            max_bytes: MAX_BUNDLE_BYTES,
            ..Call::get(format!("/v1/proofs/epochs?from={}", anchor.epoch()))
        };
        let head = self.newest_head().await?;
        let read = |body: &[u8]| -> Result<Anchor, ClientError> {
            let mut chain = EpochChain::decode(body)?;
            if let Some(until) = until {
                chain.changes.retain(|change| change.header.epoch < until);
            }
            if let Some(head) = &head {
                for change in &chain.changes {
                    check_passes(head.header(), &change.header)?;
                }
            }
            Ok(chain.follow(anchor)?)
        };
        let answer = self
            .ask_with(&call, |reply| {
                read(&reply.body).map_err(|error| CallError::Proof(Box::new(error)))
            })
            .await;
        answer.map_err(unmasked)
    }

    /// Keeps the newest epoch that a bundle led to. `note` is what became of the newest header seen: of a bundle that
    /// could not be linked to it, nothing is learnt.
    pub(crate) async fn learn_from(
        &self,
        verified: &Verified,
        note: HeadNote,
    ) -> Result<(), ClientError> {
        verified.check_known(&self.newest_epoch().await?)?;
        if note == HeadNote::Unlinked {
            return Ok(());
        }
        self.learn(verified.newest_epoch()).await
    }

    async fn learn(&self, newest: &Anchor) -> Result<(), ClientError> {
        if let Some(head) = self.newest_head().await? {
            check_entitled(head.header(), newest)?;
            // Until the way has come to the header's own epoch, nobody knows whether it leads there.
            if newest.epoch() < head.header().epoch {
                return Ok(());
            }
        }
        let kept = self.newest_epoch().await?;
        if newer(&kept, newest)? {
            if let Some(store) = &self.inner.heads {
                store.save_epoch(newest)?;
            }
            *self.inner.known.lock().await = Some(newest.clone());
        }
        Ok(())
    }
}

/// Whether the end of an epoch goes together with the newest header seen, if it is of the head's epoch: keys of former
/// validators must not lead past the head to validators of their choice.
fn check_passes(head: &Header, end: &Header) -> Result<(), HeadError> {
    if end.epoch != head.epoch {
        return Ok(());
    }
    if end.validators_hash != head.validators_hash {
        return Err(HeadError::OtherValidators {
            height: end.height,
            epoch: head.epoch,
            expected: head.validators_hash,
            got: end.validators_hash,
        });
    }
    let fits = if head.ends_epoch() || end.height <= head.height {
        end.id() == head.id()
    } else {
        true
    };
    if fits {
        return Ok(());
    }
    Err(HeadError::NotExtending {
        lower: head.height,
        lower_id: head.id(),
        higher: end.height,
        higher_id: end.id(),
    })
}

/// Whether the newest header seen lets these validators decide in its epoch, or in the one that it begins.
pub(crate) fn check_entitled(head: &Header, newest: &Anchor) -> Result<(), HeadError> {
    let expected = if newest.epoch() == head.epoch {
        head.validators_hash
    } else if head.ends_epoch() && newest.epoch() == head.epoch.next() {
        head.next_validators_hash
    } else {
        return Ok(());
    };
    let got = newest.validators().hash();
    if got == expected {
        return Ok(());
    }
    Err(HeadError::OtherValidators {
        height: newest.header().height,
        epoch: newest.epoch(),
        expected,
        got,
    })
}

/// Whether `new` is of a later epoch than `kept`.
///
/// # Errors
/// [`HeadError::OtherValidators`] when they name different validators for one epoch.
pub(crate) fn newer(kept: &Anchor, new: &Anchor) -> Result<bool, HeadError> {
    if kept.epoch() == new.epoch() && kept.validators() != new.validators() {
        return Err(HeadError::OtherValidators {
            height: new.header().height,
            epoch: new.epoch(),
            expected: kept.validators().hash(),
            got: new.validators().hash(),
        });
    }
    Ok(new.epoch() > kept.epoch())
}
