//! A whole range of blocks in one file: everything that happened in it, and the proof that this is all.
//!
//! | file | what |
//! |---|---|
//! | `format.rs` | [`ExportRecord`]: what the file holds, and how it is read and written |
//! | `check.rs` | [`ExportCheck`]: every check, record by record |

mod check;
mod format;

pub use check::{ExportCheck, ExportVerified};
pub use format::{
    EXPORT_MAGIC, ExportBlock, ExportRange, ExportRecord, ExportTransaction, MAX_RECORD_BYTES,
};

use crate::{Anchor, AuditError, BundleError};
use std::io::{Read, Write};

/// Why an export is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// It cannot be read.
    #[error(transparent)]
    Format(#[from] BundleError),
    /// It is not true or not complete.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Reads and checks a whole export.
///
/// # Errors
/// [`ExportError`]: the first check that fails.
pub fn verify_export(
    reader: &mut impl Read,
    genesis: Anchor,
) -> Result<ExportVerified, ExportError> {
    let mut magic = Vec::new();
    let beginning = reader.by_ref().take(EXPORT_MAGIC.len() as u64);
    { beginning }
        .read_to_end(&mut magic)
        .map_err(BundleError::Read)?;
    if magic != EXPORT_MAGIC {
        return Err(BundleError::magic(EXPORT_MAGIC, &magic).into());
    }
    let mut check = ExportCheck::new(genesis);
    while let Some(record) = ExportRecord::read(reader)? {
        check.record(&record)?;
    }
    Ok(check.finish()?)
}

/// Writes an export, and checks it on the way: what was written would be believed.
#[derive(Debug)]
pub struct ExportWriter<W> {
    writer: W,
    check: ExportCheck,
}

impl<W: Write> ExportWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// [`BundleError::Encode`] from the writer.
    pub fn new(mut writer: W, genesis: Anchor) -> Result<Self, BundleError> {
        writer
            .write_all(&EXPORT_MAGIC)
            .map_err(BundleError::Encode)?;
        Ok(Self {
            writer,
            check: ExportCheck::new(genesis),
        })
    }

    /// Checks the next record and writes it.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn record(&mut self, record: &ExportRecord) -> Result<(), ExportError> {
        self.check.record(record)?;
        Ok(record.write(&mut self.writer)?)
    }

    /// Ends the file, and gives the writer back.
    ///
    /// # Errors
    /// As [`ExportCheck::finish`].
    pub fn finish(self) -> Result<(ExportVerified, W), ExportError> {
        Ok((self.check.finish()?, self.writer))
    }
}
