//! Lists the files of a model on disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::PackageError;
use crate::manifest::MAX_FILES;
use crate::path::{self, MAX_DEPTH, PathRule};

/// Signature files that may lie in a model's folder; they sign the model and are no part of it.
pub const SIGNATURE_FILES: [&str; 2] = ["model.sig", "model.mldsa.dsse.json"];

/// How a model's folder is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// Take what a symbolic link points to as if it were there. Without it a link is an error.
    pub follow_symlinks: bool,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedFile {
    /// Path in the package, as in [`crate::FileEntry::path`].
    pub path: String,
    /// Where it lies.
    pub source: PathBuf,
    /// Its size in bytes when it was found.
    pub size: u64,
}

/// Lists the files of a model, a folder or one file, in path order.
///
/// Hidden and empty files count. Left out are, at the top level only, what begins with `.git` (in
/// whatever case) and the [`SIGNATURE_FILES`]; a `.git` further down is an error
/// ([`PathRule::Git`]), because leaving it out would give another root than the OpenSSF tool's. A
/// model that is one file has that file's name as its only path.
///
/// # Errors
/// A symbolic link unless they are followed, anything that is neither file nor folder, a path that
/// cannot be in a package, no files at all, too many files, or an error of the file system.
pub fn scan(path: &Path, options: &ScanOptions) -> Result<Vec<ScannedFile>, PackageError> {
    let mut walk = Walk {
        options: *options,
        files: Vec::new(),
    };
    let kind = walk.kind(path)?;
    if kind.is_dir() {
        let mut ancestors = Vec::new();
        walk.folder(path, "", &mut ancestors)?;
    } else {
        let absolute = std::path::absolute(path).map_err(PackageError::io("resolve", path))?;
        let name = (absolute.file_name())
            .and_then(|name| name.to_str())
            .ok_or_else(|| PackageError::NotUtf8 {
                path: path.to_path_buf(),
            })?;
        walk.file(path.to_path_buf(), name.to_owned(), &kind)?;
    }
    if walk.files.is_empty() {
        return Err(PackageError::NoFiles {
            path: path.to_path_buf(),
        });
    }
    walk.files.sort_by(|a, b| path::order(&a.path, &b.path));
    Ok(walk.files)
}

struct Walk {
    options: ScanOptions,
    files: Vec<ScannedFile>,
}

impl Walk {
    /// What lies at `path`, after a link is followed or refused.
    fn kind(&self, path: &Path) -> Result<fs::Metadata, PackageError> {
        let metadata = fs::symlink_metadata(path).map_err(PackageError::io("read", path))?;
        if !metadata.is_symlink() {
            return Ok(metadata);
        }
        if !self.options.follow_symlinks {
            return Err(PackageError::Symlink {
                path: path.to_path_buf(),
            });
        }
        fs::metadata(path).map_err(PackageError::io("follow the link", path))
    }

    fn folder(
        &mut self,
        folder: &Path,
        prefix: &str,
        ancestors: &mut Vec<PathBuf>,
    ) -> Result<(), PackageError> {
        // Only a followed link can lead upwards.
        if self.options.follow_symlinks {
            let real = fs::canonicalize(folder).map_err(PackageError::io("resolve", folder))?;
            if ancestors.contains(&real) {
                return Err(PackageError::LinkLoop {
                    path: folder.to_path_buf(),
                });
            }
            ancestors.push(real);
        }
        let entries = fs::read_dir(folder).map_err(PackageError::io("list", folder))?;
        for entry in entries {
            let entry = entry.map_err(PackageError::io("list", folder))?;
            let source = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(PackageError::NotUtf8 { path: source });
            };
            if prefix.is_empty() && path::is_left_out(name) {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = self.kind(&source)?;
            // A folder that no file may be in is refused before it is walked through.
            path::check(&path)?;
            if !kind.is_dir() {
                self.file(source, path, &kind)?;
            } else if path.split('/').count() < MAX_DEPTH {
                self.folder(&source, &format!("{path}/"), ancestors)?;
            } else {
                let rule = PathRule::TooDeep;
                return Err(PackageError::Path { path, rule });
            }
        }
        ancestors.pop();
        Ok(())
    }

    fn file(
        &mut self,
        source: PathBuf,
        path: String,
        kind: &fs::Metadata,
    ) -> Result<(), PackageError> {
        if !kind.is_file() {
            return Err(PackageError::NotAFile { path: source });
        }
        path::check(&path)?;
        if self.files.len() == MAX_FILES {
            return Err(PackageError::Limit {
                what: "files (and more)",
                got: MAX_FILES as u64,
                limit: MAX_FILES as u64,
            });
        }
        self.files.push(ScannedFile {
            path,
            source,
            size: kind.len(),
        });
        Ok(())
    }
}
