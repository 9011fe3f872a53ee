//! Who decides now, and who is who: the validators in force on the ledger, in the terms of consensus and of the
//! network.

use crate::acquaintance::Acquaintance;
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

/// See the [module](self). Shared by all of the node; changed by the driver alone, when an epoch ends or the registry of
/// validators changes.
#[derive(Debug)]
pub struct Committee {
    /// Whose node this is.
    me: ValidatorId,
    /// By the validators' names. One without an entry is not dialled; it dials.
    addresses: BTreeMap<String, Addresses>,
    seats: RwLock<Arc<Seats>>,
}

/// The validators of one epoch, and who may connect besides them.
#[derive(Debug)]
pub struct Seats {
    /// In the order of the ledger.
    pub records: Vec<ValidatorRecord>,
    /// The same for consensus.
    pub set: ValidatorSet,
    /// Everybody who may connect, those of the set among them.
    known: Vec<Acquaintance>,
    peer_of: HashMap<ValidatorId, PeerId>,
    id_of: HashMap<PeerId, ValidatorId>,
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
        known: Vec<Acquaintance>,
    ) -> Result<Self, ValidatorSetError> {
        let mut seats = Self {
            set: validator_set(&records)?,
            peer_of: HashMap::new(),
            id_of: HashMap::new(),
            records,
            known,
        };
        for node in &seats.known {
            for key in &node.transport_keys {
                let peer = peer_id(key);
                seats.peer_of.insert(node.id, peer);
                seats.id_of.insert(peer, node.id);
            }
        }
        // The key in force, where the registry has a newer one already.
        for record in &seats.records {
            let peer = peer_id(&record.transport_key);
            seats.peer_of.insert(record.id.0, peer);
            seats.id_of.insert(peer, record.id.0);
        }
        Ok(seats)
    }
}

impl Committee {
    /// The committee as node `me` sees it; `addresses` by the validators' names.
    ///
    /// # Errors
    /// When the records make no set.
    pub fn new(
        me: ValidatorId,
        addresses: BTreeMap<String, Addresses>,
        records: Vec<ValidatorRecord>,
        known: Vec<Acquaintance>,
    ) -> Result<Self, ValidatorSetError> {
        let seats = Seats::new(records, known)?;
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

    /// The ledger names other validators, or others who may connect. Whether anything is new.
    ///
    /// # Errors
    /// When the records make no set.
    pub fn change(
        &self,
        records: Vec<ValidatorRecord>,
        known: Vec<Acquaintance>,
    ) -> Result<bool, ValidatorSetError> {
        let present = self.seats();
        if present.records == records && present.known == known {
            return Ok(false);
        }
        let next = Arc::new(Seats::new(records, known)?);
        *self.seats.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(true)
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

    /// Who may connect, and where to dial those whose addresses are known. Of several keys of a node the one in force is
    /// dialled, and the newest.
    #[must_use]
    pub fn network_peers(&self) -> Vec<PeerConfig> {
        let seats = self.seats();
        let mut peers = Vec::new();
        for node in seats.known.iter().filter(|node| node.id != self.me) {
            let addresses = self.addresses.get(&node.name);
            let in_force = seats.peer_of.get(&node.id).copied();
            let newest = node.transport_keys.last().map(peer_id);
            for peer in node.transport_keys.iter().map(peer_id) {
                let dialled = Some(peer) == in_force || Some(peer) == newest;
                let addresses = addresses.filter(|_| dialled);
                peers.push(PeerConfig {
                    peer,
                    consensus_addr: addresses.map(|at| at.consensus),
                    data_addr: addresses.map(|at| at.data),
                });
            }
            // An operator may have recorded newer keys than are kept, within one epoch.
            if let Some(peer) = in_force.filter(|peer| peers.iter().all(|at| at.peer != *peer)) {
                peers.push(PeerConfig {
                    peer,
                    consensus_addr: addresses.map(|at| at.consensus),
                    data_addr: addresses.map(|at| at.data),
                });
            }
        }
        peers
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

    fn known(records: &[&ValidatorRecord], also: Option<&ValidatorRecord>) -> Vec<Acquaintance> {
        let acquaintance = |record: &&ValidatorRecord| Acquaintance {
            id: record.id.0,
            name: record.name.clone(),
            transport_keys: vec![record.transport_key.clone()],
        };
        let mut known: Vec<Acquaintance> = records.iter().map(acquaintance).collect();
        if let Some(record) = also {
            let of = known.iter_mut().find(|node| node.id == record.id.0);
            of.unwrap()
                .transport_keys
                .push(record.transport_key.clone());
        }
        known
    }

    #[test]
    fn the_known_may_connect_with_every_key_and_are_dialled_by_the_one_in_force_and_the_newest() {
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
        let addresses = ["b", "c"].map(|name| (name.to_owned(), at));
        let present = vec![a.clone(), b.clone(), c.clone()];
        let committee = Committee::new(
            a.id.0,
            addresses.into_iter().collect(),
            present.clone(),
            known(&[&a, &b, &c], None),
        )
        .unwrap();
        let listed = |dialled: bool| -> Vec<PeerId> {
            let peers = committee.network_peers().into_iter();
            let peers = peers.filter(|config| !dialled || config.data_addr.is_some());
            peers.map(|config| config.peer).collect()
        };
        assert_eq!(committee.others(), [peer(&b), peer(&c)]);
        assert_eq!(listed(false), [peer(&b), peer(&c)]);
        assert!(
            !committee
                .change(present.clone(), known(&[&a, &b, &c], None))
                .unwrap()
        );

        // c records a new transport key, d joins the registry: both may connect, and nobody else decides yet.
        let moved = record("c", 5);
        let registry = known(&[&a, &b, &c, &d], Some(&moved));
        assert!(committee.change(present, registry.clone()).unwrap());
        assert_eq!(committee.others(), [peer(&b), peer(&c)]);
        assert_eq!(listed(false), [peer(&b), peer(&c), peer(&moved), peer(&d)]);
        assert_eq!(listed(true), [peer(&b), peer(&c), peer(&moved)]);
        assert_eq!(committee.peer(&c.id.0), Some(peer(&c)));
        assert_eq!(committee.id(&peer(&moved)), Some(c.id.0));
        assert_eq!(committee.id(&peer(&d)), Some(d.id.0));

        // The next epoch: b left, c votes with the new pair, and what answers to its old key is still c.
        let next = vec![a.clone(), moved.clone(), d.clone()];
        assert!(committee.change(next.clone(), registry).unwrap());
        assert_eq!(committee.others(), [peer(&moved), peer(&d)]);
        assert_eq!(listed(true), [peer(&b), peer(&moved)]);
        assert!(listed(false).contains(&peer(&c)));
        assert_eq!(committee.peer(&c.id.0), Some(peer(&moved)));

        assert!(
            committee
                .change(next, known(&[&a, &moved, &d], None))
                .unwrap()
        );
        assert!(!listed(false).contains(&peer(&b)));
        assert_eq!(committee.id(&peer(&b)), None);
    }
}
