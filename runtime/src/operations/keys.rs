//! Rotation and revocation of accounts' keys.

use super::accounts::read_account;
use super::permission::{Owners, require};
use super::standing::check_ungoverned;
use crate::session::{Session, Stop};
use crate::{
    AccountId, AccountKey, Event, KeyError, KeyUse, Operation, Possession, StateKey, StateReader,
    TransactionError,
};
use cairn_crypto::{PublicKey, Signature, domain, kem::EncapsulationKey};

/// The old key signs to the end of this block, the new one from the next block on.
pub(super) fn rotate<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    signing_key: &PublicKey,
    encryption_key: &EncapsulationKey,
    possession: &Signature,
) -> Result<(), Stop> {
    let id = session.sender;
    let owners = Owners {
        account: Some(id),
        ..Owners::default()
    };
    require(session, operation, owners)?;
    let height = session.context.height;
    let mut account = read_account(session, id)?;
    let newest_index = account.keys.saturating_sub(1);
    let newest_place = StateKey::AccountKey(id, newest_index);
    let mut newest: AccountKey = session.expect(&newest_place)?;
    // Rotated in this very block: its successor waits for the next one, too.
    if !newest.is_valid_at(height) {
        return Err(TransactionError::KeyNotValid {
            account: id,
            key_index: newest_index,
            valid_from: newest.valid_from,
            valid_until: newest.valid_until,
            height,
        }
        .into());
    }
    if newest.encryption == *encryption_key {
        return Err(KeyError::SameEncryptionKey { account: id }.into());
    }
    let key_index = account.keys;
    let claim = Possession {
        chain_id: session.context.chain_id,
        account: id,
        key_index,
        signing_key: signing_key.clone(),
        encryption_key: encryption_key.clone(),
    };
    signing_key
        .verify(domain::POSSESSION, &claim, possession)
        .map_err(|_| TransactionError::BadPossession {
            account: id,
            chain_id: claim.chain_id,
        })?;
    let used = KeyUse::Account {
        account: id,
        key_index,
    };
    claim_key(session, signing_key, used)?;

    let from = height.saturating_add(1);
    let until = newest.valid_until.map_or(from, |until| until.min(from));
    newest.valid_until = Some(until);
    session.write(&newest_place, &newest);
    let key = AccountKey {
        signing: signing_key.clone(),
        encryption: encryption_key.clone(),
        valid_from: from,
        valid_from_ms: session.context.timestamp_ms,
        valid_until: None,
    };
    session.write(&StateKey::AccountKey(id, key_index), &key);
    account.keys = key_index.saturating_add(1);
    session.write(&StateKey::Account(id), &account);
    session.emit(Event::KeysRotated {
        account: id,
        key_index,
    });
    Ok(())
}

pub(super) fn revoke<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: AccountId,
    key_index: u32,
    from_height: u64,
) -> Result<(), Stop> {
    read_account(session, id)?;
    let owners = Owners {
        account: Some(id),
        ..Owners::default()
    };
    require(session, operation, owners)?;
    if id != session.sender {
        check_ungoverned(session, id)?;
    }
    let place = StateKey::AccountKey(id, key_index);
    let mut key: AccountKey = session.read(&place)?.ok_or(TransactionError::UnknownKey {
        account: id,
        key_index,
    })?;
    let height = session.context.height;
    if from_height <= height {
        return Err(KeyError::RevokedBackwards {
            height,
            from_height,
        }
        .into());
    }
    if let Some(valid_until) = key.valid_until
        && valid_until <= from_height
    {
        return Err(KeyError::KeyEnded {
            account: id,
            key_index,
            valid_until,
            from_height,
        }
        .into());
    }
    key.valid_until = Some(from_height);
    session.write(&place, &key);
    session.emit(Event::KeyRevoked {
        account: id,
        key_index,
        from_height,
    });
    Ok(())
}

/// Takes a signing key for one thing, for ever: a key that served two could have a signature for one of them replayed
/// for the other, and its loss would be two losses.
pub(super) fn claim_key<S: StateReader>(
    session: &mut Session<'_, S>,
    key: &PublicKey,
    used: KeyUse,
) -> Result<(), Stop> {
    let fingerprint = key.fingerprint();
    let place = StateKey::KeyUse(fingerprint);
    if session.exists(&place)? {
        return Err(KeyError::KeyInUse { fingerprint }.into());
    }
    session.write(&place, &used);
    Ok(())
}
