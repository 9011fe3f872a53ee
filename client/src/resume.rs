//! What an interrupted push or re-encryption leaves for the next one: a folder for the plan of its files, and the data key.

use crate::ClientError;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{DataKey, Digest, codec};
use cairn_runtime::{AccountId, VersionId};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
/// What the names of files begin with that are to become the key's.
const TEMPORARY: &str = "data-key.";
/// Bytes of the file: format and key.
const LENGTH: usize = 1 + DataKey::LEN;

/// The content of the file of a data key.
#[derive(BorshSerialize, BorshDeserialize)]
struct Kept {
    format: u8,
    data_key: [u8; DataKey::LEN],
}

impl Drop for Kept {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.data_key);
    }
}

/// The folder of one push (one model path, published as one version on one chain), or of one re-encryption.
pub(crate) struct Resume {
    folder: PathBuf,
}

impl Resume {
    /// The folder of a push below `parent`, made with access for its owner only. A push to other readers has another
    /// one: the data key may have left this machine, sealed to the readers, in a transaction that came to nothing.
    pub(crate) fn open(
        parent: &Path,
        chain_id: &Digest,
        model: &Path,
        id: &VersionId,
        readers: &BTreeSet<AccountId>,
    ) -> Result<Self, ClientError> {
        let model = fs::canonicalize(model).map_err(failed("find", model))?;
        let model = model.as_os_str().as_encoded_bytes();
        Self::named(parent, &(chain_id, model, id, readers))
    }

    /// The folder of a re-encryption to this generation of keys.
    pub(crate) fn of_rekey(
        parent: &Path,
        chain_id: &Digest,
        id: &VersionId,
        generation: u32,
    ) -> Result<Self, ClientError> {
        Self::named(parent, &(chain_id, "rekey", id, generation))
    }

    fn named(parent: &Path, what: &impl BorshSerialize) -> Result<Self, ClientError> {
        let name = borsh::to_vec(what).expect("a vector takes every byte");
        let name = Digest::of(&name).to_string();
        let folder = parent.join(&name[..32]);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(failed("make", &folder))?;
        Ok(Self { folder })
    }

