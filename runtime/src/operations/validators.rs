//! The registry of validators and their keys.

use super::accounts::read_account;
use super::keys::claim_key;
use super::permission::{Owners, require};
use super::stake;
use super::standing::check_unsuspended;
use crate::name::check_display_name;
use crate::params::MAX_VALIDATORS;
use crate::session::{Session, Stop};
use crate::{
    AccountId, ChainParams, CurrentEpoch, EpochMember, Event, KeyUse, Operation, Stake, Standing,
    StateKey, StateReader, ValidatorEntry, ValidatorError, ValidatorKeyClaim, ValidatorKeyProof,
    ValidatorKeys, ValidatorRecord, epoch,
};
use cairn_crypto::PublicKey;

/// A validator to be. Both keys have proven that they belong to it.
pub(crate) struct NewValidator<'a> {
    pub(crate) name: &'a str,
    pub(crate) operator: AccountId,
    pub(crate) consensus_key: &'a PublicKey,
    pub(crate) transport_key: &'a PublicKey,
    /// Units issued to it, and bonded.
    pub(crate) stake: u64,
}

/// Puts a validator into the registry. Without stake it is in no set yet, and the network knows it.
pub(crate) fn add_validator<S: StateReader>(
    session: &mut Session<'_, S>,
    new: &NewValidator<'_>,
) -> Result<AccountId, Stop> {
    check_display_name(new.name)?;
    check_unsuspended(&read_account(session, new.operator)?)?;
    let id = AccountId::of(new.consensus_key);
    let keys = (new.consensus_key, new.transport_key);
    record_keys(session, id, 0, keys)?;
    check_name_is_free(session, new.name)?;
    if new.stake > 0 {
        stake::issue(session, new.stake)?;
    }
    let stake = Stake {
        bonded: new.stake,
        ..Stake::default()
    };
    session.write(&StateKey::Stake(id), &stake);
    let entry = ValidatorEntry {
        id,
        name: new.name.to_owned(),
        operator: new.operator,
        keys: 1,
        standing: Standing::Active,
        added_at: session.context.height,
    };
    session.write(&StateKey::ValidatorEntry(id), &entry);
    let ordinal = session.count(&StateKey::ValidatorEntryCount)?;
    session.write(&StateKey::ValidatorEntryAt(ordinal), &id);
    session.write(&StateKey::ValidatorEntryCount, &(ordinal + 1));
    let mut operated = operated_by(session, new.operator)?;
    operated.push(id);
    session.write(&StateKey::Operates(new.operator), &operated);
    Ok(id)
}

/// Operators configure addresses by name. Names of former validators stay taken: records speak of them.
fn check_name_is_free<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &str,
) -> Result<(), Stop> {
    for ordinal in 0..session.count(&StateKey::ValidatorEntryCount)? {
        let validator: AccountId = session.expect(&StateKey::ValidatorEntryAt(ordinal))?;
        let entry: ValidatorEntry = session.expect(&StateKey::ValidatorEntry(validator))?;
        if entry.name == name {
            return Err(ValidatorError::ValidatorNameTaken {
                name: entry.name,
                validator,
            }
            .into());
        }
    }
    Ok(())
}

/// Records a pair of keys at an index that is free.
fn record_keys<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
    key_index: u32,
    (consensus_key, transport_key): (&PublicKey, &PublicKey),
) -> Result<(), Stop> {
    let consensus = KeyUse::Consensus {
        validator,
        key_index,
    };
    claim_key(session, consensus_key, consensus)?;
    let transport = KeyUse::Transport {
        validator,
        key_index,
    };
    // A node may keep its name on the network and replace only what it votes with.
    let present = match key_index.checked_sub(1) {
        Some(index) => session.read(&StateKey::ValidatorKeys(validator, index))?,
        None => None,
    };
    let keeps = |present: &ValidatorKeys| present.transport_key == *transport_key;
    if !present.as_ref().is_some_and(keeps) {
        claim_key(session, transport_key, transport)?;
    }
    let keys = ValidatorKeys {
        consensus_key: consensus_key.clone(),
        transport_key: transport_key.clone(),
        recorded_at: session.context.height,
    };
    session.write(&StateKey::ValidatorKeys(validator, key_index), &keys);
    Ok(())
}

/// Replaces both keys from the next epoch change on.
pub(super) fn rotate_keys<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    validator: AccountId,
    (consensus_key, transport_key): (&PublicKey, &PublicKey),
    proof: &ValidatorKeyProof,
) -> Result<(), Stop> {
    let mut entry = read_entry(session, validator)?;
    require(session, operation, operated(&entry))?;
    refuse_removed(&entry)?;
    let key_index = entry.keys;
    let claim = ValidatorKeyClaim {
        chain_id: session.context.chain_id,
        validator,
        key_index,
        operator: entry.operator,
        consensus_key: consensus_key.clone(),
        transport_key: transport_key.clone(),
    };
    check_proof(&claim, proof)?;
    record_keys(
        session,
        validator,
        key_index,
        (consensus_key, transport_key),
    )?;
    entry.keys = key_index.saturating_add(1);
    session.write(&StateKey::ValidatorEntry(validator), &entry);
    epoch::mark_change(session)?;
    session.emit(Event::ValidatorKeysRotated {
        validator,
        key_index,
    });
    Ok(())
}

