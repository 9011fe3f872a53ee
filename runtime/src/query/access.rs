//! Typed reads of certifications, requests for access and data keys.

use super::{page, policy, version, yank};
use crate::state::{expect, read};
use crate::{
    AccessRequest, AccountId, Certification, CheckStanding, Confidentiality, NamespacePolicy,
    Rekey, StateError, StateKey, StateReader, VersionId,
};
use cairn_crypto::Digest;

/// How a version stands with its namespace's policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CertificationStanding {
    /// Whether it meets every requirement and is not yanked.
    pub certified: bool,
    /// Whether it is yanked.
    pub yanked: bool,
    /// Revision of the policy in force.
    pub policy: u64,
    /// Each requirement.
    pub checks: Vec<CheckStanding>,
}

/// The data key of a private version, and where the bytes under it are found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DataKeyInForce {
    /// Its generation.
    pub generation: u32,
    /// SHA-256 of the manifest stored under it.
    pub manifest_digest: Digest,
    /// Commitment to it.
    pub key_commit: Digest,
}

/// Number of certifications of a version, revoked ones included.
///
/// # Errors
/// [`StateError`].
pub fn certification_count(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::CertificationCount(id.clone()))?.unwrap_or(0))
}

/// Certifications of a version, oldest first, revoked ones included.
///
/// # Errors
/// [`StateError`].
pub fn certifications(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    from: u64,
    limit: u64,
) -> Result<Vec<Certification>, StateError> {
    page(from, limit, certification_count(state, id)?, |ordinal| {
        expect(state, &StateKey::CertificationAt(id.clone(), ordinal))
    })
}

/// How a version stands with its namespace's policy at block time `now_ms`; nothing for one that does not exist.
///
/// # Errors
/// [`StateError`].
pub fn certification_standing(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    now_ms: u64,
) -> Result<Option<CertificationStanding>, StateError> {
    let Some(record) = version(state, id)? else {
        return Ok(None);
    };
    let (revision, rules) = match policy(state, &id.model.namespace)? {
        None => (0, NamespacePolicy::default()),
        Some(record) => (record.revision, record.policy),
    };
    let made = certifications(state, id, 0, u64::MAX)?;
    let checks = rules.standing(record.owner, &made, now_ms);
    let yanked = yank(state, id)?.is_some();
    Ok(Some(CertificationStanding {
        certified: !yanked && checks.iter().all(CheckStanding::is_met),
        yanked,
        policy: revision,
        checks,
    }))
}

/// A reader's last request for access.
///
/// # Errors
/// [`StateError`].
pub fn access_request(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    reader: AccountId,
) -> Result<Option<AccessRequest>, StateError> {
    read(state, &StateKey::AccessRequest(id.clone(), reader))
}

/// Number of accounts that ever asked for access to a version.
///
/// # Errors
/// [`StateError`].
pub fn access_request_count(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::AccessRequestCount(id.clone()))?.unwrap_or(0))
}

/// The last request of each account that ever asked for access, in order of the first one.
///
/// # Errors
/// [`StateError`].
pub fn access_requests(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    from: u64,
    limit: u64,
) -> Result<Vec<AccessRequest>, StateError> {
    page(from, limit, access_request_count(state, id)?, |ordinal| {
        let reader = expect(state, &StateKey::AccessRequestAt(id.clone(), ordinal))?;
        expect(state, &StateKey::AccessRequest(id.clone(), reader))
    })
}

/// Number of times that the data key of a version was replaced.
///
/// # Errors
/// [`StateError`].
pub fn rekey_count(state: &(impl StateReader + ?Sized), id: &VersionId) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::RekeyCount(id.clone()))?.unwrap_or(0))
}

/// The data keys that replaced one another, oldest first.
///
/// # Errors
/// [`StateError`].
pub fn rekeys(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
    from: u64,
    limit: u64,
) -> Result<Vec<Rekey>, StateError> {
    page(from, limit, rekey_count(state, id)?, |ordinal| {
        expect(state, &StateKey::RekeyAt(id.clone(), ordinal))
    })
}

/// The data key of a version that is in force; nothing for a public version and one that does not exist.
///
/// # Errors
/// [`StateError`].
pub fn data_key(
    state: &(impl StateReader + ?Sized),
    id: &VersionId,
) -> Result<Option<DataKeyInForce>, StateError> {
    let Some(record) = version(state, id)? else {
        return Ok(None);
    };
    let Confidentiality::Private {
        key_commit,
        generation,
    } = record.confidentiality
    else {
        return Ok(None);
    };
    let Some(last) = rekey_count(state, id)?.checked_sub(1) else {
        return Ok(Some(DataKeyInForce {
            generation,
            manifest_digest: record.manifest_digest,
            key_commit,
        }));
    };
    let rekey: Rekey = expect(state, &StateKey::RekeyAt(id.clone(), last))?;
    Ok(Some(DataKeyInForce {
        generation: rekey.generation,
        manifest_digest: rekey.manifest_digest,
        key_commit: rekey.key_commit,
    }))
}
