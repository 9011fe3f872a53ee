//! Push: files on disk become blobs in a store.
//!
//! One thread reads and hashes the files in order; as many workers as asked for seal chunks and
//! hash the blobs; the store is asked for each blob and given those it does not have. Chunks travel
//! in a fixed number of buffers, which bounds the memory whatever the model's size. The stored
//! manifest goes last, so that a store which has it has the chunks too.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use cairn_crypto::{DataKey, Digest};
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::buffer::Buffer;
use crate::chunk::{self, CHUNK_SIZE, ContentTag, FileSecret, Place};
use crate::error::PackageError;
use crate::manifest::{Blind, FileEntry, Manifest};
use crate::oms::{ModelSigner, Signatures};
use crate::package::{Contents, Package, SealedFile, StoredVector, VECTOR_NAME};
use crate::plan::{self, PlanFile};
use crate::progress::{NoProgress, Progress};
use crate::read::{self, Source, Step};
use crate::scan::{ScanOptions, ScannedFile, scan};
use crate::store::{BlobStore, persist};
use crate::stored::{BlobRef, StoredManifest};
use crate::vector;

/// Chunks that are sealed at the same time by default, however few cores there are: enough that some can wait for the
/// disk, and that the reader, which is alone and has to be at work all the time, finds a free buffer.
const LEAST_PARALLEL: usize = 8;
/// However many cores there are: their buffers have 136 MiB.
const MOST_PARALLEL: usize = 16;

/// On so few cores the reader makes the tags of chunks too: what it has just read is in its cache, which saves a third of
/// their cost. On more, all would wait for it.
const FEW_CORES: usize = 2;

/// How to push.
#[derive(Clone)]
pub struct PushOptions {
    /// Store the model unencrypted, for everyone to read. Identical chunks are then stored once.
    pub public: bool,
    /// The embedding vector's `.npy` file, see [`crate::vector`].
    pub vector: Option<PathBuf>,
    /// Chunks sealed at the same time; by default one for each core, but eight at least, because they wait for the store
    /// as well, and sixteen at most. Up to `2 * parallel + 2` chunks of 4 MiB are in memory.
    pub parallel: usize,
    /// A private folder for the plan of the push, without which an interrupted push starts again
    /// from nothing. Use one folder for each model and generation of keys: a plan carries file keys
    /// from the interrupted push to the next one of the same path.
    pub resume_dir: Option<PathBuf>,
    /// The parent version, opened. Files that are unchanged since keep their keys and are not sent
    /// again. Only ever a version of the same model, and none from before a revocation.
    pub parent: Option<Package>,
    /// Signs the model: the signature files become part of the stored manifest, and of no hash but its own. Signatures
    /// are random, so that a push which is run again ends with another manifest.
    pub signer: Option<ModelSigner>,
    /// Told how far the push is.
    pub progress: Arc<dyn Progress>,
    /// Take what symbolic links point to, instead of refusing them.
    pub follow_symlinks: bool,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            public: false,
            vector: None,
            parallel: cores().clamp(LEAST_PARALLEL, MOST_PARALLEL),
            resume_dir: None,
            parent: None,
            signer: None,
            progress: Arc::new(NoProgress),
            follow_symlinks: false,
        }
    }
}

impl fmt::Debug for PushOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushOptions")
            .field("public", &self.public)
            .field("vector", &self.vector)
            .field("parallel", &self.parallel)
            .field("resume_dir", &self.resume_dir)
            .field("has_parent", &self.parent.is_some())
            .field("signer", &self.signer)
            .field("follow_symlinks", &self.follow_symlinks)
            .finish_non_exhaustive()
    }
}

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// [`Manifest::model_hash`], for the ledger.
    pub model_hash: Digest,
    /// [`Manifest::vector_hash`], for the ledger.
    pub vector_hash: Option<Digest>,
    /// [`StoredManifest::digest`], for the ledger.
    pub manifest_digest: Digest,
    /// The plaintext manifest.
    pub manifest: Manifest,
    /// The signature files, if the push has made any.
    pub signatures: Signatures,
    /// Bytes given to the store, the stored manifest included.
    pub bytes_sent: u64,
    /// Chunks of the package.
    pub blobs: u64,
    /// Chunks that the store had already.
    pub blobs_skipped: u64,
}

