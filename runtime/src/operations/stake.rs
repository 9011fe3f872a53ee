//! Stake: issued, bonded, on its way out, burned.

use super::permission::require;
use super::validators::{check_enough, check_room, operated, read_entry, refuse_removed};
use crate::params::BASIS_POINTS;
use crate::session::{Session, Stop};
use crate::{
    AccountId, Event, Operation, Stake, StakeSupply, StateKey, StateReader, Unbonding,
    ValidatorError, epoch,
};

/// Most parts of a validator's stake that are on their way out at once.
const MAX_UNBONDINGS: u64 = 64;

pub(super) fn bond<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    validator: AccountId,
    amount: u64,
) -> Result<(), Stop> {
    let entry = read_entry(session, validator)?;
    require(session, operation, operated(&entry))?;
    refuse_removed(&entry)?;
    check_amount(amount)?;
    let mut stake = read_stake(session, validator)?;
    let joins = stake.bonded == 0;
    stake.free = take(validator, "free", stake.free, amount)?;
    // All stake together fits 64 bits (see StakeSupply).
    stake.bonded = stake.bonded.saturating_add(amount);
    session.write(&StateKey::Stake(validator), &stake);
    if joins {
        check_room(session)?;
    }
    epoch::mark_change(session)?;
    session.emit(Event::StakeBonded { validator, amount });
    Ok(())
}

pub(super) fn unbond<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    validator: AccountId,
    amount: u64,
) -> Result<(), Stop> {
    let entry = read_entry(session, validator)?;
    require(session, operation, operated(&entry))?;
    check_amount(amount)?;
    let mut stake = read_stake(session, validator)?;
    stake.bonded = take(validator, "bonded", stake.bonded, amount)?;
    let leaves = stake.bonded == 0;
    // Of what an operator asks for; a removal goes through whatever is on its way out already.
    if stake.unbonding.len() as u64 >= MAX_UNBONDINGS {
        return Err(ValidatorError::TooManyUnbondings {
            validator,
            limit: MAX_UNBONDINGS,
        }
        .into());
    }
    let matures_at_ms = release(session, &mut stake, amount);
    session.write(&StateKey::Stake(validator), &stake);
    if leaves {
        check_enough(session)?;
    }
    epoch::mark_change(session)?;
    session.emit(Event::StakeUnbonding {
        validator,
        amount,
        matures_at_ms,
    });
    Ok(())
}

/// Puts all bonded stake of a validator on its way out.
pub(super) fn release_all<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
) -> Result<(), Stop> {
    let mut stake = read_stake(session, validator)?;
    let amount = std::mem::take(&mut stake.bonded);
    if amount > 0 {
        let matures_at_ms = release(session, &mut stake, amount);
        session.emit(Event::StakeUnbonding {
            validator,
            amount,
            matures_at_ms,
        });
    }
    session.write(&StateKey::Stake(validator), &stake);
    Ok(())
}

/// Adds a part that is on its way out; returns when it is free.
fn release<S: StateReader>(session: &Session<'_, S>, stake: &mut Stake, amount: u64) -> u64 {
    let now_ms = session.context.timestamp_ms;
    let matures_at_ms = now_ms.saturating_add(session.params.unbonding_ms);
    stake.unbonding.push(Unbonding {
        amount,
        matures_at_ms,
    });
    matures_at_ms
}

/// Counts newly issued stake. Whoever calls writes down whose it is.
pub(super) fn issue<S: StateReader>(session: &mut Session<'_, S>, amount: u64) -> Result<(), Stop> {
    check_amount(amount)?;
    let mut supply: StakeSupply = session.read(&StateKey::StakeSupply)?.unwrap_or_default();
    supply.issued = supply
        .issued
        .checked_add(amount)
        .ok_or(ValidatorError::SupplyExceeded {
            issued: supply.issued,
            amount,
        })?;
    session.write(&StateKey::StakeSupply, &supply);
    Ok(())
}

/// Issues free stake to a validator.
pub(super) fn issue_to<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
    amount: u64,
) -> Result<(), Stop> {
    refuse_removed(&read_entry(session, validator)?)?;
    issue(session, amount)?;
    let mut stake = read_stake(session, validator)?;
    stake.free = stake.free.saturating_add(amount);
    session.write(&StateKey::Stake(validator), &stake);
    Ok(())
}

/// Burns bonded stake.
pub(super) fn burn_from<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
    amount: u64,
) -> Result<(), Stop> {
    read_entry(session, validator)?;
    check_amount(amount)?;
    let mut stake = read_stake(session, validator)?;
    stake.bonded = take(validator, "bonded", stake.bonded, amount)?;
    session.write(&StateKey::Stake(validator), &stake);
    if stake.bonded == 0 {
        check_enough(session)?;
    }
    count_burned(session, amount)?;
    Ok(epoch::mark_change(session)?)
}

/// Burns a share of everything that a validator has at stake; returns how many units. Matured stake is out of reach.
/// The last bonded unit stays where the set would otherwise be too small to ever take effect again.
pub(super) fn slash<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
    share_bp: u64,
) -> Result<u64, Stop> {
    let mut stake = read_stake(session, validator)?;
    let mut burned = 0u64;
    let parts = (stake.unbonding.iter_mut().map(|part| &mut part.amount))
        .chain(std::iter::once(&mut stake.bonded));
    for part in parts {
        let lost = share(*part, share_bp);
        *part -= lost;
        burned = burned.saturating_add(lost);
    }
    stake.unbonding.retain(|part| part.amount > 0);
    session.write(&StateKey::Stake(validator), &stake);
    if stake.bonded == 0 && burned > 0 && epoch::next_size(session)? < session.params.min_validators
    {
        stake.bonded = 1;
        burned -= 1;
        session.write(&StateKey::Stake(validator), &stake);
    }
    if burned > 0 {
        count_burned(session, burned)?;
    }
    Ok(burned)
}

/// A share of a part, rounded up, so that small parts do not go free.
fn share(part: u64, share_bp: u64) -> u64 {
    let product = u128::from(part) * u128::from(share_bp.min(BASIS_POINTS));
    let lost = product.div_ceil(u128::from(BASIS_POINTS));
    u64::try_from(lost).expect("a share is not more than the whole")
}

fn count_burned<S: StateReader>(session: &mut Session<'_, S>, amount: u64) -> Result<(), Stop> {
    let mut supply: StakeSupply = session.expect(&StateKey::StakeSupply)?;
    supply.burned = supply.burned.saturating_add(amount);
    session.write(&StateKey::StakeSupply, &supply);
    Ok(())
}

fn check_amount(amount: u64) -> Result<(), ValidatorError> {
    if amount == 0 {
        return Err(ValidatorError::ZeroAmount);
    }
    Ok(())
}

fn take(
    validator: AccountId,
    kind: &str,
    available: u64,
    amount: u64,
) -> Result<u64, ValidatorError> {
    available
        .checked_sub(amount)
        .ok_or_else(|| ValidatorError::NotEnoughStake {
            validator,
            kind: kind.to_owned(),
            available,
            amount,
        })
}

/// The stake as it is at this block's time.
fn read_stake<S: StateReader>(
    session: &mut Session<'_, S>,
    validator: AccountId,
) -> Result<Stake, Stop> {
    let stake: Stake = session.expect(&StateKey::Stake(validator))?;
    Ok(stake.at(session.context.timestamp_ms))
}
