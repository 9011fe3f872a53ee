//! `cairn pull`.

use super::Context;
use super::store::sources;
use crate::exit::Failure;
use crate::output::{Fields, seconds, size};
use crate::progress;
use cairn_artifacts::StoreAddress;
use cairn_client::{Pulled, Reference, Times, Yanked};
use cairn_crypto::Digest;
use cairn_runtime::Confidentiality;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to fetch, and where to put it.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// namespace/name@version, namespace/name:alias, namespace/name or sha256:HEX
    #[arg(value_name = "REF")]
    reference: Reference,
    /// Folder to put it in; must not exist, or be empty
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// A store to ask before the nodes, as in push; repeatable
    #[arg(long = "store", value_name = "STORE")]
    stores: Vec<StoreAddress>,
    /// A cache of blobs that were read lately: a Redis, redis://host:port, or memory:MIB in this process; what it gives
    /// is checked
    #[arg(long, value_name = "CACHE")]
    cache: Option<String>,
    /// Fetch it even if it is yanked, to look into why
    #[arg(long)]
    allow_yanked: bool,
}

#[derive(Serialize)]
struct View<'a> {
    version: String,
    model_hash: Digest,
    manifest_digest: Digest,
    private: bool,
    files: u64,
    bytes: u64,
    output: &'a Path,
    proved_at_height: u64,
    seconds: f64,
    times: &'a Times,
}

/// Runs the command.
pub(crate) async fn run(arguments: &PullArgs, context: &Context) -> Result<(), Failure> {
    let sources = sources(&arguments.stores, arguments.cache.as_deref())?;
    let session = context.session().await?;
    let id = session.client().resolve(&arguments.reference).await?;
    let progress = progress::bar("pulling", context.output().shows_progress());
    let yanked = if arguments.allow_yanked {
        Yanked::Allow
    } else {
        Yanked::Refuse
    };
    let pulled = session
        .pull_from(&id, &arguments.output, &sources, yanked, progress)
        .await?;
    if let Some(notice) = session.client().proved_deprecation(&id).await? {
        let (at, reason) = (notice.at, notice.reason);
        let note = format!("{id} is deprecated since height {at}: {reason}");
        context.output().note(&note);
    }
    let view = View {
        version: pulled.version.id.to_string(),
        model_hash: pulled.version.model_hash,
        manifest_digest: pulled.version.manifest_digest,
        private: matches!(
            pulled.version.confidentiality,
            Confidentiality::Private { .. }
        ),
        files: pulled.files,
        bytes: pulled.bytes,
        output: &arguments.output,
        proved_at_height: pulled.verified.height.0,
        seconds: pulled.elapsed.as_secs_f64(),
        times: &pulled.times,
    };
    context.output().result(&view, || text(&view, &pulled))
}

/// What was fetched, and everything that was checked before it was put in place.
fn text(view: &View<'_>, pulled: &Pulled) -> String {
    let access = if view.private {
        "the grant is proved, its data key is the one that the ledger commits to"
    } else {
        "the version is public: stored unencrypted"
    };
    let files = if view.files == 1 {
        "file has its"
    } else {
        "files have the"
    };
    let digests = if view.files == 1 {
        "recorded digest"
    } else {
        "recorded digests"
    };
    let fields = Fields::new()
        .add(
            "record",
            format!("proved against genesis at height {}", view.proved_at_height),
        )
        .add("access", access)
        .add(
            "bytes",
            format!("{} in {} {files} {digests}", size(view.bytes), view.files),
        )
        .add("model hash", view.model_hash.reference())
        .add("took", seconds(pulled.elapsed));
    format!(
        "pulled {} into {}\n{}",
        view.version,
        view.output.display(),
        fields.render()
    )
}
