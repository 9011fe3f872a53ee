//! Who may connect: the set of listed peers, shared by everything that asks.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use libp2p::PeerId;

use crate::config::PeerConfig;

/// The listed peers. Clones share one set: replacing it is seen at once by the TLS verifiers of both
/// planes, by admission, and by the diallers. Readers take a snapshot and never wait for a writer's
/// work, only for a pointer to be exchanged.
#[derive(Clone, Default)]
pub struct AllowList(Arc<RwLock<Arc<BTreeMap<PeerId, PeerConfig>>>>);

impl AllowList {
    /// A set of these peers. A peer given twice counts once, as given last.
    pub fn new(peers: impl IntoIterator<Item = PeerConfig>) -> Self {
        let list = Self::default();
        list.replace(peers);
        list
    }

    /// Whether `peer` is listed.
    pub fn contains(&self, peer: &PeerId) -> bool {
        self.snapshot().contains_key(peer)
    }

    /// Lists exactly these peers from now on.
    pub fn replace(&self, peers: impl IntoIterator<Item = PeerConfig>) {
        let next = Arc::new(peers.into_iter().map(|p| (p.peer, p)).collect());
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    pub(crate) fn snapshot(&self) -> Arc<BTreeMap<PeerId, PeerConfig>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many listed peers are at this address: the connections that it may rightly begin.
    pub(crate) fn peers_at(&self, address: IpAddr) -> usize {
        let at = |p: &&PeerConfig| {
            let known = [p.consensus_addr, p.data_addr];
            // One that nobody told where it is may be anywhere.
            known.contains(&None) || known.iter().flatten().any(|known| known.ip() == address)
        };
        self.snapshot().values().filter(at).count()
    }
}

impl std::fmt::Debug for AllowList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.snapshot().keys()).finish()
    }
}
