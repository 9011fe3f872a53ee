//! Stores named on the command line; `cairn gc` and `cairn fsck`, for those who keep one.

use super::Context;
use crate::exit::Failure;
use crate::output::{Fields, size};
use crate::progress;
use cairn_artifacts::cache::AnyCache;
use cairn_artifacts::upkeep::{
    Checked, Collected, DEFAULT_GRACE, MIN_GRACE, Referenced, check, collect,
};
use cairn_artifacts::{AnyStore, ErrorKind, PackageError, StoreAddress};
use cairn_client::{ClientError, Manifests, Sources};
use cairn_crypto::Digest;
use clap::Args;
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: u64 = 60 * 60;

/// What to remove from which store.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// The store: a folder, or s3://bucket/prefix?endpoint=URL&region=NAME with credentials in the environment
    #[arg(long, value_name = "STORE")]
    store: StoreAddress,
    /// Hours that a blob is left alone after it was put or last asked for
    #[arg(long, value_name = "HOURS", default_value_t = DEFAULT_GRACE.as_secs() / HOUR,
          value_parser = clap::value_parser!(u64).range(MIN_GRACE.as_secs() / HOUR..=24 * 365))]
    grace: u64,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Go on although manifests are missing: chunks that only they need are removed
    #[arg(long)]
    ignore_missing: bool,
}

/// Which store to check.
#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// The store: a folder, or s3://bucket/prefix?endpoint=URL&region=NAME with credentials in the environment
    #[arg(long, value_name = "STORE")]
    store: StoreAddress,
}

#[derive(Serialize)]
struct GcView {
    store: String,
    dry_run: bool,
    manifests: usize,
    missing_manifests: Vec<Digest>,
    kept: u64,
    young: u64,
    removed: Vec<Digest>,
    removed_bytes: u64,
}

#[derive(Serialize)]
struct FsckView {
    store: String,
    manifests: u64,
    whole: u64,
    bytes: u64,
    faults: Vec<FaultView>,
}

#[derive(Serialize)]
struct FaultView {
    manifest: Digest,
    blob: Digest,
    reason: String,
}

/// Runs `cairn gc`.
pub(crate) async fn gc(arguments: &GcArgs, context: &Context) -> Result<(), Failure> {
    let store = open_store(&arguments.store)?;
    // Before anything is asked: what is published from here on has young blobs.
    let now = SystemTime::now();
    let grace = Duration::from_secs(arguments.grace * HOUR);
    let manifests = manifests(context, now.checked_sub(grace)).await?;
    let stores = [store];
    let referenced = Referenced::read(&stores, &manifests.in_force)
        .await
        .map_err(ClientError::from)?;
    let missing = referenced.missing();
    if let Some(first) = missing.first()
        && !arguments.ignore_missing
    {
        return Err(Failure::Usage(format!(
            "{} of {} manifests are not in {}, such as {first}, so it is not known which chunks they need; \
             nothing was removed. If the store is not to have them, add --ignore-missing",
            missing.len(),
            manifests.in_force.len(),
            arguments.store,
        )));
    }
    let missing_manifests = missing.iter().copied().collect();
    let referenced = referenced
        .with_replaced(&stores, &manifests.replaced)
        .await
        .map_err(ClientError::from)?;
    let collected = collect(&stores[0], &referenced, now, grace, arguments.dry_run)
        .await
        .map_err(|error| ClientError::from(PackageError::from(error)))?;
    let view = GcView {
        store: arguments.store.to_string(),
        dry_run: arguments.dry_run,
        manifests: manifests.in_force.len(),
        missing_manifests,
        kept: collected.kept,
        young: collected.young,
        removed: collected.removed.keys().copied().collect(),
        removed_bytes: collected.bytes(),
    };
    context
        .output()
        .result(&view, || gc_text(&view, &collected))
}

fn gc_text(view: &GcView, collected: &Collected) -> String {
    let mut text = String::new();
    if view.dry_run {
        for (digest, bytes) in &collected.removed {
            text.push_str(&format!("{digest} {}\n", size(*bytes)));
        }
    }
    let verb = if view.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    let fields = Fields::new()
        .add("needed", view.kept)
        .add("not needed, too young", view.young)
        .add(
            verb,
            format!("{} ({})", view.removed.len(), size(view.removed_bytes)),
        );
    text.push_str(&fields.render());
    text
}

/// Runs `cairn fsck`.
pub(crate) async fn fsck(arguments: &FsckArgs, context: &Context) -> Result<(), Failure> {
    let store = open_store(&arguments.store)?;
    let manifests = manifests(context, None).await?;
    let progress = progress::bar("checking", context.output().shows_progress());
    progress.start(0);
    let checked = check(&store, &manifests.in_force, progress.as_ref()).await;
    progress.finish();
    let view = FsckView {
        store: arguments.store.to_string(),
        manifests: checked.manifests,
        whole: checked.whole,
        bytes: checked.bytes,
        faults: (checked.faults.iter())
            .map(|fault| FaultView {
                manifest: fault.manifest,
                blob: fault.blob,
                reason: fault.error.to_string(),
            })
            .collect(),
    };
    context.output().result(&view, || fsck_text(&view))?;
    worst(checked)
}

/// The exit code tells of damage before absence.
fn worst(checked: Checked) -> Result<(), Failure> {
    let mut faults = checked.faults;
    faults.sort_by_key(|fault| match fault.error.kind() {
        ErrorKind::DigestMismatch => 0,
        ErrorKind::NotFound => 2,
        _ => 1,
    });
    match faults.into_iter().next() {
        Some(fault) => Err(ClientError::from(fault.error).into()),
        None => Ok(()),
    }
}

fn fsck_text(view: &FsckView) -> String {
    let mut text = String::new();
    for fault in &view.faults {
        text.push_str(&format!(
            "{} of manifest {}: {}\n",
            fault.blob, fault.manifest, fault.reason
        ));
    }
    let fields = Fields::new()
        .add("manifests", view.manifests)
        .add("whole", format!("{} ({})", view.whole, size(view.bytes)))
        .add("not whole", view.faults.len());
    text.push_str(&fields.render());
    text
}

/// What a pull reads from besides the nodes.
pub(super) fn sources(stores: &[StoreAddress], cache: Option<&str>) -> Result<Sources, Failure> {
    let cache = cache.map(AnyCache::open);
    Ok(Sources {
        stores: stores.iter().map(open_store).collect::<Result<_, _>>()?,
        cache: (cache.transpose()).map_err(|error| Failure::Usage(error.to_string()))?,
    })
}

/// Opens a store that exists.
pub(super) fn open_store(address: &StoreAddress) -> Result<AnyStore, Failure> {
    AnyStore::open(address).map_err(|error| Failure::Usage(error.to_string()))
}

/// What the ledger refers to by the word of every configured node: all must answer, and what one of them names counts.
/// What other data keys replaced counts too, if that was after `replaced_since`.
async fn manifests(
    context: &Context,
    replaced_since: Option<SystemTime>,
) -> Result<Manifests, Failure> {
    let since = replaced_since.map(|time| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    });
    let mut manifests = Manifests::default();
    for (_, client) in context.each_node()? {
        manifests.join(client.manifests(since).await?);
    }
    Ok(manifests)
}
