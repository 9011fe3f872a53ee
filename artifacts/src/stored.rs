//! The stored manifest: what a store keeps beside the chunks and the ledger refers to.
//!
//! Blob digests and sizes are in the clear, for those who keep and check stores; everything about
//! the content is encrypted under the version's data key, the blob list being authenticated with
//! it. The encryption key is HKDF(data key, salt), where the salt is itself an HKDF of the data key
//! over all that is encrypted and authenticated. One key and nonce therefore never meet two
//! contents, and the same content under the same data key always gives the same bytes, so that a
//! resumed push ends with the manifest that the interrupted one would have had.

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::aead::{self, NONCE_LEN};
use cairn_crypto::{DataKey, DecodeError, Digest, Hasher, decode, domain, signing_bytes};
use zeroize::Zeroizing;

use crate::chunk::MAX_BLOB;
use crate::error::PackageError;
use crate::package::{Contents, Package};

/// Most bytes of a stored manifest.
pub const MAX_STORED_MANIFEST: u64 = 64 * 1024 * 1024;

const MAX_ENCODED: usize = MAX_STORED_MANIFEST as usize;
const FORMAT: u8 = 3;

/// A chunk in a store: the SHA-256 of the blob, which is its name in every store, and its size in
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct BlobRef {
    pub(crate) digest: Digest,
    pub(crate) size: u32,
}

/// A package as it lies in a store.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StoredManifest {
    format: u8,
    blobs: Vec<BlobRef>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
enum Content {
    Public(Box<Contents>),
    Private { salt: [u8; 32], sealed: Vec<u8> },
}

impl StoredManifest {
    /// Seals a package under the data key; a public package is not encrypted and needs none.
    ///
    /// # Errors
    /// [`PackageError::Limit`] if it would be longer than [`MAX_STORED_MANIFEST`], and whatever is
    /// wrong with the package itself.
    pub(crate) fn seal(package: &Package, data_key: &DataKey) -> Result<Self, PackageError> {
        package.validate()?;
        let blobs = package.blobs.clone();
        let content = if package.is_public() {
            Content::Public(Box::new(package.contents.clone()))
        } else {
            let plain = borsh::to_vec(&package.contents).expect("a vector accepts every byte");
            let mut sealed = plain;
            let clear = clear_part(&blobs);
            let salt = *salt(data_key, &clear, &sealed);
            let key = key(data_key, &salt);
            aead::seal_in_place(&key, &[0; NONCE_LEN], &clear, &mut sealed)
                .expect("a manifest is far below the limit of AES-GCM");
            Content::Private { salt, sealed }
        };
        let stored = Self {
            format: FORMAT,
            blobs,
            content,
        };
        let length = stored.encode().len() as u64;
        if length > MAX_STORED_MANIFEST {
            return Err(PackageError::Limit {
                what: "bytes of manifest",
                got: length,
                limit: MAX_STORED_MANIFEST,
            });
        }
        Ok(stored)
    }

    /// Opens the package: decrypts what is encrypted and checks that everything fits together.
    ///
    /// # Errors
    /// [`PackageError::NoDataKey`], [`PackageError::WrongDataKey`], or what does not fit.
    pub fn open(&self, data_key: Option<&DataKey>) -> Result<Package, PackageError> {
        let contents = match &self.content {
            Content::Public(contents) => Contents::clone(contents),
            Content::Private { salt, sealed } => {
                let data_key = data_key.ok_or(PackageError::NoDataKey)?;
                let mut buffer = Zeroizing::new(sealed.clone());
                let key = key(data_key, salt);
                let clear = clear_part(&self.blobs);
                let plain = aead::open_in_place(&key, &[0; NONCE_LEN], &clear, &mut buffer)
                    .map_err(|_| PackageError::WrongDataKey)?;
                decode(plain, MAX_ENCODED).map_err(malformed("encrypted part of the manifest"))?
            }
        };
        let package = Package {
            contents,
            blobs: self.blobs.clone(),
        };
        package.validate()?;
        if package.is_public() != self.is_public() {
            return Err(PackageError::Malformed {
                what: "stored manifest",
                reason: "a private model must be encrypted and have a blind, a public one neither"
                    .to_owned(),
            });
        }
        Ok(package)
    }

    /// The chunks, file by file in path order. In a public package a chunk that occurs twice is
    /// listed twice.
    pub fn blobs(&self) -> impl Iterator<Item = (Digest, u64)> + '_ {
        self.blobs
            .iter()
            .map(|blob| (blob.digest, u64::from(blob.size)))
    }

    /// Whether the package is stored unencrypted.
    #[must_use]
    pub fn is_public(&self) -> bool {
        matches!(self.content, Content::Public(_))
    }

    /// The bytes that a store keeps (Borsh).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("a vector accepts every byte")
    }

    /// The ledger's `manifest_digest`: the plain SHA-256 of [`StoredManifest::encode`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// Reads a stored manifest.
    ///
    /// # Errors
    /// [`PackageError::Malformed`] if it is longer than [`MAX_STORED_MANIFEST`], is followed by
    /// anything, has an unknown format, or refers to a blob that is empty or above [`MAX_BLOB`].
    pub fn decode(bytes: &[u8]) -> Result<Self, PackageError> {
        let stored: Self = decode(bytes, MAX_ENCODED).map_err(malformed("stored manifest"))?;
        if stored.format != FORMAT {
            return Err(PackageError::Malformed {
                what: "stored manifest",
                reason: format!(
                    "format {} is not known here, only format {FORMAT}; use a newer version",
                    stored.format
                ),
            });
        }
        for blob in &stored.blobs {
            if blob.size == 0 || u64::from(blob.size) > MAX_BLOB {
                return Err(PackageError::Malformed {
                    what: "stored manifest",
                    reason: format!(
                        "blob {} has {} bytes, expected 1 to {MAX_BLOB}",
                        blob.digest, blob.size
                    ),
                });
            }
        }
        Ok(stored)
    }
}

/// What is in the clear and authenticated with the rest. Its digest stands for it, so that nothing
/// is encoded twice.
fn clear_part(blobs: &[BlobRef]) -> [u8; 32] {
    let mut hasher = Hasher::new();
    hasher.update(&[FORMAT]);
    for blob in blobs {
        hasher.update(blob.digest.as_bytes());
        hasher.update(&blob.size.to_le_bytes());
    }
    *hasher.finish().as_bytes()
}

fn salt(data_key: &DataKey, clear: &[u8; 32], plain: &[u8]) -> Zeroizing<[u8; 32]> {
    let info = signing_bytes(
        domain::STORED_MANIFEST,
        &("salt", *clear, Digest::of(plain)),
    );
    aead::hkdf(data_key.as_bytes(), &[], &info)
}

fn key(data_key: &DataKey, salt: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let info = signing_bytes(domain::STORED_MANIFEST, &("key",));
    aead::hkdf(data_key.as_bytes(), salt, &info)
}

fn malformed(what: &'static str) -> impl FnOnce(DecodeError) -> PackageError {
    move |error| PackageError::Malformed {
        what,
        reason: error.to_string(),
    }
}
