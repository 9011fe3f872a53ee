//! Proposals, approvals, and what they do when they pass.

use super::accounts::{add_role, remove_role};
use super::permission::{Owners, require};
use super::stake;
use super::validators::{
    self, NewValidator, add_validator, check_enough, check_proof, check_room, operated_members,
};
use crate::name::check_version;
use crate::session::{Session, Stop};
use crate::{
    AccountId, Action, ChainParams, EpochMember, Event, GovernanceError, Operation, Proposal, Role,
    Scope, StateKey, StateReader, Upgrade, ValidatorKeyClaim, epoch, quorum_power,
};
use std::collections::BTreeSet;

/// Values below which governance could no longer undo what it decided: its own transactions would not fit, its
/// proposals would expire, its operators' keys would age, before a quorum has signed.
const LEAST: [(&str, u64); 3] = [
    ("max_transaction_bytes", 32 * 1024),
    ("max_proposal_blocks", 100),
    ("max_key_age_ms", 24 * 60 * 60 * 1_000),
];

pub(super) fn propose<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    action: &Action,
    expires_at_height: u64,
) -> Result<(), Stop> {
    let members = operated_members(session)?;
    require(session, operation, allowed(&members))?;
    let height = session.context.height;
    let latest = height.saturating_add(session.params.max_proposal_blocks);
    if expires_at_height < height || expires_at_height > latest {
        return Err(GovernanceError::WrongExpiry {
            expires_at_height,
            earliest: height,
            latest,
        }
        .into());
    }
    let id = session.count(&StateKey::ProposalCount)?;
    session.write(&StateKey::ProposalCount, &(id + 1));
    let proposal = Proposal {
        id,
        proposer: session.sender,
        action: action.clone(),
        proposed_at: height,
        expires_at_height,
        approvals: Vec::new(),
        passed_at: None,
    };
    session.emit(Event::ProposalMade {
        proposal: id,
        proposer: session.sender,
    });
    add_approvals(session, proposal, &members)?;
    Ok(())
}

pub(super) fn approve<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    id: u64,
) -> Result<(), Stop> {
    let members = operated_members(session)?;
    require(session, operation, allowed(&members))?;
    let proposal: Proposal = session
        .read(&StateKey::Proposal(id))?
        .ok_or(GovernanceError::UnknownProposal { proposal: id })?;
    if let Some(height) = proposal.passed_at {
        let error = GovernanceError::ProposalPassed {
            proposal: id,
            height,
        };
        return Err(error.into());
    }
    let height = session.context.height;
    if proposal.expires_at_height < height {
        return Err(GovernanceError::ProposalExpired {
            proposal: id,
            expires_at: proposal.expires_at_height,
            height,
        }
        .into());
    }
    // Those who approved may ask again: the set may have shrunk to where they are enough.
    if !add_approvals(session, proposal, &members)? {
        return Err(GovernanceError::AlreadyApproved {
            proposal: id,
            account: session.sender,
        }
        .into());
    }
    Ok(())
}

fn allowed(members: &[EpochMember]) -> Owners {
    Owners {
        validators: !members.is_empty(),
        ..Owners::default()
    }
}

/// Adds the members' approvals; carries the action out once there are enough. Whether either changed anything.
fn add_approvals<S: StateReader>(
    session: &mut Session<'_, S>,
    mut proposal: Proposal,
    members: &[EpochMember],
) -> Result<bool, Stop> {
    let id = proposal.id;
    let mut added = Vec::new();
    for member in members {
        if !proposal.approvals.contains(&member.id) {
            proposal.approvals.push(member.id);
            added.push(member.id);
        }
    }
    let adds = !added.is_empty();
    if adds {
        session.emit(Event::ProposalApproved {
            proposal: id,
            validators: added,
        });
    }
    let approvals: BTreeSet<AccountId> = proposal.approvals.iter().copied().collect();
    let (mut power, mut total) = (0u64, 0u64);
    for member in epoch::members(session)? {
        total = total.saturating_add(member.power);
        if approvals.contains(&member.id) {
            power = power.saturating_add(member.power);
        }
    }
    let passes = power > 0 && power >= quorum_power(total);
    if passes {
        proposal.passed_at = Some(session.context.height);
    }
    session.write(&StateKey::Proposal(id), &proposal);
    if passes {
        carry_out(session, id, &proposal.action)?;
        session.emit(Event::ProposalPassed { proposal: id });
    }
    Ok(adds || passes)
}

