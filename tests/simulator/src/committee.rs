//! Who is in a network, and with which power in which epoch.

use crate::ledger::Ledger;
use crate::signing;
use cairn_consensus::{Header, Validator, ValidatorSet};
use cairn_crypto::{Digest, merkle};
use std::sync::Arc;

/// Member and power, in the order of the validator set.
pub type Seats = Vec<(usize, u64)>;

/// The members of a network and the validator sets that follow each other.
#[derive(Clone, Debug)]
pub struct Committee {
    /// The seats of each epoch.
    pub seats: Vec<Seats>,
    /// The rules that change the set.
    pub ledger: Ledger,
    /// Height 0.
    pub genesis: Header,
}

impl Committee {
    /// A network whose epochs have these seats.
    ///
    /// # Panics
    /// If the seats of an epoch are no validator set.
    #[must_use]
    pub fn new(seats: Vec<Seats>) -> Self {
        let schedule: Vec<ValidatorSet> = seats
            .iter()
            .map(|seats| {
                let members = seats.iter().map(|(member, power)| Validator {
                    id: signing::fingerprint(*member),
                    key: signing::public_key(*member).clone(),
                    power: *power,
                });
                ValidatorSet::new(members.collect()).expect("each member has one seat and power")
            })
            .collect();
        let ledger = Ledger {
            schedule: Arc::new(schedule),
        };
        let chain_id = Digest::of(b"a simulated network");
        let root = ledger.genesis().root;
        let genesis = Header::genesis(chain_id, 1_000, root, &ledger.schedule[0]);
        Self {
            seats,
            ledger,
            genesis,
        }
    }

    /// The chain's id.
    #[must_use]
    pub fn chain_id(&self) -> Digest {
        self.genesis.chain_id
    }

    /// Leaves: the id of genesis.
    #[must_use]
    pub fn genesis_history(&self) -> merkle::Frontier {
        let mut history = merkle::Frontier::new();
        history.push(merkle::leaf_hash(self.genesis.id().0.as_bytes()));
        history
    }

    /// Power of a member in an epoch.
    #[must_use]
    pub fn power(&self, epoch: usize, member: usize) -> u64 {
        self.seats.get(epoch).map_or(0, |seats| {
            seats
                .iter()
                .find(|(seated, _)| *seated == member)
                .map_or(0, |(_, power)| *power)
        })
    }
}
