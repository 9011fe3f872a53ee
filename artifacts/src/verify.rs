//! Compares files on disk with a manifest.

use std::cmp::Ordering;
use std::path::Path;

use futures::stream::{self, StreamExt, TryStreamExt};

use crate::error::PackageError;
use crate::manifest::{FileEntry, Manifest};
use crate::path;
use crate::push::{blocking, cores};
use crate::read;
use crate::scan::{ScanOptions, ScannedFile, scan};

/// Checks that the model at `path` is exactly what the manifest says: no file missing, none more,
/// each with its size and digest. Symbolic links are refused, and the embedding vector, which is
/// kept beside the files, is not looked for.
///
/// # Errors
/// The first file in path order that differs, with what was expected and what was found.
pub async fn verify_local(path: &Path, manifest: &Manifest) -> Result<(), PackageError> {
    let root = path.to_path_buf();
    let found = blocking(move || scan(&root, &ScanOptions::default())).await??;
    let pairs = pair(&manifest.files, &found)?;
    stream::iter(pairs)
        .map(|(entry, file)| async move {
            let source = file.source.clone();
            let (size, digest) = blocking(move || read::hash_file(&source)).await??;
            compare(entry, size, digest)
        })
        .buffered(cores())
        .try_collect::<()>()
        .await
}

/// Pairs the files of the manifest with those found, both being in path order.
fn pair<'a>(
    expected: &'a [FileEntry],
    found: &'a [ScannedFile],
) -> Result<Vec<(&'a FileEntry, &'a ScannedFile)>, PackageError> {
    let mut pairs = Vec::with_capacity(expected.len());
    let mut found = found.iter().peekable();
    for entry in expected {
        let here = found
            .peek()
            .map(|file| path::order(&file.path, &entry.path));
        match (here, found.peek()) {
            (Some(Ordering::Less), Some(file)) => return Err(unexpected(file)),
            (Some(Ordering::Equal), Some(file)) => {
                if file.size != entry.size {
                    return Err(wrong_size(entry, file.size));
                }
                pairs.push((entry, *file));
                found.next();
            }
            _ => {
                return Err(PackageError::FileMissing {
                    path: entry.path.clone(),
                });
            }
        }
    }
    match found.next() {
        Some(file) => Err(unexpected(file)),
        None => Ok(pairs),
    }
}

fn compare(entry: &FileEntry, size: u64, digest: cairn_crypto::Digest) -> Result<(), PackageError> {
    if size != entry.size {
        return Err(wrong_size(entry, size));
    }
    if digest != entry.digest {
        return Err(PackageError::FileDigest {
            path: entry.path.clone(),
            expected: entry.digest,
            got: digest,
        });
    }
    Ok(())
}

fn unexpected(file: &ScannedFile) -> PackageError {
    PackageError::FileUnexpected {
        path: file.path.clone(),
    }
}

fn wrong_size(entry: &FileEntry, got: u64) -> PackageError {
    PackageError::FileSize {
        path: entry.path.clone(),
        expected: entry.size,
        got,
    }
}
