//! Who is who: validators by index, by id and by their name on the network.

use cairn_consensus::{ValidatorIndex, ValidatorSet};
use cairn_crypto::Digest;
use cairn_p2p::{PeerId, peer_id};
use cairn_runtime::ValidatorRecord;
use std::collections::HashMap;

/// See the [module](self).
#[derive(Debug)]
pub struct Peers {
    by_index: Vec<PeerId>,
    index_of_peer: HashMap<PeerId, ValidatorIndex>,
    index_of_id: HashMap<Digest, ValidatorIndex>,
    me: Option<ValidatorIndex>,
}

impl Peers {
    /// From the ledger's validators, in the order of the set.
    #[must_use]
    pub fn new(
        set: &ValidatorSet,
        records: &[ValidatorRecord],
        me: Option<ValidatorIndex>,
    ) -> Self {
        let mut peers = Self {
            by_index: Vec::with_capacity(records.len()),
            index_of_peer: HashMap::new(),
            index_of_id: HashMap::new(),
            me,
        };
        for record in records {
            let peer = peer_id(&record.transport_key);
            peers.by_index.push(peer);
            if let Some(index) = set.index_of(&record.id.0) {
                peers.index_of_peer.insert(peer, index);
                peers.index_of_id.insert(record.id.0, index);
            }
        }
        peers
    }

    /// The network name of a validator.
    #[must_use]
    pub fn peer(&self, index: ValidatorIndex) -> Option<PeerId> {
        self.by_index.get(usize::from(index.0)).copied()
    }

    /// The validator of a network name.
    #[must_use]
    pub fn index(&self, peer: &PeerId) -> Option<ValidatorIndex> {
        self.index_of_peer.get(peer).copied()
    }

    /// The network name of the validator with this id.
    #[must_use]
    pub fn peer_of_id(&self, id: &Digest) -> Option<PeerId> {
        self.peer(*self.index_of_id.get(id)?)
    }

    /// Every other validator.
    pub fn others(&self) -> impl Iterator<Item = PeerId> + '_ {
        let me = self.me.map(|me| usize::from(me.0));
        self.by_index
            .iter()
            .enumerate()
            .filter(move |(index, _)| Some(*index) != me)
            .map(|(_, peer)| *peer)
    }
}
