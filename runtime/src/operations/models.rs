//! Models and their versions.

use super::permission::{Owners, require};
use super::provenance::{find_parents, link_parents};
use super::subject::{log, model_of};
use crate::session::{Session, Stop};
use crate::{
    Confidentiality, Event, HashHolders, Model, ModelName, Namespace, Operation, Parent, StateKey,
    StateReader, TransactionError, Version, VersionId,
};
use cairn_crypto::Digest;
use std::collections::BTreeSet;

pub(super) fn register<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &ModelName,
    description: &str,
) -> Result<(), Stop> {
    name.check()?;
    let mut namespace = read_namespace(session, &name.namespace)?;
    let owners = Owners {
        namespace: Some(namespace.owner),
        ..Owners::default()
    };
    require(session, operation, owners)?;
    check_length(
        "description",
        description,
        session.params.max_description_bytes,
    )?;
    let key = StateKey::Model(name.clone());
    if session.exists(&key)? {
        return Err(TransactionError::ModelExists {
            model: name.clone(),
        }
        .into());
    }
    let mut model = Model {
        name: name.clone(),
        owner: session.sender,
        description: description.to_owned(),
        registered_at: session.context.height,
        versions: 0,
        events: 0,
    };
    session.write(
        &StateKey::ModelAt(name.namespace.clone(), namespace.models),
        &name.name,
    );
    namespace.models += 1;
    session.write(&StateKey::Namespace(name.namespace.clone()), &namespace);
    let event = Event::ModelCreated {
        model: name.clone(),
        owner: session.sender,
    };
    session.emit_about(&mut model, event);
    session.write(&key, &model);
    Ok(())
}

/// The fields of [`Operation::PublishVersion`].
pub(super) struct Publication<'a> {
    pub(super) id: &'a VersionId,
    pub(super) model_hash: Digest,
    pub(super) vector_hash: Option<Digest>,
    pub(super) manifest_digest: Digest,
    pub(super) metadata: &'a str,
    pub(super) parents: &'a [Parent],
    pub(super) confidentiality: &'a Confidentiality,
}

pub(super) fn publish<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    new: Publication<'_>,
) -> Result<(), Stop> {
    let id = new.id;
    id.check()?;
    let (mut model, owners) = model_of(session, &id.model)?;
    require(session, operation, owners)?;
    check_length("metadata", new.metadata, session.params.max_metadata_bytes)?;
    check_parents(new.parents, new.model_hash, session.params.max_parents)?;
    check_first_generation(new.confidentiality)?;
    let version_key = StateKey::Version(id.clone());
    if session.exists(&version_key)? {
        return Err(TransactionError::VersionExists { id: id.clone() }.into());
    }
    let holders = check_unheld(session, &id.model.namespace, new.model_hash)?;
    let lineage = find_parents(session, &id.model.namespace, new.parents)?;

    let version = Version {
        id: id.clone(),
        ordinal: model.versions,
        model_hash: new.model_hash,
        vector_hash: new.vector_hash,
        manifest_digest: new.manifest_digest,
        timestamp_ms: session.context.timestamp_ms,
        owner: session.sender,
        metadata: new.metadata.to_owned(),
        parents: new.parents.to_vec(),
        confidentiality: new.confidentiality.clone(),
        published_at: session.context.height,
        tx_hash: session.tx_hash,
    };
    session.write(&version_key, &version);
    session.write(
        &StateKey::VersionAt(id.model.clone(), model.versions),
        &id.version,
    );
    model.versions += 1;
    add_holder(session, id, new.model_hash, holders);
    link_parents(session, id, new.parents, lineage)?;
    let event = Event::ModelRegistered {
        id: id.clone(),
        model_hash: new.model_hash,
        owner: session.sender,
        parents: new.parents.to_vec(),
    };
    log(session, model, event);
    Ok(())
}

/// Checks that nothing in the namespace holds the hash; returns who else does.
fn check_unheld<S: StateReader>(
    session: &mut Session<'_, S>,
    namespace: &str,
    model_hash: Digest,
) -> Result<Option<HashHolders>, Stop> {
    let holders: Option<HashHolders> = session.read(&StateKey::ModelHashHolders(model_hash))?;
    let holder = match &holders {
        Some(holders) if holders.first.model.namespace == namespace => Some(holders.first.clone()),
        Some(holders) if holders.count > 1 => {
            session.read(&StateKey::ModelHash(namespace.to_owned(), model_hash))?
        }
        _ => None,
    };
    match holder {
        Some(holder) => Err(TransactionError::ModelHashTaken { model_hash, holder }.into()),
        None => Ok(holders),
    }
}

/// Adds a version to those that hold the hash.
fn add_holder<S: StateReader>(
    session: &mut Session<'_, S>,
    id: &VersionId,
    model_hash: Digest,
    holders: Option<HashHolders>,
) {
    let holders = match holders {
        None => HashHolders {
            first: id.clone(),
            count: 1,
        },
        Some(HashHolders { first, count }) => {
            let namespace = id.model.namespace.clone();
            session.write(&StateKey::ModelHash(namespace, model_hash), id);
            session.write(&StateKey::ModelHashAt(model_hash, count), id);
            HashHolders {
                first,
                count: count + 1,
            }
        }
    };
    session.write(&StateKey::ModelHashHolders(model_hash), &holders);
}

pub(super) fn check_length(field: &str, value: &str, limit: u64) -> Result<(), TransactionError> {
    let got = value.len() as u64;
    if got > limit {
        return Err(TransactionError::TooLong {
            field: field.to_owned(),
            got,
            limit,
        });
    }
    Ok(())
}

fn check_parents(
    parents: &[Parent],
    model_hash: Digest,
    limit: u64,
) -> Result<(), TransactionError> {
    let got = parents.len() as u64;
    if got > limit {
        return Err(TransactionError::TooManyParents { got, limit });
    }
    let mut seen = BTreeSet::new();
    for Parent { digest, relation } in parents {
        if *digest == model_hash {
            return Err(TransactionError::OwnParent { digest: *digest });
        }
        if !seen.insert((*digest, *relation)) {
            return Err(TransactionError::DuplicateParent {
                digest: *digest,
                relation: *relation,
            });
        }
    }
    Ok(())
}

/// A version is published under its first data key; generations count the later ones.
fn check_first_generation(confidentiality: &Confidentiality) -> Result<(), TransactionError> {
    match confidentiality {
        Confidentiality::Public | Confidentiality::Private { generation: 0, .. } => Ok(()),
        Confidentiality::Private { generation, .. } => Err(TransactionError::GenerationMismatch {
            expected: 0,
            got: *generation,
        }),
    }
}

pub(super) fn read_namespace<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &str,
) -> Result<Namespace, Stop> {
    let namespace = session.read(&StateKey::Namespace(name.to_owned()))?;
    namespace.ok_or_else(|| {
        TransactionError::UnknownNamespace {
            namespace: name.to_owned(),
        }
        .into()
    })
}

pub(super) fn read_model<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &ModelName,
) -> Result<Model, Stop> {
    let model = session.read(&StateKey::Model(name.clone()))?;
    model.ok_or_else(|| {
        TransactionError::UnknownModel {
            model: name.clone(),
        }
        .into()
    })
}
