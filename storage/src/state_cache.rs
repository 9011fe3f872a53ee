//! The newest part of the final state, in memory.
//!
//! Every transaction reads its sender's key and nonce, and every block reads and rewrites the nodes near the root
//! of the tree. In the engine each such read searches all write buffers and recent files; from here it is one
//! look. What is kept is bounded in bytes; what was not used lately goes first.

use cairn_runtime::tree::{EncodedNode, NodeId, TreeBatch};
use jmt::{KeyHash, OwnedValue};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::{Arc, PoisonError, RwLock};

/// Memory for values, in bytes: some thousand account keys, the largest records that are read often.
const VALUE_BYTES: u64 = 16 << 20;
/// Memory for nodes, in bytes.
const NODE_BYTES: u64 = 16 << 20;
/// What an entry costs beside its bytes, about.
const ENTRY_BYTES: usize = 96;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct StateCache {
    /// Nodes of the tree never change: a name says which height wrote it.
    nodes: Cache<NodeId, EncodedNode, Weight>,
    /// The newest value of a place.
    values: Cache<KeyHash, Newest, Weight>,
    /// The height that the values are the newest of. Held to read while a value goes from the engine to the cache,
    /// and to write while a commit's values replace older ones: so none that is out of date comes in.
    height: RwLock<u64>,
}

/// A value and the height that wrote it, or no higher than which it was written.
#[derive(Clone, Debug)]
struct Newest {
    since: u64,
    value: Option<Arc<[u8]>>,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<NodeId, EncodedNode> for Weight {
    fn weight(&self, _: &NodeId, node: &EncodedNode) -> u64 {
        (node.memory() + ENTRY_BYTES) as u64
    }
}

impl Weighter<KeyHash, Newest> for Weight {
    fn weight(&self, _: &KeyHash, newest: &Newest) -> u64 {
        (newest.value.as_ref().map_or(0, |value| value.len()) + ENTRY_BYTES) as u64
    }
}

impl StateCache {
    /// Empty, for a store whose last final block is at `height`.
    pub(crate) fn new(height: u64) -> Self {
        let entries = |bytes: u64| usize::try_from(bytes / 512).unwrap_or(usize::MAX);
        Self {
            nodes: Cache::with_weighter(entries(NODE_BYTES), NODE_BYTES, Weight),
            values: Cache::with_weighter(entries(VALUE_BYTES), VALUE_BYTES, Weight),
            height: RwLock::new(height),
        }
    }

    /// Takes over what a commit has written. Never what it has not: two batches of one height have the same keys.
    pub(crate) fn commit(&self, written: &TreeBatch) {
        for (id, node) in written.nodes() {
            self.nodes.insert(id, node.to_owned());
        }
        let since = written.height();
        let mut height = self.height.write().unwrap_or_else(PoisonError::into_inner);
        for (place, value) in written.values() {
            let value = value.map(Arc::from);
            self.values.insert(*place, Newest { since, value });
        }
        *height = since;
    }

    /// Forgets all values: the newest height is another one now, and what changed on the way is not known.
    pub(crate) fn begin_at(&self, newest: u64) {
        let mut height = self.height.write().unwrap_or_else(PoisonError::into_inner);
        self.values.clear();
        *height = newest;
    }

    /// Whether a value of the place is known, so that it was written before.
    pub(crate) fn has_value(&self, place: &KeyHash) -> bool {
        self.values.peek(place).is_some()
    }

    /// A node of the tree, if it was written not long ago.
    pub(crate) fn node(&self, id: &NodeId) -> Option<EncodedNode> {
        self.nodes.get(id)
    }

    /// The value of a place at a height, from here or from the engine, which `read` asks for that height or the newest
    /// one, if that is lower: above it there may be values of a state that is being restored.
    pub(crate) fn value<E>(
        &self,
        at: u64,
        place: KeyHash,
        read: impl FnOnce(u64) -> Result<Option<OwnedValue>, E>,
    ) -> Result<Option<OwnedValue>, E> {
        if let Some(newest) = self.values.get(&place)
            && newest.since <= at
        {
            return Ok(newest.value.map(|value| value.to_vec()));
        }
        let height = self.height.read().unwrap_or_else(PoisonError::into_inner);
        let value = read(at.min(*height))?;
        // Only what holds at the newest height is kept; nothing is remembered about what is not there: anybody may
        // ask for any number of places.
        if at == *height
            && let Some(value) = &value
        {
            let newest = Newest {
                since: at,
                value: Some(Arc::from(value.as_slice())),
            };
            self.values.insert(place, newest);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_runtime::tree::{MemoryTree, apply};
    use jmt::storage::TreeReader;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// The engine has the next height; the cache learns of it with the next `Taken`.
        Written(Vec<(u8, Option<u8>)>),
        Taken,
        Read {
            key: u8,
            back: u64,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        let change = (0..6_u8, proptest::option::weighted(0.8, any::<u8>()));
        prop_oneof![
            2 => proptest::collection::vec(change, 0..4).prop_map(Step::Written),
            2 => Just(Step::Taken),
            6 => (0..6_u8, 0..4_u64).prop_map(|(key, back)| Step::Read { key, back }),
        ]
    }

    proptest! {
        /// Also between the engine's write and the cache's, and for readers of older heights.
        #[test]
        fn the_cache_answers_as_the_engine_at_every_height(steps in proptest::collection::vec(step(), 1..80)) {
            let mut engine = MemoryTree::new();
            let (_, genesis) = apply(&engine, 0, &[(vec![0], Some(vec![0]))].into_iter().collect()).unwrap();
            engine.commit(&genesis);
            let cache = StateCache::new(0);
            cache.commit(&genesis);
            let (mut height, mut waiting) = (0, None);
            for step in steps {
                match step {
                    Step::Written(changes) if waiting.is_none() => {
                        let diff = changes
                            .into_iter()
                            .map(|(key, value)| (vec![key], value.map(|value| vec![value])))
                            .collect();
                        let (_, batch) = apply(&engine, height + 1, &diff).unwrap();
                        engine.commit(&batch);
                        waiting = Some(batch);
                    }
                    Step::Written(_) => {}
                    Step::Taken => {
                        if let Some(batch) = waiting.take() {
                            cache.commit(&batch);
                            height = batch.height();
                        }
                    }
                    Step::Read { key, back } => {
                        let at = height.saturating_sub(back);
                        let place = KeyHash::with::<sha2::Sha256>([key]);
                        let read = |at| engine.get_value_option(at, place);
                        let got = cache.value(at, place, read).unwrap();
                        prop_assert_eq!(got, engine.get_value_option(at, place).unwrap());
                    }
                }
            }
        }
    }
}
