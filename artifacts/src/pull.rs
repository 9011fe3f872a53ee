//! Pull: blobs in stores become files on disk.
//!
//! Chunks are fetched, checked, decrypted and written in parallel within a bounded window, and handed in
//! order to one thread that hashes the files. The model hash is checked before anything is fetched,
//! every file's digest before the whole moves to its target. Files are not synced: a
//! power failure right after a pull may damage them, which [`crate::verify_local`] tells.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cairn_crypto::{DataKey, Digest, Hasher};
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::chunk::{self, CHUNK_SIZE};
use crate::error::PackageError;
use crate::fetch::{fetch_package, open_chunk, open_chunk_once};
use crate::manifest::{FileEntry, Manifest};
use crate::oms::Signatures;
use crate::package::{Chunk, Package};
use crate::progress::{NoProgress, Progress};
use crate::push::{blocking, cores};
use crate::stage::Stage;
use crate::store::BlobStore;
use crate::uncached;

/// Chunks that may wait for the hashing thread.
const WAITING_CHUNKS: usize = 2;

/// How to pull.
#[derive(Clone)]
pub struct PullOptions {
    /// Chunks decrypted at the same time; by default one for each core. Up to `2 * parallel + 4`
    /// chunks of 4 MiB are in memory.
    pub parallel: usize,
    /// Told how far the pull is.
    pub progress: Arc<dyn Progress>,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            parallel: cores(),
            progress: Arc::new(NoProgress),
        }
    }
}

impl fmt::Debug for PullOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullOptions")
            .field("parallel", &self.parallel)
            .finish_non_exhaustive()
    }
}

/// What was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The manifest that every file was checked against.
    pub manifest: Manifest,
    /// The signature files that lie with the files now. Nobody has checked them ([`crate::oms`]).
    pub signatures: Signatures,
    /// Files written.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
}

/// Pulls a model into the folder `target`, which must not exist or be empty. A model that is one
/// file becomes a folder with that file.
///
/// Only this user can read what is pulled of a model that is not public: folders are 0700 and files
/// 0600. The files are built in a folder beside the target, where an interrupted pull is taken up again,
/// and renamed when all of them were checked. If a store has no copy of a blob, or a wrong one, the
/// next store is asked.
///
/// # Errors
/// As [`fetch_package`]; [`PackageError::ModelHash`] if it is not the model expected;
/// [`PackageError::Blob`] with what each store said; [`PackageError::Chunk`] or
/// [`PackageError::FileDigest`] naming the file; or an error of the file system.
pub async fn pull<S: BlobStore>(
    stores: &[S],
    manifest_digest: &Digest,
    expected_model_hash: &Digest,
    data_key: Option<&DataKey>,
    target: &Path,
    options: PullOptions,
) -> Result<Pulled, PackageError> {
    let package = Arc::new(fetch_package(stores, manifest_digest, data_key).await?);
    let manifest = package.manifest();
    let got = manifest.model_hash();
    if got != *expected_model_hash {
        return Err(PackageError::ModelHash {
            expected: *expected_model_hash,
            got,
        });
    }
    match attempt(
        stores,
        manifest_digest,
        &package,
        target,
        &options,
        Blobs::Decrypted,
    )
    .await
    {
        // Every chunk decrypted and a file is wrong: a store and someone with the key have worked together,
        // and another store may have the right blob.
        Err(PackageError::FileDigest { .. }) if !package.is_public() => {
            attempt(
                stores,
                manifest_digest,
                &package,
                target,
                &options,
                Blobs::Hashed,
            )
            .await?;
        }
        result => result?,
    }
    options.progress.finish();
    Ok(Pulled {
        files: manifest.files.len() as u64,
        bytes: manifest.total_size(),
        signatures: package.signatures().clone(),
        manifest: manifest.clone(),
    })
}

/// What a blob of a private package must pass before it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blobs {
    /// It decrypts.
    Decrypted,
    /// It has its digest too.
    Hashed,
}

async fn attempt<S: BlobStore>(
    stores: &[S],
    manifest_digest: &Digest,
    package: &Arc<Package>,
    target: &Path,
    options: &PullOptions,
    blobs: Blobs,
) -> Result<(), PackageError> {
    let stage = Arc::new({
        let (target, digest) = (target.to_path_buf(), *manifest_digest);
        let private = !package.is_public();
        blocking(move || Stage::prepare(&target, &digest, private)).await??
    });
    options.progress.start(package.manifest().total_size());

    let (chunks, incoming) = mpsc::channel(WAITING_CHUNKS);
    let writer = spawn_blocking({
        let (package, stage) = (Arc::clone(package), Arc::clone(&stage));
        let progress = Arc::clone(&options.progress);
        move || hash_files(package.manifest(), &stage, incoming, progress.as_ref())
    });
    let fetched = fetch_chunks(stores, package, &stage, options, blobs, chunks).await;
    // The writer is awaited whatever happened, so that nobody writes to the stage after the return.
    let written = writer.await.map_err(|_| PackageError::Interrupted)?;
    fetched?;
    let stage = Arc::into_inner(stage).ok_or(PackageError::Interrupted)?;
    if let Err(error) = written {
        // Resuming cannot help where every chunk was right and a file is still wrong.
        if matches!(error, PackageError::FileDigest { .. }) {
            blocking(move || stage.discard()).await??;
        }
        return Err(error);
    }
    blocking({
        let package = Arc::clone(package);
        move || stage.publish(&package)
    })
    .await?
}

