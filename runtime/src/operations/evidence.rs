//! Evidence against validators.

use super::permission::{Owners, require};
use super::stake::slash;
use super::validators::{current_epoch, read_entry};
use crate::evidence::{Evidence, EvidenceBytes, Place};
use crate::session::{Session, Stop};
use crate::{
    EpochRecord, Event, Offence, Operation, Standing, StateKey, StateReader, ValidatorError,
    ValidatorKeys, epoch,
};

/// Burns a share of the offender's stake and jails it, once for each epoch. The signatures, the dearest check,
/// come last.
pub(super) fn submit<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    bytes: &EvidenceBytes,
) -> Result<(), Stop> {
    let evidence =
        Evidence::decode(&bytes.0).map_err(|error| ValidatorError::MalformedEvidence {
            reason: error.to_string(),
        })?;
    require(session, operation, Owners::default())?;
    let place = check_offence(session, &evidence)?;
    let unknown = ValidatorError::UnknownMember {
        epoch: place.epoch,
        index: place.voter,
    };
    if place.epoch > current_epoch(session)? {
        return Err(unknown.into());
    }
    let record: EpochRecord = session.expect(&StateKey::EpochAt(place.epoch))?;
    let member = *record
        .members
        .get(usize::from(place.voter))
        .ok_or(unknown)?;
    let validator = member.id;
    let offence_place = StateKey::Offence(validator, place.epoch);
    if let Some(counted) = session.read::<Offence>(&offence_place)? {
        return Err(ValidatorError::OffenceCounted {
            validator,
            epoch: place.epoch,
            height: counted.height,
        }
        .into());
    }
    let keys: ValidatorKeys =
        session.expect(&StateKey::ValidatorKeys(validator, member.key_index))?;
    if !evidence.is_signed_by(&keys.consensus_key) {
        return Err(ValidatorError::BadEvidenceSignature {
            validator,
            epoch: place.epoch,
        }
        .into());
    }

    let burned = slash(session, validator, session.params.equivocation_burn_bp)?;
    let mut entry = read_entry(session, validator)?;
    if entry.standing == Standing::Active {
        entry.standing = Standing::Jailed;
        session.write(&StateKey::ValidatorEntry(validator), &entry);
    }
    let offence = Offence {
        validator,
        epoch: place.epoch,
        round: place.round,
        burned,
        reporter: session.sender,
        height: session.context.height,
    };
    session.write(&offence_place, &offence);
    let count_place = StateKey::OffenceCount(validator);
    let ordinal = session.count(&count_place)?;
    session.write(&StateKey::OffenceAt(validator, ordinal), &place.epoch);
    session.write(&count_place, &(ordinal + 1));
    epoch::mark_change(session)?;
    session.emit(Event::EquivocationPunished {
        validator,
        epoch: place.epoch,
        burned,
    });
    Ok(())
}

/// Whether the two halves are different contents of one place on this chain.
fn check_offence<S: StateReader>(
    session: &Session<'_, S>,
    evidence: &Evidence,
) -> Result<Place, ValidatorError> {
    let [first, second] = evidence.places();
    let reason = if first != second {
        format!("the halves are of {first:?} and {second:?}")
    } else if first.chain_id != session.context.chain_id {
        format!("it is of chain {}", first.chain_id)
    } else if !evidence.differs() {
        "both halves say the same".to_owned()
    } else {
        return Ok(first);
    };
    Err(ValidatorError::NoOffence { reason })
}
