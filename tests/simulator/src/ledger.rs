//! A toy ledger: the state is a counter, the place in a schedule of validator sets, and a hash chain
//! over everything executed.

use cairn_consensus::{Block, BlockRejection, Execution, ValidatorSet};
use cairn_crypto::{Digest, Hasher, merkle};
use std::sync::Arc;

const SET_CHANGE: &[u8; 8] = b"newepoch";
const INVALID: &[u8; 8] = b"invalid!";

/// The state after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Transactions executed so far.
    pub counter: u64,
    /// Place in the schedule of the set that decides on the next block.
    pub set: usize,
    /// Commits to both and to everything before.
    pub root: Digest,
}

/// The rules of the ledger: which validator sets follow each other.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The set of each epoch; the last one stays.
    pub schedule: Arc<Vec<ValidatorSet>>,
}

/// The transaction that ends the epoch of the set at `from` in the schedule.
#[must_use]
pub fn set_change(from: usize) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(SET_CHANGE);
    bytes[8..16].copy_from_slice(&(from as u64).to_le_bytes());
    Digest::from(bytes)
}

/// A transaction that no block may contain.
#[must_use]
pub fn invalid(salt: u64) -> Digest {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(INVALID);
    bytes[8..16].copy_from_slice(&salt.to_le_bytes());
    Digest::from(bytes)
}

impl Ledger {
    /// The state of genesis.
    #[must_use]
    pub fn genesis(&self) -> State {
        State {
            counter: 0,
            set: 0,
            root: Digest::of(b"the empty ledger"),
        }
    }

    /// The state after final blocks from height 1 on.
    #[must_use]
    pub fn replay(&self, blocks: &[Arc<Block>]) -> State {
        blocks.iter().fold(self.genesis(), |state, block| {
            self.execute(&state, &block.payload)
                .map_or(state, |(state, _)| state)
        })
    }

    /// Executes a payload.
    ///
    /// # Errors
    /// [`BlockRejection::InvalidPayload`] if a transaction may not stand in a block.
    pub fn execute(
        &self,
        parent: &State,
        payload: &[Digest],
    ) -> Result<(State, Execution), BlockRejection> {
        let mut hasher = Hasher::new();
        hasher.update(parent.root.as_bytes());
        let mut next = *parent;
        let mut receipts = Vec::with_capacity(payload.len());
        for transaction in payload {
            if transaction.as_bytes().starts_with(INVALID) {
                return Err(BlockRejection::InvalidPayload("a toy rule".to_owned()));
            }
            hasher.update(transaction.as_bytes());
            next.counter += 1;
            if *transaction == set_change(parent.set) && parent.set + 1 < self.schedule.len() {
                next.set = parent.set + 1;
            }
            receipts.push(merkle::leaf_hash(transaction.as_bytes()));
        }
        hasher.update(&next.counter.to_le_bytes());
        hasher.update(&(next.set as u64).to_le_bytes());
        next.root = hasher.finish();
        let execution = Execution {
            state_root: next.root,
            receipts_root: merkle::root(&receipts),
            validators_hash: self.schedule[parent.set].hash(),
            next_validators: (next.set != parent.set).then(|| self.schedule[next.set].clone()),
        };
        Ok((next, execution))
    }
}