async fn fetch_chunks<S: BlobStore>(
    stores: &[S],
    package: &Package,
    stage: &Arc<Stage>,
    options: &PullOptions,
    blobs: Blobs,
    pieces: mpsc::Sender<Bytes>,
) -> Result<(), PackageError> {
    let window = 2 * options.parallel.max(1);
    let progress = options.progress.as_ref();
    let mut fetched = stream::iter(package.chunks())
        .map(|chunk| async move {
            if stage.resumed
                && let Some(data) = left_in_stage(stage, &chunk).await?
            {
                return Ok(data);
            }
            let data = match blobs {
                Blobs::Decrypted => open_chunk_once(stores, &chunk, progress).await?,
                Blobs::Hashed => open_chunk(stores, &chunk).await?,
            };
            write_chunk(stage, &chunk, data.clone()).await?;
            Ok::<_, PackageError>(data)
        })
        .buffered(window);
    while let Some(piece) = fetched.try_next().await? {
        if pieces.send(piece).await.is_err() {
            // The hashing thread has stopped; its own error says why.
            break;
        }
    }
    Ok(())
}

/// The chunk, if an interrupted pull has written it.
async fn left_in_stage(stage: &Arc<Stage>, chunk: &Chunk) -> Result<Option<Bytes>, PackageError> {
    let path = stage.place(&chunk.path);
    let chunk = chunk.clone();
    blocking(move || {
        let offset = chunk.place.index * CHUNK_SIZE as u64;
        let read = Stage::open_to_read(&path)
            .and_then(|file| uncached::read_exact_at(&file, chunk.len, offset));
        // Whatever is the matter with what is there, fetching the chunk is the remedy.
        read.ok().filter(|data| chunk.is(data))
    })
    .await
}

/// Writes a chunk to its place in its file.
async fn write_chunk(stage: &Arc<Stage>, chunk: &Chunk, data: Bytes) -> Result<(), PackageError> {
    let (stage, path) = (Arc::clone(stage), stage.place(&chunk.path));
    let offset = chunk.place.index * CHUNK_SIZE as u64;
    blocking(move || {
        if let Some(folder) = path.parent() {
            stage.make_folder(folder)?;
        }
        (stage.open_to_write(&path))
            .and_then(|file| uncached::write_all_at(&file, &data, offset))
            .map_err(PackageError::io("write", &path))
    })
    .await?
}

/// Hashes all files in order, each from its chunks, which were written already, and checks their digests.
fn hash_files(
    manifest: &Manifest,
    stage: &Stage,
    mut pieces: mpsc::Receiver<Bytes>,
    progress: &dyn Progress,
) -> Result<(), PackageError> {
    for entry in &manifest.files {
        hash_file(entry, stage, &mut pieces, progress)?;
    }
    Ok(())
}

fn hash_file(
    entry: &FileEntry,
    stage: &Stage,
    pieces: &mut mpsc::Receiver<Bytes>,
    progress: &dyn Progress,
) -> Result<(), PackageError> {
    let path = stage.place(&entry.path);
    let failed = |error: io::Error| PackageError::io("write", &path)(error);
    if let Some(folder) = path.parent() {
        stage.make_folder(folder)?;
    }
    let file = stage.open_to_write(&path).map_err(failed)?;
    let mut hasher = Hasher::new();
    for _ in 0..chunk::chunk_count(entry.size) {
        // The chunks end early only when fetching failed, and that error is the one told.
        let piece = pieces.blocking_recv().ok_or(PackageError::Interrupted)?;
        let begun = Instant::now();
        hasher.update(&piece);
        progress.verified(piece.len() as u64, begun.elapsed());
        progress.advance(piece.len() as u64);
    }
    // Cuts off what another pull may have left behind the end.
    file.set_len(entry.size).map_err(failed)?;
    let got = hasher.finish();
    if got != entry.digest {
        return Err(PackageError::FileDigest {
            path: entry.path.clone(),
            expected: entry.digest,
            got,
        });
    }
    Ok(())
}