pub(super) fn check_proof(
    claim: &ValidatorKeyClaim,
    proof: &ValidatorKeyProof,
) -> Result<(), ValidatorError> {
    claim
        .verify(proof)
        .map_err(|_| ValidatorError::BadKeyProof {
            validator: claim.validator,
            key_index: claim.key_index,
            operator: claim.operator,
            chain_id: claim.chain_id,
        })
}

/// Removes a validator: it leaves at the next epoch change, and all of its bonded stake begins to unbond.
pub(super) fn remove<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
) -> Result<(), Stop> {
    let mut entry = read_entry(session, validator)?;
    refuse_removed(&entry)?;
    entry.standing = Standing::Removed;
    session.write(&StateKey::ValidatorEntry(validator), &entry);
    stake::release_all(session, validator)?;
    check_enough(session)?;
    Ok(epoch::mark_change(session)?)
}

/// Lets a jailed or removed validator back in.
pub(super) fn reinstate<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
) -> Result<(), Stop> {
    let mut entry = read_entry(session, validator)?;
    if entry.standing == Standing::Active {
        return Err(wrong_standing(&entry).into());
    }
    entry.standing = Standing::Active;
    session.write(&StateKey::ValidatorEntry(validator), &entry);
    check_room(session)?;
    Ok(epoch::mark_change(session)?)
}

/// Gives a validator another operator, at once: also in the set in force.
pub(super) fn set_operator<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
    operator: AccountId,
) -> Result<(), Stop> {
    let mut entry = read_entry(session, validator)?;
    check_unsuspended(&read_account(session, operator)?)?;
    let mut former = operated_by(session, entry.operator)?;
    former.retain(|id| *id != validator);
    session.write(&StateKey::Operates(entry.operator), &former);
    let mut operated = operated_by(session, operator)?;
    operated.push(validator);
    session.write(&StateKey::Operates(operator), &operated);
    entry.operator = operator;
    session.write(&StateKey::ValidatorEntry(validator), &entry);
    let members = epoch::members(session)?;
    for (index, member) in (0u64..).zip(&members) {
        if member.id == validator {
            let place = StateKey::Validator(index);
            let mut record: ValidatorRecord = session.expect(&place)?;
            record.operator = operator;
            session.write(&place, &record);
        }
    }
    Ok(())
}

/// Refuses what leaves fewer validators than the chain promises.
pub(super) fn check_enough<S: StateReader>(session: &mut Session<'_, S>) -> Result<(), Stop> {
    let params: ChainParams = session.expect(&StateKey::Params)?;
    let (left, minimum) = (epoch::next_size(session)?, params.min_validators);
    if left < minimum {
        return Err(ValidatorError::TooFewValidators { left, minimum }.into());
    }
    Ok(())
}

/// Refuses what gives the set more members than it holds.
pub(super) fn check_room<S: StateReader>(session: &mut Session<'_, S>) -> Result<(), Stop> {
    if epoch::next_size(session)? > MAX_VALIDATORS {
        let limit = MAX_VALIDATORS;
        return Err(ValidatorError::TooManyValidators { limit }.into());
    }
    Ok(())
}

/// The members in force that the sender operates.
pub(super) fn operated_members<S: StateReader>(
    session: &mut Session<'_, S>,
) -> Result<Vec<EpochMember>, Stop> {
    let sender = session.sender;
    let operated = operated_by(session, sender)?;
    if operated.is_empty() {
        return Ok(Vec::new());
    }
    let mut members = epoch::members(session)?;
    members.retain(|member| operated.contains(&member.id));
    Ok(members)
}

fn operated_by<S: StateReader>(
    session: &mut Session<'_, S>,
    account: AccountId,
) -> Result<Vec<AccountId>, Stop> {
    Ok(session
        .read(&StateKey::Operates(account))?
        .unwrap_or_default())
}

pub(super) fn read_entry<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
) -> Result<ValidatorEntry, Stop> {
    let entry = session.read(&StateKey::ValidatorEntry(validator))?;
    entry.ok_or_else(|| ValidatorError::UnknownValidator { validator }.into())
}

/// Who is allowed what is for a validator's operator.
pub(super) fn operated(entry: &ValidatorEntry) -> Owners {
    Owners {
        operator: Some(entry.operator),
        ..Owners::default()
    }
}

pub(super) fn refuse_removed(entry: &ValidatorEntry) -> Result<(), ValidatorError> {
    if entry.standing == Standing::Removed {
        return Err(wrong_standing(entry));
    }
    Ok(())
}

fn wrong_standing(entry: &ValidatorEntry) -> ValidatorError {
    ValidatorError::WrongStanding {
        validator: entry.id,
        standing: entry.standing,
    }
}

/// Number of the epoch that decides on this block.
pub(super) fn current_epoch<S: StateReader>(session: &mut Session<'_, S>) -> Result<u64, Stop> {
    let current: CurrentEpoch = session.expect(&StateKey::CurrentEpoch)?;
    Ok(current.epoch)
}
