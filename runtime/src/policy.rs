//! Who may do what: the one table that says it ([`RULES`]), and how it is read.
//!
//! An operation has a target scope. Its sender needs the rule's role in a scope that covers the
//! target (the chain covers a namespace, a namespace its models), or has to be an owner that the
//! rule lets in. Owning is worth roles: who owns a namespace is Registrar and Publisher in it, who
//! owns a model is Publisher of it. Some operations go with no role: an account's own keys, and what
//! the operators of validators do.

use crate::{Operation, Role, Scope};
use serde::Serialize;
use std::fmt::Write as _;

/// The kinds of [`Operation`], in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// [`Operation::AdmitAccount`].
    AdmitAccount,
    /// [`Operation::GrantRole`].
    GrantRole,
    /// [`Operation::RevokeRole`].
    RevokeRole,
    /// [`Operation::CreateNamespace`].
    CreateNamespace,
    /// [`Operation::RegisterModel`].
    RegisterModel,
    /// [`Operation::PublishVersion`].
    PublishVersion,
    /// [`Operation::GrantAccess`].
    GrantAccess,
    /// [`Operation::RotateKeys`].
    RotateKeys,
    /// [`Operation::RevokeKey`].
    RevokeKey,
    /// [`Operation::SuspendAccount`].
    SuspendAccount,
    /// [`Operation::ReinstateAccount`].
    ReinstateAccount,
    /// [`Operation::Bond`].
    Bond,
    /// [`Operation::Unbond`].
    Unbond,
    /// [`Operation::RotateValidatorKeys`].
    RotateValidatorKeys,
    /// [`Operation::SubmitEvidence`].
    SubmitEvidence,
    /// [`Operation::Propose`].
    Propose,
    /// [`Operation::Approve`].
    Approve,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The whole chain.
    Chain,
    /// The scope that the operation names.
    NamedScope,
    /// The namespace that the operation names.
    Namespace,
    /// The model that the operation names.
    Model,
}

/// Who is allowed an operation without a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Who created the namespace.
    Namespace,
    /// Who registered the model.
    Model,
    /// Who published the version.
    Version,
    /// The account that the operation is about.
    Account,
    /// The operator of the validator that the operation names.
    Operator,
    /// The operator of any validator in force.
    Validators,
    /// Every account.
    Anyone,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The operation.
    pub operation: OperationKind,
    /// The role that allows it, if one does.
    pub role: Option<Role>,
    /// Where the role has to hold.
    pub target: Target,
    /// Who is allowed it without the role.
    pub owners: &'static [Owner],
}

/// The table, one row an operation, in the order of [`OperationKind`].
pub const RULES: [Rule; 17] = [
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

impl Operation {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::AdmitAccount { .. } => OperationKind::AdmitAccount,
            Self::GrantRole { .. } => OperationKind::GrantRole,
            Self::RevokeRole { .. } => OperationKind::RevokeRole,
            Self::CreateNamespace { .. } => OperationKind::CreateNamespace,
            Self::RegisterModel { .. } => OperationKind::RegisterModel,
            Self::PublishVersion { .. } => OperationKind::PublishVersion,
            Self::GrantAccess { .. } => OperationKind::GrantAccess,
            Self::RotateKeys { .. } => OperationKind::RotateKeys,
            Self::RevokeKey { .. } => OperationKind::RevokeKey,
            Self::SuspendAccount { .. } => OperationKind::SuspendAccount,
            Self::ReinstateAccount { .. } => OperationKind::ReinstateAccount,
            Self::Bond { .. } => OperationKind::Bond,
            Self::Unbond { .. } => OperationKind::Unbond,
            Self::RotateValidatorKeys { .. } => OperationKind::RotateValidatorKeys,
            Self::SubmitEvidence { .. } => OperationKind::SubmitEvidence,
            Self::Propose { .. } => OperationKind::Propose,
            Self::Approve { .. } => OperationKind::Approve,
        }
    }

    /// The scope in which the sender's role has to hold.
    #[must_use]
    pub fn target(&self) -> Scope {
        match self {
            Self::AdmitAccount { .. }
            | Self::CreateNamespace { .. }
            | Self::RotateKeys { .. }
            | Self::RevokeKey { .. }
            | Self::SuspendAccount { .. }
            | Self::ReinstateAccount { .. }
            | Self::Bond { .. }
            | Self::Unbond { .. }
            | Self::RotateValidatorKeys { .. }
            | Self::SubmitEvidence { .. }
            | Self::Propose { .. }
            | Self::Approve { .. } => Scope::Chain,
            Self::GrantRole { scope, .. } | Self::RevokeRole { scope, .. } => scope.clone(),
            Self::RegisterModel { model, .. } => Scope::Namespace(model.namespace.clone()),
            Self::PublishVersion { id, .. } | Self::GrantAccess { id, .. } => {
                Scope::Model(id.model.clone())
            }
        }
    }
}

