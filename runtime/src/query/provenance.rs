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
}

/// What a walk met, nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LineageWalk {
    /// Every edge once.
    pub edges: Vec<LineageEdge>,
    /// Whether there are no others: the limit was not reached.
    pub complete: bool,
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

/// Everything that a version derives from, directly or not, at most `limit` edges.
///
/// # Errors
/// [`StateError`].
pub fn ancestors(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    limit: usize,
) -> Result<LineageWalk, StateError> {
    walk(id, limit, |child| {
        let Some(record) = version(state, child)? else {
            return Ok(vec![]);
        };
        let parents = lineage(state, child)?.map_or(vec![], |lineage| lineage.parents);
        let edges = record.parents.into_iter().zip(parents);
        Ok(edges
            .map(|(stated, parent)| {
                let edge = LineageEdge {
                    child: child.clone(),
                    relation: stated.relation,
                    digest: stated.digest,
                    parent: parent.clone(),
                };
                (edge, parent)
            })
            .collect())
    })
}

/// Everything that derives from a version, directly or not, at most `limit` edges.
///
/// # Errors
/// [`StateError`].
pub fn descendants(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    limit: usize,
) -> Result<LineageWalk, StateError> {
    walk(id, limit, |parent| {
        let Some(record) = version(state, parent)? else {
            return Ok(vec![]);
        };
        let digest = record.model_hash;
        let children = children(state, &digest, 0, u64::MAX)?;
        let own = |child: &Child| child.parent.as_ref() == Some(parent);
        Ok(children
            .into_iter()
            .filter(own)
            .map(|child| {
                let edge = LineageEdge {
                    child: child.id.clone(),
                    relation: child.relation,
                    digest,
                    parent: child.parent,
                };
                (edge, Some(child.id))
            })
            .collect())
    })
}

/// Goes breadth first from a version; `step` gives the edges at a version, each with the version to go on to.
fn walk(
    from: &VersionId,
    limit: usize,
    mut step: impl FnMut(&VersionId) -> Result<Vec<(LineageEdge, Option<VersionId>)>, StateError>,
) -> Result<LineageWalk, StateError> {
    let mut edges = Vec::new();
    let mut seen = BTreeSet::from([from.clone()]);
    let mut queue = VecDeque::from([from.clone()]);
    while let Some(at) = queue.pop_front() {
        for (edge, next) in step(&at)? {
            if edges.len() >= limit {
                return Ok(LineageWalk {
                    edges,
                    complete: false,
                });
            }
            edges.push(edge);
            if let Some(next) = next
                && seen.insert(next.clone())
            {
                queue.push_back(next);
            }
        }
    }
    Ok(LineageWalk {
        edges,
        complete: true,
    })
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
