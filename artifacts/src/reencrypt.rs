//! Re-encryption: the chunks of a stored package under new keys.
//!
//! Whoever lost the right to read a version may have kept its data key. Only other bytes under other keys, and other
//! blobs, are out of that reader's hands: what the manifest says stays, its blind included, and so does the model's
//! hash. Chunks go through memory one by one, opened with the old file keys and sealed with new ones; nothing is written
//! anywhere but to the store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use cairn_crypto::{DataKey, Digest};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::chunk::{self, FileSecret};
use crate::error::PackageError;
use crate::fetch::open_chunk;
use crate::manifest::FileEntry;
use crate::package::{Chunk, Package, Seal, StoredFile, VECTOR_NAME};
use crate::plan::{self, PlanFile};
use crate::progress::{NoProgress, Progress};
use crate::push::{blocking, cores, store_manifest};
use crate::store::{BlobStore, persist};
use crate::stored::{BlobRef, StoredManifest};

/// Name of the plan in its folder.
const PLAN: &str = "renewed";

/// How to re-encrypt.
#[derive(Clone)]
pub struct ReencryptOptions {
    /// Chunks worked on at the same time; by default one for each core.
    pub parallel: usize,
    /// A private folder for the new keys, without which an interrupted run starts again from nothing. One folder for
    /// each version and generation of keys.
    pub resume_dir: Option<PathBuf>,
    /// Other versions of the model as they are since they were re-encrypted: a file that one of them has keeps its new
    /// key, and is stored once.
    pub renewed: Vec<Package>,
    /// Told how far it is.
    pub progress: Arc<dyn Progress>,
}

impl Default for ReencryptOptions {
    fn default() -> Self {
        Self {
            parallel: cores(),
            resume_dir: None,
            renewed: Vec::new(),
            progress: Arc::new(NoProgress),
        }
    }
}

impl fmt::Debug for ReencryptOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReencryptOptions")
            .field("parallel", &self.parallel)
            .field("resume_dir", &self.resume_dir)
            .field("renewed", &self.renewed.len())
            .finish_non_exhaustive()
    }
}

/// A package under new keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reencrypted {
    /// [`StoredManifest::digest`] of the new stored manifest, for the ledger.
    pub manifest_digest: Digest,
    /// The package as it is now.
    pub package: Package,
    /// Bytes given to the store, the stored manifest included.
    pub bytes_sent: u64,
}

/// Seals the files of a private package under new keys and a new data key, and stores them; [`Manifest::model_hash`] stays.
/// The old blobs stay where they are until a collection finds that nothing refers to them.
///
/// Run again after an interruption, with the same resume folder and data key, it sends what is missing and gives the
/// same result.
///
/// # Errors
/// [`PackageError::NotPrivate`] for a public package, what the stores say, and a chunk that does not open.
///
/// [`Manifest::model_hash`]: crate::Manifest::model_hash
pub async fn reencrypt<F: BlobStore, T: BlobStore>(
    from: &[F],
    to: &T,
    package: &Package,
    data_key: &DataKey,
    options: ReencryptOptions,
) -> Result<Reencrypted, PackageError> {
    if package.is_public() {
        return Err(PackageError::NotPrivate);
    }
    let mut renewed = package.clone();
    let plan_file = (options.resume_dir.as_ref()).map(|folder| PlanFile::named(folder, PLAN));
    choose_keys(&mut renewed, plan_file.as_ref(), &options.renewed)?;

    options.progress.start(package.manifest().total_size());
    // The same chunks in the same order, but for key and blob.
    let chunks: Vec<(Chunk, Chunk)> = package.all_chunks().zip(renewed.all_chunks()).collect();
    let progress = &options.progress;
    let mut sealed = stream::iter(chunks)
        .map(|(old, new)| async move {
            let sealed = renew(from, to, &old, new.seal).await?;
            // The vector is not counted in the total.
            if old.path != VECTOR_NAME {
                progress.advance(old.len as u64);
            }
            Ok::<_, PackageError>(sealed)
        })
        .buffered(2 * options.parallel.max(1));
    let (mut blobs, mut bytes_sent) = (Vec::with_capacity(package.blobs.len()), 0);
    while let Some((blob, sent)) = sealed.try_next().await? {
        blobs.push(blob);
        bytes_sent += sent;
    }
    drop(sealed);
    renewed.blobs = blobs;

    let (stored, data_key) = (renewed.clone(), data_key.clone());
    let encoded = blocking(move || StoredManifest::seal(&stored, &data_key))
        .await??
        .encode();
    let manifest_digest = Digest::of(&encoded);
    bytes_sent += store_manifest(to, &manifest_digest, encoded.into()).await?;
    options.progress.finish();
    Ok(Reencrypted {
        manifest_digest,
        package: renewed,
        bytes_sent,
    })
}

