//! The manifest of a model: every file with its path, size and digest.
//!
//! `root` is the root digest of the OpenSSF Model Signing v1.0 "files" serialization: SHA-256 of
//! the concatenated raw file digests in path order. It leaves names and sizes out, so the ledger
//! has `model_hash` over the whole manifest instead.

use std::fmt;

use aws_lc_rs::rand;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, Hasher, domain, hash};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::PackageError;
use crate::path;

/// Most files of one model.
pub const MAX_FILES: usize = 500_000;

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct FileEntry {
    /// Path below the model's folder, `/`-separated (see [`crate::path`]).
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub digest: Digest,
}

/// What a model consists of. For a private model this is a secret: it stays in the encrypted part
/// of the stored manifest.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// Root digest of the OpenSSF Model Signing "files" serialization.
    pub root: Digest,
    /// The files in path order ([`path::order`]), no path twice.
    pub files: Vec<FileEntry>,
    /// SHA-256 of the embedding vector's `.npy` file, if the model has one.
    pub vector: Option<Digest>,
    /// Random bytes of a private model, so that its hashes on the ledger do not let others confirm
    /// a guessed content. `None` for a public model.
    pub blind: Option<Blind>,
}

/// The random bytes that blind a private model's hashes. Who knows them can tell whether a guessed
/// content is the model's, so they are not shown in logs and are wiped from memory.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Zeroize, ZeroizeOnDrop)]
pub struct Blind([u8; 32]);

impl Blind {
    /// Fresh random bytes.
    ///
    /// # Errors
    /// [`PackageError::Randomness`] if the system gives none.
    pub(crate) fn generate() -> Result<Self, PackageError> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| PackageError::Randomness)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Blind {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blind(..)")
    }
}

impl Manifest {
    /// Makes a manifest of files in any order.
    ///
    /// # Errors
    /// As [`Manifest::validate`].
    pub fn new(
        mut files: Vec<FileEntry>,
        vector: Option<Digest>,
        blind: Option<Blind>,
    ) -> Result<Self, PackageError> {
        files.sort_by(|a, b| path::order(&a.path, &b.path));
        let manifest = Self {
            root: root(&files),
            files,
            vector,
            blind,
        };
        manifest.validate()?;
        Ok(manifest)
    }

    /// Checks what the encoding alone does not say: allowed paths in order, none twice, the number
    /// of files, sizes that can be added up, and the root.
    ///
    /// # Errors
    /// [`PackageError::Path`], [`PackageError::Limit`] or [`PackageError::Malformed`].
    pub fn validate(&self) -> Result<(), PackageError> {
        if self.files.len() > MAX_FILES {
            return Err(PackageError::Limit {
                what: "files",
                got: self.files.len() as u64,
                limit: MAX_FILES as u64,
            });
        }
        path::check_all(self.files.iter().map(|file| file.path.as_str()))?;
        let total = (self.files.iter()).try_fold(0_u64, |sum, file| sum.checked_add(file.size));
        if total.is_none() {
            return Err(malformed(
                "the sizes of the files overflow 64 bits".to_owned(),
            ));
        }
        let expected = root(&self.files);
        if self.root != expected {
            return Err(malformed(format!(
                "the root is {}, its files have the root {expected}",
                self.root
            )));
        }
        Ok(())
    }

    /// The hash of the model on the ledger: `H("cairn/manifest/v1", manifest)`. It covers names,
    /// sizes, digests, the root, the vector and the blind.
    #[must_use]
    pub fn model_hash(&self) -> Digest {
        hash(domain::MANIFEST, self)
    }

    /// The hash of the embedding vector on the ledger: the plain SHA-256 of the vector's file for a
    /// public model, `H("cairn/vector/v1", (digest, blind))` for a private one; `None` without a
    /// vector.
    #[must_use]
    pub fn vector_hash(&self) -> Option<Digest> {
        let digest = self.vector?;
        Some(match &self.blind {
            Some(blind) => hash(domain::VECTOR, &(digest, *blind.as_bytes())),
            None => digest,
        })
    }

