//! Who decides now, and who is who: the validators in force on the ledger, in the terms of consensus and of the
//! network.

use cairn_consensus::{Validator, ValidatorId, ValidatorSet, ValidatorSetError};
use cairn_p2p::{PeerConfig, PeerId, peer_id};
use cairn_runtime::ValidatorRecord;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// Where a validator listens, by the configuration of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Consensus plane.
    pub consensus: SocketAddr,
    /// Data plane.
    pub data: SocketAddr,
}

/// See the [module](self). Shared by all of the node; changed by the driver alone, when an epoch ends.
#[derive(Debug)]
pub struct Committee {
    /// Whose node this is.
    me: ValidatorId,
    /// By the validators' names. One without an entry is not dialled; it dials.
    addresses: BTreeMap<String, Addresses>,
    seats: RwLock<Arc<Seats>>,
}

/// The validators of one epoch, and who may still connect from the one before.
#[derive(Debug)]
pub struct Seats {
    /// In the order of the ledger.
    pub records: Vec<ValidatorRecord>,
    /// The same for consensus.
    pub set: ValidatorSet,
    peer_of: HashMap<ValidatorId, PeerId>,
    id_of: HashMap<PeerId, ValidatorId>,
    /// Who decided in the epoch before, leavers included: they may miss what ended it, and ask.
    former: Vec<ValidatorRecord>,
}

/// The validator set of consensus that the ledger's records say.
///
/// # Errors
/// When they make no set (no members, a power of zero, a key twice).
pub fn validator_set(records: &[ValidatorRecord]) -> Result<ValidatorSet, ValidatorSetError> {
    let members = records.iter().map(|record| Validator {
        id: record.id.0,
        key: record.consensus_key.clone(),
        power: record.power,
    });
    ValidatorSet::new(members.collect())
}

impl Seats {
    fn new(
        records: Vec<ValidatorRecord>,
        former: Vec<ValidatorRecord>,
    ) -> Result<Self, ValidatorSetError> {
        let mut seats = Self {
            set: validator_set(&records)?,
            peer_of: HashMap::new(),
            id_of: HashMap::new(),
            records,
            former,
        };
        // Present keys take the place of former ones.
        for record in seats.former.iter().chain(&seats.records) {
            let peer = peer_id(&record.transport_key);
            seats.peer_of.insert(record.id.0, peer);
            seats.id_of.insert(peer, record.id.0);
        }
        Ok(seats)
    }
}

impl Committee {
    /// The committee as node `me` sees it; `addresses` by the validators' names; `former` decided in the epoch before.
    ///
    /// # Errors
    /// When the records make no set.
    pub fn new(
        me: ValidatorId,
        addresses: BTreeMap<String, Addresses>,
        records: Vec<ValidatorRecord>,
        former: Vec<ValidatorRecord>,
    ) -> Result<Self, ValidatorSetError> {
        let seats = Seats::new(records, former)?;
        Ok(Self {
            me,
            addresses,
            seats: RwLock::new(Arc::new(seats)),
        })
    }

