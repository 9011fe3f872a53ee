//! Typed reads of what is said about namespaces, models and versions once they exist.

use super::page;
use crate::state::{expect, read};
use crate::{
    Alias, ModelName, Notice, PolicyRecord, StateError, StateKey, StateReader, Subject, Tag,
    Transfer, VersionId,
};

/// Number of policies that a namespace ever set; 0 means that the default holds.
///
/// # Errors
/// [`StateError`].
pub fn policy_count(
    state: &(impl StateReader + ?Sized),
    namespace: &str,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::PolicyCount(namespace.to_owned()))?.unwrap_or(0))
}

/// Policies of a namespace, oldest first; the last is in force.
///
/// # Errors
/// [`StateError`].
pub fn policies(
    state: &(impl StateReader + ?Sized),
    namespace: &str,
    from: u64,
    limit: u64,
) -> Result<Vec<PolicyRecord>, StateError> {
    page(from, limit, policy_count(state, namespace)?, |ordinal| {
        expect(state, &StateKey::PolicyAt(namespace.to_owned(), ordinal))
    })
}

/// The policy of a namespace in force; `None` where the default holds.
///
/// # Errors
/// [`StateError`].
pub fn policy(
    state: &(impl StateReader + ?Sized),
    namespace: &str,
) -> Result<Option<PolicyRecord>, StateError> {
    match policy_count(state, namespace)?.checked_sub(1) {
        None => Ok(None),
        Some(last) => expect(state, &StateKey::PolicyAt(namespace.to_owned(), last)).map(Some),
    }
}

/// An alias of a model, deleted or not.
///
/// # Errors
/// [`StateError`].
pub fn alias(
    state: &(impl StateReader + ?Sized),
    model: &ModelName,
    name: &str,
) -> Result<Option<Alias>, StateError> {
    read(state, &StateKey::Alias(model.clone(), name.to_owned()))
}

/// Number of aliases that a model ever had.
///
/// # Errors
/// [`StateError`].
pub fn alias_count(
    state: &(impl StateReader + ?Sized),
    model: &ModelName,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::AliasCount(model.clone()))?.unwrap_or(0))
}

/// Aliases of a model in order of their first setting, deleted ones included.
///
/// # Errors
/// [`StateError`].
pub fn aliases(
    state: &(impl StateReader + ?Sized),
    model: &ModelName,
    from: u64,
    limit: u64,
) -> Result<Vec<Alias>, StateError> {
    page(from, limit, alias_count(state, model)?, |ordinal| {
        let name = expect(state, &StateKey::AliasAt(model.clone(), ordinal))?;
        expect(state, &StateKey::Alias(model.clone(), name))
    })
}

/// Number of tags that a model or a version ever had.
///
/// # Errors
/// [`StateError`].
pub fn tag_count(
    state: &(impl StateReader + ?Sized),
    subject: &Subject,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::TagCount(subject.clone()))?.unwrap_or(0))
}

/// Tags of a model or a version in order of their first setting, deleted ones included.
///
/// # Errors
/// [`StateError`].
pub fn tags(
    state: &(impl StateReader + ?Sized),
    subject: &Subject,
    from: u64,
    limit: u64,
) -> Result<Vec<Tag>, StateError> {
    page(from, limit, tag_count(state, subject)?, |ordinal| {
        let key = expect(state, &StateKey::TagAt(subject.clone(), ordinal))?;
        expect(state, &StateKey::Tag(subject.clone(), key))
    })
}

/// That a version is deprecated, if it is.
///
/// # Errors
/// [`StateError`].
pub fn deprecation(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<Option<Notice>, StateError> {
    read(state, &StateKey::Deprecation(id.clone()))
}

/// That a version is yanked, if it is.
///
/// # Errors
/// [`StateError`].
pub fn yank(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<Option<Notice>, StateError> {
    read(state, &StateKey::Yank(id.clone()))
}

/// The last offer of a model, whatever became of it.
///
/// # Errors
/// [`StateError`].
pub fn transfer(
    state: &(impl StateReader + ?Sized),
    model: &ModelName,
) -> Result<Option<Transfer>, StateError> {
    read(state, &StateKey::Transfer(model.clone()))
}
