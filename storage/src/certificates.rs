//! Which finality certificates are kept.
//!
//! A certificate has 100 KB, a block without transactions half of one. All certificates of the last
//! [`CERTIFICATE_WINDOW`] blocks are kept, and for good those that end an epoch and one for every
//! [`CERTIFICATE_INTERVAL`] blocks: any older block is proved by the next kept certificate and a path in its
//! header's history.

use crate::database::{Batch, Database};
use crate::schema::{self, Table};
use crate::{StorageError, Store};
use cairn_consensus::{FinalityCert, Height};

/// Every certificate of this many last blocks is kept.
pub const CERTIFICATE_WINDOW: u64 = 10_000;

/// Of this many blocks in a row, one certificate at least is kept for good (if blocks became final
/// one by one; a certificate that made several final stands for all of them).
pub const CERTIFICATE_INTERVAL: u64 = 128;

/// Certificates are dropped this many at a time. Deleting one with each block would tie the newest entries of the
/// table to the oldest, and the engine would merge everything between them again and again.
const SWEEP: u64 = 1_000;

/// Adds the certificate that made blocks `first..=cert.height` final, and drops what has left the window.
pub(crate) fn stage(
    db: &Database,
    first: Height,
    ends_epoch: bool,
    cert: &FinalityCert,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    let last = cert.height;
    batch.put(Table::Certificates, &last.0.to_be_bytes(), cert)?;
    // Does a multiple of the interval lie in first..=last? Then this is the certificate next to it.
    let reaches = last.0 / CERTIFICATE_INTERVAL > first.previous().0 / CERTIFICATE_INTERVAL;
    if ends_epoch || reaches {
        batch.put_bytes(Table::Chain, &schema::at_height(schema::KEPT, last), &[]);
    }
    sweep(db, first, last, last, batch)
}

/// Adds a certificate that is kept for good.
pub(crate) fn keep(cert: &FinalityCert, batch: &mut Batch<'_>) -> Result<(), StorageError> {
    batch.put(Table::Certificates, &cert.height.0.to_be_bytes(), cert)?;
    batch.put_bytes(
        Table::Chain,
        &schema::at_height(schema::KEPT, cert.height),
        &[],
    );
    Ok(())
}

/// Drops what leaves the window when the tip moves from below `first` to `last`. Above `newest` there were no
/// certificates.
pub(crate) fn sweep(
    db: &Database,
    first: Height,
    last: Height,
    newest: Height,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    for height in swept(first, last).take_while(|height| *height <= newest.0) {
        let kept = schema::at_height(schema::KEPT, Height(height));
        if db.get(Table::Chain, &kept)?.is_none() {
            batch.delete(Table::Certificates, &height.to_be_bytes());
        }
    }
    Ok(())
}

/// Heights that are looked at when blocks `first..=last` become final: all that left the window since the last
/// sweep.
fn swept(first: Height, last: Height) -> std::ops::Range<u64> {
    let end = |tip: u64| tip.saturating_sub(CERTIFICATE_WINDOW) / SWEEP * SWEEP;
    end(first.previous().0)..end(last.0)
}

impl Store {
    /// The finality certificate of the block at `height`, if that block has one of its own and it is kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn certificate(&self, height: Height) -> Result<Option<FinalityCert>, StorageError> {
        self.inner
            .db
            .read(Table::Certificates, &height.0.to_be_bytes())
    }

    /// The lowest finality certificate at or above `height`: it makes the block of that height final, too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn certificate_at_or_after(
        &self,
        height: Height,
    ) -> Result<Option<(Height, FinalityCert)>, StorageError> {
        let db = &self.inner.db;
        db.first_from(
            Table::Certificates,
            &height.0.to_be_bytes(),
            0,
            |_, value| {
                let cert: FinalityCert = db.decode(Table::Certificates, value)?;
                Ok((cert.height, cert))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_height_that_leaves_the_window_is_swept_exactly_once() {
        let mut next = 0;
        let mut first = 1;
        for step in [1, 1, 7, 9_990, 1, 1, 1_000, 2_500, 999, 1, 1, 1].repeat(3) {
            let last = first + step - 1;
            let range = swept(Height(first), Height(last));
            if !range.is_empty() {
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert!(next + CERTIFICATE_WINDOW <= last || next == 0);
            assert!(last < next + CERTIFICATE_WINDOW + SWEEP);
            first = last + 1;
        }
    }
}