    /// Bytes of all files together, the vector left out.
    #[must_use]
    pub fn total_size(&self) -> u64 {
        (self.files.iter()).fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Finds a file by its path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&FileEntry> {
        let found = (self.files).binary_search_by(|file| path::order(&file.path, path));
        found.ok().map(|index| &self.files[index])
    }
}

/// The root digest of files in path order: SHA-256 of their concatenated raw digests.
#[must_use]
pub fn root(files: &[FileEntry]) -> Digest {
    let mut hasher = Hasher::new();
    for file in files {
        hasher.update(file.digest.as_bytes());
    }
    hasher.finish()
}

fn malformed(reason: String) -> PackageError {
    PackageError::Malformed {
        what: "manifest",
        reason,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(path: &str, content: &[u8]) -> FileEntry {
        FileEntry {
            path: path.to_owned(),
            size: content.len() as u64,
            digest: Digest::of(content),
        }
    }

    #[test]
    fn root_is_the_digest_of_digests_in_component_order() {
        let manifest = Manifest::new(
            vec![entry("a.txt", b"2"), entry("b", b""), entry("a/b", b"1")],
            None,
            None,
        )
        .unwrap();
        let mut by_hand = Vec::new();
        for content in [&b"1"[..], b"2", b""] {
            by_hand.extend_from_slice(Digest::of(content).as_bytes());
        }
        assert_eq!(manifest.root, Digest::of(&by_hand));
    }

    #[test]
    fn model_hash_covers_what_the_root_leaves_out() {
        let base = Manifest::new(vec![entry("a", b"1")], None, None).unwrap();
        let renamed = Manifest::new(vec![entry("b", b"1")], None, None).unwrap();
        let blinded = Manifest::new(vec![entry("a", b"1")], None, Some([1; 32].into())).unwrap();
        let vector = Manifest::new(vec![entry("a", b"1")], Some(Digest::ZERO), None).unwrap();
        for other in [&renamed, &blinded, &vector] {
            assert_eq!(base.root, other.root);
            assert_ne!(base.model_hash(), other.model_hash());
        }
    }

    #[test]
    fn vector_hash_is_plain_for_public_models_and_blinded_for_private_ones() {
        let digest = Digest::of(b"vector");
        let files = vec![entry("a", b"1")];
        let public = Manifest::new(files.clone(), Some(digest), None).unwrap();
        assert_eq!(public.vector_hash(), Some(digest));
        let private = Manifest::new(files.clone(), Some(digest), Some([7; 32].into())).unwrap();
        let expected = hash(domain::VECTOR, &(digest, [7_u8; 32]));
        assert_eq!(private.vector_hash(), Some(expected));
        assert_eq!(
            Manifest::new(files, None, None).unwrap().vector_hash(),
            None
        );
    }

    #[test]
    fn the_blind_is_stored_as_it_is_and_shown_to_nobody() {
        let blind = Blind::from([0xab; 32]);
        assert_eq!(borsh::to_vec(&blind).unwrap(), [0xab; 32]);
        let manifest = Manifest::new(vec![entry("a", b"1")], None, Some(blind)).unwrap();
        let shown = format!("{manifest:?}");
        assert!(shown.contains("Blind(..)"), "{shown}");
        assert!(
            !shown.contains("171") && !shown.contains("ab, ab"),
            "{shown}"
        );
    }

    #[test]
    fn a_manifest_made_by_hand_cannot_have_what_a_folder_is_read_without() {
        for path in [".git/hooks/pre-commit", "sub/.Git/config", "model.sig"] {
            let made = Manifest::new(vec![entry(path, b"x")], None, None);
            assert!(matches!(made, Err(PackageError::Path { .. })), "{path}");
        }
    }

    #[test]
    fn a_false_root_and_overflowing_sizes_are_refused() {
        let mut manifest = Manifest::new(vec![entry("a", b"1")], None, None).unwrap();
        manifest.root = Digest::ZERO;
        assert!(matches!(
            manifest.validate(),
            Err(PackageError::Malformed { .. })
        ));

        let mut huge = Manifest::new(vec![entry("a", b"1"), entry("b", b"2")], None, None).unwrap();
        huge.files[0].size = u64::MAX;
        assert!(matches!(
            huge.validate(),
            Err(PackageError::Malformed { .. })
        ));
    }
}
