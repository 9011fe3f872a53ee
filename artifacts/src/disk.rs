//! A blob store in a folder of the local disk.
//!
//! A blob lies at `aa/<digest in hex>`, `aa` being the first digits of its digest. It is
//! written under a temporary name, compared with its digest, synced and renamed, so that a blob
//! with its proper name is always whole; its name is durable when the folder was synced too, which
//! a push does once for all of its blobs. Reading it compares it again before the caller has a byte;
//! one that has lost its content since is moved to the folder `damaged`, so that the store has it no
//! longer and takes a sound copy.

mod pending;

use self::pending::PendingBlob;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_crypto::Digest;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::error::StoreError;
use crate::store::{BlobInventory, BlobStore, KeptBlob};
use crate::stored::MAX_STORED_MANIFEST;
use crate::uncached;

/// A temporary file of this age belongs to no write that still goes on.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// Pieces of a body that may wait for the disk.
const WAITING_PIECES: usize = 16;
/// Most threads that sync folders.
const SYNCING_THREADS: usize = 8;
/// Fewest folders that are worth a thread.
const LEAST_SHARE: usize = 16;
/// How often it is noted that a blob is asked for.
const USE_NOTED_EVERY: Duration = Duration::from_secs(10 * 60);
/// Blobs that a listing may be ahead of its reader.
const LISTED_AHEAD: usize = 256;

/// A blob store on the local disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DiskStore {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    temporary: PathBuf,
    damaged: PathBuf,
    /// Folders whose newest names may not have reached the disk.
    unsettled: Mutex<BTreeSet<PathBuf>>,
}

impl DiskStore {
    /// Opens a store, making its folder (mode 0700) if it is not there. What writes cut short more
    /// than a day ago have left behind is removed.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the folder cannot be made or written to.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        let (temporary, damaged) = (path.join("tmp"), path.join("damaged"));
        let folder = Folder {
            path,
            temporary,
            damaged,
            unsettled: Mutex::default(),
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&folder.temporary)
            .map_err(folder.io("make", &folder.temporary))?;
        folder.remove_abandoned()?;
        Ok(Self {
            folder: Arc::new(folder),
        })
    }

    /// Size of a blob in bytes, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn len(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || {
            folder.note_use(&digest);
            folder.len(&digest)
        })
        .await
    }

    /// Bytes that may still be written to the disk on which the store lies.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn free_space(&self) -> Result<u64, StoreError> {
        let folder = Arc::clone(&self.folder);
        self.run(move || {
            let disk = rustix::fs::statvfs(&folder.path).map_err(|error| {
                folder.io("ask for the free space of", &folder.path)(error.into())
            })?;
            Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
        })
        .await
    }

    /// Keeps a blob that arrives in pieces, such as the body of a request, holding only a few of
    /// them in memory. Returns its size. A body that is too long is not read to its end.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond `limit` bytes (see [`crate::MAX_BLOB`] and
    /// [`crate::MAX_STORED_MANIFEST`]), [`StoreError::WrongDigest`], [`StoreError::Unavailable`] with the
    /// body's own error, or [`StoreError::Io`]. In every case nothing is kept.
    pub async fn put_stream<E: std::fmt::Display>(
        &self,
        digest: &Digest,
        limit: u64,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
    ) -> Result<u64, StoreError> {
        let (pieces, mut incoming) = mpsc::channel::<Bytes>(WAITING_PIECES);
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        // The writer keeps the blob only after an explicit word that the body was complete.
        let (complete, completed) = tokio::sync::oneshot::channel::<()>();
        let writer = spawn_blocking(move || {
            let mut write = PendingBlob::begin(&folder, &digest)?;
            let mut size = 0_u64;
            while let Some(piece) = incoming.blocking_recv() {
                size = size.saturating_add(piece.len() as u64);
                if size > limit {
                    return Err(folder.too_large(&digest, limit));
                }
                write.append(&piece)?;
            }
            if completed.blocking_recv().is_err() {
                return Err(folder.stopped());
            }
            write.keep()?;
            Ok(size)
        });
        let mut body = std::pin::pin!(body);
        let mut broken = None;
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => {
                    if pieces.send(piece).await.is_err() {
                        // The writer has given up; its error says why.
                        break;
                    }
                }
                Err(error) => {
                    broken = Some(error.to_string());
                    break;
                }
            }
        }
        drop(pieces);
        if let Some(reason) = broken {
            drop(complete);
            // The writer must have removed its temporary file before the error is told.
            let _ = writer.await;
            return Err(StoreError::Unavailable {
                store: self.name(),
                reason: format!("the body of blob {digest} broke off: {reason}"),
            });
        }
        let _ = complete.send(());
        writer.await.unwrap_or_else(|_| Err(self.folder.stopped()))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = spawn_blocking(work).await;
        done.unwrap_or_else(|_| Err(self.folder.stopped()))
    }
}

