//! Places for blobs on their way: some in all, which bounds the memory, and some for each account, so that
//! one account cannot take them all from the others. Whoever finds none free waits.

use cairn_runtime::AccountId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Shared by all requests.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    per_account: usize,
    /// Those with a blob on its way, or waiting for a place.
    accounts: Mutex<BTreeMap<AccountId, Weak<Semaphore>>>,
}

/// One place, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_account: OwnedSemaphorePermit,
}

/// Accounts that have nothing on its way any more are forgotten beyond this number.
const SWEEP_AT: usize = 64;

impl Places {
    /// At least one place in all and for each account: without any, nobody would ever be served.
    pub(super) fn new(in_all: usize, per_account: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(in_all.max(1))),
            per_account: per_account.max(1),
            accounts: Mutex::default(),
        }
    }

    /// A place for `account`, as soon as it has one free.
    pub(super) async fn take(&self, account: AccountId) -> Result<Place, AcquireError> {
        // The account's own first: its requests beyond that wait here, and not among those of the others.
        let of_account = self.of(account).acquire_owned().await?;
        let of_all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Place {
            _of_all: of_all,
            _of_account: of_account,
        })
    }

    fn of(&self, account: AccountId) -> Arc<Semaphore> {
        // A panic elsewhere leaves at worst an account too many.
        let mut accounts = (self.accounts.lock()).unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = accounts.get(&account).and_then(Weak::upgrade) {
            return places;
        }
        if accounts.len() >= SWEEP_AT {
            accounts.retain(|_, places| places.strong_count() > 0);
        }
        let places = Arc::new(Semaphore::new(self.per_account));
        accounts.insert(account, Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::Digest;
    use futures::FutureExt;

    fn account(number: u8) -> AccountId {
        AccountId(Digest::new([number; 32]))
    }

    #[tokio::test]
    async fn one_account_leaves_places_to_the_others_and_waits_for_its_own() {
        let places = Places::new(3, 2);
        let first = places.take(account(1)).await.unwrap();
        let _second = places.take(account(1)).await.unwrap();
        let mut third = Box::pin(places.take(account(1)));
        assert!((&mut third).now_or_never().is_none());
        let _other = places.take(account(2)).now_or_never().unwrap().unwrap();
        // All are taken; what the first account gives back it may have again.
        assert!(places.take(account(3)).now_or_never().is_none());
        drop(first);
        third.now_or_never().unwrap().unwrap();
    }

    #[tokio::test]
    async fn accounts_with_nothing_on_its_way_are_forgotten() {
        let places = Places::new(1, 1);
        for number in 0..=u8::MAX {
            drop(places.take(account(number)).await.unwrap());
        }
        assert!(places.accounts.lock().unwrap().len() <= SWEEP_AT);
    }
}