/// Pushes a model, a folder or one file, into a store: its chunks and then the stored manifest.
///
/// A public push does not use the data key. A push that is run again after an interruption, with
/// the same resume folder and data key, sends what is missing and gives the same result, if the
/// files are the same; a file that has changed is simply sent anew.
///
/// # Errors
/// What is wrong with the files ([`scan`], [`vector::read`]), a file that changes meanwhile, or what
/// the store answers.
pub async fn push<S: BlobStore>(
    store: &S,
    path: &Path,
    data_key: &DataKey,
    options: PushOptions,
) -> Result<Pushed, PackageError> {
    let prepared = blocking({
        let (path, options) = (path.to_path_buf(), options.clone());
        move || Prepared::new(&path, &options)
    })
    .await??;
    let total = prepared.total;
    options.progress.start(total);

    let mut transfer = Transfer::new(&prepared);
    transfer.run(store, &prepared, &options).await?;
    let (mut package, blobs_skipped, mut bytes_sent) =
        transfer.finish(&prepared, options.public)?;

    let manifest = package.contents.manifest.clone();
    let blobs = package.blobs.len() as u64;
    let data_key = data_key.clone();
    let signer = options.signer.clone();
    let (manifest_digest, encoded, signatures) = blocking(move || {
        if let Some(signer) = signer {
            package.contents.signatures = signer.sign(package.manifest())?;
        }
        let stored = StoredManifest::seal(&package, &data_key)?;
        let encoded = stored.encode();
        Ok::<_, PackageError>((
            Digest::of(&encoded),
            Bytes::from(encoded),
            package.contents.signatures,
        ))
    })
    .await??;
    bytes_sent += store_manifest(store, &manifest_digest, encoded).await?;
    if let Some(file) = prepared.plan_file {
        blocking(move || file.remove()).await??;
    }
    options.progress.finish();
    Ok(Pushed {
        model_hash: manifest.model_hash(),
        vector_hash: manifest.vector_hash(),
        manifest_digest,
        manifest,
        signatures,
        bytes_sent,
        blobs,
        blobs_skipped,
    })
}

/// Stores the manifest once all chunks are durable, so that there is none that refers to nothing. Returns the bytes sent.
pub(crate) async fn store_manifest<S: BlobStore>(
    store: &S,
    digest: &Digest,
    encoded: Bytes,
) -> Result<u64, PackageError> {
    persist(|| store.settle()).await?;
    if persist(|| store.has(digest)).await? {
        return Ok(0);
    }
    persist(|| store.put_hashed(digest, encoded.clone())).await?;
    persist(|| store.settle()).await?;
    Ok(encoded.len() as u64)
}

/// All that is decided before the first chunk is read.
struct Prepared {
    files: Vec<ScannedFile>,
    /// The files in order, then the vector if there is one.
    sources: Arc<Vec<Source>>,
    /// A key for each source; none in a public push.
    secrets: Vec<Option<FileSecret>>,
    vector: Option<Digest>,
    blind: Option<Blind>,
    total: u64,
    plan_file: Option<PlanFile>,
}

impl Prepared {
    fn new(path: &Path, options: &PushOptions) -> Result<Self, PackageError> {
        let scan_options = ScanOptions {
            follow_symlinks: options.follow_symlinks,
        };
        let files = scan(path, &scan_options)?;
        let vector = match &options.vector {
            Some(vector) => Some(Digest::of(&vector::read(vector)?)),
            None => None,
        };
        let mut prepared = Self {
            sources: Arc::new(sources(&files, options.vector.as_deref())),
            secrets: Vec::new(),
            vector,
            blind: None,
            total: files.iter().map(|file| file.size).sum(),
            plan_file: None,
            files,
        };
        if options.public {
            prepared.secrets = vec![None; prepared.sources.len()];
        } else {
            prepared.choose_keys(path, options)?;
        }
        Ok(prepared)
    }

    /// A file that the parent has with the same content keeps its key; all others go by the plan.
    fn choose_keys(&mut self, path: &Path, options: &PushOptions) -> Result<(), PackageError> {
        let mut inherited = Vec::with_capacity(self.files.len());
        for file in &self.files {
            inherited.push(match &options.parent {
                Some(parent) => inherited_secret(parent, file)?,
                None => None,
            });
        }
        if let Some(folder) = &options.resume_dir {
            self.plan_file = Some(PlanFile::new(folder, path)?);
        }
        let own = (self.files.iter().zip(&inherited))
            .filter(|(_, secret)| secret.is_none())
            .map(|(file, _)| file.path.as_str());
        let plan = plan::prepare(self.plan_file.as_ref(), own, self.vector.is_some())?;
        let of_files = self.files.iter().zip(inherited);
        let of_files =
            of_files.map(|(file, secret)| secret.or_else(|| plan.files.get(&file.path).cloned()));
        self.secrets = of_files.collect();
        if self.vector.is_some() {
            self.secrets.push(plan.vector.clone());
        }
        self.blind = Some(plan.blind.clone());
        Ok(())
    }
}