impl BlobStore for DiskStore {
    fn name(&self) -> String {
        self.folder.path.display().to_string()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || {
            if bytes.len() as u64 > MAX_STORED_MANIFEST {
                return Err(folder.too_large(&digest, MAX_STORED_MANIFEST));
            }
            // A copy of another length is damaged, and is replaced.
            if folder.len(&digest)? == Some(bytes.len() as u64) {
                folder.check(&digest, &Digest::of(&bytes))?;
                folder.note_use(&digest);
                return folder.settle();
            }
            let mut write = PendingBlob::begin(&folder, &digest)?;
            write.append(&bytes)?;
            write.keep()
        })
        .await
    }

    async fn put_hashed(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || {
            if bytes.len() as u64 > MAX_STORED_MANIFEST {
                return Err(folder.too_large(&digest, MAX_STORED_MANIFEST));
            }
            if folder.len(&digest)? == Some(bytes.len() as u64) {
                folder.note_use(&digest);
                return Ok(());
            }
            let write = PendingBlob::begin(&folder, &digest)?;
            write.keep_hashed(&bytes)
        })
        .await
    }

    async fn settle(&self) -> Result<(), StoreError> {
        let folder = Arc::clone(&self.folder);
        self.run(move || folder.settle()).await
    }

    async fn get_unchecked(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || Ok(folder.read_unchecked(&digest)?.0))
            .await
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || folder.read(&digest)).await
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || {
            folder.note_use(&digest);
            Ok(folder.len(&digest)?.is_some())
        })
        .await
    }

    fn checks_reads(&self) -> bool {
        true
    }
}

impl BlobInventory for DiskStore {
    fn list(&self) -> impl Stream<Item = Result<KeptBlob, StoreError>> + Send {
        let (found, listed) = mpsc::channel(LISTED_AHEAD);
        let folder = Arc::clone(&self.folder);
        spawn_blocking(move || {
            if let Err(error) = folder.list(&mut |kept| found.blocking_send(Ok(kept)).is_ok()) {
                // Nobody is listening any more if this fails.
                let _ = found.blocking_send(Err(error));
            }
        });
        stream::unfold(listed, |mut listed| async move {
            listed.recv().await.map(|kept| (kept, listed))
        })
    }

    async fn kept(&self, digest: &Digest) -> Result<Option<KeptBlob>, StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || folder.kept(&digest, &folder.place(&digest)))
            .await
    }

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let (folder, digest) = (Arc::clone(&self.folder), *digest);
        self.run(move || folder.remove(&digest)).await
    }
}

