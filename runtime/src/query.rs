//! Typed reads, for the API and for whoever holds verified records.
//!
//! What is said about models and versions once they exist is in `query/catalogue.rs`, their origin in
//! `query/provenance.rs`, certification and data keys in `query/access.rs`, validators and governance in
//! `query/validators.rs`.
//!
//! Lists are read page by page: `from` is the first ordinal, `limit` the most entries returned.

mod access;
mod catalogue;
mod provenance;
mod validators;

pub use access::{
    CertificationStanding, DataKeyInForce, access_request, access_request_count, access_requests,
    certification_count, certification_standing, certifications, data_key, rekey_count, rekeys,
};
pub use catalogue::{
    alias, alias_count, aliases, deprecation, policies, policy, policy_count, tag_count, tags,
    transfer, yank,
};
pub use provenance::{
    LineageEdge, LineageWalk, WalkLimits, ancestors, child_count, children, descendants,
    digest_event_count, digest_events, lineage,
};
pub use validators::{
    current_epoch, epoch, offence, offences, operates, proposal, proposal_count, proposals, stake,
    stake_supply, upgrades, validator_entries, validator_entry, validator_entry_count,
    validator_keys, validators,
};

use crate::state::{expect, read};
use crate::{
    Account, AccountId, AccountKey, ChainParams, Grant, HashHolders, KeyUse, Model, ModelEvent,
    ModelName, Namespace, RoleEntry, StateError, StateKey, StateReader, Version, VersionId,
};
use cairn_crypto::Digest;

/// The parameters of the chain.
///
/// # Errors
/// [`StateError`], as everywhere in this file.
pub fn params(state: &(impl StateReader + ?Sized)) -> Result<ChainParams, StateError> {
    expect(state, &StateKey::Params)
}

/// An account.
///
/// # Errors
/// [`StateError`].
pub fn account(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
) -> Result<Option<Account>, StateError> {
    read(state, &StateKey::Account(id))
}

/// Number of accounts.
///
/// # Errors
/// [`StateError`].
pub fn account_count(state: &(impl StateReader + ?Sized)) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::AccountCount)?.unwrap_or(0))
}

/// Accounts in order of admission.
///
/// # Errors
/// [`StateError`].
pub fn accounts(
    state: &(impl StateReader + ?Sized),
    from: u64,
    limit: u64,
) -> Result<Vec<Account>, StateError> {
    page(from, limit, account_count(state)?, |ordinal| {
        let id = expect(state, &StateKey::AccountAt(ordinal))?;
        expect(state, &StateKey::Account(id))
    })
}

/// A pair of keys of an account.
///
/// # Errors
/// [`StateError`].
pub fn account_key(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
    index: u32,
) -> Result<Option<AccountKey>, StateError> {
    read(state, &StateKey::AccountKey(id, index))
}

/// The nonce that the account's next transaction has to carry.
///
/// # Errors
/// [`StateError`].
pub fn nonce(state: &(impl StateReader + ?Sized), id: AccountId) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::Nonce(id))?.unwrap_or(0))
}

/// Every role the account ever had, in order of granting, revoked ones included. Empty for an
/// account that does not exist.
///
/// # Errors
/// [`StateError`].
pub fn roles(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
) -> Result<Vec<RoleEntry>, StateError> {
    let count = account(state, id)?.map_or(0, |account| account.roles);
    page(0, count, count, |ordinal| {
        expect(state, &StateKey::RoleAt(id, ordinal))
    })
}

/// A namespace.
///
/// # Errors
/// [`StateError`].
pub fn namespace(
    state: &(impl StateReader + ?Sized),
    name: &str,
) -> Result<Option<Namespace>, StateError> {
    read(state, &StateKey::Namespace(name.to_owned()))
}

/// Number of namespaces.
///
/// # Errors
/// [`StateError`].
pub fn namespace_count(state: &(impl StateReader + ?Sized)) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::NamespaceCount)?.unwrap_or(0))
}

/// Namespaces in order of creation.
///
/// # Errors
/// [`StateError`].
pub fn namespaces(
    state: &(impl StateReader + ?Sized),
    from: u64,
    limit: u64,
) -> Result<Vec<Namespace>, StateError> {
    page(from, limit, namespace_count(state)?, |ordinal| {
        let name = expect(state, &StateKey::NamespaceAt(ordinal))?;
        expect(state, &StateKey::Namespace(name))
    })
}

/// A model.
///
/// # Errors
/// [`StateError`].
pub fn model(
    state: &(impl StateReader + ?Sized),
    name: &ModelName,
) -> Result<Option<Model>, StateError> {
    read(state, &StateKey::Model(name.clone()))
}

/// Models of a namespace in order of registration. Empty for a namespace that does not exist.
///
/// # Errors
/// [`StateError`].
pub fn models(
    state: &(impl StateReader + ?Sized),
    namespace_name: &str,
    from: u64,
    limit: u64,
) -> Result<Vec<Model>, StateError> {
    let count = namespace(state, namespace_name)?.map_or(0, |namespace| namespace.models);
    page(from, limit, count, |ordinal| {
        let name = expect(
            state,
            &StateKey::ModelAt(namespace_name.to_owned(), ordinal),
        )?;
        let name = ModelName {
            namespace: namespace_name.to_owned(),
            name,
        };
        expect(state, &StateKey::Model(name))
    })
}