impl OperationKind {
    /// The row of [`RULES`] for this kind.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AdmitAccount => "admit_account",
            Self::GrantRole => "grant_role",
            Self::RevokeRole => "revoke_role",
            Self::CreateNamespace => "create_namespace",
            Self::RegisterModel => "register_model",
            Self::PublishVersion => "publish_version",
            Self::GrantAccess => "grant_access",
            Self::RotateKeys => "rotate_keys",
            Self::RevokeKey => "revoke_key",
            Self::SuspendAccount => "suspend_account",
            Self::ReinstateAccount => "reinstate_account",
            Self::Bond => "bond",
            Self::Unbond => "unbond",
            Self::RotateValidatorKeys => "rotate_validator_keys",
            Self::SubmitEvidence => "submit_evidence",
            Self::Propose => "propose",
            Self::Approve => "approve",
        }
    }
}

impl OperationKind {
    /// Whether it has to be the only operation of its transaction.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        matches!(self, Self::RotateKeys | Self::RevokeKey)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "the namespace's owner",
            Self::Model => "the model's owner",
            Self::Version => "the version's owner",
            Self::Account => "the account itself",
            Self::Operator => "the validator's operator",
            Self::Validators => "operators of validators in force",
            Self::Anyone => "every account",
        })
    }
}

impl Rule {
    /// Who is allowed the operation without a role, in words.
    #[must_use]
    pub fn owners_in_words(&self) -> String {
        let owners: Vec<_> = self.owners.iter().map(Owner::to_string).collect();
        owners.join(", ")
    }
}

/// The table as Markdown, for the documentation.
#[must_use]
pub fn markdown() -> String {
    let mut table = String::from(
        "| operation | role | held at one of | without the role |\n|---|---|---|---|\n",
    );
    for rule in &RULES {
        let scopes = match (rule.role, rule.target) {
            (None, _) => "-",
            (_, Target::Chain) => "chain",
            (_, Target::NamedScope) => "the scope that it names, or a wider one",
            (_, Target::Namespace) => "chain, namespace",
            (_, Target::Model) => "chain, namespace, model",
        };
        let role = rule.role.map_or("-".to_owned(), |role| role.to_string());
        let owners = if rule.owners.is_empty() {
            "-".to_owned()
        } else {
            rule.owners_in_words()
        };
        let _ = writeln!(
            table,
            "| `{}` | {role} | {scopes} | {owners} |",
            rule.operation.name(),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_its_operations_place() {
        for (place, rule) in RULES.iter().enumerate() {
            assert_eq!(rule.operation as usize, place);
            assert_eq!(rule.operation.rule(), rule);
        }
    }

    #[test]
    fn the_markdown_has_every_row() {
        let table = markdown();
        assert_eq!(table.lines().count(), RULES.len() + 2);
        assert!(table.contains(
            "| `publish_version` | publisher | chain, namespace, model | the namespace's owner, the model's owner |"
        ));
    }
}