impl Folder {
    /// Tells of every blob until there are no more or `tell` says that it is enough.
    fn list(&self, tell: &mut impl FnMut(KeptBlob) -> bool) -> Result<(), StoreError> {
        for folder in self.digit_folders()? {
            for path in self.entries(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let digest = name.and_then(|name| name.parse::<Digest>().ok());
                let Some(digest) = digest.filter(|digest| self.place(digest) == path) else {
                    continue;
                };
                if let Some(kept) = self.kept(&digest, &path)?
                    && !tell(kept)
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The folders whose names are two hexadecimal digits.
    fn digit_folders(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut folders = self.entries(&self.path)?;
        folders.retain(|path| {
            let name = path.file_name().map(|name| name.as_encoded_bytes());
            name.is_some_and(|name| name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit))
        });
        Ok(folders)
    }

    fn entries(&self, folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
        let entries = fs::read_dir(folder).map_err(self.io("list", folder))?;
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(self.io("list", folder))
    }

    /// Makes a blob young again, for whoever asks for it may be about to publish what needs it. Its name is to be
    /// durable then, too: a process that ended before it settled may have put it.
    fn note_use(&self, digest: &Digest) {
        let (now, place) = (SystemTime::now(), self.place(digest));
        let noted = File::open(&place).and_then(|file| {
            self.unsettle(&place);
            let age = now.duration_since(file.metadata()?.modified()?);
            if age.is_ok_and(|age| age > USE_NOTED_EVERY) {
                file.set_modified(now)?;
            }
            Ok(())
        });
        // One that is not there has no age; one that cannot be touched grows old as before.
        if let Err(error) = noted
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(blob = %digest, %error, "cannot note that a blob is in use");
        }
    }

    /// The blob at its place, if it is there.
    fn kept(&self, digest: &Digest, path: &Path) -> Result<Option<KeptBlob>, StoreError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("read", path)(error)),
        };
        let kept = KeptBlob {
            digest: *digest,
            size: metadata.len(),
            since: metadata.modified().map_err(self.io("read", path))?,
        };
        Ok(metadata.is_file().then_some(kept))
    }

    fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.place(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.path.join(&name[..2]).join(name)
    }

    fn len(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = self.place(digest);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io("read", &path)(error)),
        }
    }

    fn read(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let (bytes, file) = self.read_unchecked(digest)?;
        if let Err(error) = self.check(digest, &Digest::of(&bytes)) {
            self.set_aside(digest, &file);
            return Err(error);
        }
        Ok(bytes)
    }

    fn read_unchecked(&self, digest: &Digest) -> Result<(Bytes, File), StoreError> {
        let path = self.place(digest);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::NotFound {
                    store: self.name(),
                    digest: *digest,
                });
            }
            Err(error) => return Err(self.io("open", &path)(error)),
        };
        let length = file.metadata().map_err(self.io("read", &path))?.len();
        if length > MAX_STORED_MANIFEST {
            self.set_aside(digest, &file);
            return Err(self.too_large(digest, MAX_STORED_MANIFEST));
        }
        let bytes =
            uncached::read_exact_at(&file, length as usize, 0).map_err(self.io("read", &path))?;
        Ok((bytes, file))
    }

    /// The entry of a blob, and those of its folders, have to reach the disk.
    fn unsettle(&self, place: &Path) {
        let folders = place.ancestors().skip(1).take(2);
        (self.unsettled.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .extend(folders.map(Path::to_path_buf));
    }

    /// Syncs the folders in which there are new names. One that settles waits for one who is at it, so
    /// that each finds everything durable that was put before it began.
    fn settle(&self) -> Result<(), StoreError> {
        let mut unsettled = self
            .unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let folders: Vec<&PathBuf> = unsettled.iter().collect();
        // Nearly all of it is waiting for the disk, which does several at a time.
        let share = folders.len().div_ceil(SYNCING_THREADS).max(LEAST_SHARE);
        let sync = |share: &[&PathBuf]| share.iter().try_for_each(|folder| self.sync(folder));
        thread::scope(|scope| {
            let (own, others) = folders.split_at(share.min(folders.len()));
            let mut threads = Vec::with_capacity(SYNCING_THREADS);
            for share in others.chunks(share) {
                match thread::Builder::new().spawn_scoped(scope, move || sync(share)) {
                    Ok(thread) => threads.push(thread),
                    // No more threads to be had.
                    Err(_) => sync(share)?,
                }
            }
            sync(own)?;
            (threads.into_iter()).try_for_each(|thread| {
                let synced = thread.join();
                synced.unwrap_or_else(|_| Err(self.stopped()))
            })
        })?;
        unsettled.clear();
        Ok(())
    }

    fn sync(&self, folder: &Path) -> Result<(), StoreError> {
        File::open(folder)
            .and_then(|open| open.sync_all())
            .map_err(self.io("sync", folder))
    }

    /// Moves a damaged copy out of the way, unless a sound one has taken its place meanwhile. What the
    /// reader is told does not depend on it.
    fn set_aside(&self, digest: &Digest, damaged: &File) {
        let place = self.place(digest);
        let aside = self.damaged.join(digest.to_string());
        let moved = damaged.metadata().and_then(|read| {
            let now = fs::symlink_metadata(&place)?;
            if (now.dev(), now.ino()) != (read.dev(), read.ino()) {
                return Ok(false);
            }
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(&self.damaged)?;
            fs::rename(&place, &aside).map(|()| true)
        });
        match moved {
            Ok(true) => {
                tracing::error!(blob = %digest, aside = %aside.display(), "a blob was damaged on disk; it was moved aside, and can be put again")
            }
            Ok(false) => {}
            Err(error) => {
                tracing::error!(blob = %digest, %error, "a blob is damaged on disk, and cannot be moved aside")
            }
        }
    }

    fn check(&self, expected: &Digest, got: &Digest) -> Result<(), StoreError> {
        if expected == got {
            return Ok(());
        }
        Err(StoreError::WrongDigest {
            store: self.name(),
            expected: *expected,
            got: *got,
        })
    }

    fn remove_abandoned(&self) -> Result<(), StoreError> {
        let entries = fs::read_dir(&self.temporary).map_err(self.io("list", &self.temporary))?;
        for entry in entries {
            let entry = entry.map_err(self.io("list", &self.temporary))?;
            // Another process may be removing the same file; then there is nothing left to do.
            let age = entry.metadata().and_then(|metadata| metadata.modified());
            let age = age.ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn io(
        &self,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> StoreError + use<> {
        let (store, path) = (self.name(), path.to_path_buf());
        move |source| StoreError::Io {
            store,
            action,
            path,
            source,
        }
    }

    fn too_large(&self, digest: &Digest, limit: u64) -> StoreError {
        StoreError::TooLarge {
            store: self.name(),
            digest: *digest,
            limit,
        }
    }

    fn stopped(&self) -> StoreError {
        StoreError::Unavailable {
            store: self.name(),
            reason: "the runtime is shutting down".to_owned(),
        }
    }
}
