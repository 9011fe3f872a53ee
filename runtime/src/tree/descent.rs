//! Finding the nodes that an update changes.
//!
//! Level by level, because the look-ups of one level do not wait for each other: a processor has several of
//! them under way while memory answers. One after the other on each path, they would take most of the
//! time of an update of a large tree.

use super::id::{NodeId, nibble};
use super::node::Kind;
use super::update::Leaf;
use super::{NodeReader, ReadNode};
use anyhow::{Context as _, bail};

/// The nodes on the paths of an update, by depth and from left to right.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub(super) levels: Vec<Vec<ReadNode<'a>>>,
    /// Their names, without that of an empty tree's root, which stays.
    pub(super) ids: Vec<NodeId>,
}

/// A node, and the leaves that go there: the ones from `first` to before `end`.
#[derive(Clone, Copy)]
struct Visit {
    first: usize,
    end: usize,
    version: u64,
}

/// Finds the nodes of `version` on the paths to `leaves`, which are in order of their places.
pub(super) fn find<'a, R: NodeReader>(
    reader: &'a R,
    version: u64,
    leaves: &[Leaf],
) -> anyhow::Result<Found<'a>> {
    let mut found = Found {
        levels: Vec::new(),
        ids: Vec::new(),
    };
    let mut visits = vec![Visit {
        first: 0,
        end: leaves.len(),
        version,
    }];
    while !visits.is_empty() {
        let depth = found.levels.len();
        let mut nodes = Vec::with_capacity(visits.len());
        found.ids.reserve(visits.len());
        for visit in &visits {
            let id = NodeId::new(visit.version, depth, &leaves[visit.first].place);
            let node = reader.node(&id)?;
            nodes.push(node.with_context(|| format!("the tree has no node {id:?}"))?);
            found.ids.push(id);
        }
        let mut below = Vec::with_capacity(visits.len());
        for (visit, node) in visits.iter().zip(&nodes) {
            match node.view().kind() {
                Kind::Branch(branch) => {
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
                Kind::Leaf(_) => {}
                Kind::Null if depth == 0 => found.ids.clear(),
                Kind::Null => bail!("an empty node lies below the root"),
            }
        }
        found.levels.push(nodes);
        visits = below;
    }
    Ok(found)
}

/// The leaves of each child that they go to, at `depth`, in order.
pub(super) fn groups(leaves: &[Leaf], depth: usize) -> impl Iterator<Item = (usize, &[Leaf])> {
    leaves
        .chunk_by(move |a, b| nibble(&a.place, depth) == nibble(&b.place, depth))
        .map(move |group| (nibble(&group[0].place, depth), group))
}