fn carry_out<S: StateReader>(
    session: &mut Session<'_, S>,
    proposal: u64,
    action: &Action,
) -> Result<(), Stop> {
    match action {
        Action::SetParameter { name, value } => set_parameter(session, name, *value),
        Action::AddValidator {
            name,
            operator,
            consensus_key,
            transport_key,
            possession,
            stake,
        } => {
            let claim = ValidatorKeyClaim {
                chain_id: session.context.chain_id,
                validator: AccountId::of(consensus_key),
                key_index: 0,
                operator: *operator,
                consensus_key: consensus_key.clone(),
                transport_key: transport_key.clone(),
            };
            check_proof(&claim, possession)?;
            let new = NewValidator {
                name,
                operator: *operator,
                consensus_key,
                transport_key,
                stake: *stake,
            };
            add_validator(session, &new)?;
            check_room(session)?;
            Ok(epoch::mark_change(session)?)
        }
        Action::RemoveValidator { validator } => validators::remove(session, *validator),
        Action::ReinstateValidator { validator } => validators::reinstate(session, *validator),
        Action::SetOperator {
            validator,
            operator,
        } => validators::set_operator(session, *validator, *operator),
        Action::IssueStake { validator, amount } => stake::issue_to(session, *validator, *amount),
        Action::BurnStake { validator, amount } => stake::burn_from(session, *validator, *amount),
        Action::GrantAdmin { account } => {
            add_role(session, *account, Role::Admin, &Scope::Chain)?;
            session.emit(Event::RoleGranted {
                account: *account,
                role: Role::Admin,
                scope: Scope::Chain,
            });
            Ok(())
        }
        Action::RevokeAdmin { account } => {
            remove_role(session, *account, Role::Admin, &Scope::Chain)
        }
        Action::ScheduleUpgrade { version, height } => {
            schedule(session, proposal, version, *height)
        }
    }
}

/// Sets a parameter from the next block on.
fn set_parameter<S: StateReader>(
    session: &mut Session<'_, S>,
    name: &str,
    value: u64,
) -> Result<(), Stop> {
    let mut params: ChainParams = session.expect(&StateKey::Params)?;
    let refused = |reason: String| GovernanceError::ParameterRefused {
        name: name.to_owned(),
        value,
        reason,
    };
    let former_minimum = params.min_validators;
    let place = params
        .parameter_mut(name)
        .ok_or_else(|| GovernanceError::UnknownParameter {
            name: name.chars().take(80).collect(),
        })?;
    *place = value;
    params.check().map_err(|error| refused(error.to_string()))?;
    for (field, least) in LEAST {
        if field == name && value < least {
            let reason = format!("governance needs at least {least}");
            return Err(refused(reason).into());
        }
    }
    if params.min_validators < former_minimum {
        let reason = format!("the chain promised {former_minimum}, which never decreases");
        return Err(refused(reason).into());
    }
    session.write(&StateKey::Params, &params);
    if params.min_validators > former_minimum {
        check_enough(session)?;
    }
    Ok(())
}

fn schedule<S: StateReader>(
    session: &mut Session<'_, S>,
    proposal: u64,
    version: &str,
    height: u64,
) -> Result<(), Stop> {
    check_version(version)?;
    let count = session.count(&StateKey::UpgradeCount)?;
    let mut floor = session.context.height;
    if let Some(last) = count.checked_sub(1) {
        let last: Upgrade = session.expect(&StateKey::UpgradeAt(last))?;
        floor = floor.max(last.height);
    }
    if height <= floor {
        return Err(GovernanceError::UpgradeNotAhead {
            height: floor,
            got: height,
        }
        .into());
    }
    let upgrade = Upgrade {
        version: version.to_owned(),
        height,
        proposal,
    };
    session.write(&StateKey::UpgradeAt(count), &upgrade);
    session.write(&StateKey::UpgradeCount, &(count + 1));
    Ok(())
}
