//! An opened package: the manifest, and where each file's chunks are and how they open.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;

use crate::chunk::{self, ContentTag, FileSecret, NotThisChunk, Place, SEAL_OVERHEAD};
use crate::error::PackageError;
use crate::manifest::Manifest;
use crate::oms::Signatures;
use crate::stored::BlobRef;
use crate::vector::MAX_VECTOR_FILE;

/// Everything about the content: the part of a stored manifest that is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub(crate) struct Contents {
    pub(crate) manifest: Manifest,
    /// One for each file of the manifest, in its order.
    pub(crate) files: Vec<StoredFile>,
    pub(crate) vector: Option<StoredVector>,
    pub(crate) signatures: Signatures,
}

impl BorshDeserialize for Contents {
    /// As derived, but for the number of files, which has to be the manifest's before any room is made for them: one byte
    /// stands for a file of many in memory.
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let manifest = Manifest::deserialize_reader(reader)?;
        let (got, expected) = (u32::deserialize_reader(reader)?, manifest.files.len());
        if got as usize != expected {
            let reason = format!("it has {got} stored files, expected {expected}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let files = (0..got).map(|_| StoredFile::deserialize_reader(reader));
        Ok(Self {
            files: files.collect::<io::Result<_>>()?,
            manifest,
            vector: BorshDeserialize::deserialize_reader(reader)?,
            signatures: BorshDeserialize::deserialize_reader(reader)?,
        })
    }
}

/// How a file is encrypted; `None` in a public package, whose blobs are the chunks themselves.
pub(crate) type StoredFile = Option<SealedFile>;

/// What opening the chunks of a file takes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct SealedFile {
    pub(crate) secret: FileSecret,
    /// One for each chunk.
    pub(crate) tags: Vec<ContentTag>,
}

impl SealedFile {
    fn seal(&self, index: usize) -> Option<Seal> {
        let tag = *self.tags.get(index)?;
        let secret = self.secret.clone();
        Some(Seal { secret, tag })
    }
}

/// How the embedding vector's file is stored.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct StoredVector {
    pub(crate) size: u32,
    pub(crate) file: StoredFile,
}

/// An opened package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub(crate) contents: Contents,
    /// The chunks of the files in order, then those of the vector.
    pub(crate) blobs: Vec<BlobRef>,
}

/// One chunk of a package: all that fetching and opening it takes.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// Path of the file, for messages.
    pub(crate) path: String,
    pub(crate) place: Place,
    /// Bytes of the plaintext.
    pub(crate) len: usize,
    /// What opening it takes; `None` if it is stored as it is.
    pub(crate) seal: Option<Seal>,
    pub(crate) blob: BlobRef,
}

/// What opening a chunk takes beside its place.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    pub(crate) secret: FileSecret,
    pub(crate) tag: ContentTag,
}

impl Seal {
    /// Decrypts the blob of the chunk at `place` in place.
    pub(crate) fn open(&self, place: Place, buffer: &mut Vec<u8>) -> Result<(), NotThisChunk> {
        chunk::open(&self.secret, place, &self.tag, buffer)
    }
}

impl Chunk {
    /// Whether this is the chunk's plaintext.
    pub(crate) fn is(&self, plaintext: &[u8]) -> bool {
        match &self.seal {
            Some(seal) => ContentTag::of(plaintext) == seal.tag,
            None => Digest::of(plaintext) == self.blob.digest,
        }
    }
}

/// What messages call the vector's file. It cannot be a path of the package.
pub(crate) const VECTOR_NAME: &str = "(embedding vector)";

