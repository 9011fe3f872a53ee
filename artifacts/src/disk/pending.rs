//! A blob that is being written, under a temporary name until it is whole.

use super::Folder;
use crate::error::StoreError;
use crate::uncached;
use cairn_crypto::{Digest, Hasher};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are written at once: pieces of a body are gathered until there are as many.
const GATHERED: usize = 1024 * 1024;

static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// One write in progress. Dropped before [`PendingBlob::keep`] it leaves nothing behind.
pub(super) struct PendingBlob<'a> {
    folder: &'a Folder,
    digest: Digest,
    hasher: Hasher,
    file: File,
    /// What is in the file.
    written: u64,
    /// What comes after it.
    gathered: Vec<u8>,
    temporary: PathBuf,
    kept: bool,
}

impl<'a> PendingBlob<'a> {
    pub(super) fn begin(folder: &'a Folder, digest: &Digest) -> Result<Self, StoreError> {
        // The number is unique in this process, the process id among those of this machine.
        let number = NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let name = format!("{digest}.{}.{number}", std::process::id());
        let temporary = folder.temporary.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(folder.io("create", &temporary))?;
        Ok(Self {
            folder,
            digest: *digest,
            hasher: Hasher::new(),
            file,
            written: 0,
            gathered: Vec::new(),
            temporary,
            kept: false,
        })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.hasher.update(bytes);
        self.gathered.extend_from_slice(bytes);
        let whole = self.gathered.len() / GATHERED * GATHERED;
        self.write(whole)
    }

    /// Writes the first of what is gathered.
    fn write(&mut self, length: usize) -> Result<(), StoreError> {
        uncached::write_all_at(&self.file, &self.gathered[..length], self.written)
            .map_err(self.folder.io("write", &self.temporary))?;
        self.gathered.drain(..length);
        self.written += length as u64;
        Ok(())
    }

    /// All of it at once, of which the digest is known.
    pub(super) fn keep_hashed(self, bytes: &[u8]) -> Result<(), StoreError> {
        uncached::write_all_at(&self.file, bytes, 0)
            .map_err(self.folder.io("write", &self.temporary))?;
        self.place()
    }

    /// What was appended, if it has its digest.
    pub(super) fn keep(mut self) -> Result<(), StoreError> {
        self.write(self.gathered.len())?;
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new());
        self.folder.check(&self.digest, &hasher.finish())?;
        let folder = self.folder;
        self.place()?;
        folder.settle()
    }

    /// Gives the blob its name, after its content has reached the disk. The name follows when the
    /// folder is settled.
    fn place(mut self) -> Result<(), StoreError> {
        let io = |action, path: &Path| self.folder.io(action, path);
        self.file.sync_all().map_err(io("sync", &self.temporary))?;
        let place = self.folder.place(&self.digest);
        let folder = place.parent().unwrap_or(&self.folder.path);
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(io("make", folder))?;
        fs::rename(&self.temporary, &place).map_err(io("rename", &self.temporary))?;
        self.kept = true;
        self.folder.unsettle(&place);
        Ok(())
    }
}

impl Drop for PendingBlob<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // A file that cannot be removed now is removed when the store is opened later on.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
