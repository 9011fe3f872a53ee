//! Writing many values into the tree at once: one descent for the block, every node read once, hashed
//! once and written once.
//!
//! The nodes are the ones that `jmt`'s batch insertion makes of the same values; that insertion copies
//! nodes several times on the way and sorts them through hash maps, which costs a multiple of the
//! hashing. Removing values is left to `jmt`.

use super::branch::{self, Branch, Changes, Child};
use super::descent::{self, Found, TOGETHER, groups};
use super::hash::leaf_hash;
use super::id::{NodeId, nibble};
use super::node::{Kind, LeafView};
use super::nodes::TreeNodes;
use super::{NodeReader, ReadNode};
use anyhow::bail;

/// A value to write: its place and its SHA-256.
pub(super) struct Leaf {
    pub(super) place: [u8; 32],
    pub(super) value_hash: [u8; 32],
}

/// What an update of the tree gives.
pub(super) struct Update {
    pub(super) root: [u8; 32],
    pub(super) nodes: TreeNodes,
    /// Nodes of earlier heights that the new root no longer reaches.
    pub(super) stale: Vec<NodeId>,
}

/// Writes `leaves`, at least one, in order of their places and each place once, at `version`.
/// `parent` is the version before, `None` for the empty tree.
pub(super) fn insert<R: NodeReader>(
    reader: &R,
    version: u64,
    parent: Option<u64>,
    leaves: &[Leaf],
) -> anyhow::Result<Update> {
    let mut update = Updater {
        reader,
        version,
        nodes: TreeNodes::for_leaves(version, leaves.len()),
        stale: Vec::new(),
    };
    let root = match parent {
        None => update.create(leaves, 0),
        Some(parent) => update.descend(leaves, 0, parent)?,
    };
    let mut nodes = update.nodes;
    nodes.finish();
    Ok(Update {
        root: root.hash,
        nodes,
        stale: update.stale,
    })
}

struct Updater<'a, R> {
    reader: &'a R,
    version: u64,
    /// New nodes; the descent goes from left to right, so those of each depth are in order.
    nodes: TreeNodes,
    stale: Vec<NodeId>,
}

