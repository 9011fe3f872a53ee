//! Models that get another owner: offered by one, accepted by the other, so that nobody comes to own what they never
//! asked for.

use super::accounts::read_account;
use super::permission::{Owners, require};
use super::standing::check_unsuspended;
use super::subject::{log, model_of};
use crate::session::{Session, Stop};
use crate::{
    AccountId, Event, ModelError, ModelName, Operation, StateKey, StateReader, Transfer,
    TransferState,
};

/// Offers a model to an account, in place of any earlier offer; or withdraws the offer.
pub(super) fn offer<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &ModelName,
    to: Option<AccountId>,
    expires_at_height: u64,
) -> Result<(), Stop> {
    let (model, owners) = model_of(session, name)?;
    require(session, operation, owners)?;
    let place = StateKey::Transfer(name.clone());
    let Some(to) = to else {
        let mut transfer = open_offer(session, name)?;
        transfer.state = TransferState::Withdrawn;
        transfer.changed_at = session.context.height;
        session.write(&place, &transfer);
        let event = Event::TransferWithdrawn {
            model: name.clone(),
        };
        log(session, model, event);
        return Ok(());
    };
    check_unsuspended(&read_account(session, to)?)?;
    if to == model.owner {
        return Err(ModelError::OwnsAlready {
            account: to,
            model: name.clone(),
        }
        .into());
    }
    let height = session.context.height;
    let latest = height.saturating_add(session.params.max_proposal_blocks);
    if expires_at_height < height || expires_at_height > latest {
        return Err(ModelError::WrongOfferExpiry {
            got: expires_at_height,
            earliest: height,
            latest,
        }
        .into());
    }
    let transfer = Transfer {
        from: model.owner,
        to,
        offered_at: height,
        expires_at_height,
        state: TransferState::Offered,
        changed_at: height,
    };
    session.write(&place, &transfer);
    let event = Event::TransferOffered {
        model: name.clone(),
        to,
        expires_at_height,
    };
    log(session, model, event);
    Ok(())
}

pub(super) fn accept<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    name: &ModelName,
) -> Result<(), Stop> {
    let (mut model, owners) = model_of(session, name)?;
    let mut transfer = open_offer(session, name)?;
    let owners = Owners {
        recipient: Some(transfer.to),
        ..owners
    };
    require(session, operation, owners)?;
    let height = session.context.height;
    if height > transfer.expires_at_height {
        return Err(ModelError::OfferExpired {
            model: name.clone(),
            expires_at: transfer.expires_at_height,
            height,
        }
        .into());
    }
    transfer.state = TransferState::Accepted;
    transfer.changed_at = height;
    session.write(&StateKey::Transfer(name.clone()), &transfer);
    model.owner = transfer.to;
    let event = Event::ModelTransferred {
        model: name.clone(),
        from: transfer.from,
        to: transfer.to,
    };
    log(session, model, event);
    Ok(())
}

fn open_offer<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &ModelName,
) -> Result<Transfer, Stop> {
    let transfer: Option<Transfer> = session.read(&StateKey::Transfer(name.clone()))?;
    transfer
        .filter(|transfer| transfer.state == TransferState::Offered)
        .ok_or_else(|| {
            ModelError::NotOffered {
                model: name.clone(),
            }
            .into()
        })
}
