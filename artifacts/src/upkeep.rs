//! Keeping a store: what is needed of it, what is not, and whether it is whole.
//!
//! The ledger refers to stored manifests, and those to chunks. [`collect`] removes what nothing
//! refers to; [`check`] reads what something refers to.
//!
//! **When it is safe to collect.** A push stores its blobs before the ledger refers to them, so a
//! blob is left alone until it has been there for the grace period. A push may also use a blob that
//! was there already: the age of a blob counts from the last time that it was asked for, which a
//! folder notes at the blob and a bucket in an object beside it. That is looked at once more right
//! before a blob is removed. What is left is the moment between that look and the removal: a push
//! that asks for a blob of the grace period's age in this very moment may publish a version that
//! lacks it, which [`check`] finds and the same push, made again, makes good. And clocks: that of
//! whoever pushes, of whoever collects and of the bucket are to agree within half an hour.
//!
//! **What a rekeying replaced** is of no more use when what replaced it is there: as long as the
//! store lacks any blob of the new manifest, the former one and its chunks stay.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, SystemTime};

use cairn_crypto::Digest;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::error::{ErrorKind, PackageError, StoreError};
use crate::fetch::fetch_stored_manifest;
use crate::progress::Progress;
use crate::push::cores;
use crate::store::{BlobInventory, BlobStore, KeptBlob, persist};

/// The shortest grace period that the command line accepts.
pub const MIN_GRACE: Duration = Duration::from_secs(60 * 60);
/// The grace period unless another is asked for: a week.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The blobs that the ledger refers to, directly and through stored manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referenced {
    blobs: HashSet<Digest>,
    /// Manifests that no store has. Which chunks they need is not known.
    missing: BTreeSet<Digest>,
    replaced: Vec<Replaced>,
}

/// What lies under an earlier data key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replaced {
    /// Its manifest and chunks.
    former: Vec<Digest>,
    /// Manifest and chunks of what replaced it.
    by: Vec<Digest>,
}

/// The digests of a stored manifest and of its chunks; nothing where no store has it.
async fn blobs_of<S: BlobStore>(
    stores: &[S],
    manifest: &Digest,
) -> Result<Option<Vec<Digest>>, PackageError> {
    match fetch_stored_manifest(stores, manifest).await {
        Ok(stored) => {
            let chunks = stored.blobs().map(|(blob, _)| blob);
            Ok(Some(std::iter::once(*manifest).chain(chunks).collect()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Referenced {
    /// Reads the stored manifests with these digests from the first store that has each.
    ///
    /// # Errors
    /// [`PackageError::Blob`] if a store does not answer or has only a damaged copy, or
    /// [`PackageError::Malformed`]. That no store has a manifest is no error; see
    /// [`Referenced::missing`].
    pub async fn read<S: BlobStore>(
        stores: &[S],
        manifests: &BTreeSet<Digest>,
    ) -> Result<Self, PackageError> {
        let mut referenced = Self {
            blobs: manifests.iter().copied().collect(),
            ..Self::default()
        };
        let mut read = stream::iter(manifests)
            .map(|digest| async move { (digest, blobs_of(stores, digest).await) })
            .buffer_unordered(cores());
        while let Some((digest, blobs)) = read.next().await {
            match blobs? {
                Some(blobs) => referenced.blobs.extend(blobs),
                None => {
                    referenced.missing.insert(*digest);
                }
            }
        }
        Ok(referenced)
    }

    /// The same, and what was replaced as long as what replaced it is not all there: each manifest under an earlier data
    /// key with the one that is in force instead, which was among those that were read. One that is
    /// [`Referenced::missing`] holds back nothing: whoever goes on without it knows that the store is not to have it.
    ///
    /// # Errors
    /// As [`Referenced::read`].
    pub async fn with_replaced<S: BlobStore>(
        mut self,
        stores: &[S],
        replaced: &BTreeMap<Digest, Digest>,
    ) -> Result<Self, PackageError> {
        for (former, by) in replaced {
            if self.missing.contains(by) {
                continue;
            }
            let Some(former) = blobs_of(stores, former).await? else {
                continue; // It was removed before.
            };
            // What was there a moment ago and is not now is not complete.
            let by = blobs_of(stores, by).await?.unwrap_or_else(|| vec![*by]);
            self.replaced.push(Replaced { former, by });
        }
        Ok(self)
    }

    /// What was replaced by something of which a store with these blobs does not have everything.
    fn still_needed(&self, there: &HashSet<Digest>) -> HashSet<Digest> {
        let incomplete = |one: &&Replaced| one.by.iter().any(|blob| !there.contains(blob));
        let former = self.replaced.iter().filter(incomplete);
        former.flat_map(|one| one.former.iter().copied()).collect()
    }

    /// Whether something refers to a blob.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.blobs.contains(digest)
    }

    /// How many blobs there should be, manifests included, as far as is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blobs.len()
    }

    /// Whether the ledger refers to nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty()
    }

    /// Manifests that no store has. To collect while there are some removes chunks that they may need.
    #[must_use]
    pub fn missing(&self) -> &BTreeSet<Digest> {
        &self.missing
    }
}

/// What [`collect`] did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that something refers to, and those under earlier keys that are kept until what replaced them is complete.
    pub kept: u64,
    /// Blobs that nothing refers to and that were put or asked for within the grace period.
    pub young: u64,
    /// Blobs that were removed, or would be, with their sizes in bytes.
    pub removed: BTreeMap<Digest, u64>,
}

impl Collected {
    /// Bytes of what was removed, or would be.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.removed.values().sum()
    }
}

