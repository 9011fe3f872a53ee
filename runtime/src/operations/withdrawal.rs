//! Versions that should no longer be used. They stay as they were published; the notices stand beside them, and
//! neither is ever taken back.

use super::models::check_length;
use super::permission::require;
use super::subject::{check_unyanked, log, version_of};
use crate::session::{Session, Stop};
use crate::{Event, ModelError, Notice, Operation, StateKey, StateReader, VersionId};

pub(super) fn deprecate<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: &VersionId,
    reason: &str,
) -> Result<(), Stop> {
    let (_, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    let place = StateKey::Deprecation(id.clone());
    if let Some(notice) = session.read::<Notice>(&place)? {
        return Err(ModelError::VersionDeprecated {
            id: id.clone(),
            since: notice.at,
        }
        .into());
    }
    let notice = notice(session, reason);
    session.write(&place, &notice);
    let event = Event::VersionDeprecated {
        id: id.clone(),
        reason: reason.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn yank<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: &VersionId,
    reason: &str,
) -> Result<(), Stop> {
    let (_, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    check_unyanked(session, id)?;
    let notice = notice(session, reason);
    session.write(&StateKey::Yank(id.clone()), &notice);
    let event = Event::VersionYanked {
        id: id.clone(),
        reason: reason.to_owned(),
    };
    log(session, model, event);
    Ok(())
}

/// What the sender says now.
pub(super) fn notice<S: StateReader>(session: &Session<'_, S>, reason: &str) -> Notice {
    Notice {
        reason: reason.to_owned(),
        by: session.sender,
        at: session.context.height,
    }
}
