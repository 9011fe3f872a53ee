//! `cairn model`.

use super::store::{open_store, sources};
use super::{Context, FinalView};
use crate::exit::Failure;
use crate::output::{Fields, size};
use crate::progress;
use cairn_artifacts::StoreAddress;
use cairn_client::{Reference, RekeyRequest, Rekeyed, Rekeying};
use cairn_crypto::Digest;
use cairn_runtime::AccountId;
use clap::{Args, Subcommand};
use serde::Serialize;

/// What to do with the stored bytes of a model.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Encrypt a private version anew, after `cairn revoke`, and every version that shares files with it; whoever may
    /// still read them gets the new keys
    Rekey(RekeyArgs),
}

/// Which version, and where its bytes are and go.
#[derive(Debug, Args)]
pub(crate) struct RekeyArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Store the new bytes here, and read the old ones from here first, instead of with a node: a folder, or
    /// s3://bucket/prefix?endpoint=URL&region=NAME with credentials in the environment
    #[arg(long, value_name = "STORE")]
    store: Option<StoreAddress>,
}

#[derive(Serialize)]
struct View {
    rekeyed: Vec<RekeyedView>,
    skipped: Vec<SkippedView>,
}

#[derive(Serialize)]
struct RekeyedView {
    id: String,
    generation: u32,
    manifest_digest: Digest,
    readers: Vec<AccountId>,
    left_out: Vec<AccountId>,
    revoked_meanwhile: Vec<AccountId>,
    bytes_sent: u64,
    #[serde(flatten)]
    transaction: FinalView,
}

#[derive(Serialize)]
struct SkippedView {
    id: String,
    reason: String,
}

impl From<Rekeyed> for RekeyedView {
    fn from(rekeyed: Rekeyed) -> Self {
        Self {
            id: rekeyed.id.to_string(),
            generation: rekeyed.generation,
            manifest_digest: rekeyed.manifest_digest,
            readers: rekeyed.readers,
            left_out: rekeyed.left_out,
            revoked_meanwhile: rekeyed.revoked_meanwhile,
            bytes_sent: rekeyed.bytes_sent,
            transaction: rekeyed.published.into(),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(command: ModelCommand, context: &Context) -> Result<(), Failure> {
    let ModelCommand::Rekey(arguments) = command;
    rekey(arguments, context).await
}

async fn rekey(arguments: RekeyArgs, context: &Context) -> Result<(), Failure> {
    let store = arguments.store.as_ref().map(open_store).transpose()?;
    let session = context.session().await?;
    let id = session.client().resolve(&arguments.reference).await?;
    context.output().note(&format!(
        "encrypting {id} anew; if it is interrupted, run it again and it goes on"
    ));
    let mut request = RekeyRequest::new(id);
    request.sources = sources(arguments.store.as_slice(), None)?;
    request.store = store;
    request.resume_dir = context.settings.resume_dir();
    request.progress = progress::bar("encrypting", context.output().shows_progress());
    let Rekeying { done, skipped } = session.rekey(request).await?;
    let view = View {
        rekeyed: done.into_iter().map(RekeyedView::from).collect(),
        skipped: (skipped.iter())
            .map(|(id, error)| SkippedView {
                id: id.to_string(),
                reason: error.to_string(),
            })
            .collect(),
    };
    context.output().result(&view, || text(&view))?;
    // Not all that may share keys has new ones: that is no success.
    match skipped.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(()),
    }
}

fn text(view: &View) -> String {
    let mut text: String = view.rekeyed.iter().map(rekeyed).collect();
    for skipped in &view.skipped {
        text.push_str(&format!(
            "{} keeps its keys, and may share files with it: {}\n",
            skipped.id, skipped.reason
        ));
    }
    text
}

fn rekeyed(view: &RekeyedView) -> String {
    let fields = Fields::new()
        .add("generation", view.generation)
        .add("manifest", view.manifest_digest.reference())
        .add("readers", view.readers.len())
        .add("sent", size(view.bytes_sent));
    let left_out = (view.left_out.iter()).map(|account| {
        format!("account {account} could not be given the new key: grant it access again later\n")
    });
    let head = format!("{} has a new data key", view.id);
    let mut text = view.transaction.text(&head);
    text.push_str(&fields.render());
    text.extend(left_out);
    let revoked = (view.revoked_meanwhile.iter()).map(|account| {
        format!("access of account {account} was revoked while the new key was on its way there: rekey once more\n")
    });
    text.extend(revoked);
    text
}
