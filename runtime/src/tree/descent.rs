//! Finding the nodes that an update changes.
//!
//! Level by level, because the look-ups of one level do not wait for each other: a processor has several of
//! them under way while memory answers. One after the other on each path, they would take most of the
//! time of an update of a large tree.

use super::id::{NodeId, nibble};
use super::node::Kind;
use super::update::Leaf;
use super::{NodeReader, ReadNode};
use anyhow::Context as _;
use std::vec;

/// Leaves whose paths are looked up together: many enough to keep memory busy, few enough that what was found
/// is in the processor's caches still when it is written anew. Tests have few leaves.
pub(super) const TOGETHER: usize = if cfg!(test) { 4 } else { 1_024 };

/// The nodes on the paths of some leaves: for each depth those that have not been taken, from left to right.
pub(super) struct Found<'a> {
    /// Depth of the first level.
    depth: usize,
    levels: Vec<vec::IntoIter<ReadNode<'a>>>,
}

impl<'a> Found<'a> {
    /// Takes the next node of a depth. Whoever goes from left to right takes each node in its turn.
    pub(super) fn take(&mut self, depth: usize) -> anyhow::Result<ReadNode<'a>> {
        let level = self.levels.get_mut(depth - self.depth);
        let node = level.and_then(Iterator::next);
        node.with_context(|| format!("no node was looked up at depth {depth}"))
    }
}

/// A node, and the leaves that go there: the ones from `first` to before `end`.
#[derive(Clone, Copy)]
struct Visit {
    first: usize,
    end: usize,
    version: u64,
}

/// Finds the node that `version` wrote at `depth` on the path to `leaves`, which are in order of their places, and
/// the nodes below it on their paths. Adds their names to `names`.
pub(super) fn find<'a, R: NodeReader>(
    reader: &'a R,
    leaves: &[Leaf],
    depth: usize,
    version: u64,
    names: &mut Vec<NodeId>,
) -> anyhow::Result<Found<'a>> {
    let mut found = Found {
        depth,
        levels: Vec::new(),
    };
    let mut visits = vec![Visit {
        first: 0,
        end: leaves.len(),
        version,
    }];
    for depth in depth.. {
        if visits.is_empty() {
            break;
        }
        let before = names.len();
        let id = |visit: &Visit| NodeId::new(visit.version, depth, &leaves[visit.first].place);
        names.extend(visits.iter().map(id));
        let names = &names[before..];
        let nodes = reader.nodes(names)?.into_iter().zip(names);
        let nodes = nodes
            .map(|(node, id)| there(node, id))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut below = Vec::with_capacity(visits.len());
        for (visit, node) in visits.iter().zip(&nodes) {
            let Kind::Branch(branch) = node.view().kind() else {
                continue;
            };
            let mut first = visit.first;
            for (slot, group) in groups(&leaves[first..visit.end], depth) {
                let end = first + group.len();
                if let Some(version) = branch.child(slot) {
                    below.push(Visit {
                        first,
                        end,
                        version,
                    });
                }
                first = end;
            }
        }
        found.levels.push(nodes.into_iter());
        visits = below;
    }
    Ok(found)
}

/// A node that another one says is there.
pub(super) fn read<'a, R: NodeReader>(reader: &'a R, id: &NodeId) -> anyhow::Result<ReadNode<'a>> {
    there(reader.node(id)?, id)
}

fn there<'a>(node: Option<ReadNode<'a>>, id: &NodeId) -> anyhow::Result<ReadNode<'a>> {
    node.with_context(|| format!("the tree has no node {id:?}"))
}

/// The leaves of each child that they go to, at `depth`, in order.
pub(super) fn groups(leaves: &[Leaf], depth: usize) -> impl Iterator<Item = (usize, &[Leaf])> {
    leaves
        .chunk_by(move |a, b| nibble(&a.place, depth) == nibble(&b.place, depth))
        .map(move |group| (nibble(&group[0].place, depth), group))
}