/// A version.
///
/// # Errors
/// [`StateError`].
pub fn version(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<Option<Version>, StateError> {
    read(state, &StateKey::Version(id.clone()))
}

/// Versions of a model in order of publication. Empty for a model that does not exist.
///
/// # Errors
/// [`StateError`].
pub fn versions(
    state: &(impl StateReader + ?Sized),
    name: &ModelName,
    from: u64,
    limit: u64,
) -> Result<Vec<Version>, StateError> {
    let count = model(state, name)?.map_or(0, |model| model.versions);
    page(from, limit, count, |ordinal| {
        let version = expect(state, &StateKey::VersionAt(name.clone(), ordinal))?;
        let id = VersionId {
            model: name.clone(),
            version,
        };
        expect(state, &StateKey::Version(id))
    })
}

/// Events of a model, oldest first. Empty for a model that does not exist.
///
/// # Errors
/// [`StateError`].
pub fn events(
    state: &(impl StateReader + ?Sized),
    name: &ModelName,
    from: u64,
    limit: u64,
) -> Result<Vec<ModelEvent>, StateError> {
    let count = model(state, name)?.map_or(0, |model| model.events);
    page(from, limit, count, |ordinal| {
        expect(state, &StateKey::EventAt(name.clone(), ordinal))
    })
}

/// The grant of a version to a reader.
///
/// # Errors
/// [`StateError`].
pub fn grant(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    reader: AccountId,
) -> Result<Option<Grant>, StateError> {
    read(state, &StateKey::Grant(id.clone(), reader))
}

/// Number of readers that a version was granted to.
///
/// # Errors
/// [`StateError`].
pub fn grant_count(state: &(impl StateReader + ?Sized), id: &VersionId) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::GrantCount(id.clone()))?.unwrap_or(0))
}

/// Grants of a version, in order of each reader's first grant.
///
/// # Errors
/// [`StateError`].
pub fn grants(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    from: u64,
    limit: u64,
) -> Result<Vec<Grant>, StateError> {
    page(from, limit, grant_count(state, id)?, |ordinal| {
        let reader = expect(state, &StateKey::GrantAt(id.clone(), ordinal))?;
        expect(state, &StateKey::Grant(id.clone(), reader))
    })
}

/// Most versions that [`resolve`] lists.
pub const RESOLVE_LIMIT: u64 = 100;

/// The versions that hold this `model_hash`, one a namespace, earliest first, at most
/// [`RESOLVE_LIMIT`]. A bare reference to a hash that several hold is ambiguous: it fails and lists
/// them.
///
/// # Errors
/// [`StateError`].
pub fn resolve(
    state: &(impl StateReader + ?Sized),
    model_hash: &Digest,
) -> Result<Vec<VersionId>, StateError> {
    let Some(HashHolders { first, count }) = hash_holders(state, model_hash)? else {
        return Ok(Vec::new());
    };
    let later = page(1, RESOLVE_LIMIT - 1, count, |ordinal| {
        expect(state, &StateKey::ModelHashAt(*model_hash, ordinal))
    })?;
    Ok([first].into_iter().chain(later).collect())
}

/// The version that holds this `model_hash` in a namespace.
///
/// # Errors
/// [`StateError`].
pub fn resolve_in(
    state: &(impl StateReader + ?Sized),
    namespace_name: &str,
    model_hash: &Digest,
) -> Result<Option<VersionId>, StateError> {
    match hash_holders(state, model_hash)? {
        Some(holders) if holders.first.model.namespace == namespace_name => Ok(Some(holders.first)),
        Some(holders) if holders.count > 1 => read(
            state,
            &StateKey::ModelHash(namespace_name.to_owned(), *model_hash),
        ),
        _ => Ok(None),
    }
}

/// The first holder of a `model_hash`, and how many there are.
///
/// # Errors
/// [`StateError`].
pub fn hash_holders(
    state: &(impl StateReader + ?Sized),
    model_hash: &Digest,
) -> Result<Option<HashHolders>, StateError> {
    read(state, &StateKey::ModelHashHolders(*model_hash))
}

/// What a signing key is or was for, by its fingerprint.
///
/// # Errors
/// [`StateError`].
pub fn key_use(
    state: &(impl StateReader + ?Sized),
    fingerprint: &Digest,
) -> Result<Option<KeyUse>, StateError> {
    read(state, &StateKey::KeyUse(*fingerprint))
}

pub(crate) fn page<T>(
    from: u64,
    limit: u64,
    count: u64,
    entry: impl FnMut(u64) -> Result<T, StateError>,
) -> Result<Vec<T>, StateError> {
    (from..count.min(from.saturating_add(limit)))
        .map(entry)
        .collect()
}
