//! Typed reads of what concerns validators and governance.

use super::page;
use crate::state::{expect, read};
use crate::{
    AccountId, CurrentEpoch, EpochRecord, Offence, Proposal, Stake, StakeSupply, StateError,
    StateKey, StateReader, Upgrade, ValidatorEntry, ValidatorKeys, ValidatorRecord,
};

/// The validators that decide on the next block, in the order of the validator set.
///
/// # Errors
/// [`StateError`].
pub fn validators(state: &(impl StateReader + ?Sized)) -> Result<Vec<ValidatorRecord>, StateError> {
    let count = read(state, &StateKey::ValidatorCount)?.unwrap_or(0);
    page(0, count, count, |ordinal| {
        expect(state, &StateKey::Validator(ordinal))
    })
}

/// The epoch that decides on the next block.
///
/// # Errors
/// [`StateError`].
pub fn current_epoch(state: &(impl StateReader + ?Sized)) -> Result<CurrentEpoch, StateError> {
    expect(state, &StateKey::CurrentEpoch)
}

/// Who decided in an epoch.
///
/// # Errors
/// [`StateError`].
pub fn epoch(
    state: &(impl StateReader + ?Sized),
    number: u64,
) -> Result<Option<EpochRecord>, StateError> {
    read(state, &StateKey::EpochAt(number))
}

/// A validator of the registry.
///
/// # Errors
/// [`StateError`].
pub fn validator_entry(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
) -> Result<Option<ValidatorEntry>, StateError> {
    read(state, &StateKey::ValidatorEntry(id))
}

/// Number of validators there ever were.
///
/// # Errors
/// [`StateError`].
pub fn validator_entry_count(state: &(impl StateReader + ?Sized)) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::ValidatorEntryCount)?.unwrap_or(0))
}

/// Validators of the registry in order of joining.
///
/// # Errors
/// [`StateError`].
pub fn validator_entries(
    state: &(impl StateReader + ?Sized),
    from: u64,
    limit: u64,
) -> Result<Vec<ValidatorEntry>, StateError> {
    page(from, limit, validator_entry_count(state)?, |ordinal| {
        let id = expect(state, &StateKey::ValidatorEntryAt(ordinal))?;
        expect(state, &StateKey::ValidatorEntry(id))
    })
}

/// A pair of keys of a validator.
///
/// # Errors
/// [`StateError`].
pub fn validator_keys(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
    index: u32,
) -> Result<Option<ValidatorKeys>, StateError> {
    read(state, &StateKey::ValidatorKeys(id, index))
}

/// Ids of the validators that an account operates.
///
/// # Errors
/// [`StateError`].
pub fn operates(
    state: &(impl StateReader + ?Sized),
    account: AccountId,
) -> Result<Vec<AccountId>, StateError> {
    Ok(read(state, &StateKey::Operates(account))?.unwrap_or_default())
}

/// The stake of a validator as it was last written; [`Stake::at`] frees what has matured since.
///
/// # Errors
/// [`StateError`].
pub fn stake(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
) -> Result<Option<Stake>, StateError> {
    read(state, &StateKey::Stake(id))
}

/// All stake issued and burned.
///
/// # Errors
/// [`StateError`].
pub fn stake_supply(state: &(impl StateReader + ?Sized)) -> Result<StakeSupply, StateError> {
    Ok(read(state, &StateKey::StakeSupply)?.unwrap_or_default())
}

/// A validator's offence in an epoch.
///
/// # Errors
/// [`StateError`].
pub fn offence(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
    epoch: u64,
) -> Result<Option<Offence>, StateError> {
    read(state, &StateKey::Offence(id, epoch))
}

/// All offences of a validator, in order of punishment.
///
/// # Errors
/// [`StateError`].
pub fn offences(
    state: &(impl StateReader + ?Sized),
    id: AccountId,
) -> Result<Vec<Offence>, StateError> {
    let count = read(state, &StateKey::OffenceCount(id))?.unwrap_or(0);
    page(0, count, count, |ordinal| {
        let epoch = expect(state, &StateKey::OffenceAt(id, ordinal))?;
        expect(state, &StateKey::Offence(id, epoch))
    })
}

/// A proposal.
///
/// # Errors
/// [`StateError`].
pub fn proposal(
    state: &(impl StateReader + ?Sized),
    id: u64,
) -> Result<Option<Proposal>, StateError> {
    read(state, &StateKey::Proposal(id))
}

/// Number of proposals.
///
/// # Errors
/// [`StateError`].
pub fn proposal_count(state: &(impl StateReader + ?Sized)) -> Result<u64, StateError> {
    Ok(read(state, &StateKey::ProposalCount)?.unwrap_or(0))
}

/// Proposals in the order in which they were made.
///
/// # Errors
/// [`StateError`].
pub fn proposals(
    state: &(impl StateReader + ?Sized),
    from: u64,
    limit: u64,
) -> Result<Vec<Proposal>, StateError> {
    page(from, limit, proposal_count(state)?, |id| {
        expect(state, &StateKey::Proposal(id))
    })
}

/// All upgrades, in the order of their heights.
///
/// # Errors
/// [`StateError`].
pub fn upgrades(state: &(impl StateReader + ?Sized)) -> Result<Vec<Upgrade>, StateError> {
    let count = read(state, &StateKey::UpgradeCount)?.unwrap_or(0);
    page(0, count, count, |ordinal| {
        expect(state, &StateKey::UpgradeAt(ordinal))
    })
}
