//! The way from the root to a leaf, and the leaves next to a place that has none.

use super::descent::read;
use super::id::{NodeId, nibble};
use super::node::Kind;
use super::{NodeReader, ReadNode};
use anyhow::bail;

/// Nibbles of a place.
const NIBBLES: usize = 64;

/// What lies at a place.
pub(super) enum Way {
    /// A leaf, under these steps.
    Leaf(Vec<Sibling>),
    /// Nothing. The places of the nearest leaves on both sides, of which an empty tree has none.
    Nothing {
        before: Option<[u8; 32]>,
        after: Option<[u8; 32]>,
    },
}

/// The other half of a subtree on the way to a leaf, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sibling {
    pub(super) hash: [u8; 32],
    /// Whether it is the left half.
    pub(super) left: bool,
}

/// Follows the path to `place` in the tree of `version`. The steps to a leaf come from the root down.
pub(super) fn find<R: NodeReader>(
    reader: &R,
    version: u64,
    place: &[u8; 32],
) -> anyhow::Result<Way> {
    let mut siblings = Vec::new();
    let (mut before, mut after) = (None, None);
    let mut id = NodeId::new(version, 0, place);
    loop {
        let node = read(reader, &id)?;
        match node.view().kind() {
            Kind::Leaf(leaf) if leaf.place == place => return Ok(Way::Leaf(siblings)),
            Kind::Leaf(leaf) => {
                let side = if leaf.place < place {
                    &mut before
                } else {
                    &mut after
                };
                *side = Some(id);
                break;
            }
            Kind::Null => break,
            Kind::Branch(_) if id.depth() == NIBBLES => bail!("the inner node {id:?} is too deep"),
            Kind::Branch(branch) => {
                let (depth, slot) = (id.depth(), nibble(place, id.depth()));
                let child = |slot: usize| {
                    branch
                        .child(slot)
                        .map(|version| NodeId::new(version, depth + 1, &turned(place, depth, slot)))
                };
                before = (0..slot).rev().find_map(child).or(before);
                after = (slot + 1..16).find_map(child).or(after);
                match child(slot) {
                    None => break,
                    Some(next) => {
                        branch.siblings(slot, &mut siblings);
                        id = next;
                    }
                }
            }
        }
    }
    let edge = |id: Option<NodeId>, last| id.map(|id| edge(reader, id, last)).transpose();
    Ok(Way::Nothing {
        before: edge(before, true)?,
        after: edge(after, false)?,
    })
}

/// The place of the last or the first leaf below a node.
fn edge<R: NodeReader>(reader: &R, mut id: NodeId, last: bool) -> anyhow::Result<[u8; 32]> {
    loop {
        let node: ReadNode<'_> = read(reader, &id)?;
        match node.view().kind() {
            Kind::Leaf(leaf) => return Ok(*leaf.place),
            Kind::Null => bail!("the node {id:?} below the root is empty"),
            Kind::Branch(_) if id.depth() == NIBBLES => bail!("the inner node {id:?} is too deep"),
            Kind::Branch(branch) => {
                let child = |slot: usize| branch.child(slot).map(|version| (slot, version));
                let found = match last {
                    true => (0..16).rev().find_map(child),
                    false => (0..16).find_map(child),
                };
                let Some((slot, version)) = found else {
                    bail!("the inner node {id:?} has no children");
                };
                let depth = id.depth();
                id = NodeId::new(version, depth + 1, &turned(id.place(), depth, slot));
            }
        }
    }
}

/// The path that leaves `place` at `depth` into `slot`.
fn turned(place: &[u8; 32], depth: usize, slot: usize) -> [u8; 32] {
    let mut turned = *place;
    let byte = &mut turned[depth / 2];
    *byte = match depth % 2 {
        0 => *byte & 0x0f | (slot as u8) << 4,
        _ => *byte & 0xf0 | slot as u8,
    };
    turned
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tree::hash::{leaf_hash, pair_hash};
    use crate::tree::update::tests::{Nodes, place};
    use crate::tree::update::{Leaf, insert};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn a_way_leads_to_the_leaf_or_names_the_ones_around_it(
            blocks in prop::collection::vec(prop::collection::btree_map(place(), any::<[u8; 32]>(), 1..12), 1..6),
            asked in prop::collection::vec(place(), 1..30),
        ) {
            let (mut store, mut all) = (Nodes::default(), BTreeMap::new());
            for (version, block) in (0u64..).zip(blocks) {
                let leaves: Vec<_> = block
                    .iter()
                    .map(|(place, value_hash)| Leaf { place: *place, value_hash: *value_hash })
                    .collect();
                let update = insert(&store, version, version.checked_sub(1), &leaves).unwrap();
                store.keep(&update);
                all.extend(block);
                for place in all.keys().chain(&asked) {
                    let way = find(&store, version, place).unwrap();
                    match (all.get(place), way) {
                        (Some(value_hash), Way::Leaf(siblings)) => {
                            let leaf = leaf_hash(place, value_hash);
                            let root = siblings.iter().rev().fold(leaf, |hash, sibling| {
                                match sibling.left {
                                    true => pair_hash(&sibling.hash, &hash),
                                    false => pair_hash(&hash, &sibling.hash),
                                }
                            });
                            prop_assert_eq!(root, update.root);
                        }
                        (None, Way::Nothing { before, after }) => {
                            prop_assert_eq!(before,
                                all.range(..*place).next_back().map(|leaf| *leaf.0));
                            prop_assert_eq!(after,
                                all.range(*place..).next().map(|leaf| *leaf.0));
                        }
                        _ => prop_assert!(false, "{place:?} is said to be what it is not"),
                    }
                }
            }
        }
    }
}
