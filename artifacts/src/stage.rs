//! The folder beside the target in which a pull builds the model.
//!
//! Its name follows from the target and the stored manifest, so that a pull which is run again
//! finds what an interrupted one has left. It is private (0700), locked while in use, and becomes
//! the target by one rename when everything in it was checked.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cairn_crypto::Digest;

use crate::error::PackageError;

/// The stage of one pull.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
    /// What becomes the target.
    files: PathBuf,
    target: PathBuf,
    lock_path: PathBuf,
    /// Held until the stage is dropped.
    _lock: File,
    /// Whether an interrupted pull may have left files.
    pub(crate) resumed: bool,
}

impl Stage {
    /// Makes the stage, or finds it.
    pub(crate) fn prepare(target: &Path, manifest_digest: &Digest) -> Result<Self, PackageError> {
        check_target(target)?;
        let Some(name) = target.file_name().and_then(|name| name.to_str()) else {
            return Err(PackageError::Target {
                path: target.to_path_buf(),
                reason: "it does not end in a name in UTF-8",
            });
        };
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(PackageError::io("make", parent))?;
        let short = &manifest_digest.to_string()[..16];
        let folder = parent.join(format!(".{name}.pull-{short}"));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(PackageError::io("make", &folder)(error));
            }
            _ => {}
        }
        let lock_path = folder.join("lock");
        let lock = lock(&folder, &lock_path)?;
        let files = folder.join("files");
        let resumed = files.is_dir();
        if !resumed {
            fs::create_dir(&files).map_err(PackageError::io("make", &files))?;
        }
        Ok(Self {
            folder,
            files,
            target: target.to_path_buf(),
            lock_path,
            _lock: lock,
            resumed,
        })
    }

    /// Where a file of the package lies in the stage. The path was checked with the manifest.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        self.files.join(path)
    }

    /// Makes the stage the target.
    pub(crate) fn publish(self) -> Result<(), PackageError> {
        check_target(&self.target)?;
        fs::rename(&self.files, &self.target)
            .map_err(PackageError::io("move the files to", &self.target))?;
        self.remove_folder()
    }

    /// Removes the stage and all that is in it.
    pub(crate) fn discard(self) -> Result<(), PackageError> {
        fs::remove_dir_all(&self.files).map_err(PackageError::io("remove", &self.files))?;
        self.remove_folder()
    }

    fn remove_folder(self) -> Result<(), PackageError> {
        fs::remove_file(&self.lock_path)
            .and_then(|()| fs::remove_dir(&self.folder))
            .map_err(PackageError::io("remove", &self.folder))
    }
}

/// The target must not exist, or be an empty folder.
fn check_target(target: &Path) -> Result<(), PackageError> {
    let taken = || PackageError::TargetExists {
        path: target.to_path_buf(),
    };
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(PackageError::io("read", target)(error)),
        Ok(metadata) if !metadata.is_dir() => Err(taken()),
        Ok(_) => {
            let mut entries = fs::read_dir(target).map_err(PackageError::io("list", target))?;
            if entries.next().is_some() {
                return Err(taken());
            }
            Ok(())
        }
    }
}

/// Takes the folder for this pull alone, after making sure that it is ours: in a folder that
/// everyone can write to, someone else may have put something of this name there.
fn lock(folder: &Path, lock_path: &Path) -> Result<File, PackageError> {
    let foreign = || PackageError::Target {
        path: folder.to_path_buf(),
        reason: "what is in the way is not a private folder of this user; remove it",
    };
    let metadata = fs::symlink_metadata(folder).map_err(PackageError::io("read", folder))?;
    if !metadata.is_dir() {
        return Err(foreign());
    }
    // Fails on a folder of someone else, unless we may do anything; see below.
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(|_| foreign())?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(lock_path)
        .map_err(PackageError::io("open", lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(PackageError::Busy {
                path: folder.to_path_buf(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(PackageError::io("lock", lock_path)(error)),
    }
    // A file made by us shows who we are, and thereby whether the folder is ours.
    let ours = lock
        .metadata()
        .map_err(PackageError::io("read", lock_path))?
        .uid();
    if metadata.uid() != ours {
        return Err(foreign());
    }
    // The pull that held the lock may have finished, and removed the file, since we opened it.
    if !lock_path.exists() {
        return Err(PackageError::Busy {
            path: folder.to_path_buf(),
        });
    }
    Ok(lock)
}
