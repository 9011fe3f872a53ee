//! Cutting files into chunks, and the encryption of one chunk.
//!
//! Every chunk has its own AES-256-GCM key, HKDF-SHA-256 of the file's key with the info
//! `"cairn/chunk/v1" || 0x00 || borsh(file id, index, last?, BLAKE3 of the plaintext chunk)`, and
//! so the nonce can be zero: a key never meets a second plaintext, not even when a file changes
//! while an interrupted push is resumed. A chunk moved to another place, file or version meets a
//! key under which it does not open. What is stored, the blob, is the ciphertext followed by the
//! 16-byte tag.

use std::fmt;

use aws_lc_rs::rand;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::aead::{self, NONCE_LEN, TAG_LEN};
use cairn_crypto::{domain, signing_bytes};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::PackageError;

/// Bytes of a chunk; the last one of a file may be shorter.
pub const CHUNK_SIZE: usize = 4 * 1024 * 1024;
/// Bytes that encryption adds to a chunk.
pub const SEAL_OVERHEAD: usize = TAG_LEN;
/// Most bytes of a blob that is a chunk, with room for other encodings of a chunk.
pub const MAX_BLOB: u64 = CHUNK_SIZE as u64 + 64 * 1024;

/// How many chunks a file of `size` bytes has. An empty file has none.
#[must_use]
pub const fn chunk_count(size: u64) -> u64 {
    size.div_ceil(CHUNK_SIZE as u64)
}

/// Bytes of chunk `index` of a file of `size` bytes; zero beyond its end.
#[must_use]
pub const fn chunk_len(size: u64, index: u64) -> usize {
    let left = size.saturating_sub(index.saturating_mul(CHUNK_SIZE as u64));
    if left < CHUNK_SIZE as u64 {
        left as usize
    } else {
        CHUNK_SIZE
    }
}

/// The random key of a file and its random id, which says nothing of path or version.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Zeroize, ZeroizeOnDrop)]
pub struct FileSecret {
    key: [u8; 32],
    id: [u8; 16],
}

impl FileSecret {
    /// A new key and id from the operating system.
    ///
    /// # Errors
    /// [`PackageError::Randomness`].
    pub fn generate() -> Result<Self, PackageError> {
        let mut secret = Self {
            key: [0; 32],
            id: [0; 16],
        };
        rand::fill(&mut secret.key).map_err(|_| PackageError::Randomness)?;
        rand::fill(&mut secret.id).map_err(|_| PackageError::Randomness)?;
        Ok(secret)
    }
}

impl fmt::Debug for FileSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileSecret(..)")
    }
}

/// What tells the contents of a chunk apart: the BLAKE3 digest of its plaintext, of 32 bytes. Opening the chunk takes it,
/// and it stands in the encrypted part of a manifest only. What the ledger, a signature or a store refers to is SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ContentTag([u8; 32]);

impl ContentTag {
    /// The tag of a plaintext.
    #[must_use]
    pub fn of(plaintext: &[u8]) -> Self {
        Self(*blake3::hash(plaintext).as_bytes())
    }
}

/// Makes the tag of a plaintext that comes piece by piece.
pub(crate) struct TagHasher(blake3::Hasher);

impl TagHasher {
    pub(crate) fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(crate) fn finish(&self) -> ContentTag {
        ContentTag(*self.0.finalize().as_bytes())
    }
}

/// The place of a chunk in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Place {
    /// Number of the chunk, from 0.
    pub index: u64,
    /// Whether the file ends with it.
    pub last: bool,
}

impl Place {
    /// The place of chunk `index` in a file of `size` bytes.
    #[must_use]
    pub const fn of(size: u64, index: u64) -> Self {
        Self {
            index,
            last: index + 1 == chunk_count(size),
        }
    }
}

/// A chunk that does not open at this place under this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotThisChunk;

/// Encrypts a chunk in place and returns the tag of its plaintext, which opening it takes.
///
/// The buffer grows by [`SEAL_OVERHEAD`] bytes.
#[must_use]
pub fn seal(secret: &FileSecret, place: Place, buffer: &mut Vec<u8>) -> ContentTag {
    let tag = ContentTag::of(buffer);
    let key = key(secret, place, &tag);
    aead::seal_in_place(&key, &[0; NONCE_LEN], &[], buffer)
        .expect("a chunk is far below the limit of AES-GCM");
    tag
}

/// As [`seal`], for a plaintext whose tag is known. It is followed by [`SEAL_OVERHEAD`] bytes of any content, which are
/// overwritten.
pub(crate) fn seal_tagged(secret: &FileSecret, place: Place, tag: &ContentTag, buffer: &mut [u8]) {
    let key = key(secret, place, tag);
    aead::seal_with_room(&key, &[0; NONCE_LEN], &[], buffer)
        .expect("a chunk is far below the limit of AES-GCM and has room for its seal");
}

