//! A small file beside the database that remembers how far the database had come.
//!
//! After a log file is cut short at the edge of a record, or the database is replaced by an older copy of itself, it
//! opens as if nothing had happened: an earlier state that is consistent. For a validator that is fatal, since it
//! has forgotten votes that it sent. So every synced write carries a number, and once it is on disk the number is
//! written here. The file is not synced itself: after a loss of power it may be behind the database, which does no
//! harm; it is never ahead.

use crate::StorageError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The file, open for writing.
pub(crate) struct Witness {
    file: File,
    path: PathBuf,
}

impl Witness {
    /// Creates the file with number 0, or opens what an interrupted first start left, which must say 0.
    /// Also returns the number that it holds.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Option<u64>), StorageError> {
        let path = folder.join("witness");
        let fail = |source| StorageError::File {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        let mut bytes = [0; 16];
        let number = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {
                let (number, check) = bytes.split_at(8);
                let number = u64::from_le_bytes(number.try_into().expect("8 of 16 bytes"));
                let check = u64::from_le_bytes(check.try_into().expect("8 of 16 bytes"));
                if check != !number {
                    return Err(StorageError::Damaged {
                        path: folder.to_owned(),
                        what: "the witness file is not what was written to it".to_owned(),
                    });
                }
                Some(number)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(fail(error)),
        };
        Ok((Self { file, path }, number))
    }

    /// Writes the number and makes sure that the file is there after a loss of power.
    pub(crate) fn create(&self, folder: &Path) -> Result<(), StorageError> {
        self.note(0)?;
        self.file
            .sync_all()
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|source| self.error(source))
    }

    /// Notes that write `number` is on disk.
    pub(crate) fn note(&self, number: u64) -> Result<(), StorageError> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..].copy_from_slice(&(!number).to_le_bytes());
        self.file
            .write_all_at(&bytes, 0)
            .map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> StorageError {
        StorageError::File {
            path: self.path.clone(),
            source,
        }
    }
}