    /// The validators in force.
    #[must_use]
    pub fn seats(&self) -> Arc<Seats> {
        Arc::clone(&self.seats.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The validator set in force.
    #[must_use]
    pub fn set(&self) -> ValidatorSet {
        self.seats().set.clone()
    }

    /// The next epoch's validators take their seats.
    ///
    /// # Errors
    /// When the records make no set.
    pub fn change(&self, records: Vec<ValidatorRecord>) -> Result<(), ValidatorSetError> {
        let former = self.seats().records.clone();
        let next = Arc::new(Seats::new(records, former)?);
        *self.seats.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// The network name of a validator.
    #[must_use]
    pub fn peer(&self, id: &ValidatorId) -> Option<PeerId> {
        self.seats().peer_of.get(id).copied()
    }

    /// The validator of a network name.
    #[must_use]
    pub fn id(&self, peer: &PeerId) -> Option<ValidatorId> {
        self.seats().id_of.get(peer).copied()
    }

    /// Every other validator in force.
    #[must_use]
    pub fn others(&self) -> Vec<PeerId> {
        let seats = self.seats();
        let others = seats.records.iter().filter(|record| record.id.0 != self.me);
        others
            .map(|record| peer_id(&record.transport_key))
            .collect()
    }

    /// The key by which the network has to know this node, if it is a validator now.
    #[must_use]
    pub fn my_transport_key(&self) -> Option<cairn_crypto::PublicKey> {
        let seats = self.seats();
        let mine = seats.records.iter().find(|record| record.id.0 == self.me);
        mine.map(|record| record.transport_key.clone())
    }

    /// Who may connect, and where to dial those whose addresses are known.
    #[must_use]
    pub fn network_peers(&self) -> Vec<PeerConfig> {
        let seats = self.seats();
        let known: BTreeMap<PeerId, &ValidatorRecord> = seats
            .former
            .iter()
            .chain(&seats.records)
            .filter(|record| record.id.0 != self.me)
            .map(|record| (peer_id(&record.transport_key), record))
            .collect();
        known
            .into_iter()
            .map(|(peer, record)| {
                let addresses = self.addresses.get(&record.name);
                PeerConfig {
                    peer,
                    consensus_addr: addresses.map(|at| at.consensus),
                    data_addr: addresses.map(|at| at.data),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_crypto::{Seed, SigningKey};
    use cairn_runtime::AccountId;

    fn record(name: &str, transport: u8) -> ValidatorRecord {
        let key = |byte: u8| SigningKey::from_seed(&Seed::new([byte; 32])).unwrap();
        let first = name.as_bytes()[0];
        ValidatorRecord {
            id: AccountId::of(key(first).public_key()),
            name: name.into(),
            consensus_key: key(first).public_key().clone(),
            transport_key: key(transport).public_key().clone(),
            power: 1,
            operator: AccountId::of(key(first).public_key()),
        }
    }

    #[test]
    fn leavers_may_connect_until_the_next_change_and_new_keys_count_at_once() {
        let (a, b, c, d) = (
            record("a", 1),
            record("b", 2),
            record("c", 3),
            record("d", 4),
        );
        let peer = |record: &ValidatorRecord| peer_id(&record.transport_key);
        let at = Addresses {
            consensus: "127.0.0.1:1".parse().unwrap(),
            data: "127.0.0.1:2".parse().unwrap(),
        };
        let addresses = [("b".to_owned(), at)].into_iter().collect();
        let present = vec![a.clone(), b.clone(), c.clone()];
        let committee = Committee::new(a.id.0, addresses, present, Vec::new());
        let committee = committee.unwrap();
        let listed = |committee: &Committee| -> Vec<PeerId> {
            let peers = committee.network_peers();
            peers.iter().map(|config| config.peer).collect()
        };
        assert_eq!(committee.others(), [peer(&b), peer(&c)]);
        let dialled = committee.network_peers();
        let dialled: Vec<bool> = dialled
            .iter()
            .map(|config| config.data_addr.is_some())
            .collect();
        assert_eq!(dialled.iter().filter(|known| **known).count(), 1);

        // b leaves, c has a new transport key, d joins.
        let moved = record("c", 5);
        committee
            .change(vec![a.clone(), moved.clone(), d.clone()])
            .unwrap();
        assert_eq!(committee.others(), [peer(&moved), peer(&d)]);
        assert!(listed(&committee).contains(&peer(&b)));
        assert!(listed(&committee).contains(&peer(&c)));
        assert_eq!(committee.peer(&c.id.0), Some(peer(&moved)));
        assert_eq!(committee.id(&peer(&b)), Some(b.id.0));

        committee.change(vec![a, moved, d]).unwrap();
        assert!(!listed(&committee).contains(&peer(&b)));
        assert_eq!(committee.id(&peer(&b)), None);
    }
}
