//! Tells whoever waits that a transaction or a block became final.

use cairn_consensus::Header;
use cairn_crypto::Digest;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// Where a final transaction stands: height and index in the block.
pub type Location = (u64, u32);

/// See the [module](self). The driver announces, after the store has it on disk.
#[derive(Debug)]
pub struct Finality {
    tip: watch::Sender<Header>,
    waiters: Mutex<HashMap<Digest, Vec<oneshot::Sender<Location>>>>,
}

impl Finality {
    /// Starts from the store's tip.
    #[must_use]
    pub fn new(tip: Header) -> Self {
        Self {
            tip: watch::Sender::new(tip),
            waiters: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Vec<oneshot::Sender<Location>>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last final header.
    #[must_use]
    pub fn tip(&self) -> Header {
        self.tip.borrow().clone()
    }

    /// The last final height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.tip.borrow().height.0
    }

    /// Follows the last final header.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Header> {
        self.tip.subscribe()
    }

    /// Registers interest in a transaction. Look the transaction up in the store after this call,
    /// not before: what became final in between is announced to no one.
    pub fn wait_for(&self, tx_hash: Digest) -> oneshot::Receiver<Location> {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = self.lock();
        // Those who gave up leave when the map would have to grow: constant cost a call.
        if waiters.len() == waiters.capacity() {
            waiters.retain(|_, list| {
                list.retain(|waiter| !waiter.is_closed());
                !list.is_empty()
            });
        }
        waiters.entry(tx_hash).or_default().push(sender);
        receiver
    }

    /// A block is final and on disk.
    pub fn announce(&self, header: Header, tx_hashes: impl Iterator<Item = Digest>) {
        let height = header.height.0;
        {
            let mut waiters = self.lock();
            if !waiters.is_empty() {
                for (index, tx_hash) in tx_hashes.enumerate() {
                    let Some(list) = waiters.remove(&tx_hash) else {
                        continue;
                    };
                    let index =
                        u32::try_from(index).expect("a block has at most 2^32 transactions");
                    for waiter in list {
                        let _gave_up = waiter.send((height, index));
                    }
                }
            }
        }
        self.tip.send_replace(header);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_consensus::{BlockId, Epoch, Height, Round};

    fn header(height: u64) -> Header {
        Header {
            chain_id: Digest::ZERO,
            epoch: Epoch(0),
            round: Round(height),
            height: Height(height),
            parent: BlockId(Digest::ZERO),
            parent_round: Round(0),
            timestamp_ms: 0,
            proposer: Digest::ZERO,
            payload_root: Digest::ZERO,
            state_root: Digest::ZERO,
            receipts_root: Digest::ZERO,
            history_root: Digest::ZERO,
            validators_hash: Digest::ZERO,
            next_validators_hash: Digest::ZERO,
        }
    }

    #[test]
    fn everyone_who_waits_for_a_transaction_learns_where_it_stands() {
        let finality = Finality::new(header(0));
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let mut first = finality.wait_for(two);
        let mut second = finality.wait_for(two);
        let mut other = finality.wait_for(Digest::of(b"other"));
        finality.announce(header(1), [one, two].into_iter());
        assert_eq!(first.try_recv().unwrap(), (1, 1));
        assert_eq!(second.try_recv().unwrap(), (1, 1));
        assert!(other.try_recv().is_err());
        assert_eq!(finality.height(), 1);
    }

    #[test]
    fn those_who_gave_up_are_forgotten() {
        let finality = Finality::new(header(0));
        for number in 0..10_000_u32 {
            drop(finality.wait_for(Digest::of(&number.to_be_bytes())));
        }
        assert!(finality.lock().len() < 100);
    }
}
