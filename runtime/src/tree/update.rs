//! Writing many values into the tree at once: one descent for the block, every node read once, hashed
//! once and written once.
//!
//! The nodes are the ones that `jmt`'s batch insertion makes of the same values; that insertion copies
//! nodes several times on the way and sorts them through hash maps, which costs a multiple of the
//! hashing. Removing values is left to `jmt`.

use super::node::{self, Branch, Child, EncodedNode};
use anyhow::{Context as _, bail};
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader};

/// A value to write: its place and its SHA-256.
pub(super) struct Leaf {
    pub(super) place: [u8; 32],
    pub(super) value_hash: [u8; 32],
}

/// What an update of the tree gives.
pub(super) struct Update {
    pub(super) root: [u8; 32],
    /// In order of their keys.
    pub(super) nodes: Vec<(NodeKey, EncodedNode)>,
    /// Nodes of earlier heights that the new root no longer reaches.
    pub(super) stale: Vec<NodeKey>,
}

/// Writes `leaves`, at least one, in order of their places and each place once, at `version`.
/// `parent` is the version before, `None` for the empty tree.
pub(super) fn insert<R: TreeReader>(
    reader: &R,
    version: u64,
    parent: Option<u64>,
    leaves: &[Leaf],
) -> anyhow::Result<Update> {
    let mut update = Updater {
        reader,
        version,
        levels: Vec::new(),
        stale: Vec::new(),
    };
    let root = match parent {
        None => update.create(leaves, 0),
        Some(parent) => update.descend(leaves, 0, parent)?,
    };
    // A key's order is by the length of its path first.
    Ok(Update {
        root: root.hash,
        nodes: update.levels.into_iter().flatten().collect(),
        stale: update.stale,
    })
}

struct Updater<'a, R> {
    reader: &'a R,
    version: u64,
    /// New nodes by depth; the descent goes from left to right, so each level is in order.
    levels: Vec<Vec<(NodeKey, EncodedNode)>>,
    stale: Vec<NodeKey>,
}

/// A leaf that is in the tree and has to make room for others.
struct Existing {
    place: [u8; 32],
    hash: [u8; 32],
    bytes: EncodedNode,
}

impl<R: TreeReader> Updater<'_, R> {
    /// Writes `leaves` below the node of `version` at `depth` on their path.
    fn descend(&mut self, leaves: &[Leaf], depth: usize, version: u64) -> anyhow::Result<Child> {
        let path = &leaves[0].place;
        let key = node_key(version, path, depth);
        let node = self
            .reader
            .get_node_option(&key)?
            .with_context(|| format!("the tree has no node {key:?}"))?;
        match node {
            Node::Internal(inner) => {
                self.stale.push(key);
                let mut branch = Branch::default();
                for (index, child) in inner.children_sorted() {
                    branch[index.as_usize()] = Some(Child {
                        hash: child.hash,
                        version: child.version,
                        leaves: (!child.is_leaf()).then(|| child.leaf_count() as u64),
                    });
                }
                for (index, group) in groups(leaves, depth) {
                    let child = match branch[index] {
                        Some(child) => self.descend(group, depth + 1, child.version)?,
                        None => self.create(group, depth + 1),
                    };
                    branch[index] = Some(child);
                }
                Ok(self.put_branch(path, depth, &branch))
            }
            Node::Leaf(leaf) => {
                self.stale.push(key);
                let existing = Existing::new(leaf);
                if (0..depth).any(|depth| nibble(&existing.place, depth) != nibble(path, depth)) {
                    bail!("the leaf of {:?} lies at another's place", existing.place);
                }
                Ok(self.create_beside(leaves, depth, &existing))
            }
            Node::Null if depth == 0 => Ok(self.create(leaves, 0)),
            Node::Null => bail!("an empty node lies below the root"),
        }
    }

    /// Makes a subtree of nothing but `leaves`.
    fn create(&mut self, leaves: &[Leaf], depth: usize) -> Child {
        if let [leaf] = leaves {
            return self.put_leaf(leaf, depth);
        }
        let mut branch = Branch::default();
        for (index, group) in groups(leaves, depth) {
            branch[index] = Some(self.create(group, depth + 1));
        }
        self.put_branch(&leaves[0].place, depth, &branch)
    }

    /// Makes a subtree of `leaves` and of one that is there, unless one of them replaces it.
    fn create_beside(&mut self, leaves: &[Leaf], depth: usize, existing: &Existing) -> Child {
        if let [leaf] = leaves
            && leaf.place == existing.place
        {
            return self.put_leaf(leaf, depth);
        }
        let bucket = nibble(&existing.place, depth);
        let mut branch = Branch::default();
        for (index, group) in groups(leaves, depth) {
            if index > bucket && branch[bucket].is_none() {
                branch[bucket] = Some(self.move_leaf(existing, depth + 1));
            }
            branch[index] = Some(if index == bucket {
                self.create_beside(group, depth + 1, existing)
            } else {
                self.create(group, depth + 1)
            });
        }
        if branch[bucket].is_none() {
            branch[bucket] = Some(self.move_leaf(existing, depth + 1));
        }
        self.put_branch(&leaves[0].place, depth, &branch)
    }

    fn put_leaf(&mut self, leaf: &Leaf, depth: usize) -> Child {
        let bytes = node::encode_leaf(&leaf.place, &leaf.value_hash);
        self.put(&leaf.place, depth, bytes);
        self.child(node::leaf_hash(&leaf.place, &leaf.value_hash), None)
    }

    fn move_leaf(&mut self, leaf: &Existing, depth: usize) -> Child {
        self.put(&leaf.place, depth, leaf.bytes.clone());
        self.child(leaf.hash, None)
    }

    fn put_branch(&mut self, path: &[u8; 32], depth: usize, branch: &Branch) -> Child {
        self.put(path, depth, node::encode_branch(branch));
        self.child(node::branch_hash(branch), Some(node::leaf_count(branch)))
    }

    fn put(&mut self, path: &[u8; 32], depth: usize, bytes: EncodedNode) {
        if self.levels.len() <= depth {
            self.levels.resize_with(depth + 1, Vec::new);
        }
        self.levels[depth].push((node_key(self.version, path, depth), bytes));
    }

    fn child(&self, hash: [u8; 32], leaves: Option<u64>) -> Child {
        Child {
            hash,
            version: self.version,
            leaves,
        }
    }
}

