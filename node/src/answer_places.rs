//! How many requests of other nodes are answered at the same time, in all and for each of them: a node that asks without
//! end takes no place from the others.

use cairn_p2p::PeerId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Places for answers.
#[derive(Debug)]
pub(crate) struct Places {
    in_all: usize,
    for_each: usize,
    taken: Mutex<HashMap<PeerId, usize>>,
}

/// A place for one answer, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    peer: PeerId,
}

impl Places {
    /// So many in all, and so many for each peer.
    pub(crate) fn new(in_all: usize, for_each: usize) -> Arc<Self> {
        Arc::new(Self {
            in_all,
            for_each,
            taken: Mutex::default(),
        })
    }

    /// A place for an answer to this peer, if there is one.
    pub(crate) fn take(self: &Arc<Self>, peer: PeerId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let by_peer = taken.get(&peer).copied().unwrap_or(0);
        if by_peer >= self.for_each || taken.values().sum::<usize>() >= self.in_all {
            return None;
        }
        taken.insert(peer, by_peer + 1);
        Some(Place {
            places: Arc::clone(self),
            peer,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = (self.places.taken.lock()).unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.peer) {
            Some(places) if *places > 1 => *places -= 1,
            _ => {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_peer_that_asks_without_end_leaves_places_to_the_others() {
        let places = Places::new(5, 2);
        let [greedy, other, third] = [(); 3].map(|()| PeerId::random());
        let first = places.take(greedy).unwrap();
        let _second = places.take(greedy).unwrap();
        assert!(places.take(greedy).is_none());
        let _others = [places.take(other).unwrap(), places.take(other).unwrap()];
        let last = places.take(third).unwrap();
        assert!(places.take(third).is_none(), "five in all");
        drop(first);
        let _again = places.take(greedy).unwrap();
        assert!(places.take(greedy).is_none());
        drop(last);
        assert_eq!(
            places.taken.lock().unwrap().len(),
            2,
            "who has none is forgotten"
        );
    }
}
