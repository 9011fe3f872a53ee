//! Typed reads of lineage and events, and walks up and down the lineage.

use super::{page, version};
use crate::state::{expect, read};
use crate::{
    Child, EventPlace, Lineage, ModelEvent, Relation, StateError, StateKey, StateReader, VersionId,
};
use cairn_crypto::Digest;
use std::collections::{BTreeSet, VecDeque};

/// One step of a walk: a version and what it derives from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LineageEdge {
    /// The version that derives.
    pub child: VersionId,
    /// How.
    pub relation: Relation,
    /// `model_hash` of the parent, or the digest of a dataset.
    pub digest: Digest,
    /// The parent; nothing for a dataset.
    pub parent: Option<VersionId>,
    /// How far from where the walk began: 1 for what is next to it.
    pub depth: u32,
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkLimits {
    /// Most edges between the beginning and what is met.
    pub depth: u32,
    /// Most edges in all.
    pub edges: usize,
}

impl WalkLimits {
    /// At most so many edges, however deep.
    #[must_use]
    pub fn edges(edges: usize) -> Self {
        Self {
            depth: u32::MAX,
            edges,
        }
    }
}

/// Most children that a walk down looks at, those included that belong to other holders of the same digest.
const MAX_CHILDREN_READ: u64 = 20_000;

/// Children that are read at a time.
const CHILDREN_PAGE: u64 = 256;

/// What a walk met, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LineageWalk {
    /// Every edge once.
    pub edges: Vec<LineageEdge>,
    /// Whether there are no others: no limit was reached.
    pub complete: bool,
}

/// What leads on from a version.
struct Step {
    edges: Vec<(LineageEdge, Option<VersionId>)>,
    /// Whether these are all.
    complete: bool,
}

/// The versions that the parents of a version were; nothing where it has none.
///
/// # Errors
/// [`StateError`].
pub fn lineage(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<Option<Lineage>, StateError> {
    read(state, &StateKey::Lineage(id.clone()))
}

/// Number of versions that derive from what has this digest.
///
/// # Errors
/// [`StateError`].
pub fn child_count(
    state: &(impl StateReader + ?Sized),
    digest: &Digest,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::ChildCount(*digest))?.unwrap_or(0))
}

/// Versions that derive from what has this digest, in order of publication. Of a `model_hash` that several versions
/// hold, they are the children of all of these; [`Child::parent`] says whose.
///
/// # Errors
/// [`StateError`].
pub fn children(
    state: &(impl StateReader + ?Sized),
    digest: &Digest,
    from: u64,
    limit: u64,
) -> Result<Vec<Child>, StateError> {
    page(from, limit, child_count(state, digest)?, |ordinal| {
        expect(state, &StateKey::ChildAt(*digest, ordinal))
    })
}

/// Everything that a version derives from, directly or not, within `limits`.
///
/// # Errors
/// [`StateError`].
pub fn ancestors(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    limits: WalkLimits,
) -> Result<LineageWalk, StateError> {
    walk(id, limits, |child, depth, _| {
        let parents = lineage(state, child)?.map_or(vec![], |lineage| lineage.parents);
        let stated = version(state, child)?.map_or(vec![], |record| record.parents);
        let edges = stated.into_iter().zip(parents).map(|(stated, parent)| {
            let edge = LineageEdge {
                child: child.clone(),
                relation: stated.relation,
                digest: stated.digest,
                parent: parent.clone(),
                depth,
            };
            (edge, parent)
        });
        Ok(Step {
            edges: edges.collect(),
            complete: true,
        })
    })
}

/// Everything that derives from a version, directly or not, within `limits`.
///
/// # Errors
/// [`StateError`].
pub fn descendants(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    limits: WalkLimits,
) -> Result<LineageWalk, StateError> {
    let mut left = MAX_CHILDREN_READ;
    walk(id, limits, |parent, depth, room| {
        let mut edges = Vec::new();
        let Some(record) = version(state, parent)? else {
            return Ok(Step {
                edges,
                complete: true,
            });
        };
        let digest = record.model_hash;
        let count = child_count(state, &digest)?;
        let mut from = 0;
        // One more than there is room for, so that the walk knows that it is cut off.
        while from < count && left > 0 && edges.len() <= room {
            let page = children(state, &digest, from, CHILDREN_PAGE.min(left))?;
            from += page.len() as u64;
            left -= page.len() as u64;
            let own = page
                .into_iter()
                .filter(|child| child.parent.as_ref() == Some(parent));
            edges.extend(own.map(|child| {
                let edge = LineageEdge {
                    child: child.id.clone(),
                    relation: child.relation,
                    digest,
                    parent: child.parent,
                    depth,
                };
                (edge, Some(child.id))
            }));
        }
        Ok(Step {
            edges,
            complete: from >= count,
        })
    })
}

/// Goes breadth first from a version. `step` gives the edges at a version, each with the version to go on to; it is told
/// their depth, and how many there is room for.
fn walk(
    from: &VersionId,
    limits: WalkLimits,
    mut step: impl FnMut(&VersionId, u32, usize) -> Result<Step, StateError>,
) -> Result<LineageWalk, StateError> {
    let mut found = LineageWalk {
        edges: Vec::new(),
        complete: true,
    };
    let mut seen = BTreeSet::from([from.clone()]);
    let mut queue = VecDeque::from([(from.clone(), 0_u32)]);
    while let Some((at, depth)) = queue.pop_front() {
        let room = limits.edges - found.edges.len();
        let next_depth = depth.saturating_add(1);
        let step = step(&at, next_depth, room)?;
        found.complete &= step.complete;
        if depth >= limits.depth {
            found.complete &= step.edges.is_empty();
            continue;
        }
        for (edge, next) in step.edges {
            if found.edges.len() >= limits.edges {
                found.complete = false;
                return Ok(found);
            }
            found.edges.push(edge);
            if let Some(next) = next
                && seen.insert(next.clone())
            {
                queue.push_back((next, next_depth));
            }
        }
    }
    Ok(found)
}

/// Number of recorded events that name a digest.
///
/// # Errors
/// [`StateError`].
pub fn digest_event_count(
    state: &(impl StateReader + ?Sized),
    digest: &Digest,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::DigestEventCount(*digest))?.unwrap_or(0))
}

/// Recorded events that name a digest as input or output, oldest first, and where they stand.
///
/// # Errors
/// [`StateError`].
pub fn digest_events(
    state: &(impl StateReader + ?Sized),
    digest: &Digest,
    from: u64,
    limit: u64,
) -> Result<Vec<(EventPlace, ModelEvent)>, StateError> {
    page(from, limit, digest_event_count(state, digest)?, |ordinal| {
        let place: EventPlace = expect(state, &StateKey::DigestEventAt(*digest, ordinal))?;
        let event = expect(
            state,
            &StateKey::EventAt(place.model.clone(), place.ordinal),
        )?;
        Ok((place, event))
    })
}
