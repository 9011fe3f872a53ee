//! Who may do what: the one table that says it ([`RULES`]), and how it is read.
//!
//! An operation has a target scope. Its sender needs the rule's role in a scope that covers the
//! target (the chain covers a namespace, a namespace its models), or has to be an owner that the
//! rule lets in. Owning is worth roles: who owns a namespace is Registrar and Publisher in it, who
//! owns a model is Publisher of it. Some operations go with no role: an account's own keys, and what
//! the operators of validators do.

mod rules;

pub use crate::operation_kind::OperationKind;
pub use rules::RULES;

use crate::Role;
use std::fmt::Write as _;

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
    /// The account that the model is offered to.
    Recipient,
    /// The account that made the certification.
    Certifier,
    /// The account that has a grant.
    Reader,
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

impl OperationKind {
    /// The row of [`RULES`] for this kind.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "the namespace's owner",
            Self::Model => "the model's owner",
            Self::Version => "the version's owner",
            Self::Account => "the account itself",
            Self::Recipient => "the account that it is offered to",
            Self::Certifier => "the account that certified",
            Self::Reader => "the account that has access",
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
