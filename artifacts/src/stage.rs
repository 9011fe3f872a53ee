//! The folder beside the target in which a pull builds the model.
//!
//! Its name follows from the target and the stored manifest, so that a pull which is run again
//! finds what an interrupted one has left. It is private (0700), locked while in use, and becomes
//! the target by one rename when everything in it was checked.
//!
//! Targets lie in folders that others can write to, such as `/tmp`, and the stage's name can be
//! guessed. So nothing that is found is trusted before it was shown to be this user's: folders and
//! files are opened without following links, and what a pull cannot have left is removed before
//! anything is read or written.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cairn_crypto::Digest;
use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::error::PackageError;
use crate::manifest::Manifest;
use crate::package::Package;

/// The stage of one pull.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
    /// What becomes the target.
    files: PathBuf,
    target: PathBuf,
    lock_path: PathBuf,
    private: bool,
    /// Held until the stage is dropped.
    _lock: File,
    /// Whether an interrupted pull may have left files.
    pub(crate) resumed: bool,
}

impl Stage {
    /// Makes the stage, or finds it. What is built in a private one only this user can read, there
    /// and at the target.
    pub(crate) fn prepare(
        target: &Path,
        manifest_digest: &Digest,
        private: bool,
    ) -> Result<Self, PackageError> {
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
        let folder = parent.join(folder_name(name, manifest_digest));
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
        let resumed = keep_own(&files)?;
        let stage = Self {
            folder,
            files,
            target: target.to_path_buf(),
            lock_path,
            private,
            _lock: lock,
            resumed,
        };
        if !resumed {
            stage.make_folder(&stage.files)?;
        }
        Ok(stage)
    }

    /// Where a file of the package lies in the stage. The path was checked with the manifest.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        self.files.join(path)
    }

    /// Makes a folder of the stage, and those above it, unless it is there.
    pub(crate) fn make_folder(&self, folder: &Path) -> Result<(), PackageError> {
        let mode = if self.private { 0o700 } else { 0o755 };
        (DirBuilder::new().recursive(true).mode(mode).create(folder))
            .map_err(PackageError::io("make", folder))
    }

    /// Opens a file of the stage for writing; what is in it stays.
    pub(crate) fn open_to_write(&self, path: &Path) -> io::Result<File> {
        let mode = if self.private { 0o600 } else { 0o644 };
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .custom_flags(NO_LINK)
            .open(path)
    }

    /// Opens a file of the stage for reading.
    pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
        (OpenOptions::new().read(true).custom_flags(NO_LINK)).open(path)
    }

    /// Makes the stage the target: with the signature files, and without whatever is in it that the
    /// package does not have.
    pub(crate) fn publish(self, package: &Package) -> Result<(), PackageError> {
        let listed = Listed::new(package.manifest());
        let private = self.private;
        walk(&self.files, "", &mut |path, name, metadata| {
            if !listed.has(name, metadata.is_dir()) {
                return Ok(Verdict::Remove);
            }
            if private {
                let mode = if metadata.is_dir() { 0o700 } else { 0o600 };
                fs::set_permissions(path, Permissions::from_mode(mode))
                    .map_err(PackageError::io("make private", path))?;
            }
            Ok(Verdict::Keep)
        })?;
        if private {
            fs::set_permissions(&self.files, Permissions::from_mode(0o700))
                .map_err(PackageError::io("make private", &self.files))?;
        }
        package.signatures().write(&self.files, private)?;
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

/// The name of the stage: as long as a name may be only for targets that are nearly that themselves,
/// for which a digest stands.
fn folder_name(target: &str, manifest_digest: &Digest) -> String {
    if target.len() > 128 {
        return format!(".{}.pull-{manifest_digest}", Digest::of(target.as_bytes()));
    }
    format!(".{target}.pull-{manifest_digest}")
}

/// Opening fails if a link is in the way.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits() as i32;
const FOLDER_ONLY: i32 = NO_LINK | OFlags::DIRECTORY.bits() as i32;

/// Takes the folder for this pull alone, after making sure that it is this user's.
fn lock(folder: &Path, lock_path: &Path) -> Result<File, PackageError> {
    let foreign = || PackageError::Target {
        path: folder.to_path_buf(),
        reason: "what is in the way is not a private folder of this user; remove it",
    };
    // The open folder is what is asked and changed: a name may mean something else a moment later.
    let open = (OpenOptions::new().read(true).custom_flags(FOLDER_ONLY)).open(folder);
    let open = open.map_err(|_| foreign())?;
    let metadata = open.metadata().map_err(PackageError::io("read", folder))?;
    if metadata.uid() != geteuid().as_raw() {
        return Err(foreign());
    }
    open.set_permissions(Permissions::from_mode(0o700))
        .map_err(PackageError::io("make private", folder))?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(NO_LINK)
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
    // The pull that held the lock may have finished, and removed the file, since we opened it.
    if !lock_path.exists() {
        return Err(PackageError::Busy {
            path: folder.to_path_buf(),
        });
    }
    Ok(lock)
}

/// Whether an interrupted pull has left a folder of files; all that it cannot have left, because it
/// is not this user's, is a link, or others may write to it, is removed.
fn keep_own(files: &Path) -> Result<bool, PackageError> {
    let metadata = match fs::symlink_metadata(files) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(PackageError::io("read", files)(error)),
    };
    if !metadata.is_dir() || !is_own(&metadata) {
        remove(files, &metadata)?;
        return Ok(false);
    }
    walk(files, "", &mut |_, _, metadata| {
        Ok(if is_own(metadata) {
            Verdict::Keep
        } else {
            Verdict::Remove
        })
    })?;
    Ok(true)
}

