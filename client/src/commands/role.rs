//! `cairn role`.

use super::{Context, FinalView, values};
use crate::exit::Failure;
use cairn_runtime::{AccountId, ModelName, Operation, Role, Scope};
use clap::{Args, Subcommand};

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Give a role to an account
    Grant(RoleArgs),
    /// Take a role from an account
    Revoke(RoleArgs),
}

/// Whose role, which and where; the whole chain where no scope is given.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    account: AccountId,
    /// admin, registrar, publisher, certifier, reader, auditor or operator
    #[arg(value_name = "ROLE", value_parser = values::role)]
    role: Role,
    /// In this namespace only
    #[arg(long, value_name = "NAMESPACE", value_parser = values::namespace, conflicts_with = "model")]
    namespace: Option<String>,
    /// For this model only
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = values::model_name)]
    model: Option<ModelName>,
}

impl RoleArgs {
    fn scope(&self) -> Scope {
        match (&self.namespace, &self.model) {
            (_, Some(model)) => Scope::Model(model.clone()),
            (Some(namespace), None) => Scope::Namespace(namespace.clone()),
            (None, None) => Scope::Chain,
        }
    }

    fn role_text(&self) -> String {
        match self.scope() {
            Scope::Chain => format!("role {}", self.role),
            narrower => format!("role {} at {narrower}", self.role),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(command: RoleCommand, context: &Context) -> Result<(), Failure> {
    let (operation, done) = match command {
        RoleCommand::Grant(arguments) => {
            let (account, role, scope) = (arguments.account, arguments.role, arguments.scope());
            let done = format!("{} granted to {account}", arguments.role_text());
            (
                Operation::GrantRole {
                    account,
                    role,
                    scope,
                },
                done,
            )
        }
        RoleCommand::Revoke(arguments) => {
            let (account, role, scope) = (arguments.account, arguments.role, arguments.scope());
            let done = format!("{} revoked from {account}", arguments.role_text());
            (
                Operation::RevokeRole {
                    account,
                    role,
                    scope,
                },
                done,
            )
        }
    };
    let changed: FinalView = context
        .session()
        .await?
        .transact(vec![operation])
        .await?
        .into();
    context.output().result(&changed, || changed.text(&done))
}
