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
    pub(crate) account: Option<AccountId>,
    pub(crate) recipient: Option<AccountId>,
    pub(crate) certifier: Option<AccountId>,
    pub(crate) reader: Option<AccountId>,
    pub(crate) operator: Option<AccountId>,
    /// Whether the sender operates a validator in force.
    pub(crate) validators: bool,
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
            Owner::Account => owners.account,
            Owner::Recipient => owners.recipient,
            Owner::Certifier => owners.certifier,
            Owner::Reader => owners.reader,
            Owner::Operator => owners.operator,
            Owner::Validators => return owners.validators,
            Owner::Anyone => return true,
        };
        owner == Some(sender)
    });
    if owns {
        return Ok(());
    }
    let Some(role) = rule.role else {
        return Err(TransactionError::NotAllowed {
            account: sender,
            operation: rule.operation.name().to_owned(),
            allowed: rule.owners_in_words(),
        }
        .into());
    };
    let target = operation.target();
    for scope in target.widening().rev() {
        let held: Option<Option<u64>> = session.read(&StateKey::RoleHeld(sender, role, scope))?;
        if held.flatten().is_some() {
            return Ok(());
        }
    }
    Err(TransactionError::MissingRole {
        account: sender,
        role,
        scope: target,
    }
    .into())
}
