//! Who may read a version: data keys sealed to readers, and requests for them.

use super::accounts::read_account;
use super::models::check_length;
use super::permission::{Owners, require};
use super::standing::check_unsuspended;
use super::subject::{check_unyanked, log, version_of};
use super::withdrawal::notice;
use crate::session::{Session, Stop};
use crate::{
    AccessError, AccessRequest, AccountId, AccountKey, Confidentiality, Event, Grant, Operation,
    RequestState, StateKey, StateReader, TransactionError, Version, VersionId,
};
use cairn_crypto::seal::SealedKey;

/// The fields of [`Operation::GrantAccess`].
pub(super) struct NewGrant<'a> {
    pub(super) id: &'a VersionId,
    pub(super) reader: AccountId,
    pub(super) key_index: u32,
    pub(super) generation: u32,
    pub(super) sealed: &'a SealedKey,
}

/// Grants access. A grant of a newer generation or to a newer key replaces an earlier one, at the same place of the
/// list; so does any after a revocation that its sender knows of. One that it does not know of, because it is of a
/// height above `as_of`, stands: nobody comes back by a list of readers that was read before.
pub(super) fn grant<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    new: &NewGrant<'_>,
    as_of: u64,
) -> Result<(), Stop> {
    let id = new.id;
    let (version, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_unyanked(session, id)?;
    let generation = private_generation(session, &version)?;
    check_generation(generation, new.generation)?;
    check_reader_key(session, new.reader, new.key_index)?;
    let earlier: Option<Grant> = session.read(&StateKey::Grant(id.clone(), new.reader))?;
    if let Some(earlier) = earlier {
        match &earlier.revoked {
            Some(notice) if notice.at > as_of => refuse_revoked(id, &earlier)?,
            Some(_) => {}
            None if (earlier.generation, earlier.key_index) >= (new.generation, new.key_index) => {
                return Err(AccessError::GrantExists {
                    id: id.clone(),
                    reader: new.reader,
                    generation: earlier.generation,
                    key_index: earlier.key_index,
                }
                .into());
            }
            None => {}
        }
    }
    write_grant(session, new)?;
    answer(session, id, new.reader, RequestState::Granted)?;
    let event = Event::AccessGranted {
        id: id.clone(),
        reader: new.reader,
        granted_by: session.sender,
    };
    log(session, model, event);
    Ok(())
}

/// Writes a grant by the sender, and its reader into the list at the first one.
pub(super) fn write_grant<S: StateReader>(
    session: &mut Session<'_, S>,
    new: &NewGrant<'_>,
) -> Result<(), Stop> {
    let id = new.id;
    let place = StateKey::Grant(id.clone(), new.reader);
    if !session.exists(&place)? {
        let count = StateKey::GrantCount(id.clone());
        session.append(&count, |at| StateKey::GrantAt(id.clone(), at), &new.reader)?;
    }
    let grant = Grant {
        reader: new.reader,
        granted_by: session.sender,
        granted_at: session.context.height,
        key_index: new.key_index,
        generation: new.generation,
        sealed: new.sealed.clone(),
        revoked: None,
    };
    session.write(&place, &grant);
    Ok(())
}

pub(super) fn request<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: &VersionId,
    reason: &str,
) -> Result<(), Stop> {
    let (version, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_unyanked(session, id)?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    private_generation(session, &version)?;
    let reader = session.sender;
    let place = StateKey::AccessRequest(id.clone(), reader);
    match session.read::<AccessRequest>(&place)? {
        Some(earlier) if earlier.state == RequestState::Open => {
            return Err(AccessError::RequestOpen {
                id: id.clone(),
                reader,
                since: earlier.requested_at,
            }
            .into());
        }
        Some(_) => {}
        None => {
            let count = StateKey::AccessRequestCount(id.clone());
            let place = |at| StateKey::AccessRequestAt(id.clone(), at);
            session.append(&count, place, &reader)?;
        }
    }
    let height = session.context.height;
    let request = AccessRequest {
        reader,
        reason: reason.to_owned(),
        requested_at: height,
        state: RequestState::Open,
        changed_at: height,
    };
    session.write(&place, &request);
    let event = Event::AccessRequested {
        id: id.clone(),
        reader,
        reason: reason.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

/// Revokes the reader's grant, and declines its request if there is one.
pub(super) fn revoke<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: &VersionId,
    reader: AccountId,
    reason: &str,
) -> Result<(), Stop> {
    let (_, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    let declined = answer(session, id, reader, RequestState::Declined)?;
    let place = StateKey::Grant(id.clone(), reader);
    let grant: Option<Grant> = session.read(&place)?;
    let event = match grant {
        Some(mut grant) if grant.revoked.is_none() => {
            grant.revoked = Some(notice(session, reason));
            session.write(&place, &grant);
            Event::AccessRevoked {
                id: id.clone(),
                reader,
                reason: reason.to_owned(),
            }
        }
        _ if declined => Event::AccessDeclined {
            id: id.clone(),
            reader,
            reason: reason.to_owned(),
        },
        Some(Grant {
            revoked: Some(notice),
            ..
        }) => {
            return Err(AccessError::AccessRevoked {
                id: id.clone(),
                reader,
                since: notice.at,
            }
            .into());
        }
        _ => {
            return Err(AccessError::NoAccess {
                id: id.clone(),
                reader,
            }
            .into());
        }
    };
    log(session, model, event);
    Ok(())
}

/// Answers a request that is open; whether there was one.
fn answer<S: StateReader>(
    session: &mut Session<'_, S>,
    id: &VersionId,
    reader: AccountId,
    state: RequestState,
) -> Result<bool, Stop> {
    let place = StateKey::AccessRequest(id.clone(), reader);
    match session.read::<AccessRequest>(&place)? {
        Some(mut request) if request.state == RequestState::Open => {
            request.state = state;
            request.changed_at = session.context.height;
            session.write(&place, &request);
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Replaces the sealed key of the sender's own grant by one for its newer key.
pub(super) fn reseal<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    new: &NewGrant<'_>,
) -> Result<(), Stop> {
    let (id, reader) = (new.id, new.reader);
    let (_, model, owners) = version_of(session, id)?;
    let grant: Option<Grant> = session.read(&StateKey::Grant(id.clone(), reader))?;
    let owners = Owners {
        reader: grant.as_ref().map(|grant| grant.reader),
        ..owners
    };
    require(session, operation, owners)?;
    let mut grant = grant.ok_or_else(|| AccessError::NoAccess {
        id: id.clone(),
        reader,
    })?;
    refuse_revoked(id, &grant)?;
    check_generation(grant.generation, new.generation)?;
    if new.key_index <= grant.key_index {
        return Err(AccessError::GrantExists {
            id: id.clone(),
            reader,
            generation: grant.generation,
            key_index: grant.key_index,
        }
        .into());
    }
    check_reader_key(session, reader, new.key_index)?;
    grant.key_index = new.key_index;
    grant.sealed = new.sealed.clone();
    session.write(&StateKey::Grant(id.clone(), reader), &grant);
    let event = Event::AccessResealed {
        id: id.clone(),
        reader,
        key_index: new.key_index,
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn refuse_revoked(id: &VersionId, grant: &Grant) -> Result<(), AccessError> {
    match &grant.revoked {
        None => Ok(()),
        Some(notice) => Err(AccessError::AccessRevoked {
            id: id.clone(),
            reader: grant.reader,
            since: notice.at,
        }),
    }
}

/// The generation of a version's data key; refuses a version that has none.
pub(super) fn private_generation<S: StateReader>(
    session: &mut Session<'_, S>,
    version: &Version,
) -> Result<u32, Stop> {
    let id = &version.id;
    match version.confidentiality {
        Confidentiality::Public => Err(TransactionError::NotPrivate { id: id.clone() }.into()),
        Confidentiality::Private { generation, .. } => {
            let rekeys = session.count(&StateKey::RekeyCount(id.clone()))?;
            Ok(generation.saturating_add(u32::try_from(rekeys).unwrap_or(u32::MAX)))
        }
    }
}

pub(super) fn check_generation(expected: u32, got: u32) -> Result<(), TransactionError> {
    if expected == got {
        return Ok(());
    }
    Err(TransactionError::GenerationMismatch { expected, got })
}

/// The data key has to be sealed to a key that the reader uses now.
pub(super) fn check_reader_key<S: StateReader>(
    session: &mut Session<'_, S>,
    reader: AccountId,
    key_index: u32,
) -> Result<(), Stop> {
    check_unsuspended(&read_account(session, reader)?)?;
    let key: AccountKey = session
        .read(&StateKey::AccountKey(reader, key_index))?
        .ok_or(TransactionError::UnknownKey {
            account: reader,
            key_index,
        })?;
    let height = session.context.height;
    if !key.is_valid_at(height) {
        return Err(TransactionError::KeyNotValid {
            account: reader,
            key_index,
            valid_from: key.valid_from,
            valid_until: key.valid_until,
            height,
        }
        .into());
    }
    Ok(())
}
