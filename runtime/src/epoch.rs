//! When the validators change, and to whom.
//!
//! Whatever changes the registry, the stake or the keys of a validator marks a change as pending. At the end of the
//! first block from then on that completes `min_epoch_blocks` blocks of its epoch, the set is taken anew: everybody
//! active with bonded stake, in the order of the registry. That block is the last of its epoch, and the new set
//! decides from the next block on. A set smaller than `min_validators` never takes effect: as long as there would be
//! too few, the jailed of the present set stay in it, and failing that, the whole set stays.

use crate::session::Session;
use crate::{
    AccountId, ChainParams, CurrentEpoch, EpochMember, EpochRecord, Stake, Standing, StateError,
    StateKey, StateReader, ValidatorEntry, ValidatorKeys, ValidatorRecord,
};
use std::collections::BTreeSet;

/// A validator of the registry that may be in the next set.
struct Candidate {
    entry: ValidatorEntry,
    bonded: u64,
}

impl Candidate {
    fn member(&self) -> EpochMember {
        EpochMember {
            id: self.entry.id,
            key_index: self.entry.keys.saturating_sub(1),
            power: self.bonded,
        }
    }
}

/// Begins epoch 0 with the validators that genesis put into the registry.
pub(crate) fn begin_first<S: StateReader>(session: &mut Session<'_, S>) -> Result<(), StateError> {
    let candidates = candidates(session)?;
    begin(session, 0, 0, &candidates)?;
    Ok(())
}

/// Ends a block: the validators of the next one, if they change.
pub(crate) fn end_block<S: StateReader>(
    session: &mut Session<'_, S>,
) -> Result<Option<Vec<ValidatorRecord>>, StateError> {
    let current: CurrentEpoch = session.expect(&StateKey::CurrentEpoch)?;
    if !current.change_pending {
        return Ok(None);
    }
    let params: ChainParams = session.expect(&StateKey::Params)?;
    let next_height = session.context.height.saturating_add(1);
    if next_height.saturating_sub(current.first_height) < params.min_epoch_blocks {
        return Ok(None);
    }
    let next = next_set(session)?;
    if (next.len() as u64) < params.min_validators {
        return Ok(None);
    }
    let present = members(session)?;
    if next
        .iter()
        .map(Candidate::member)
        .eq(present.iter().copied())
    {
        let settled = CurrentEpoch {
            change_pending: false,
            ..current
        };
        session.write(&StateKey::CurrentEpoch, &settled);
        return Ok(None);
    }
    let epoch = current.epoch.saturating_add(1);
    begin(session, epoch, present.len() as u64, &next).map(Some)
}

/// Says that the registry changed.
pub(crate) fn mark_change<S: StateReader>(session: &mut Session<'_, S>) -> Result<(), StateError> {
    let mut current: CurrentEpoch = session.expect(&StateKey::CurrentEpoch)?;
    if !current.change_pending {
        current.change_pending = true;
        session.write(&StateKey::CurrentEpoch, &current);
    }
    Ok(())
}

/// The members of the set in force.
pub(crate) fn members<S: StateReader>(
    session: &mut Session<'_, S>,
) -> Result<Vec<EpochMember>, StateError> {
    let current: CurrentEpoch = session.expect(&StateKey::CurrentEpoch)?;
    let record: EpochRecord = session.expect(&StateKey::EpochAt(current.epoch))?;
    Ok(record.members)
}

/// How many validators the next set would have.
pub(crate) fn next_size<S: StateReader>(session: &mut Session<'_, S>) -> Result<u64, StateError> {
    Ok(next_set(session)?.len() as u64)
}

/// Who would be in a set taken now, in the order of the registry.
fn next_set<S: StateReader>(session: &mut Session<'_, S>) -> Result<Vec<Candidate>, StateError> {
    let params: ChainParams = session.expect(&StateKey::Params)?;
    let mut next = candidates(session)?;
    let is_active = |candidate: &Candidate| candidate.entry.standing == Standing::Active;
    let active = next.iter().filter(|candidate| is_active(candidate)).count() as u64;
    let mut missing = params.min_validators.saturating_sub(active);
    let present: BTreeSet<AccountId> = if missing > 0 {
        members(session)?.iter().map(|member| member.id).collect()
    } else {
        BTreeSet::new()
    };
    next.retain(|candidate| {
        if is_active(candidate) {
            return true;
        }
        let stays = missing > 0 && present.contains(&candidate.entry.id);
        missing -= u64::from(stays);
        stays
    });
    Ok(next)
}

/// Everybody with bonded stake who was not removed, in the order of the registry.
fn candidates<S: StateReader>(session: &mut Session<'_, S>) -> Result<Vec<Candidate>, StateError> {
    let count = session.count(&StateKey::ValidatorEntryCount)?;
    let mut candidates = Vec::new();
    for ordinal in 0..count {
        let id: AccountId = session.expect(&StateKey::ValidatorEntryAt(ordinal))?;
        let entry: ValidatorEntry = session.expect(&StateKey::ValidatorEntry(id))?;
        let stake: Stake = session.expect(&StateKey::Stake(id))?;
        if entry.standing != Standing::Removed && stake.bonded > 0 {
            candidates.push(Candidate {
                entry,
                bonded: stake.bonded,
            });
        }
    }
    Ok(candidates)
}

/// Puts a set in force from the next block on, over a set of `replaced` members.
fn begin<S: StateReader>(
    session: &mut Session<'_, S>,
    epoch: u64,
    replaced: u64,
    set: &[Candidate],
) -> Result<Vec<ValidatorRecord>, StateError> {
    let first_height = session.context.height.saturating_add(1);
    let mut records = Vec::with_capacity(set.len());
    for (index, candidate) in (0u64..).zip(set) {
        let member = candidate.member();
        let keys: ValidatorKeys =
            session.expect(&StateKey::ValidatorKeys(member.id, member.key_index))?;
        let record = ValidatorRecord {
            id: member.id,
            name: candidate.entry.name.clone(),
            consensus_key: keys.consensus_key,
            transport_key: keys.transport_key,
            power: member.power,
            operator: candidate.entry.operator,
        };
        session.write(&StateKey::Validator(index), &record);
        records.push(record);
    }
    let size = records.len() as u64;
    for index in size..replaced {
        session.remove(&StateKey::Validator(index));
    }
    session.write(&StateKey::ValidatorCount, &size);
    let record = EpochRecord {
        epoch,
        first_height,
        members: set.iter().map(Candidate::member).collect(),
    };
    session.write(&StateKey::EpochAt(epoch), &record);
    let current = CurrentEpoch {
        epoch,
        first_height,
        change_pending: false,
    };
    session.write(&StateKey::CurrentEpoch, &current);
    Ok(records)
}
