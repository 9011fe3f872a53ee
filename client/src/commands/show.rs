//! `cairn show`.

use super::{Context, values};
use crate::exit::Failure;
use crate::output::Fields;
use cairn_api::time::rfc3339;
use cairn_api::{StandingView, VersionView};
use cairn_audit::Summary;
use cairn_client::{ClientError, Reference, Subject};
use cairn_runtime::{Confidentiality, Notice};
use clap::Args;
use serde::Serialize;

/// Which version.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    view: VersionView,
    proved_at_height: u64,
    proved_at: String,
    standing: StandingView,
}

/// Runs the command.
pub(crate) async fn run(arguments: &ShowArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let id = client.resolve(&arguments.reference).await?;
    let (_, verified) = client.prove(&Subject::Version(id.clone())).await?;
    let Summary::Version { version } = verified.claim else {
        let what = format!(
            "version {id} on the ledger (proved at height {})",
            verified.height
        );
        return Err(ClientError::NotFound { what }.into());
    };
    let standing = client.standing(&id).await?.data;
    let shown = Shown {
        view: VersionView::from(*version),
        proved_at_height: verified.height.0,
        proved_at: rfc3339(verified.time_ms),
        standing,
    };
    context.output().result(&shown, || text(&shown))
}

fn text(shown: &Shown) -> String {
    let version = &shown.view.version;
    let stored = match &version.confidentiality {
        Confidentiality::Public => "unencrypted".to_owned(),
        Confidentiality::Private { generation, .. } => {
            format!("encrypted, key generation {generation}")
        }
    };
    let mut fields = Fields::new()
        .add("version", &version.id)
        .add(
            "published",
            format!("{} at height {}", shown.view.time, version.published_at),
        )
        .add("owner", version.owner)
        .add("model hash", version.model_hash.reference())
        .add_some(
            "vector hash",
            version.vector_hash.map(|digest| digest.reference()),
        )
        .add("manifest", version.manifest_digest.reference())
        .add("stored", stored);
    for parent in &version.parents {
        let relation = values::word_of(&parent.relation);
        fields = fields.add(
            "parent",
            format!("{} ({relation})", parent.digest.reference()),
        );
    }
    let standing = &shown.standing;
    let notice = |notice: &Notice| format!("at height {}: {}", notice.at, notice.reason);
    let certified = if standing.certified { "yes" } else { "no" };
    fields
        .add_some("yanked", standing.yanked.as_ref().map(notice))
        .add_some("deprecated", standing.deprecated.as_ref().map(notice))
        .add("certified", format!("{certified} (as a node tells it)"))
        .add("metadata", one_line(&version.metadata))
        .add("transaction", version.tx_hash)
        .add(
            "proved",
            format!("at height {}, {}", shown.proved_at_height, shown.proved_at),
        )
        .render()
}

/// JSON on one line, for people; as it stands if it is none, which the ledger does not rule out.
fn one_line(metadata: &str) -> String {
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(metadata);
    parsed.map_or_else(|_| metadata.to_owned(), |value| value.to_string())
}
