//! The plan of a push: the random values that a resumed push must use again.
//!
//! An interrupted push has stored chunks under random file keys. Only with the same keys does a
//! second run make the same blobs, find them in the store and send the rest. The plan is written
//! (mode 0600, synced) before the first blob is sent and removed when the push is done. It holds
//! keys, and so belongs beside the key files or in a folder as private.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, decode};
use zeroize::Zeroizing;

use crate::chunk::FileSecret;
use crate::error::PackageError;
use crate::manifest::Blind;

/// Most bytes of a plan: one entry for each of the most files, with long paths.
const MAX_PLAN: usize = 256 * 1024 * 1024;
const FORMAT: u8 = 1;

/// The random values of one push.
#[derive(Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Plan {
    format: u8,
    pub(crate) blind: Blind,
    pub(crate) files: BTreeMap<String, FileSecret>,
    pub(crate) vector: Option<FileSecret>,
}

impl Plan {
    fn new() -> Result<Self, PackageError> {
        Ok(Self {
            format: FORMAT,
            blind: Blind::generate()?,
            files: BTreeMap::new(),
            vector: None,
        })
    }

    /// Gives every path, and the vector if there is one, a key of its own; those that have one
    /// keep it. Returns whether anything was added.
    fn complete<'a>(
        &mut self,
        paths: impl Iterator<Item = &'a str>,
        vector: bool,
    ) -> Result<bool, PackageError> {
        let mut added = false;
        for path in paths {
            if !self.files.contains_key(path) {
                self.files.insert(path.to_owned(), FileSecret::generate()?);
                added = true;
            }
        }
        if vector && self.vector.is_none() {
            self.vector = Some(FileSecret::generate()?);
            added = true;
        }
        Ok(added)
    }
}

/// Where the plan of a push is kept.
#[derive(Debug)]
pub(crate) struct PlanFile {
    folder: PathBuf,
    path: PathBuf,
}

impl PlanFile {
    /// The plan's place for pushes of `source`: one plan a source in `folder`.
    pub(crate) fn new(folder: &Path, source: &Path) -> Result<Self, PackageError> {
        let source = fs::canonicalize(source).map_err(PackageError::io("resolve", source))?;
        let name = Digest::of(source.as_os_str().as_bytes());
        Ok(Self {
            folder: folder.to_path_buf(),
            path: folder.join(format!("{name}.push")),
        })
    }

    /// The plan of this name in a folder that has no other use.
    pub(crate) fn named(folder: &Path, name: &str) -> Self {
        Self {
            folder: folder.to_path_buf(),
            path: folder.join(name).with_extension("push"),
        }
    }

    /// Removes the plan: the push is done.
    pub(crate) fn remove(&self) -> Result<(), PackageError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PackageError::io("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    /// The plan of an interrupted push. One that does not decode or that others could read is not
    /// used: new keys only cost that everything is sent again.
    fn load(&self) -> Result<Option<Plan>, PackageError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(PackageError::io("open", &self.path)(error)),
        };
        let metadata = file
            .metadata()
            .map_err(PackageError::io("read", &self.path))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %self.path.display(), "others can read this push plan, starting with new keys");
            return Ok(None);
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MAX_PLAN as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(PackageError::io("read", &self.path))?;
        let plan = decode::<Plan>(&bytes, MAX_PLAN).ok();
        let plan = plan.filter(|plan| plan.format == FORMAT);
        if plan.is_none() {
            tracing::warn!(path = %self.path.display(), "this push plan is not readable, starting with new keys");
        }
        Ok(plan)
    }

    fn save(&self, plan: &Plan) -> Result<(), PackageError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(&self.folder)
            .map_err(PackageError::io("make", &self.folder))?;
        let bytes = Zeroizing::new(borsh::to_vec(plan).expect("a vector accepts every byte"));
        let temporary = self
            .path
            .with_extension(format!("{}.new", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                // The mode above is for a new file only; one left from before may have another.
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
                file.write_all(&bytes)?;
                file.sync_all()
            });
        written.map_err(PackageError::io("write", &temporary))?;
        fs::rename(&temporary, &self.path)
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(PackageError::io("keep", &self.path))
    }
}

/// The plan to push by: the kept one where there is one, with keys for whatever is new in it, and
/// kept again before it is returned.
pub(crate) fn prepare<'a>(
    file: Option<&PlanFile>,
    paths: impl Iterator<Item = &'a str>,
    vector: bool,
) -> Result<Plan, PackageError> {
    let kept = file.map(PlanFile::load).transpose()?.flatten();
    let is_new = kept.is_none();
    let mut plan = match kept {
        Some(plan) => plan,
        None => Plan::new()?,
    };
    let added = plan.complete(paths, vector)?;
    if let Some(file) = file.filter(|_| is_new || added) {
        file.save(&plan)?;
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_kept_plan_is_used_again_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("plans");
        let file = PlanFile::new(&place, folder.path()).unwrap();
        let first = prepare(Some(&file), ["a", "b"].into_iter(), false).unwrap();
        let again = prepare(Some(&file), ["a", "b"].into_iter(), false).unwrap();
        assert_eq!(first, again);
        let grown = prepare(Some(&file), ["a", "c"].into_iter(), true).unwrap();
        assert_eq!(grown.files["a"], first.files["a"]);
        assert_eq!(grown.blind, first.blind);
        assert!(grown.files.contains_key("c") && grown.vector.is_some());

        let mode = fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        file.remove().unwrap();
        file.remove().unwrap();
        let other = prepare(Some(&file), ["a"].into_iter(), false).unwrap();
        assert_ne!(other.files["a"], first.files["a"]);
    }

    #[test]
    fn a_plan_that_others_could_read_or_that_is_damaged_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = PlanFile::new(folder.path(), folder.path()).unwrap();
        let first = prepare(Some(&file), ["a"].into_iter(), false).unwrap();
        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o640)).unwrap();
        let second = prepare(Some(&file), ["a"].into_iter(), false).unwrap();
        assert_ne!(first.files["a"], second.files["a"]);
        assert_eq!(
            fs::metadata(&file.path).unwrap().permissions().mode() & 0o777,
            0o600
        );

        fs::write(&file.path, b"damaged").unwrap();
        let third = prepare(Some(&file), ["a"].into_iter(), false).unwrap();
        assert_ne!(second.files["a"], third.files["a"]);
    }
}
