//! Namespaces.

use super::accounts::read_account;
use super::models::read_namespace;
use super::permission::{Owners, require};
use crate::name::check_name;
use crate::params::{MAX_POLICY_CERTIFIERS, MAX_POLICY_CHECKS};
use crate::session::{Session, Stop};
use crate::{
    AccountId, Event, ModelError, Namespace, NamespacePolicy, Operation, PolicyRecord, StateKey,
    StateReader, TransactionError,
};
use std::collections::BTreeSet;

pub(super) fn create<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &str,
) -> Result<(), Stop> {
    check_name(name)?;
    require(session, operation, Owners::default())?;
    let owner = session.sender;
    add_namespace(session, name, owner)?;
    session.emit(Event::NamespaceCreated {
        namespace: name.to_owned(),
        owner,
    });
    Ok(())
}

/// Adds a namespace whose owner exists.
pub(crate) fn add_namespace<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &str,
    owner: AccountId,
) -> Result<(), Stop> {
    check_name(name)?;
    let key = StateKey::Namespace(name.to_owned());
    if session.exists(&key)? {
        return Err(TransactionError::NamespaceExists {
            namespace: name.to_owned(),
        }
        .into());
    }
    let ordinal = session.count(&StateKey::NamespaceCount)?;
    let namespace = Namespace {
        name: name.to_owned(),
        owner,
        created_at: session.context.height,
        models: 0,
    };
    session.write(&key, &namespace);
    session.write(&StateKey::NamespaceAt(ordinal), &name);
    session.write(&StateKey::NamespaceCount, &(ordinal + 1));
    Ok(())
}

pub(super) fn set_policy<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &str,
    policy: &NamespacePolicy,
) -> Result<(), Stop> {
    check_name(name)?;
    let namespace = read_namespace(session, name)?;
    let owners = Owners {
        namespace: Some(namespace.owner),
        ..Owners::default()
    };
    require(session, operation, owners)?;
    check_policy(policy)?;
    for certifier in &policy.certifiers {
        read_account(session, *certifier)?;
    }
    let count = StateKey::PolicyCount(name.to_owned());
    let revision = session.count(&count)?.saturating_add(1);
    let record = PolicyRecord {
        revision,
        policy: policy.clone(),
        set_by: session.sender,
        set_at: session.context.height,
    };
    session.append(
        &count,
        |at| StateKey::PolicyAt(name.to_owned(), at),
        &record,
    )?;
    session.emit(Event::NamespacePolicySet {
        namespace: name.to_owned(),
        revision,
    });
    Ok(())
}

/// Whether a version can meet the policy at all.
fn check_policy(policy: &NamespacePolicy) -> Result<(), TransactionError> {
    check_entries("certifiers", &policy.certifiers, MAX_POLICY_CERTIFIERS)?;
    check_entries(
        "required checks",
        &policy.required_checks,
        MAX_POLICY_CHECKS,
    )?;
    for check in &policy.required_checks {
        check_name(check)?;
    }
    let required = policy.required_certifications;
    // At most 64, as was just checked.
    let certifiers = u32::try_from(policy.certifiers.len()).unwrap_or(u32::MAX);
    if required == 0 || certifiers > 0 && required > certifiers {
        return Err(ModelError::UnmeetablePolicy {
            required,
            certifiers,
        }
        .into());
    }
    Ok(())
}

/// Whether a list is short enough and says nothing twice.
pub(super) fn check_entries<T: Ord + std::fmt::Display>(
    what: &str,
    entries: &[T],
    limit: u64,
) -> Result<(), ModelError> {
    let got = entries.len() as u64;
    if got > limit {
        return Err(ModelError::TooMany {
            what: what.to_owned(),
            got,
            limit,
        });
    }
    let mut seen = BTreeSet::new();
    match entries.iter().find(|entry| !seen.insert(*entry)) {
        None => Ok(()),
        Some(entry) => Err(ModelError::Repeated {
            what: what.to_owned(),
            value: entry.to_string().chars().take(80).collect(),
        }),
    }
}
