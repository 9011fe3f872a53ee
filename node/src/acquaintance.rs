//! Who may connect: everybody in the ledger's registry of validators who was not removed, seated or not, and who
//! decided in the epoch before, leavers included: they may miss what ended it, and ask.

use cairn_consensus::ValidatorId;
use cairn_crypto::PublicKey;
use cairn_runtime::{
    AccountId, EpochMember, Standing, StateError, StateReader, ValidatorEntry, ValidatorKeys, query,
};
use std::collections::BTreeSet;

/// Pairs of keys of one validator whose transport keys are still known. A node that was away while its own keys were
/// replaced comes back with one of these.
const KEPT_PAIRS: u32 = 4;

/// A node that may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquaintance {
    /// The validator.
    pub id: ValidatorId,
    /// Its name in the registry.
    pub name: String,
    /// Its transport keys, oldest first; at least one.
    pub transport_keys: Vec<PublicKey>,
}

/// All of them, in the order of the registry.
///
/// # Errors
/// [`StateError`].
pub fn acquaintances(state: &(impl StateReader + ?Sized)) -> Result<Vec<Acquaintance>, StateError> {
    let former = former_members(state)?;
    let mut known = Vec::new();
    let count = query::validator_entry_count(state)?;
    for entry in query::validator_entries(state, 0, count)? {
        if entry.standing != Standing::Removed || former.contains(&entry.id) {
            known.push(acquaintance(state, entry)?);
        }
    }
    Ok(known)
}

/// Who decides now or decided in the epoch before.
fn former_members(state: &(impl StateReader + ?Sized)) -> Result<BTreeSet<AccountId>, StateError> {
    let current = query::current_epoch(state)?.epoch;
    let mut members = BTreeSet::new();
    for epoch in current.saturating_sub(1)..=current {
        let record = query::epoch(state, epoch)?;
        let of_epoch = record.into_iter().flat_map(|record| record.members);
        members.extend(of_epoch.map(|member: EpochMember| member.id));
    }
    Ok(members)
}

fn acquaintance(
    state: &(impl StateReader + ?Sized),
    entry: ValidatorEntry,
) -> Result<Acquaintance, StateError> {
    let mut transport_keys: Vec<PublicKey> = Vec::new();
    for index in entry.keys.saturating_sub(KEPT_PAIRS)..entry.keys {
        if let Some(ValidatorKeys { transport_key, .. }) =
            query::validator_keys(state, entry.id, index)?
            && !transport_keys.contains(&transport_key)
        {
            transport_keys.push(transport_key);
        }
    }
    Ok(Acquaintance {
        id: entry.id.0,
        name: entry.name,
        transport_keys,
    })
}