impl Package {
    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.contents.manifest
    }

    /// The signature files that were published with it.
    #[must_use]
    pub fn signatures(&self) -> &Signatures {
        &self.contents.signatures
    }

    /// Whether the package is not encrypted.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.contents.manifest.blind.is_none()
    }

    /// The key of a file, if its content is the same in this package: then another version of the
    /// model keeps the key, and with it the blobs.
    pub(crate) fn secret_of(&self, path: &str, digest: &Digest) -> Option<&FileSecret> {
        let entries = &self.contents.manifest.files;
        let found = entries.binary_search_by(|entry| crate::path::order(&entry.path, path));
        let index = found.ok()?;
        if entries[index].digest != *digest {
            return None;
        }
        (self.contents.files.get(index)?.as_ref()).map(|file| &file.secret)
    }

    /// The chunks of all files in order, without the vector.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Chunk> {
        self.all_chunks().take(self.file_chunks())
    }

    /// The chunks of the vector.
    pub(crate) fn vector_chunks(&self) -> impl Iterator<Item = Chunk> {
        self.all_chunks().skip(self.file_chunks())
    }

    fn file_chunks(&self) -> usize {
        let files = self.contents.manifest.files.iter();
        files
            .map(|file| chunk::chunk_count(file.size) as usize)
            .sum()
    }

    /// The chunks of the files in order and then of the vector, as the blobs stand in their list.
    pub(crate) fn all_chunks(&self) -> impl Iterator<Item = Chunk> {
        let entries = self.contents.manifest.files.iter();
        let files = (entries.zip(&self.contents.files))
            .map(|(entry, stored)| (entry.path.as_str(), entry.size, stored));
        let vector = self.contents.vector.iter();
        let vector = vector.map(|vector| (VECTOR_NAME, u64::from(vector.size), &vector.file));
        let mut rest = self.blobs.as_slice();
        files.chain(vector).flat_map(move |(path, size, stored)| {
            let chunks = chunk::chunk_count(size) as usize;
            let (blobs, after) = rest.split_at(chunks.min(rest.len()));
            rest = after;
            chunks_of(path, size, stored, blobs)
        })
    }

    /// Checks that the manifest is valid and that files, chunks and blobs fit together.
    pub(crate) fn validate(&self) -> Result<(), PackageError> {
        let Contents {
            manifest,
            files,
            vector,
            signatures,
        } = &self.contents;
        manifest.validate()?;
        signatures.validate()?;
        expect_equal(
            "stored files",
            files.len() as u64,
            manifest.files.len() as u64,
        )?;
        expect_equal(
            "stored vectors",
            u64::from(vector.is_some()),
            u64::from(manifest.vector.is_some()),
        )?;
        let mut chunks = 0;
        for (entry, stored) in manifest.files.iter().zip(files) {
            self.validate_file(&entry.path, entry.size, stored)?;
            chunks += chunk::chunk_count(entry.size);
        }
        if let Some(vector) = vector {
            if vector.size as usize > MAX_VECTOR_FILE {
                return Err(PackageError::Limit {
                    what: "bytes of embedding vector",
                    got: u64::from(vector.size),
                    limit: MAX_VECTOR_FILE as u64,
                });
            }
            self.validate_file(VECTOR_NAME, u64::from(vector.size), &vector.file)?;
            chunks += chunk::chunk_count(u64::from(vector.size));
        }
        expect_equal("blobs", self.blobs.len() as u64, chunks)?;
        for chunk in self.all_chunks() {
            let overhead = if self.is_public() { 0 } else { SEAL_OVERHEAD };
            let expected = chunk.len + overhead;
            if chunk.blob.size as usize != expected {
                return Err(malformed(format!(
                    "the blob of chunk {} of {:?} has {} bytes, expected {expected}",
                    chunk.place.index, chunk.path, chunk.blob.size
                )));
            }
        }
        Ok(())
    }

    fn validate_file(
        &self,
        path: &str,
        size: u64,
        stored: &StoredFile,
    ) -> Result<(), PackageError> {
        if stored.is_some() == self.is_public() {
            return Err(malformed(format!(
                "{path:?} must have a key in a private package and none in a public one"
            )));
        }
        let expected = chunk::chunk_count(size);
        let got = (stored.as_ref()).map_or(expected, |sealed| sealed.tags.len() as u64);
        if got != expected {
            return Err(malformed(format!(
                "{path:?} has the tags of {got} chunks, its {size} bytes make {expected}"
            )));
        }
        Ok(())
    }
}

fn chunks_of<'a>(
    path: &'a str,
    size: u64,
    stored: &'a StoredFile,
    blobs: &'a [BlobRef],
) -> impl Iterator<Item = Chunk> + 'a {
    (0_u64..).zip(blobs).map(move |(index, blob)| Chunk {
        path: path.to_owned(),
        place: Place::of(size, index),
        len: chunk::chunk_len(size, index),
        seal: (stored.as_ref()).and_then(|file| file.seal(index as usize)),
        blob: *blob,
    })
}

fn expect_equal(what: &str, got: u64, expected: u64) -> Result<(), PackageError> {
    if got == expected {
        return Ok(());
    }
    Err(malformed(format!(
        "it has {got} {what}, expected {expected}"
    )))
}

fn malformed(reason: String) -> PackageError {
    PackageError::Malformed {
        what: "stored manifest",
        reason,
    }
}