impl Existing {
    fn new(leaf: LeafNode) -> Self {
        Self {
            place: leaf.key_hash().0,
            hash: leaf.hash::<sha2::Sha256>(),
            bytes: EncodedNode::of(&Node::Leaf(leaf)),
        }
    }
}

/// The leaves of each child that they go to, at `depth`, in order.
fn groups(leaves: &[Leaf], depth: usize) -> impl Iterator<Item = (usize, &[Leaf])> {
    leaves
        .chunk_by(move |a, b| nibble(&a.place, depth) == nibble(&b.place, depth))
        .map(move |group| (nibble(&group[0].place, depth), group))
}

/// Four bits of a place, the most significant ones first.
fn nibble(place: &[u8; 32], depth: usize) -> usize {
    let byte = place[depth / 2];
    usize::from(if depth.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 15
    })
}

/// The key of the node that `version` wrote at `depth` on the path to `place`.
fn node_key(version: u64, place: &[u8; 32], depth: usize) -> NodeKey {
    let path: NibblePath = (0..depth)
        .map(|depth| (nibble(place, depth) as u8).into())
        .collect();
    NodeKey::new(version, path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tree::Tree;
    use jmt::{KeyHash, OwnedValue};
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Default)]
    struct Nodes(BTreeMap<NodeKey, Node>);

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
    fn place() -> impl Strategy<Value = [u8; 32]> {
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
                    prop_assert!(update.nodes.is_sorted_by(|a, b| a.0 < b.0));
                    for (key, node) in &update.nodes {
                        prop_assert_eq!(&EncodedNode::of(&node.decode()), node);
                        prop_assert_eq!(&Some(node.decode()), &expected.node_batch.get_node(key).cloned());
                    }
                    prop_assert_eq!(update.nodes.len(), expected.node_batch.nodes().len());
                    let stale: BTreeSet<_> = update.stale.iter().cloned().collect();
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
        store.0 = first
            .nodes
            .into_iter()
            .map(|(key, node)| (key, node.decode()))
            .collect();
        assert!(insert(&store, 1, Some(0), &[leaf(1)]).is_ok());
        let moved = store.0[&node_key(0, &[2; 32], 2)].clone();
        store.0.insert(node_key(0, &[1; 32], 2), moved);
        assert!(insert(&store, 1, Some(0), &[leaf(1)]).is_err());
    }
}
