//! Suspension of accounts.

use super::accounts::read_account;
use super::models::check_length;
use super::permission::{Owners, require};
use crate::session::{Session, Stop};
use crate::{
    Account, AccountId, Event, KeyError, Operation, Standing, StateKey, StateReader, ValidatorEntry,
};

pub(super) fn suspend<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: AccountId,
    reason: &str,
) -> Result<(), Stop> {
    let mut account = read_account(session, id)?;
    require(session, operation, Owners::default())?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    // Whoever suspends keeps its own role, so that there always is an admin.
    if id == session.sender {
        return Err(KeyError::OwnSuspension { account: id }.into());
    }
    check_ungoverned(session, id)?;
    check_unsuspended(&account)?;
    account.suspended_at = Some(session.context.height);
    session.write(&StateKey::Account(id), &account);
    session.emit(Event::AccountSuspended {
        account: id,
        reason: reason.to_owned(),
    });
    Ok(())
}

pub(super) fn reinstate<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: AccountId,
    reason: &str,
) -> Result<(), Stop> {
    let mut account = read_account(session, id)?;
    require(session, operation, Owners::default())?;
    check_length("reason", reason, session.params.max_description_bytes)?;
    if account.suspended_at.take().is_none() {
        return Err(KeyError::NotSuspended { account: id }.into());
    }
    session.write(&StateKey::Account(id), &account);
    session.emit(Event::AccountReinstated {
        account: id,
        reason: reason.to_owned(),
    });
    Ok(())
}

/// Refuses what a suspended account cannot take part in.
pub(super) fn check_unsuspended(account: &Account) -> Result<(), KeyError> {
    match account.suspended_at {
        None => Ok(()),
        Some(since) => Err(KeyError::AccountSuspended {
            account: account.id,
            since,
        }),
    }
}

/// Refuses an account that operates a validator: a single admin could otherwise silence those who govern.
pub(super) fn check_ungoverned<S: StateReader>(
    session: &mut Session<'_, S>,
    account: AccountId,
) -> Result<(), Stop> {
    let operated: Vec<AccountId> = session
        .read(&StateKey::Operates(account))?
        .unwrap_or_default();
    for validator in operated {
        let entry: ValidatorEntry = session.expect(&StateKey::ValidatorEntry(validator))?;
        if entry.standing != Standing::Removed {
            return Err(KeyError::OperatorProtected { account, validator }.into());
        }
    }
    Ok(())
}
