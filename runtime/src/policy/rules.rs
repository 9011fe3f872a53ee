//! The rows of the table.

use super::{OperationKind, Owner, Rule, Target};
use crate::Role;

/// The table, one row an operation, in the order of [`OperationKind`].
pub const RULES: [Rule; 34] = [
    rule(
        OperationKind::AdmitAccount,
        Some(Role::Admin),
        Target::Chain,
        &[],
    ),
    rule(
        OperationKind::GrantRole,
        Some(Role::Admin),
        Target::NamedScope,
        &[],
    ),
    rule(
        OperationKind::RevokeRole,
        Some(Role::Admin),
        Target::NamedScope,
        &[],
    ),
    rule(
        OperationKind::CreateNamespace,
        Some(Role::Registrar),
        Target::Chain,
        &[],
    ),
    rule(
        OperationKind::RegisterModel,
        Some(Role::Registrar),
        Target::Namespace,
        &[Owner::Namespace],
    ),
    rule(
        OperationKind::PublishVersion,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::GrantAccess,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model, Owner::Version],
    ),
    rule(
        OperationKind::RotateKeys,
        None,
        Target::Chain,
        &[Owner::Account],
    ),
    rule(
        OperationKind::RevokeKey,
        Some(Role::Admin),
        Target::Chain,
        &[Owner::Account],
    ),
    rule(
        OperationKind::SuspendAccount,
        Some(Role::Admin),
        Target::Chain,
        &[],
    ),
    rule(
        OperationKind::ReinstateAccount,
        Some(Role::Admin),
        Target::Chain,
        &[],
    ),
    rule(OperationKind::Bond, None, Target::Chain, &[Owner::Operator]),
    rule(
        OperationKind::Unbond,
        None,
        Target::Chain,
        &[Owner::Operator],
    ),
    rule(
        OperationKind::RotateValidatorKeys,
        None,
        Target::Chain,
        &[Owner::Operator],
    ),
    rule(
        OperationKind::SubmitEvidence,
        None,
        Target::Chain,
        &[Owner::Anyone],
    ),
    rule(
        OperationKind::Propose,
        Some(Role::Admin),
        Target::Chain,
        &[Owner::Validators],
    ),
    rule(
        OperationKind::Approve,
        None,
        Target::Chain,
        &[Owner::Validators],
    ),
    rule(
        OperationKind::SetNamespacePolicy,
        Some(Role::Admin),
        Target::Namespace,
        &[Owner::Namespace],
    ),
    rule(
        OperationKind::SetAlias,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::DeleteAlias,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::SetTag,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::DeleteTag,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::SetDescription,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::DeprecateVersion,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model, Owner::Version],
    ),
    rule(
        OperationKind::YankVersion,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model, Owner::Version],
    ),
    rule(
        OperationKind::OfferTransfer,
        Some(Role::Admin),
        Target::Model,
        &[Owner::Model],
    ),
    rule(
        OperationKind::AcceptTransfer,
        None,
        Target::Model,
        &[Owner::Recipient],
    ),
    rule(
        OperationKind::RecordEvent,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::Certify,
        Some(Role::Certifier),
        Target::Model,
        &[],
    ),
    rule(
        OperationKind::RevokeCertification,
        Some(Role::Admin),
        Target::Model,
        &[Owner::Namespace, Owner::Certifier],
    ),
    rule(
        OperationKind::RequestAccess,
        None,
        Target::Model,
        &[Owner::Anyone],
    ),
    rule(
        OperationKind::RevokeAccess,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model, Owner::Version],
    ),
    rule(
        OperationKind::ResealAccess,
        None,
        Target::Model,
        &[Owner::Reader],
    ),
    rule(
        OperationKind::RekeyVersion,
        Some(Role::Publisher),
        Target::Model,
        &[Owner::Namespace, Owner::Model, Owner::Version],
    ),
];

const fn rule(
    operation: OperationKind,
    role: Option<Role>,
    target: Target,
    owners: &'static [Owner],
) -> Rule {
    Rule {
        operation,
        role,
        target,
        owners,
    }
}