/// Removes every blob that nothing refers to and that was there, and was asked for by nobody, for the grace period at the
/// time `now`; with `dry_run` it removes nothing and says what it would remove. Right before a blob is removed it is looked
/// at once more.
///
/// What the ledger refers to must have been read after the store's clock showed `now`, so that a
/// version published meanwhile is known or its blobs are young.
///
/// # Errors
/// What the store answers. What was removed until then stays removed; run it again.
pub async fn collect<S: BlobInventory>(
    store: &S,
    referenced: &Referenced,
    now: SystemTime,
    grace: Duration,
    dry_run: bool,
) -> Result<Collected, StoreError> {
    let mut collected = Collected::default();
    // A time in the future is young, whatever the clocks are about.
    let is_young = |blob: &KeptBlob| now.duration_since(blob.since).unwrap_or_default() < grace;
    let (mut old, mut there) = (BTreeSet::new(), HashSet::new());
    {
        let mut listed = std::pin::pin!(store.list());
        while let Some(blob) = listed.try_next().await? {
            if !referenced.replaced.is_empty() {
                there.insert(blob.digest);
            }
            if referenced.has(&blob.digest) {
                collected.kept += 1;
            } else if is_young(&blob) {
                collected.young += 1;
            } else {
                old.insert(blob.digest);
            }
        }
    }
    let needed = referenced.still_needed(&there);
    collected.kept += old.extract_if(.., |blob| needed.contains(blob)).count() as u64;
    let mut removed = stream::iter(&old)
        .map(|digest| async move {
            let kept = persist(|| store.kept(digest)).await?;
            let goes = kept.is_some_and(|blob| !is_young(&blob));
            if goes && !dry_run {
                persist(|| store.remove(digest)).await?;
            }
            Ok::<_, StoreError>((kept, goes))
        })
        .buffer_unordered(2 * cores());
    while let Some((kept, goes)) = removed.try_next().await? {
        match kept {
            Some(blob) if goes => {
                collected.removed.insert(blob.digest, blob.size);
            }
            Some(_) => collected.young += 1,
            None => {} // Somebody else has removed it.
        }
    }
    Ok(collected)
}

/// A blob that is not as it should be.
#[derive(Debug)]
pub struct Fault {
    /// The stored manifest that needs it; its own digest if it is one.
    pub manifest: Digest,
    /// The blob.
    pub blob: Digest,
    /// What is the matter.
    pub error: PackageError,
}

/// What [`check`] found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Stored manifests that were asked for.
    pub manifests: u64,
    /// Blobs that are whole, manifests included.
    pub whole: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Every other one, in the order of the manifests' digests.
    pub faults: Vec<Fault>,
}

/// Reads every stored manifest with one of these digests, and every chunk that they refer to, each
/// once, and compares it with its digest and size. Nothing is decrypted, so no key is needed. The
/// progress counts the bytes of the chunks as they become known.
pub async fn check<S: BlobStore>(
    store: &S,
    manifests: &BTreeSet<Digest>,
    progress: &dyn Progress,
) -> Checked {
    let stores = std::slice::from_ref(store);
    let mut checked = Checked {
        manifests: manifests.len() as u64,
        ..Checked::default()
    };
    let mut seen = HashSet::new();
    for manifest in manifests {
        let stored = match fetch_stored_manifest(stores, manifest).await {
            Ok(stored) => stored,
            Err(error) => {
                checked.faults.push(Fault {
                    manifest: *manifest,
                    blob: *manifest,
                    error,
                });
                continue;
            }
        };
        checked.whole += 1;
        checked.bytes += stored.encode().len() as u64;
        let new: Vec<_> = stored
            .blobs()
            .filter(|(blob, _)| seen.insert(*blob))
            .collect();
        let mut read = stream::iter(new)
            .map(|(blob, size)| async move { (blob, size, whole(store, &blob, size).await) })
            .buffered(2 * cores());
        while let Some((blob, size, result)) = read.next().await {
            progress.advance(size);
            match result {
                Ok(()) => {
                    checked.whole += 1;
                    checked.bytes += size;
                }
                Err(error) => checked.faults.push(Fault {
                    manifest: *manifest,
                    blob,
                    error,
                }),
            }
        }
    }
    checked
}

async fn whole<S: BlobStore>(store: &S, blob: &Digest, size: u64) -> Result<(), PackageError> {
    let stores = std::slice::from_ref(store);
    let bytes = crate::fetch::whole_blob(stores, blob, "a chunk").await?;
    if bytes.len() as u64 == size {
        return Ok(());
    }
    Err(PackageError::Malformed {
        what: "stored manifest",
        reason: format!("it gives blob {blob} {size} bytes, it has {}", bytes.len()),
    })
}
