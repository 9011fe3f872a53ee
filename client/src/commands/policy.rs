//! `cairn namespace policy` and `cairn namespace set-policy`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_runtime::{AccountId, NamespacePolicy, Operation, PolicyRecord};
use clap::Args;

/// Whose policies.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// The namespace
    #[arg(value_name = "NAMESPACE", value_parser = values::namespace)]
    namespace: String,
}

/// When a version of which namespace counts as certified.
#[derive(Debug, Args)]
pub(crate) struct SetPolicyArgs {
    /// The namespace
    #[arg(value_name = "NAMESPACE", value_parser = values::namespace)]
    namespace: String,
    /// An account that certifies; repeatable; without, everybody with the role Certifier
    #[arg(long = "certifier", value_name = "ACCOUNT")]
    certifiers: Vec<AccountId>,
    /// How many accounts have to find each required check passed
    #[arg(long, value_name = "N", default_value_t = 1)]
    required: u32,
    /// A check that has to have passed; repeatable; without, any one check
    #[arg(long = "check", value_name = "NAME", value_parser = values::name)]
    checks: Vec<String>,
    /// Whoever published a version may certify it
    #[arg(long)]
    publisher_certifies: bool,
}

/// Runs `cairn namespace policy`.
pub(super) async fn show(arguments: &PolicyArgs, context: &Context) -> Result<(), Failure> {
    let policies = context.client()?.policies(&arguments.namespace).await?;
    context.output().result(&policies, || {
        if policies.is_empty() {
            return "the default policy: one certification of any check, not by the publisher\n"
                .to_owned();
        }
        let headings = ["REVISION", "SET AT", "REQUIRED", "CHECKS", "CERTIFIERS"];
        table(headings, policies.iter().map(row).collect())
    })
}

/// Runs `cairn namespace set-policy`.
pub(super) async fn set(arguments: SetPolicyArgs, context: &Context) -> Result<(), Failure> {
    let namespace = arguments.namespace;
    let done = format!("namespace {namespace} has a new policy");
    let operation = Operation::SetNamespacePolicy {
        namespace,
        policy: NamespacePolicy {
            certifiers: arguments.certifiers,
            required_certifications: arguments.required,
            required_checks: arguments.checks,
            publisher_certifies: arguments.publisher_certifies,
        },
    };
    context.transact(vec![operation], &done).await
}

fn row(record: &PolicyRecord) -> [String; 5] {
    let policy = &record.policy;
    let certifiers: Vec<String> = policy.certifiers.iter().map(ToString::to_string).collect();
    let or = |text: String, nothing: &str| {
        if text.is_empty() {
            nothing.to_owned()
        } else {
            text
        }
    };
    [
        record.revision.to_string(),
        record.set_at.to_string(),
        policy.required_certifications.to_string(),
        or(policy.required_checks.join(", "), "any"),
        or(certifiers.join(", "), "everybody with the role"),
    ]
}
