//! Who may read a version: data keys sealed to readers.

use super::accounts::read_account;
use super::models::{read_model, read_namespace};
use super::permission::{Owners, require};
use super::standing::check_unsuspended;
use crate::session::{Session, Stop};
use crate::{
    AccountId, AccountKey, Confidentiality, Event, Grant, Operation, StateKey, StateReader,
    TransactionError, Version, VersionId,
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
    id.check()?;
    let mut model = read_model(session, &id.model)?;
    let namespace = read_namespace(session, &id.model.namespace)?;
    let version: Version = session
        .read(&StateKey::Version(id.clone()))?
        .ok_or_else(|| TransactionError::UnknownVersion { id: id.clone() })?;
    let owners = Owners {
        namespace: Some(namespace.owner),
        model: Some(model.owner),
        version: Some(version.owner),
        ..Owners::default()
    };
    require(session, operation, owners)?;
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
        let count_key = StateKey::GrantCount(id.clone());
        let ordinal = session.count(&count_key)?;
        session.write(&StateKey::GrantAt(id.clone(), ordinal), &new.reader);
        session.write(&count_key, &(ordinal + 1));
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
    session.emit_about(&mut model, event);
    session.write(&StateKey::Model(id.model.clone()), &model);
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