impl<R: NodeReader> Updater<'_, R> {
    /// Writes `leaves` below the node of `version` at `depth` on their path.
    fn descend(&mut self, leaves: &[Leaf], depth: usize, version: u64) -> anyhow::Result<Child> {
        let reader = self.reader;
        if leaves.len() <= TOGETHER {
            let mut found = descent::find(reader, leaves, depth, version, &mut self.stale)?;
            let node = found.take(depth)?;
            return self.rewrite(leaves, depth, &node, Some(&mut found));
        }
        let id = NodeId::new(version, depth, &leaves[0].place);
        self.stale.push(id);
        self.rewrite(leaves, depth, &descent::read(reader, &id)?, None)
    }

    /// Writes `leaves` below `node`. What lies below it is in `found`, or is read on the way.
    fn rewrite(
        &mut self,
        leaves: &[Leaf],
        depth: usize,
        node: &ReadNode<'_>,
        mut found: Option<&mut Found<'_>>,
    ) -> anyhow::Result<Child> {
        let path = &leaves[0].place;
        match node.view().kind() {
            Kind::Branch(branch) => {
                let mut changes = Changes::default();
                for (slot, group) in groups(leaves, depth) {
                    let child = match (branch.child(slot), &mut found) {
                        (None, _) => self.create(group, depth + 1),
                        (Some(version), None) => self.descend(group, depth + 1, version)?,
                        (Some(_), Some(found)) => {
                            let node = found.take(depth + 1)?;
                            self.rewrite(group, depth + 1, &node, Some(found))?
                        }
                    };
                    changes.set(slot, child);
                }
                Ok(self.put_branch(path, depth, branch, &changes))
            }
            Kind::Leaf(leaf) => {
                if (0..depth).any(|depth| nibble(leaf.place, depth) != nibble(path, depth)) {
                    bail!("the leaf of {:?} lies at another's place", leaf.place);
                }
                Ok(self.create_beside(leaves, depth, leaf))
            }
            Kind::Null if depth == 0 => {
                // The root of an empty tree stays.
                self.stale.clear();
                Ok(self.create(leaves, 0))
            }
            Kind::Null => bail!("an empty node lies below the root"),
        }
    }

    /// Makes a subtree of nothing but `leaves`.
    fn create(&mut self, leaves: &[Leaf], depth: usize) -> Child {
        if let [leaf] = leaves {
            return self.put_leaf(&leaf.place, &leaf.value_hash, depth);
        }
        let mut changes = Changes::default();
        for (slot, group) in groups(leaves, depth) {
            changes.set(slot, self.create(group, depth + 1));
        }
        self.put_branch(&leaves[0].place, depth, branch::NONE, &changes)
    }

    /// Makes a subtree of `leaves` and of one that is there, unless one of them replaces it.
    fn create_beside(&mut self, leaves: &[Leaf], depth: usize, existing: LeafView<'_>) -> Child {
        if let [leaf] = leaves
            && leaf.place == *existing.place
        {
            return self.put_leaf(&leaf.place, &leaf.value_hash, depth);
        }
        let own = nibble(existing.place, depth);
        let mut changes = Changes::default();
        for (slot, group) in groups(leaves, depth) {
            if slot > own && !changes.has(own) {
                changes.set(own, self.move_leaf(existing, depth + 1));
            }
            let child = if slot == own {
                self.create_beside(group, depth + 1, existing)
            } else {
                self.create(group, depth + 1)
            };
            changes.set(slot, child);
        }
        if !changes.has(own) {
            changes.set(own, self.move_leaf(existing, depth + 1));
        }
        self.put_branch(&leaves[0].place, depth, branch::NONE, &changes)
    }

    fn move_leaf(&mut self, leaf: LeafView<'_>, depth: usize) -> Child {
        self.put_leaf(leaf.place, leaf.value_hash, depth)
    }

    fn put_leaf(&mut self, place: &[u8; 32], value_hash: &[u8; 32], depth: usize) -> Child {
        self.nodes.push_leaf(depth, place, value_hash);
        Child {
            hash: leaf_hash(place, value_hash),
            version: self.version,
            leaves: None,
        }
    }

    fn put_branch(
        &mut self,
        path: &[u8; 32],
        depth: usize,
        old: Branch<'_>,
        changes: &Changes,
    ) -> Child {
        let (hash, leaves) = self.nodes.push_branch(depth, path, old, changes);
        Child {
            hash,
            version: self.version,
            leaves: Some(leaves),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tree::EncodedNode;
    use crate::tree::Tree;
    use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
    use jmt::{KeyHash, OwnedValue};
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};
    use std::collections::{BTreeMap, BTreeSet};

    /// A store of nodes and nothing else.
    #[derive(Default)]
    pub(in crate::tree) struct Nodes(BTreeMap<NodeKey, Node>);

    impl Nodes {
        pub(in crate::tree) fn keep(&mut self, update: &Update) {
            let nodes = update.nodes.iter();
            self.0
                .extend(nodes.map(|(id, node)| (id.key(), node.decode())));
        }
    }

    impl NodeReader for Nodes {
        fn node(&self, id: &NodeId) -> anyhow::Result<Option<ReadNode<'_>>> {
            let node = self.0.get(&id.key());
            Ok(node.map(|node| ReadNode::Shared(EncodedNode::of(node))))
        }
    }

    impl TreeReader for Nodes {
        fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
            Ok(self.0.get(key).cloned())
        }

        fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
            bail!("an update reads no values")
        }

        fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
            bail!("an update restores nothing")
        }
    }

    /// Places that agree in their first bits, or in nearly all of them.
    pub(in crate::tree) fn place() -> impl Strategy<Value = [u8; 32]> {
        let byte = prop::sample::select(vec![0x00, 0x01, 0x10, 0xff]);
        (byte.clone(), byte.clone(), byte).prop_map(|(first, second, last)| {
            let mut place = [0; 32];
            (place[0], place[1], place[31]) = (first, second, last);
            place
        })
    }

    type Writes = BTreeMap<[u8; 32], Option<u8>>;

    fn history() -> impl Strategy<Value = Vec<Writes>> {
        let value = prop::option::weighted(0.95, any::<u8>());
        let block = prop::collection::btree_map(place(), value, 1..12);
        prop::collection::vec(block, 1..8)
    }

    proptest! {
        #[test]
        fn an_update_is_the_one_that_jmt_makes(history in history()) {
            let mut store = Nodes::default();
            for (version, block) in (0u64..).zip(history) {
                let tree = Tree::new(&store);
                let values = block.iter().map(|(place, value)| {
                    (KeyHash(*place), value.map(|value| vec![value]))
                });
                // What removes is `jmt`'s alone; the next update has to build on it.
                let (root, expected) = tree.put_value_set(values.clone(), version).unwrap();
                if block.values().all(Option::is_some) {
                    let inserts = values.map(|(place, value)| (place, value.unwrap())).collect();
                    let (roots, batch) =
                        tree.batch_put_value_sets(vec![inserts], None, version).unwrap();
                    prop_assert_eq!(roots, vec![root]);
                    prop_assert_eq!(&batch.node_batch.nodes(), &expected.node_batch.nodes());

                    let leaves: Vec<_> = block
                        .iter()
                        .map(|(place, value)| Leaf {
                            place: *place,
                            value_hash: Sha256::digest([value.unwrap()]).into(),
                        })
                        .collect();
                    let update =
                        insert(&store, version, version.checked_sub(1), &leaves).unwrap();
                    prop_assert_eq!(update.root, root.0);
                    prop_assert!(update.nodes.iter().is_sorted_by(|a, b| a.0.key() < b.0.key()));
                    for (id, node) in update.nodes.iter() {
                        // The Borsh bytes, and what lies before and behind them.
                        prop_assert_eq!(&EncodedNode::of(&node.decode()), &node.to_owned());
                        prop_assert_eq!(update.nodes.get(&id), Some(node));
                        let expected = expected.node_batch.get_node(&id.key());
                        prop_assert_eq!(Some(node.decode()), expected.cloned());
                    }
                    prop_assert_eq!(update.nodes.len(), expected.node_batch.nodes().len());
                    let stale: BTreeSet<_> = update.stale.iter().map(NodeId::key).collect();
                    prop_assert_eq!(stale.len(), update.stale.len());
                    let indices = expected.stale_node_index_batch.iter();
                    let expected: BTreeSet<_> =
                        indices.map(|index| index.node_key.clone()).collect();
                    prop_assert_eq!(stale, expected);
                }
                let nodes = expected.node_batch.nodes().iter();
                store.0.extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
            }
        }
    }

    #[test]
    fn a_missing_node_and_a_leaf_at_anothers_place_are_errors() {
        let leaf = |byte| Leaf {
            place: [byte; 32],
            value_hash: [0; 32],
        };
        let mut store = Nodes::default();
        assert!(insert(&store, 1, Some(0), &[leaf(1)]).is_err());
        let first = insert(&store, 0, None, &[leaf(1), leaf(2)]).unwrap();
        store.keep(&first);
        assert!(insert(&store, 1, Some(0), &[leaf(1)]).is_ok());
        let moved = store.0[&NodeId::new(0, 2, &[2; 32]).key()].clone();
        store.0.insert(NodeId::new(0, 2, &[1; 32]).key(), moved);
        assert!(insert(&store, 1, Some(0), &[leaf(1)]).is_err());
    }
}
