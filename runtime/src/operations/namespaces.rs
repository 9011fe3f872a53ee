//! Namespaces.

use super::permission::{Owners, require};
use crate::name::check_name;
use crate::session::{Session, Stop};
use crate::{AccountId, Event, Namespace, Operation, StateKey, StateReader, TransactionError};

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
