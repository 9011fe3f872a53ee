//! What an operation is about: reading it with its owners, and logging what happened to it.

use super::models::{read_model, read_namespace};
use super::permission::Owners;
use crate::session::{Session, Stop};
use crate::{
    Event, Model, ModelError, ModelName, Notice, StateKey, StateReader, Subject, TransactionError,
    Version, VersionId,
};

/// A model, and who is an owner of it.
pub(super) fn model_of<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &ModelName,
) -> Result<(Model, Owners), Stop> {
    name.check()?;
    let model = read_model(session, name)?;
    let namespace = read_namespace(session, &name.namespace)?;
    let owners = Owners {
        namespace: Some(namespace.owner),
        model: Some(model.owner),
        ..Owners::default()
    };
    Ok((model, owners))
}

/// A version, its model, and who is an owner of either.
pub(super) fn version_of<S: StateReader>(
    session: &mut Session<'_, S>,
    id: &VersionId,
) -> Result<(Version, Model, Owners), Stop> {
    id.check()?;
    let (model, owners) = model_of(session, &id.model)?;
    let version: Version = session
        .read(&StateKey::Version(id.clone()))?
        .ok_or_else(|| TransactionError::UnknownVersion { id: id.clone() })?;
    let owners = Owners {
        version: Some(version.owner),
        ..owners
    };
    Ok((version, model, owners))
}

/// The model of a subject that exists, and who is an owner of the model.
pub(super) fn subject_of<S: StateReader>(
    session: &mut Session<'_, S>,
    subject: &Subject,
) -> Result<(Model, Owners), Stop> {
    match subject {
        Subject::Model(name) => model_of(session, name),
        Subject::Version(id) => {
            let (_, model, owners) = version_of(session, id)?;
            Ok((model, owners))
        }
    }
}

/// Refuses a version that is yanked.
pub(super) fn check_unyanked<S: StateReader>(
    session: &mut Session<'_, S>,
    id: &VersionId,
) -> Result<(), Stop> {
    match session.read::<Notice>(&StateKey::Yank(id.clone()))? {
        None => Ok(()),
        Some(notice) => Err(ModelError::VersionYanked {
            id: id.clone(),
            since: notice.at,
        }
        .into()),
    }
}

/// Appends an event to the log of a model and writes the model back.
pub(super) fn log<S: StateReader>(session: &mut Session<'_, S>, mut model: Model, event: Event) {
    session.emit_about(&mut model, event);
    session.write(&StateKey::Model(model.name.clone()), &model);
}
