//! Certifications of versions.

use super::models::check_length;
use super::permission::{Owners, require};
use super::subject::{check_unyanked, log, version_of};
use super::withdrawal::notice;
use crate::name::check_name;
use crate::params::MAX_CERTIFICATIONS;
use crate::session::{Session, Stop};
use crate::{
    Certification, CertificationError, Event, ModelError, NamespacePolicy, Operation, PolicyRecord,
    StateKey, StateReader, Verdict, VersionId,
};
use cairn_crypto::Digest;

/// The fields of [`Operation::Certify`].
pub(super) struct Finding<'a> {
    pub(super) id: &'a VersionId,
    pub(super) policy: u64,
    pub(super) check: &'a str,
    pub(super) report: Digest,
    pub(super) verdict: Verdict,
    pub(super) metrics: &'a str,
    pub(super) expires_at_ms: Option<u64>,
}

pub(super) fn certify<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    found: &Finding<'_>,
) -> Result<(), Stop> {
    let id = found.id;
    check_name(found.check)?;
    let (version, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_unyanked(session, id)?;
    check_length("metrics", found.metrics, session.params.max_metadata_bytes)?;
    let (revision, policy) = policy_in_force(session, &id.model.namespace)?;
    let certifier = session.sender;
    if found.policy != revision {
        return Err(CertificationError::OtherPolicy {
            expected: revision,
            got: found.policy,
        }
        .into());
    }
    if !policy.certifiers.is_empty() && !policy.certifiers.contains(&certifier) {
        return Err(CertificationError::NotACertifier {
            account: certifier,
            policy: revision,
        }
        .into());
    }
    if certifier == version.owner && !policy.publisher_certifies {
        return Err(CertificationError::OwnVersion {
            account: certifier,
            id: id.clone(),
        }
        .into());
    }
    let now_ms = session.context.timestamp_ms;
    if let Some(expires_at_ms) = found.expires_at_ms
        && expires_at_ms <= now_ms
    {
        return Err(CertificationError::ExpiresTooEarly {
            expires_at_ms,
            now_ms,
        }
        .into());
    }
    let count = StateKey::CertificationCount(id.clone());
    let got = session.count(&count)?.saturating_add(1);
    if got > MAX_CERTIFICATIONS {
        return Err(ModelError::TooMany {
            what: "certifications".to_owned(),
            got,
            limit: MAX_CERTIFICATIONS,
        }
        .into());
    }
    let record = Certification {
        certifier,
        check: found.check.to_owned(),
        policy: revision,
        report: found.report,
        verdict: found.verdict,
        metrics: found.metrics.to_owned(),
        certified_at: session.context.height,
        certified_at_ms: now_ms,
        expires_at_ms: found.expires_at_ms,
        revoked: None,
    };
    let place = |at| StateKey::CertificationAt(id.clone(), at);
    let certification = session.append(&count, place, &record)?;
    let event = Event::VersionCertified {
        id: id.clone(),
        certification,
        check: found.check.to_owned(),
        verdict: found.verdict,
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn revoke<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: &VersionId,
    certification: u64,
    reason: &str,
) -> Result<(), Stop> {
    let (_, model, owners) = version_of(session, id)?;
    let place = StateKey::CertificationAt(id.clone(), certification);
    let mut record: Certification =
        session
            .read(&place)?
            .ok_or_else(|| CertificationError::UnknownCertification {
                id: id.clone(),
                certification,
            })?;
    let owners = Owners {
        certifier: Some(record.certifier),
        ..owners
    };
    require(session, operation, owners)?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    if let Some(notice) = record.revoked {
        return Err(CertificationError::CertificationRevoked {
            id: id.clone(),
            certification,
            since: notice.at,
        }
        .into());
    }
    record.revoked = Some(notice(session, reason));
    session.write(&place, &record);
    let event = Event::CertificationRevoked {
        id: id.clone(),
        certification,
        reason: reason.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

/// The policy of a namespace and its revision.
fn policy_in_force<S: StateReader>(
    session: &mut Session<'_, S>,
    namespace: &str,
) -> Result<(u64, NamespacePolicy), Stop> {
    let revision = session.count(&StateKey::PolicyCount(namespace.to_owned()))?;
    let Some(last) = revision.checked_sub(1) else {
        return Ok((0, NamespacePolicy::default()));
    };
    let record: PolicyRecord = session.expect(&StateKey::PolicyAt(namespace.to_owned(), last))?;
    Ok((revision, record.policy))
}
