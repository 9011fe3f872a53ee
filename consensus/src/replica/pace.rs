//! How often something may be done for one peer.

use crate::ValidatorId;
use std::collections::BTreeMap;

/// Peers remembered at most. The host lets in members of a few validator sets and no strangers.
const MOST: usize = 4 * crate::ValidatorSet::MAX_LEN;

/// When something was last done, by peer. Times are in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    last: BTreeMap<ValidatorId, u64>,
}

impl Pace {
    /// Whether the last time was at least `interval` ago. When too many peers are remembered, none of a new one.
    pub(super) fn is_due(&self, peer: &ValidatorId, now: u64, interval: u64) -> bool {
        match self.last.get(peer) {
            // A clock that went back must not silence this replica until it has come so far again.
            Some(last) => now
                .checked_sub(*last)
                .is_none_or(|passed| passed >= interval),
            None => self.last.len() < MOST,
        }
    }

    /// It is done now. Forgets peers for whom it may be done again, when there are many.
    pub(super) fn note(&mut self, peer: ValidatorId, now: u64, interval: u64) {
        self.last.insert(peer, now);
        if self.last.len() >= MOST {
            self.last.retain(|_, last| {
                now.checked_sub(*last)
                    .is_some_and(|passed| passed < interval)
            });
        }
    }

    /// How many peers are remembered.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// It may be done again at once.
    pub(super) fn forget(&mut self, peer: &ValidatorId) {
        self.last.remove(peer);
    }
}
