//! Who may read a version: data keys sealed to readers.

use super::accounts::read_account;
use super::permission::require;
use super::standing::check_unsuspended;
use super::subject::{check_unyanked, log, version_of};
use crate::session::{Session, Stop};
use crate::{
    AccountId, AccountKey, Confidentiality, Event, Grant, Operation, StateKey, StateReader,
    TransactionError, VersionId,
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

/// Grants access. A second grant to the same reader replaces the first, at the same place of the
/// list.
pub(super) fn grant<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    new: NewGrant<'_>,
) -> Result<(), Stop> {
    let id = new.id;
    let (version, model, owners) = version_of(session, id)?;
    require(session, operation, owners)?;
    check_unyanked(session, id)?;
    match version.confidentiality {
        Confidentiality::Public => {
            return Err(TransactionError::NotPrivate { id: id.clone() }.into());
        }
        Confidentiality::Private { generation, .. } if generation != new.generation => {
            return Err(TransactionError::GenerationMismatch {
                expected: generation,
                got: new.generation,
            }
            .into());
        }
        Confidentiality::Private { .. } => {}
    }
    check_reader_key(session, new.reader, new.key_index)?;

    let grant_key = StateKey::Grant(id.clone(), new.reader);
    if !session.exists(&grant_key)? {
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
    };
    session.write(&grant_key, &grant);
    let event = Event::AccessGranted {
        id: id.clone(),
        reader: new.reader,
        granted_by: session.sender,
    };
    log(session, model, event);
    Ok(())
}

/// The data key has to be sealed to a key that the reader uses now.
fn check_reader_key<S: StateReader>(
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