fn sources(files: &[ScannedFile], vector: Option<&Path>) -> Vec<Source> {
    let files = files.iter().map(|file| Source {
        name: file.path.clone(),
        path: file.source.clone(),
    });
    let vector = vector.map(|path| Source {
        name: VECTOR_NAME.to_owned(),
        path: path.to_path_buf(),
    });
    files.chain(vector).collect()
}

/// Only a file of the same size can be the same, so only such a file is hashed.
fn inherited_secret(
    parent: &Package,
    file: &ScannedFile,
) -> Result<Option<FileSecret>, PackageError> {
    let same_size = parent.manifest().file(&file.path);
    if same_size.is_none_or(|entry| entry.size != file.size) {
        return Ok(None);
    }
    let (_, digest) = read::hash_file(&file.source)?;
    Ok(parent.secret_of(&file.path, &digest).cloned())
}

/// What is known of a chunk once the store has it.
struct StoredChunk {
    source: usize,
    place: Place,
    /// What opening it takes; none in a public push.
    tag: Option<ContentTag>,
    /// SHA-256 of the file if it has no other chunk.
    whole: Option<Digest>,
    blob: BlobRef,
    /// Bytes given to the store; zero if it had the blob.
    sent: u64,
}

/// What comes out of one step of the reader.
enum Outcome {
    Chunk(StoredChunk),
    End {
        source: usize,
        size: u64,
        digest: Option<Digest>,
    },
}

#[derive(Default)]
struct SourceState {
    chunks: Vec<Option<(Option<ContentTag>, BlobRef)>>,
    size: Option<u64>,
    /// SHA-256, from the reader or with the only chunk.
    digest: Option<Digest>,
}

struct Transfer {
    states: Vec<SourceState>,
    skipped: u64,
    sent: u64,
}

impl Transfer {
    fn new(prepared: &Prepared) -> Self {
        let states = prepared.sources.iter().map(|_| SourceState::default());
        Self {
            states: states.collect(),
            skipped: 0,
            sent: 0,
        }
    }

    async fn run<S: BlobStore>(
        &mut self,
        store: &S,
        prepared: &Prepared,
        options: &PushOptions,
    ) -> Result<(), PackageError> {
        let buffers = 2 * options.parallel.max(1) + 2;
        let (free, mut free_buffers) = mpsc::channel(buffers);
        for _ in 0..buffers {
            let _ = free.try_send(Buffer::default());
        }
        let (steps, mut incoming) = mpsc::channel(buffers);
        let sources = Arc::clone(&prepared.sources);
        let tagged = !options.public && cores() <= FEW_CORES;
        let reader =
            spawn_blocking(move || read::read_all(&sources, tagged, &mut free_buffers, &steps));

        let worker = Worker {
            store,
            secrets: &prepared.secrets,
            free: &free,
            known: Mutex::default(),
            progress: options.progress.as_ref(),
        };
        let worker = &worker;
        let mut outcomes = stream::poll_fn(|context| incoming.poll_recv(context))
            .map(|step| worker.step(step))
            .buffer_unordered(buffers);
        while let Some(outcome) = outcomes.try_next().await? {
            self.record(outcome, prepared, options);
        }
        reader.await.map_err(|_| PackageError::Interrupted)?
    }

    fn record(&mut self, outcome: Outcome, prepared: &Prepared, options: &PushOptions) {
        match outcome {
            Outcome::End {
                source,
                size,
                digest,
            } => {
                let state = &mut self.states[source];
                state.size = Some(size);
                state.digest = state.digest.or(digest);
            }
            Outcome::Chunk(chunk) => {
                if chunk.sent == 0 {
                    self.skipped += 1;
                }
                self.sent += chunk.sent;
                // The vector is not counted in the total.
                if chunk.source < prepared.files.len() {
                    let overhead = if options.public {
                        0
                    } else {
                        chunk::SEAL_OVERHEAD
                    };
                    options
                        .progress
                        .advance(u64::from(chunk.blob.size) - overhead as u64);
                }
                // Chunks of a file are at most what a stored manifest can hold; the index grows
                // with what was really read.
                let state = &mut self.states[chunk.source];
                state.digest = state.digest.or(chunk.whole);
                let index = chunk.place.index as usize;
                if state.chunks.len() <= index {
                    state.chunks.resize(index + 1, None);
                }
                state.chunks[index] = Some((chunk.tag, chunk.blob));
            }
        }
    }

