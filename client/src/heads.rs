//! The newest header seen, kept between runs. Keys of former validators can be stolen and used to sign another
//! past; a client that remembers one header of the real chain is not taken in.

use crate::ClientError;
use crate::epochs::{check_entitled, newer};
use cairn_audit::{Advance, Anchor, HeadError, MAX_BUNDLE_BYTES, TrustedHead, Verified};
use cairn_crypto::Digest;
use cairn_crypto::merkle::InclusionProof;
use serde::Serialize;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Most bytes of the file of a head; a real one has about 1,200.
const MAX_FILE: u64 = 64 * 1024;

/// What became of the newest header seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadNote {
    /// The proof's header is newer, and is kept from now on.
    Moved,
    /// The one kept before is the same, or newer with this one in its history.
    Kept,
    /// Whether the two go together cannot be told here; the one kept before is still kept.
    Unlinked,
    /// No place to keep heads was given.
    NotKept,
}

/// A folder with two files for each chain, such as `$XDG_STATE_HOME/cairn/heads`: the newest header, and the validators of
/// the newest epoch. Several processes may use it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadStore {
    folder: PathBuf,
}

impl HeadStore {
    /// Keeps heads in this folder, which is made when it is first needed.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Takes note of the certified header of a verified bundle. `link` is as for
    /// [`TrustedHead::observe`]; without one that is needed, the answer is [`HeadNote::Unlinked`].
    ///
    /// # Errors
    /// [`ClientError::Head`] when the header contradicts the one kept: then the proof must not be trusted.
    /// [`ClientError::HeadFile`] when the file cannot be read or written.
    pub fn observe(
        &self,
        seen: &Verified,
        link: Option<&InclusionProof>,
    ) -> Result<HeadNote, ClientError> {
        let place = self.lock(&seen.chain_id)?;
        let Some(mut head) = place.read()? else {
            place.write(&TrustedHead::new(seen.certified.clone()))?;
            return Ok(HeadNote::Moved);
        };
        match head.observe(seen, link) {
            Ok(Advance::Moved) => {
                place.write(&head)?;
                Ok(HeadNote::Moved)
            }
            Ok(Advance::Kept) => Ok(HeadNote::Kept),
            Err(HeadError::Unlinked { .. }) => Ok(HeadNote::Unlinked),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes note of a verified bundle without a link: its header as [`HeadStore::observe`] does, and the newest epoch that
    /// it led to.
    ///
    /// # Errors
    /// As [`HeadStore::observe`]; also when it came by other validators of an epoch that is known.
    pub(crate) fn take_note(&self, seen: &Verified) -> Result<HeadNote, ClientError> {
        if let Some(known) = self.load_epoch(&seen.chain_id)? {
            seen.check_known(&known)?;
        }
        let note = self.observe(seen, None)?;
        if note != HeadNote::Unlinked {
            if let Some(head) = self.load(&seen.chain_id)? {
                check_entitled(head.header(), seen.newest_epoch())?;
            }
            self.save_epoch(seen.newest_epoch())?;
        }
        Ok(note)
    }

    /// The newest header seen of a chain.
    ///
    /// # Errors
    /// [`ClientError::HeadFile`] when the file cannot be read.
    pub fn load(&self, chain_id: &Digest) -> Result<Option<TrustedHead>, ClientError> {
        self.lock(chain_id)?.read()
    }

    /// Keeps a head that is known to extend the one kept, unless another process has kept a higher one.
    pub(crate) fn save(&self, head: &TrustedHead) -> Result<(), ClientError> {
        let place = self.lock(&head.header().chain_id)?;
        if let Some(kept) = place.read()? {
            let (kept, new) = (kept.header(), head.header());
            if kept.height == new.height && kept.id() != new.id() {
                return Err(ClientError::Head(HeadError::Fork {
                    height: kept.height,
                    trusted: kept.id(),
                    got: new.id(),
                }));
            }
            if kept.height >= new.height {
                return Ok(());
            }
        }
        place.write(head)
    }

    /// The newest epoch of a chain whose validators are known.
    ///
    /// # Errors
    /// [`ClientError::HeadFile`] when the file cannot be read.
    pub fn load_epoch(&self, chain_id: &Digest) -> Result<Option<Anchor>, ClientError> {
        self.lock(chain_id)?.read_epoch(chain_id)
    }

    /// Keeps the newest epoch that a verified bundle led to, unless a newer one is kept.
    ///
    /// # Errors
    /// [`ClientError::Head`] when other validators are kept for the same epoch: then neither is to be trusted.
    /// [`ClientError::HeadFile`] when the file cannot be read or written.
    pub fn save_epoch(&self, newest: &Anchor) -> Result<(), ClientError> {
        let place = self.lock(newest.chain_id())?;
        let kept = place.read_epoch(newest.chain_id())?;
        if kept.map_or(Ok(true), |kept| newer(&kept, newest))? {
            place.write_epoch(newest)?;
        }
        Ok(())
    }

    fn lock(&self, chain_id: &Digest) -> Result<Place, ClientError> {
        fs::create_dir_all(&self.folder).map_err(failed("make a place for", &self.folder))?;
        let path = self.folder.join(format!("{chain_id}.json"));
        let lock = path.with_extension("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock)
            .map_err(failed("lock", &lock))?;
        file.lock().map_err(failed("lock", &lock))?;
        Ok(Place { path, _lock: file })
    }
}

/// The file of one chain, which nobody else touches meanwhile.
struct Place {
    path: PathBuf,
    _lock: File,
}

impl Place {
    fn read(&self) -> Result<Option<TrustedHead>, ClientError> {
        let read = failed("read", &self.path);
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        let mut text = String::new();
        let parsed = file
            .take(MAX_FILE)
            .read_to_string(&mut text)
            .and_then(|_| serde_json::from_str(&text).map_err(io::Error::from));
        parsed.map(Some).map_err(read)
    }

    fn write(&self, head: &TrustedHead) -> Result<(), ClientError> {
        let text = serde_json::to_vec(head).map_err(io::Error::from);
        text.and_then(|text| replace(&self.path, &text))
            .map_err(failed("write", &self.path))
    }

    /// A file of another chain, put here by hand, is not taken.
    fn read_epoch(&self, chain_id: &Digest) -> Result<Option<Anchor>, ClientError> {
        let path = self.path.with_extension("epoch");
        let read = failed("read", &path);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        let mut bytes = Vec::new();
        let parsed = file
            .take(MAX_BUNDLE_BYTES as u64)
            .read_to_end(&mut bytes)
            .and_then(|_| Anchor::decode(&bytes).map_err(invalid))
            .and_then(|anchor| match anchor.chain_id() == chain_id {
                true => Ok(anchor),
                false => Err(invalid(format!("it is of chain {}", anchor.chain_id()))),
            });
        parsed.map(Some).map_err(read)
    }

    fn write_epoch(&self, newest: &Anchor) -> Result<(), ClientError> {
        let path = self.path.with_extension("epoch");
        let bytes = newest.encode()?;
        replace(&path, &bytes).map_err(failed("write", &path))
    }
}

/// A crash leaves the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClientError {
    let path = path.to_owned();
    move |source| ClientError::HeadFile {
        action,
        path,
        source,
    }
}