/// Forgets the keys that a run kept for the next one: once the data key may have left this machine, sealed to its readers,
/// no other run is to use them.
///
/// # Errors
/// [`PackageError::Io`].
pub fn forget_reencryption(resume_dir: &Path) -> Result<(), PackageError> {
    PlanFile::named(resume_dir, PLAN).remove()
}

/// Gives every file another key: that which the same file has in another version since it was re-encrypted, or a new one.
fn choose_keys(
    package: &mut Package,
    plan_file: Option<&PlanFile>,
    others: &[Package],
) -> Result<(), PackageError> {
    let entries = &package.contents.manifest.files;
    let shared = |entry: &FileEntry| {
        let found = |other: &Package| other.secret_of(&entry.path, &entry.digest).cloned();
        others.iter().find_map(found)
    };
    let shared: Vec<Option<FileSecret>> = entries.iter().map(shared).collect();
    let own = (entries.iter().zip(&shared))
        .filter(|(_, secret)| secret.is_none())
        .map(|(entry, _)| entry.path.as_str());
    let plan = plan::prepare(plan_file, own, package.contents.vector.is_some())?;
    let files = package.contents.files.iter_mut().zip(entries);
    for ((file, entry), shared) in files.zip(shared) {
        give_key(
            file,
            shared.or_else(|| plan.files.get(&entry.path).cloned()),
        )?;
    }
    if let Some(vector) = &mut package.contents.vector {
        give_key(&mut vector.file, plan.vector.clone())?;
    }
    Ok(())
}

fn give_key(file: &mut StoredFile, secret: Option<FileSecret>) -> Result<(), PackageError> {
    let file = file.as_mut().ok_or(PackageError::NotPrivate)?;
    file.secret = secret.ok_or(PackageError::NotPrivate)?;
    Ok(())
}

/// Opens a chunk and stores it under another key. Returns the new blob and the bytes that were sent.
async fn renew<F: BlobStore, T: BlobStore>(
    from: &[F],
    to: &T,
    old: &Chunk,
    seal: Option<Seal>,
) -> Result<(BlobRef, u64), PackageError> {
    let seal = seal.ok_or(PackageError::NotPrivate)?;
    let opened = open_chunk(from, old).await?;
    let place = old.place;
    let sealed = blocking(move || {
        let mut buffer = Vec::from(opened);
        let tag = chunk::seal(&seal.secret, place, &mut buffer);
        (tag == seal.tag, Digest::of(&buffer), Bytes::from(buffer))
    });
    let (is_same, digest, bytes) = sealed.await?;
    // Whoever sealed it may have lied about its tag, which is a part of its key: it would not open again.
    if !is_same {
        return Err(PackageError::Chunk {
            path: old.path.clone(),
            index: place.index,
        });
    }
    // As long as the old one: the content is the same.
    let size = old.blob.size;
    let mut sent = 0;
    if !persist(|| to.has(&digest)).await? {
        persist(|| to.put_hashed(&digest, bytes.clone())).await?;
        sent = u64::from(size);
    }
    Ok((BlobRef { digest, size }, sent))
}
