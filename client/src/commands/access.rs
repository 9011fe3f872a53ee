//! `cairn request-access`, `cairn revoke`, `cairn reseal` and `cairn access`: who may read a version.

use super::{Context, FinalView, values};
use crate::exit::Failure;
use crate::output::table;
use cairn_client::{Reference, Resealed};
use cairn_runtime::{AccessRequest, AccountId, Grant, Operation, Rekey, VersionId};
use clap::Args;
use serde::Serialize;

/// What is asked for, and why.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Why, for everybody to read
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Whose access to what ends, and why.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// The reader
    #[arg(value_name = "ACCOUNT")]
    account: AccountId,
    /// Why, for everybody to read
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Which version.
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
}

/// Which data keys.
#[derive(Debug, Args)]
pub(crate) struct ResealArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF", required_unless_present = "all")]
    reference: Option<Reference>,
    /// Those of every version that the account may read
    #[arg(long, conflicts_with = "reference")]
    all: bool,
}

/// Runs `cairn request-access`.
pub(crate) async fn request(arguments: RequestArgs, context: &Context) -> Result<(), Failure> {
    let id = context.client()?.resolve(&arguments.reference).await?;
    let done = format!("asked for access to {id}");
    let reason = arguments.reason;
    let operation = Operation::RequestAccess { id, reason };
    context.transact(vec![operation], &done).await
}

/// Runs `cairn revoke`.
pub(crate) async fn revoke(arguments: RevokeArgs, context: &Context) -> Result<(), Failure> {
    let id = context.client()?.resolve(&arguments.reference).await?;
    let reader = arguments.account;
    let done = format!(
        "{reader} may not read {id} any more: nodes and clients refuse; what was unwrapped before stays known"
    );
    let operation = Operation::RevokeAccess {
        id,
        reader,
        reason: arguments.reason,
    };
    context.transact(vec![operation], &done).await
}

#[derive(Serialize)]
struct ResealedView {
    moved: Vec<String>,
    locked: Vec<String>,
    failed: Vec<String>,
    transactions: Vec<FinalView>,
}

/// Runs `cairn reseal`.
pub(crate) async fn reseal(arguments: &ResealArgs, context: &Context) -> Result<(), Failure> {
    let session = context.session().await?;
    let resealed = match &arguments.reference {
        None => session.reseal_all().await?,
        Some(reference) => {
            let id = session.client().resolve(reference).await?;
            let transactions = vec![session.reseal(&id).await?];
            Resealed {
                moved: vec![id],
                transactions,
                ..Resealed::default()
            }
        }
    };
    let names = |ids: Vec<VersionId>| ids.iter().map(ToString::to_string).collect();
    let view = ResealedView {
        moved: names(resealed.moved),
        locked: names(resealed.locked),
        failed: (resealed.failed.iter())
            .map(|(id, reason)| format!("{id}: {reason}"))
            .collect(),
        transactions: (resealed.transactions.into_iter())
            .map(FinalView::from)
            .collect(),
    };
    context.output().result(&view, || resealed_text(&view))
}

fn resealed_text(view: &ResealedView) -> String {
    let moved = (view.moved.iter()).map(|id| format!("{id} opens with the account's newest key\n"));
    let locked = (view.locked.iter())
        .map(|id| format!("{id} is sealed to a key that is not here: name it with --former-key\n"));
    let failed = view.failed.iter().map(|line| format!("{line}\n"));
    let text: String = moved.chain(locked).chain(failed).collect();
    if text.is_empty() {
        return "the nodes know of nothing that is sealed to an earlier key\n".to_owned();
    }
    text
}

#[derive(Serialize)]
struct Listed {
    grants: Vec<Grant>,
    requests: Vec<AccessRequest>,
    rekeys: Vec<Rekey>,
}

/// Runs `cairn access`.
pub(crate) async fn list(arguments: &VersionArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let id = client.resolve(&arguments.reference).await?;
    let listed = Listed {
        grants: client.grants(&id).await?,
        requests: client.access_requests(&id).await?,
        rekeys: client.rekeys(&id).await?,
    };
    context.output().result(&listed, || {
        let grants = listed.grants.iter().map(grant_row);
        let requests = listed.requests.iter().map(request_row);
        let headings = ["ACCOUNT", "ACCESS", "SINCE", "KEY", "WHY"];
        table(headings, grants.chain(requests).collect())
    })
}

fn grant_row(grant: &Grant) -> [String; 5] {
    let (access, since, why) = match &grant.revoked {
        None => ("granted".to_owned(), grant.granted_at, String::new()),
        Some(notice) => ("revoked".to_owned(), notice.at, notice.reason.clone()),
    };
    [
        grant.reader.to_string(),
        access,
        since.to_string(),
        grant.generation.to_string(),
        why,
    ]
}

fn request_row(request: &AccessRequest) -> [String; 5] {
    [
        request.reader.to_string(),
        format!("request {}", values::word_of(&request.state)),
        request.changed_at.to_string(),
        "-".to_owned(),
        request.reason.clone(),
    ]
}
