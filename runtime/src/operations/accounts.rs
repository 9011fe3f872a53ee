//! Accounts and their roles.

use super::keys::claim_key;
use super::permission::{Owners, require};
use crate::name::{check_display_name, check_name};
use crate::session::{Session, Stop};
use crate::{
    Account, AccountId, AccountKey, Event, KeyUse, Operation, Possession, Role, RoleEntry, Scope,
    StateKey, StateReader, TransactionError,
};
use cairn_crypto::{Digest, PublicKey, Signature, domain, kem::EncapsulationKey};

pub(super) fn admit<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    display_name: &str,
    signing_key: &PublicKey,
    encryption_key: &EncapsulationKey,
    possession: &Signature,
) -> Result<(), Stop> {
    require(session, operation, Owners::default())?;
    let chain_id = session.context.chain_id;
    let account = add_account(
        session,
        chain_id,
        display_name,
        signing_key,
        encryption_key,
        possession,
    )?;
    session.emit(Event::AccountAdmitted {
        account,
        display_name: display_name.to_owned(),
    });
    Ok(())
}

/// Adds an account whose possession was signed for `chain_id`.
pub(crate) fn add_account<S: StateReader>(
    session: &mut Session<'_, S>,
    chain_id: Digest,
    display_name: &str,
    signing_key: &PublicKey,
    encryption_key: &EncapsulationKey,
    possession: &Signature,
) -> Result<AccountId, Stop> {
    check_display_name(display_name)?;
    let id = AccountId::of(signing_key);
    if session.exists(&StateKey::Account(id))? {
        return Err(TransactionError::AccountExists { account: id }.into());
    }
    let claim = Possession {
        chain_id,
        account: id,
        key_index: 0,
        signing_key: signing_key.clone(),
        encryption_key: encryption_key.clone(),
    };
    signing_key
        .verify(domain::POSSESSION, &claim, possession)
        .map_err(|_| TransactionError::BadPossession {
            account: id,
            chain_id,
        })?;
    let used = KeyUse::Account {
        account: id,
        key_index: 0,
    };
    claim_key(session, signing_key, used)?;
    let height = session.context.height;
    let ordinal = session.count(&StateKey::AccountCount)?;
    let account = Account {
        id,
        display_name: display_name.to_owned(),
        admitted_at: height,
        keys: 1,
        roles: 0,
        suspended_at: None,
    };
    let key = AccountKey {
        signing: signing_key.clone(),
        encryption: encryption_key.clone(),
        valid_from: height,
        valid_from_ms: session.context.timestamp_ms,
        valid_until: None,
    };
    session.write(&StateKey::Account(id), &account);
    session.write(&StateKey::AccountKey(id, 0), &key);
    session.write(&StateKey::AccountAt(ordinal), &id);
    session.write(&StateKey::AccountCount, &(ordinal + 1));
    Ok(id)
}

pub(super) fn grant_role<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    account: AccountId,
    role: Role,
    scope: &Scope,
) -> Result<(), Stop> {
    check_scope(session, scope)?;
    require(session, operation, Owners::default())?;
    add_role(session, account, role, scope)?;
    session.emit(Event::RoleGranted {
        account,
        role,
        scope: scope.clone(),
    });
    Ok(())
}

/// Gives a role in a scope that was checked.
pub(crate) fn add_role<S: StateReader>(
    session: &mut Session<'_, S>,
    id: AccountId,
    role: Role,
    scope: &Scope,
) -> Result<(), Stop> {
    let mut account = read_account(session, id)?;
    let held_key = StateKey::RoleHeld(id, role, scope.clone());
    let held: Option<Option<u64>> = session.read(&held_key)?;
    if held.flatten().is_some() {
        return Err(TransactionError::RoleHeld {
            account: id,
            role,
            scope: scope.clone(),
        }
        .into());
    }
    let entry = RoleEntry {
        role,
        scope: scope.clone(),
        granted_at: session.context.height,
        revoked_at: None,
    };
    session.write(&StateKey::RoleAt(id, account.roles), &entry);
    session.write(&held_key, &Some(account.roles));
    account.roles += 1;
    session.write(&StateKey::Account(id), &account);
    Ok(())
}

pub(super) fn revoke_role<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: AccountId,
    role: Role,
    scope: &Scope,
) -> Result<(), Stop> {
    check_scope(session, scope)?;
    require(session, operation, Owners::default())?;
    read_account(session, id)?;
    // Whoever takes a chain-wide Admin role away keeps one, so that there always is one.
    if id == session.sender && role == Role::Admin && *scope == Scope::Chain {
        return Err(TransactionError::OwnAdminRole { account: id }.into());
    }
    remove_role(session, id, role, scope)
}

/// Takes away a role in a scope that was checked.
pub(super) fn remove_role<S: StateReader>(
    session: &mut Session<'_, S>,
    id: AccountId,
    role: Role,
    scope: &Scope,
) -> Result<(), Stop> {
    let held_key = StateKey::RoleHeld(id, role, scope.clone());
    let held: Option<Option<u64>> = session.read(&held_key)?;
    let ordinal = held
        .flatten()
        .ok_or_else(|| TransactionError::RoleNotHeld {
            account: id,
            role,
            scope: scope.clone(),
        })?;
    let entry_key = StateKey::RoleAt(id, ordinal);
    let mut entry: RoleEntry = session.expect(&entry_key)?;
    entry.revoked_at = Some(session.context.height);
    session.write(&entry_key, &entry);
    session.write(&held_key, &None::<u64>);
    session.emit(Event::RoleRevoked {
        account: id,
        role,
        scope: scope.clone(),
    });
    Ok(())
}

pub(super) fn read_account<S: StateReader>(
    session: &mut Session<'_, S>,
    id: AccountId,
) -> Result<Account, Stop> {
    let account = session.read(&StateKey::Account(id))?;
    account.ok_or_else(|| TransactionError::UnknownAccount { account: id }.into())
}

/// A role is given and taken only where there is something: a name that is registered later must not
/// find roles waiting.
fn check_scope<S: StateReader>(session: &mut Session<'_, S>, scope: &Scope) -> Result<(), Stop> {
    match scope {
        Scope::Chain => Ok(()),
        Scope::Namespace(name) => {
            check_name(name)?;
            if session.exists(&StateKey::Namespace(name.clone()))? {
                return Ok(());
            }
            Err(TransactionError::UnknownNamespace {
                namespace: name.clone(),
            }
            .into())
        }
        Scope::Model(model) => {
            model.check()?;
            if session.exists(&StateKey::Model(model.clone()))? {
                return Ok(());
            }
            Err(TransactionError::UnknownModel {
                model: model.clone(),
            }
            .into())
        }
    }
}
