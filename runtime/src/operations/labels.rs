//! Aliases, tags and descriptions: what about a model and its versions can change.

use super::models::check_length;
use super::permission::require;
use super::subject::{check_unyanked, log, model_of, subject_of, version_of};
use crate::name::{check_name, check_version};
use crate::session::{Session, Stop};
use crate::{
    Alias, Event, ModelError, ModelName, Operation, StateKey, StateReader, Subject, Tag, VersionId,
};

/// What the highest version is called; an alias of that name would be another.
const LATEST: &str = "latest";

pub(super) fn set_alias<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: &VersionId,
    alias: &str,
) -> Result<(), Stop> {
    check_alias(alias)?;
    let (_, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_unyanked(session, id)?;
    let place = StateKey::Alias(id.model.clone(), alias.to_owned());
    if !session.exists(&place)? {
        let count = StateKey::AliasCount(id.model.clone());
        let name = alias.to_owned();
        session.append(&count, |at| StateKey::AliasAt(id.model.clone(), at), &name)?;
    }
    let record = Alias {
        alias: alias.to_owned(),
        version: Some(id.version.clone()),
        set_by: session.sender,
        set_at: session.context.height,
    };
    session.write(&place, &record);
    let event = Event::AliasSet {
        id: id.clone(),
        alias: alias.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn delete_alias<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &ModelName,
    alias: &str,
) -> Result<(), Stop> {
    check_name(alias)?;
    let (model, owners) = model_of(session, name)?;
    require(session, operation, owners)?;
    let place = StateKey::Alias(name.clone(), alias.to_owned());
    let record: Option<Alias> = session.read(&place)?;
    let mut record = record
        .filter(|record| record.version.is_some())
        .ok_or_else(|| ModelError::UnknownAlias {
            model: name.clone(),
            alias: alias.to_owned(),
        })?;
    record.version = None;
    record.set_by = session.sender;
    record.set_at = session.context.height;
    session.write(&place, &record);
    let event = Event::AliasDeleted {
        model: name.clone(),
        alias: alias.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

/// An alias stands where a version could, so it must never read as one.
fn check_alias(alias: &str) -> Result<(), Stop> {
    check_name(alias)?;
    let reason = if alias == LATEST {
        "it stands for the highest version"
    } else if check_version(alias).is_ok() {
        "it is a version"
    } else {
        return Ok(());
    };
    Err(ModelError::InvalidAlias {
        alias: alias.to_owned(),
        reason: reason.to_owned(),
    }
    .into())
}

pub(super) fn set_tag<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    subject: &Subject,
    key: &str,
    value: &str,
) -> Result<(), Stop> {
    check_name(key)?;
    let (model, owners) = subject_of(session, subject)?;
    require(session, operation, owners)?;
    check_length("value", value, session.params.max_description_bytes)?;
    let place = StateKey::Tag(subject.clone(), key.to_owned());
    if !session.exists(&place)? {
        let count = StateKey::TagCount(subject.clone());
        let name = key.to_owned();
        session.append(&count, |at| StateKey::TagAt(subject.clone(), at), &name)?;
    }
    let record = Tag {
        key: key.to_owned(),
        value: Some(value.to_owned()),
        set_by: session.sender,
        set_at: session.context.height,
    };
    session.write(&place, &record);
    let event = Event::TagSet {
        subject: subject.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn delete_tag<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    subject: &Subject,
    key: &str,
) -> Result<(), Stop> {
    check_name(key)?;
    let (model, owners) = subject_of(session, subject)?;
    require(session, operation, owners)?;
    let place = StateKey::Tag(subject.clone(), key.to_owned());
    let record: Option<Tag> = session.read(&place)?;
    let mut record = record
        .filter(|record| record.value.is_some())
        .ok_or_else(|| ModelError::UnknownTag {
            subject: subject.clone(),
            key: key.to_owned(),
        })?;
    record.value = None;
    record.set_by = session.sender;
    record.set_at = session.context.height;
    session.write(&place, &record);
    let event = Event::TagDeleted {
        subject: subject.clone(),
        key: key.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn set_description<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &ModelName,
    description: &str,
) -> Result<(), Stop> {
    let (mut model, owners) = model_of(session, name)?;
    require(session, operation, owners)?;
    let limit = session.params.max_description_bytes;
    check_length("description", description, limit)?;
    description.clone_into(&mut model.description);
    let event = Event::DescriptionSet {
        model: name.clone(),
        description: description.to_owned(),
    };
    log(session, model, event);
    Ok(())
}
