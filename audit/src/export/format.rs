//! The file of a range: records one after another, each with its length before it, so that neither side ever holds more
//! than one of them.

use crate::{Bundle, BundleError, EpochChange, MAX_BUNDLE_BYTES};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::{Header, Height};
use cairn_crypto::{Digest, codec};
use cairn_runtime::{ModelName, Receipt};
use std::io::{Read, Write};

/// The first bytes of every export: what it is, and its format (1).
pub const EXPORT_MAGIC: [u8; 8] = *b"CAIRNEX2";

/// Most bytes of one record. A block has at most 8 MiB of transactions by default, and receipts that repeat part of what
/// these say.
pub const MAX_RECORD_BYTES: usize = 4 * MAX_BUNDLE_BYTES;

/// Part of an export. Their order in the file: `Begin`, `Epoch` any number of times, `Tip`, `Block` once for each height,
/// `End`. Discriminants are fixed by this order; new records are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(clippy::large_enum_variant)]
pub enum ExportRecord {
    /// What the file is about.
    Begin(ExportRange),
    /// The end of an epoch, beginning with the first one of the chain.
    Epoch(EpochChange),
    /// That the last block of the range is final: a bundle of that claim that begins in the last epoch given.
    Tip(Bundle),
    /// A block of the range; the lowest first, none left out.
    Block(ExportBlock),
    /// The last record.
    End {
        /// Number of blocks.
        blocks: u64,
        /// Number of transactions in them, given whole or not.
        transactions: u64,
    },
}

/// What an export is about.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ExportRange {
    /// The chain: digest of its genesis document.
    pub chain_id: Digest,
    /// Its first block.
    pub from: Height,
    /// Its last block.
    pub to: Height,
    /// With a model, only transactions that had an effect on it are given whole; without, all.
    pub model: Option<ModelName>,
}

/// A block with what is under its roots.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ExportBlock {
    /// Its header.
    pub header: Header,
    /// All its transactions, in order: the leaves under `payload_root`.
    pub transactions: Vec<ExportTransaction>,
    /// All its receipts, with their events, in order: the leaves under `receipts_root`.
    pub receipts: Vec<Receipt>,
}

/// A transaction of an exported block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ExportTransaction {
    /// Its Borsh bytes.
    Whole(Vec<u8>),
    /// Its signed hash: it had no effect on the model that the export is about.
    Hash(Digest),
}

impl ExportRecord {
    /// Writes the record, its length before it (`u32`, little-endian).
    ///
    /// # Errors
    /// [`BundleError::TooLong`] beyond [`MAX_RECORD_BYTES`], [`BundleError::Encode`] from the writer.
    pub fn write(&self, writer: &mut impl Write) -> Result<(), BundleError> {
        let bytes = borsh::to_vec(self).map_err(BundleError::Encode)?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(BundleError::TooLong {
                len: bytes.len(),
                limit: MAX_RECORD_BYTES,
            });
        }
        writer
            .write_all(&length.to_le_bytes())
            .and_then(|()| writer.write_all(&bytes))
            .map_err(BundleError::Encode)
    }

    /// Reads the next record; `None` at the end of the file, if it is where a record could begin.
    ///
    /// # Errors
    /// [`BundleError::TooLong`], [`BundleError::Content`] for what [`ExportRecord::write`] would not write,
    /// [`BundleError::Read`] from the reader, also in the middle of a record.
    pub fn read(reader: &mut impl Read) -> Result<Option<Self>, BundleError> {
        let mut length = Vec::new();
        let prefix = reader.by_ref().take(4).read_to_end(&mut length);
        prefix.map_err(BundleError::Read)?;
        let length = match <[u8; 4]>::try_from(length.as_slice()) {
            Ok(length) => u32::from_le_bytes(length) as usize,
            Err(_) if length.is_empty() => return Ok(None),
            Err(_) => return Err(cut_short()),
        };
        if length > MAX_RECORD_BYTES {
            return Err(BundleError::TooLong {
                len: length,
                limit: MAX_RECORD_BYTES,
            });
        }
        // What is declared is not reserved: the bytes have to be there first.
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(length as u64).read_to_end(&mut bytes);
        if read.map_err(BundleError::Read)? < length {
            return Err(cut_short());
        }
        Ok(Some(codec::decode(&bytes, MAX_RECORD_BYTES)?))
    }
}

fn cut_short() -> BundleError {
    BundleError::Read(std::io::ErrorKind::UnexpectedEof.into())
}