fn is_own(metadata: &Metadata) -> bool {
    // A file with a second name may be any file of ours, which someone has linked to.
    let plain = metadata.is_dir() || (metadata.is_file() && metadata.nlink() == 1);
    plain && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

enum Verdict {
    Keep,
    Remove,
}

/// Judges everything below a folder, folders before what is in them. A link is judged itself, and
/// never followed.
fn walk(
    folder: &Path,
    prefix: &str,
    judge: &mut impl FnMut(&Path, &str, &Metadata) -> Result<Verdict, PackageError>,
) -> Result<(), PackageError> {
    for entry in fs::read_dir(folder).map_err(PackageError::io("list", folder))? {
        let entry = entry.map_err(PackageError::io("list", folder))?;
        let path = entry.path();
        let metadata = fs::symlink_metadata(&path).map_err(PackageError::io("read", &path))?;
        let Some(name) = entry
            .file_name()
            .to_str()
            .map(|name| format!("{prefix}{name}"))
        else {
            // No path of a package.
            remove(&path, &metadata)?;
            continue;
        };
        match judge(&path, &name, &metadata)? {
            Verdict::Remove => remove(&path, &metadata)?,
            Verdict::Keep if metadata.is_dir() => walk(&path, &format!("{name}/"), judge)?,
            Verdict::Keep => {}
        }
    }
    Ok(())
}

fn remove(path: &Path, metadata: &Metadata) -> Result<(), PackageError> {
    let removed = if metadata.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.map_err(PackageError::io("remove", path))
}

/// What a manifest has: its files, and the folders that they are in.
struct Listed<'a> {
    files: BTreeSet<&'a str>,
    folders: BTreeSet<&'a str>,
}

impl<'a> Listed<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let files = manifest.files.iter().map(|file| file.path.as_str());
        let folders = (files.clone())
            .flat_map(|path| path.match_indices('/').map(|(end, _)| &path[..end]))
            .collect();
        Self {
            files: files.collect(),
            folders,
        }
    }

    fn has(&self, name: &str, is_folder: bool) -> bool {
        if is_folder {
            self.folders.contains(name)
        } else {
            self.files.contains(name)
        }
    }
}
