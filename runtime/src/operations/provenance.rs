//! Events in the life of a model, and what versions derive from.

use super::namespaces::check_entries;
use super::permission::require;
use super::subject::model_of;
use crate::name::check_name;
use crate::params::MAX_EVENT_DIGESTS;
use crate::session::{Session, Stop};
use crate::{
    Child, Event, EventKind, EventPlace, HashHolders, Lineage, ModelName, Operation, Parent,
    Provenance, ProvenanceError, Relation, StateKey, StateReader, VersionId,
};
use std::collections::BTreeSet;

pub(super) fn record<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &ModelName,
    provenance: &Provenance,
) -> Result<(), Stop> {
    let (mut model, owners) = model_of(session, name)?;
    require(session, operation, owners)?;
    let Provenance {
        kind,
        inputs,
        outputs,
        ..
    } = provenance;
    if let EventKind::Other(kind) = kind {
        check_name(kind)?;
    }
    if inputs.is_empty() && outputs.is_empty() {
        return Err(ProvenanceError::NothingNamed.into());
    }
    check_entries("inputs", inputs, MAX_EVENT_DIGESTS)?;
    check_entries("outputs", outputs, MAX_EVENT_DIGESTS)?;
    let place = EventPlace {
        model: name.clone(),
        ordinal: model.events,
    };
    let named: BTreeSet<_> = inputs.iter().chain(outputs).collect();
    for digest in named {
        let count = StateKey::DigestEventCount(*digest);
        session.append(&count, |at| StateKey::DigestEventAt(*digest, at), &place)?;
    }
    let event = Event::ProvenanceRecorded {
        model: name.clone(),
        provenance: provenance.clone(),
    };
    session.emit_about(&mut model, event);
    session.write(&StateKey::Model(name.clone()), &model);
    Ok(())
}

/// Finds the versions that a version of this namespace derives from, all of which exist.
pub(super) fn find_parents<S: StateReader>(
    session: &mut Session<'_, S>,
    namespace: &str,
    parents: &[Parent],
) -> Result<Lineage, Stop> {
    let mut found = Vec::with_capacity(parents.len());
    for parent in parents {
        found.push(match parent.relation {
            Relation::TrainedOn => None,
            _ => Some(find_parent(session, namespace, parent)?),
        });
    }
    Ok(Lineage { parents: found })
}

/// The holder of the digest in the child's own namespace, or else the earliest.
fn find_parent<S: StateReader>(
    session: &mut Session<'_, S>,
    namespace: &str,
    Parent { digest, relation }: &Parent,
) -> Result<VersionId, Stop> {
    let holders: HashHolders = session.read(&StateKey::ModelHashHolders(*digest))?.ok_or(
        ProvenanceError::UnknownParent {
            digest: *digest,
            relation: *relation,
        },
    )?;
    if holders.first.model.namespace == namespace || holders.count == 1 {
        return Ok(holders.first);
    }
    let own = session.read(&StateKey::ModelHash(namespace.to_owned(), *digest))?;
    Ok(own.unwrap_or(holders.first))
}

/// Writes down what a new version derives from, at the version and at each of its parents.
pub(super) fn link_parents<S: StateReader>(
    session: &mut Session<'_, S>,
    id: &VersionId,
    parents: &[Parent],
    lineage: Lineage,
) -> Result<(), Stop> {
    if parents.is_empty() {
        return Ok(());
    }
    session.write(&StateKey::Lineage(id.clone()), &lineage);
    for (Parent { digest, relation }, parent) in parents.iter().zip(lineage.parents) {
        let child = Child {
            id: id.clone(),
            relation: *relation,
            parent,
        };
        let count = StateKey::ChildCount(*digest);
        session.append(&count, |at| StateKey::ChildAt(*digest, at), &child)?;
    }
    Ok(())
}
