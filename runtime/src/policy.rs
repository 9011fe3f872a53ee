//! Who may do what: the one table that says it ([`RULES`]), and how it is read.
//!
//! An operation has a target scope. Its sender needs the rule's role in a scope that covers the
//! target (the chain covers a namespace, a namespace its models), or has to be an owner that the
//! rule lets in. Owning is worth roles: who owns a namespace is Registrar and Publisher in it, who
//! owns a model is Publisher of it.

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

/// Whose ownership allows an operation without a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Who created the namespace.
    Namespace,
    /// Who registered the model.
    Model,
    /// Who published the version.
    Version,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The operation.
    pub operation: OperationKind,
    /// The role that allows it.
    pub role: Role,
    /// Where the role has to hold.
    pub target: Target,
    /// Whose ownership does as well.
    pub owners: &'static [Owner],
}

/// The table, one row an operation, in the order of [`OperationKind`].
pub const RULES: [Rule; 7] = [
    rule(OperationKind::AdmitAccount, Role::Admin, Target::Chain, &[]),
    rule(
        OperationKind::GrantRole,
        Role::Admin,
        Target::NamedScope,
        &[],
    ),
    rule(
        OperationKind::RevokeRole,
        Role::Admin,
        Target::NamedScope,
        &[],
    ),
    rule(
        OperationKind::CreateNamespace,
        Role::Registrar,
        Target::Chain,
        &[],
    ),
    rule(
        OperationKind::RegisterModel,
        Role::Registrar,
        Target::Namespace,
        &[Owner::Namespace],
    ),
    rule(
        OperationKind::PublishVersion,
        Role::Publisher,
        Target::Model,
        &[Owner::Namespace, Owner::Model],
    ),
    rule(
        OperationKind::GrantAccess,
        Role::Publisher,
        Target::Model,
        &[Owner::Namespace, Owner::Model, Owner::Version],
    ),
];

const fn rule(
    operation: OperationKind,
    role: Role,
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
        }
    }

    /// The scope in which the sender's role has to hold.
    #[must_use]
    pub fn target(&self) -> Scope {
        match self {
            Self::AdmitAccount { .. } | Self::CreateNamespace { .. } => Scope::Chain,
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
        }
    }
}

/// The table as Markdown, for the documentation.
#[must_use]
pub fn markdown() -> String {
    let mut table =
        String::from("| operation | role | held at one of | or owner of |\n|---|---|---|---|\n");
    for rule in &RULES {
        let scopes = match rule.target {
            Target::Chain => "chain",
            Target::NamedScope => "the scope that it names, or a wider one",
            Target::Namespace => "chain, namespace",
            Target::Model => "chain, namespace, model",
        };
        let owners: Vec<_> = rule
            .owners
            .iter()
            .map(|owner| match owner {
                Owner::Namespace => "the namespace",
                Owner::Model => "the model",
                Owner::Version => "the version",
            })
            .collect();
        let owners = if owners.is_empty() {
            "-".to_owned()
        } else {
            owners.join(", ")
        };
        let _ = writeln!(
            table,
            "| `{}` | {} | {scopes} | {owners} |",
            rule.operation.name(),
            rule.role
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
            "| `publish_version` | publisher | chain, namespace, model | the namespace, the model |"
        ));
    }
}