/// Decrypts a blob in place; `tag` is what [`seal`] returned.
///
/// # Errors
/// [`NotThisChunk`] if it was not sealed under exactly these, or was altered; the buffer is then
/// empty.
pub fn open(
    secret: &FileSecret,
    place: Place,
    tag: &ContentTag,
    buffer: &mut Vec<u8>,
) -> Result<(), NotThisChunk> {
    let key = key(secret, place, tag);
    let opened = aead::open_in_place(&key, &[0; NONCE_LEN], &[], buffer);
    let length = opened.map(|plaintext| plaintext.len());
    buffer.truncate(length.unwrap_or(0));
    length.map(drop).map_err(|_| NotThisChunk)
}

fn key(secret: &FileSecret, place: Place, tag: &ContentTag) -> zeroize::Zeroizing<[u8; 32]> {
    let info = signing_bytes(domain::CHUNK, &(secret.id, place.index, place.last, *tag));
    aead::hkdf(&secret.key, &[], &info)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_and_lengths_add_up() {
        let chunk = CHUNK_SIZE as u64;
        for size in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 7] {
            let count = chunk_count(size);
            let sum: u64 = (0..count).map(|index| chunk_len(size, index) as u64).sum();
            assert_eq!(sum, size);
            assert!((0..count).all(|index| chunk_len(size, index) > 0));
            assert_eq!(chunk_len(size, count), 0);
            let last: Vec<_> = (0..count).filter(|i| Place::of(size, *i).last).collect();
            assert_eq!(last, (0..count).rev().take(1).collect::<Vec<_>>());
        }
        assert_eq!(chunk_len(u64::MAX, u64::MAX), 0);
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = FileSecret::generate().unwrap();
        assert_eq!(format!("{secret:?}"), "FileSecret(..)");
    }

    #[test]
    fn a_chunk_opens_only_at_its_place_in_its_file() {
        let secret = FileSecret::generate().unwrap();
        let place = Place {
            index: 3,
            last: false,
        };
        let mut blob = b"weights".to_vec();
        let tag = seal(&secret, place, &mut blob);
        let tried = |secret: &FileSecret, place: Place, tag: &ContentTag, blob: &[u8]| {
            let mut buffer = blob.to_vec();
            open(secret, place, tag, &mut buffer).map(|()| buffer)
        };
        assert_eq!(tried(&secret, place, &tag, &blob).unwrap(), b"weights");

        let moved = Place { index: 4, ..place };
        let cut = Place {
            last: true,
            ..place
        };
        let other_file = FileSecret::generate().unwrap();
        let other_id = FileSecret {
            key: secret.key,
            id: [9; 16],
        };
        let other_content = ContentTag::of(b"weighty");
        assert_eq!(tried(&secret, moved, &tag, &blob), Err(NotThisChunk));
        assert_eq!(tried(&secret, cut, &tag, &blob), Err(NotThisChunk));
        assert_eq!(tried(&other_file, place, &tag, &blob), Err(NotThisChunk));
        assert_eq!(tried(&other_id, place, &tag, &blob), Err(NotThisChunk));
        assert_eq!(
            tried(&secret, place, &other_content, &blob),
            Err(NotThisChunk)
        );
        for short in 0..SEAL_OVERHEAD {
            assert_eq!(
                tried(&secret, place, &tag, &blob[..short]),
                Err(NotThisChunk)
            );
        }
    }

    #[test]
    fn two_contents_at_one_place_never_share_a_key_stream() {
        let secret = FileSecret::generate().unwrap();
        let place = Place {
            index: 0,
            last: true,
        };
        let (before, after) = ([0_u8; 64], [1_u8; 64]);
        let (mut first, mut second) = (before.to_vec(), after.to_vec());
        let tags = (
            seal(&secret, place, &mut first),
            seal(&secret, place, &mut second),
        );
        assert_ne!(tags.0, tags.1);
        let stream = |blob: &[u8], plain: &[u8]| -> Vec<u8> {
            blob.iter().zip(plain).map(|(a, b)| a ^ b).collect()
        };
        assert_ne!(stream(&first, &before), stream(&second, &after));
    }

    proptest! {
        #[test]
        fn any_chunk_comes_back_and_any_flipped_bit_is_noticed(
            content in prop::collection::vec(any::<u8>(), 0..300),
            index in any::<u64>(),
            last in any::<bool>(),
            flip in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let secret = FileSecret::generate().unwrap();
            let place = Place { index, last };
            let mut blob = content.clone();
            let tag = seal(&secret, place, &mut blob);
            prop_assert_eq!(blob.len(), content.len() + SEAL_OVERHEAD);

            let mut pieces = TagHasher::new();
            content.chunks(7).for_each(|piece| pieces.update(piece));
            prop_assert_eq!(pieces.finish(), tag);
            let mut tagged = content.clone();
            tagged.resize(blob.len(), 1);
            seal_tagged(&secret, place, &tag, &mut tagged);
            prop_assert_eq!(&tagged, &blob);

            let mut opened = blob.clone();
            open(&secret, place, &tag, &mut opened).unwrap();
            prop_assert_eq!(&opened, &content);

            let at = flip.index(blob.len());
            blob[at] ^= 1 << bit;
            prop_assert_eq!(open(&secret, place, &tag, &mut blob), Err(NotThisChunk));
            prop_assert!(blob.is_empty());
        }
    }
}