    /// Where the plan of the files goes.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn key_path(&self) -> PathBuf {
        self.folder.join("data-key")
    }

    /// The data key of the interrupted push, or a new one, kept before it is used. A file that is not whole
    /// was never used and is replaced.
    pub(crate) fn data_key(&self) -> Result<DataKey, ClientError> {
        if let Some(key) = self.read()? {
            return Ok(key);
        }
        let key = DataKey::generate()?;
        self.write(&key)?;
        // Of several pushes that begin at one time, the first one's counts for all.
        Ok(self.read()?.unwrap_or(key))
    }

    fn read(&self) -> Result<Option<DataKey>, ClientError> {
        let path = self.key_path();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH + 1));
        file.take(LENGTH as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(failed("read", &path))?;
        let kept = codec::decode::<Kept>(&bytes, LENGTH).ok();
        let kept = kept.filter(|kept| kept.format == FORMAT);
        Ok(kept.map(|kept| DataKey::from_bytes(kept.data_key)))
    }

    fn write(&self, key: &DataKey) -> Result<(), ClientError> {
        let path = self.key_path();
        let kept = Kept {
            format: FORMAT,
            data_key: *key.as_bytes(),
        };
        let write = || {
            let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
            kept.serialize(&mut *bytes)?;
            let temporary = self.folder.join(temporary_name());
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            match fs::hard_link(&temporary, &path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if !matches!(self.read(), Ok(Some(_))) {
                        fs::rename(&temporary, &path)?;
                        return File::open(&self.folder)?.sync_all();
                    }
                }
                Ok(()) => {}
                // A file system without second names: the last of several that begin at once counts.
                Err(_) => {
                    fs::rename(&temporary, &path)?;
                    return File::open(&self.folder)?.sync_all();
                }
            }
            fs::remove_file(&temporary)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Removes the key, after the version was published, and the folder, if nothing else is in it. What a push that was
    /// killed left of a key that was never used goes too.
    pub(crate) fn remove(self) -> Result<(), ClientError> {
        let path = self.key_path();
        fs::remove_file(&path).map_err(failed("remove", &path))?;
        let entries = fs::read_dir(&self.folder).map_err(failed("list", &self.folder))?;
        for entry in entries {
            let entry = entry.map_err(failed("list", &self.folder))?;
            let name = entry.file_name();
            if name
                .to_str()
                .is_some_and(|name| name.starts_with(TEMPORARY))
            {
                let path = entry.path();
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => {
                Err(failed("remove", &self.folder)(error))
            }
            _ => Ok(()),
        }
    }
}

/// A name that no other push takes, in this process or another one.
fn temporary_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{TEMPORARY}{}-{number}", std::process::id())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClientError {
    let path = path.to_owned();
    move |source| ClientError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn open_for(parent: &Path, version: &str, readers: &[u8]) -> Resume {
        let id = version.parse().unwrap();
        let readers = readers.iter().map(|byte| AccountId(Digest::of(&[*byte])));
        Resume::open(parent, &Digest::ZERO, parent, &id, &readers.collect()).unwrap()
    }

    fn open(parent: &Path, version: &str) -> Resume {
        open_for(parent, version, &[1, 2])
    }

    #[test]
    fn a_second_push_of_the_same_version_to_the_same_readers_finds_the_key_and_another_does_not() {
        let place = tempfile::tempdir().unwrap();
        let key = open(place.path(), "a/b@1.0.0").data_key().unwrap();
        let again = open(place.path(), "a/b@1.0.0").data_key().unwrap();
        assert_eq!(key.as_bytes(), again.as_bytes());
        for other in [
            open(place.path(), "a/b@1.0.1"),
            open_for(place.path(), "a/b@1.0.0", &[1]),
            open_for(place.path(), "a/b@1.0.0", &[1, 2, 3]),
        ] {
            assert_ne!(key.as_bytes(), other.data_key().unwrap().as_bytes());
        }
    }

    #[test]
    fn only_the_owner_can_read_the_key() {
        let place = tempfile::tempdir().unwrap();
        let resume = open(place.path(), "a/b@1.0.0");
        resume.data_key().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&resume.key_path()), 0o600);
        assert_eq!(mode(resume.folder()), 0o700);
    }

    #[test]
    fn a_file_that_is_not_whole_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let resume = open(place.path(), "a/b@1.0.0");
        for bytes in [&b""[..], &[1; LENGTH - 1], &[1; LENGTH + 1], &[2; LENGTH]] {
            fs::write(resume.key_path(), bytes).unwrap();
            let key = resume.data_key().unwrap();
            let again = resume.data_key().unwrap();
            assert_eq!(key.as_bytes(), again.as_bytes());
        }
    }

    #[test]
    fn pushes_that_begin_at_one_time_take_one_key() {
        let place = tempfile::tempdir().unwrap();
        let begin = std::sync::Barrier::new(8);
        let keys: Vec<DataKey> = std::thread::scope(|scope| {
            let push = || {
                let resume = open(place.path(), "a/b@1.0.0");
                begin.wait();
                resume.data_key().unwrap()
            };
            let pushes: Vec<_> = (0..8).map(|_| scope.spawn(push)).collect();
            let keys = pushes.into_iter().map(|push| push.join().unwrap());
            keys.collect()
        });
        let kept = open(place.path(), "a/b@1.0.0").data_key().unwrap();
        assert!(keys.iter().all(|key| key.as_bytes() == kept.as_bytes()));
    }

    #[test]
    fn a_finished_push_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let resume = open(place.path(), "a/b@1.0.0");
        resume.data_key().unwrap();
        fs::write(
            resume.folder().join("data-key.1-0"),
            "of a push that was killed",
        )
        .unwrap();
        resume.remove().unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
