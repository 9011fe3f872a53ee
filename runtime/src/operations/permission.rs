//! The check of the policy table.

use crate::policy::Owner;
use crate::session::{Session, Stop};
use crate::{AccountId, Operation, StateKey, StateReader, TransactionError};

/// Who owns what the operation is about, as far as it is about something that has an owner.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owners {
    pub(crate) namespace: Option<AccountId>,
    pub(crate) model: Option<AccountId>,
    pub(crate) version: Option<AccountId>,
}

/// Checks the operation's row of the table for the sender: ownership first, because the caller has
/// the owners at hand, then the role in the target's scope and the wider ones. The widest is asked
/// first: its record is the same for every target, so a block reads it once a sender.
pub(crate) fn require<S: StateReader>(
    session: &mut Session<'_, S>,
    operation: &Operation,
    owners: Owners,
) -> Result<(), Stop> {
    let rule = operation.kind().rule();
    let sender = session.sender;
    let owns = rule.owners.iter().any(|owner| {
        let owner = match owner {
            Owner::Namespace => owners.namespace,
            Owner::Model => owners.model,
            Owner::Version => owners.version,
        };
        owner == Some(sender)
    });
    if owns {
        return Ok(());
    }
    let target = operation.target();
    for scope in target.widening().rev() {
        let held: Option<Option<u64>> =
            session.read(&StateKey::RoleHeld(sender, rule.role, scope))?;
        if held.flatten().is_some() {
            return Ok(());
        }
    }
    Err(TransactionError::MissingRole {
        account: sender,
        role: rule.role,
        scope: target,
    }
    .into())
}