    /// Puts the package together.
    fn finish(
        self,
        prepared: &Prepared,
        public: bool,
    ) -> Result<(Package, u64, u64), PackageError> {
        let mut entries = Vec::with_capacity(prepared.files.len());
        let mut files = Vec::with_capacity(prepared.files.len());
        let mut stored_vector = None;
        let mut blobs = Vec::new();
        for (number, state) in self.states.into_iter().enumerate() {
            // The reader ends a source or returns an error, and every chunk was awaited.
            let size = state.size.ok_or(PackageError::Interrupted)?;
            let digest = state.digest.ok_or(PackageError::Interrupted)?;
            let mut tags = Vec::with_capacity(state.chunks.len());
            for chunk in state.chunks {
                let (tag, blob) = chunk.ok_or(PackageError::Interrupted)?;
                tags.extend(tag);
                blobs.push(blob);
            }
            let secret = prepared.secrets[number].clone();
            let file = secret.map(|secret| SealedFile { secret, tags });
            if let Some(scanned) = prepared.files.get(number) {
                entries.push(FileEntry {
                    path: scanned.path.clone(),
                    size,
                    digest,
                });
                files.push(file);
            } else if prepared.vector == Some(digest) {
                // It was checked when it was read first, and is one chunk long.
                let size = u32::try_from(size).map_err(|_| vector_changed())?;
                stored_vector = Some(StoredVector { size, file });
            } else {
                return Err(vector_changed());
            }
        }
        let blind = if public { None } else { prepared.blind.clone() };
        let manifest = Manifest::new(entries, prepared.vector, blind)?;
        let contents = Contents {
            manifest,
            files,
            vector: stored_vector,
            signatures: Signatures::default(),
        };
        Ok((Package { contents, blobs }, self.skipped, self.sent))
    }
}

fn vector_changed() -> PackageError {
    PackageError::FileChanged {
        path: VECTOR_NAME.to_owned(),
    }
}

struct Worker<'a, S> {
    store: &'a S,
    secrets: &'a [Option<FileSecret>],
    free: &'a mpsc::Sender<Buffer>,
    /// Blobs of this push that are stored or on their way.
    known: Mutex<BTreeSet<Digest>>,
    progress: &'a dyn Progress,
}

impl<S: BlobStore> Worker<'_, S> {
    async fn step(&self, step: Step) -> Result<Outcome, PackageError> {
        match step {
            Step::Chunk {
                source,
                place,
                tag,
                data,
            } => self
                .chunk(source, place, tag, data)
                .await
                .map(Outcome::Chunk),
            Step::End {
                source,
                size,
                digest,
            } => Ok(Outcome::End {
                source,
                size,
                digest,
            }),
        }
    }

    async fn chunk(
        &self,
        source: usize,
        place: Place,
        tag: Option<ContentTag>,
        mut data: Buffer,
    ) -> Result<StoredChunk, PackageError> {
        let secret = self.secrets[source].clone();
        let (tag, whole, digest, data, elapsed) = blocking(move || {
            let begun = Instant::now();
            let only = place.index == 0 && place.last;
            let whole = only.then(|| Digest::of(data.as_ref()));
            let tag = secret.map(|secret| {
                let tag = tag.unwrap_or_else(|| ContentTag::of(data.as_ref()));
                let sealed = data.as_ref().len() + chunk::SEAL_OVERHEAD;
                chunk::seal_tagged(&secret, place, &tag, data.resize(sealed));
                tag
            });
            let digest = match (tag, whole) {
                (None, Some(whole)) => whole,
                _ => Digest::of(data.as_ref()),
            };
            (tag, whole, digest, data, begun.elapsed())
        })
        .await?;
        let (bytes, loan) = data.lend(self.free);
        self.progress.encrypted(bytes.len() as u64, elapsed);
        let size = u32::try_from(bytes.len()).map_err(|_| PackageError::Limit {
            what: "bytes of chunk",
            got: bytes.len() as u64,
            limit: CHUNK_SIZE as u64,
        })?;
        let new = (self.known.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest);
        let mut sent = 0;
        if new && !persist(|| self.store.has(&digest)).await? {
            persist(|| self.store.put_hashed(&digest, bytes.clone())).await?;
            sent = u64::from(size);
        }
        drop(bytes);
        loan.end(self.free);
        Ok(StoredChunk {
            source,
            place,
            tag,
            whole,
            blob: BlobRef { digest, size },
            sent,
        })
    }
}

/// Runs work for a core on a thread made for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PackageError> {
    spawn_blocking(work)
        .await
        .map_err(|_| PackageError::Interrupted)
}

/// How many cores there are to work on.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
