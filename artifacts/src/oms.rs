//! OpenSSF Model Signing v1.0: signatures of a model that others can check with their own tools.
//!
//! Both files sign one payload, an in-toto statement that lists every file with its SHA-256:
//!
//! | file | signature | who checks it |
//! |---|---|---|
//! | `model.sig` | ECDSA in a Sigstore bundle v0.3 | the OpenSSF tool, this crate |
//! | `model.mldsa.dsse.json` | ML-DSA-87 of the publisher's account, a DSSE envelope | this crate |
//!
//! The ECDSA signature is for interoperability alone: nothing on the ledger rests on it. What is
//! signed is the pre-authentication encoding of DSSE, which begins with `DSSEv1` and is therefore
//! never mistaken for anything signed under a [domain tag](cairn_crypto::domain).
//!
//! Private models keep their signatures in the encrypted part of the stored manifest, because the
//! payload has the files' names and digests.

mod bundle;
mod dsse;
mod ecdsa;
mod payload;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{PublicKey, SigningKey};
use thiserror::Error;

use crate::error::PackageError;
use crate::manifest::Manifest;
use crate::scan::SIGNATURE_FILES;

pub use ecdsa::{EcdsaCurve, EcdsaPublicKey, EcdsaSigner};

/// Most bytes of one signature file: a payload with some 100,000 files.
pub const MAX_SIGNATURE_FILE: usize = 24 * 1024 * 1024;

/// The ECDSA signature's file, by the name that the OpenSSF tool gives it.
pub const ECDSA_FILE: &str = SIGNATURE_FILES[0];
/// The ML-DSA-87 signature's file.
pub const MLDSA_FILE: &str = SIGNATURE_FILES[1];

/// The signature files of a model, as they are written to disk. Empty if it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signatures {
    /// Content of `model.sig`.
    pub ecdsa: Option<Vec<u8>>,
    /// Content of `model.mldsa.dsse.json`.
    pub mldsa: Option<Vec<u8>>,
}

impl Signatures {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ecdsa.is_none() && self.mldsa.is_none()
    }

    /// Each file that there is, with its name.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let ecdsa = self.ecdsa.as_deref().map(|bytes| (ECDSA_FILE, bytes));
        let mldsa = self.mldsa.as_deref().map(|bytes| (MLDSA_FILE, bytes));
        ecdsa.into_iter().chain(mldsa)
    }

    /// Reads those signature files that lie in a model's folder. A model that is one file has none.
    ///
    /// # Errors
    /// [`PackageError::Io`], or [`SignatureError::TooLong`].
    pub fn read(folder: &Path) -> Result<Self, PackageError> {
        if !folder.is_dir() {
            return Ok(Self::default());
        }
        Ok(Self {
            ecdsa: read_bounded(folder, ECDSA_FILE)?,
            mldsa: read_bounded(folder, MLDSA_FILE)?,
        })
    }

    /// Writes the files into a folder, each whole or not at all, replacing what is there. Their mode
    /// is 0644 less the umask, or 0600 if `private`.
    ///
    /// # Errors
    /// [`PackageError::Io`].
    pub fn write(&self, folder: &Path, private: bool) -> Result<(), PackageError> {
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            let temporary = folder.join(format!(".git-cairn.{}.{name}", std::process::id()));
            let written = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(if private { 0o600 } else { 0o644 })
                .open(&temporary)
                .and_then(|mut file| file.write_all(bytes))
                .and_then(|()| fs::rename(&temporary, &path));
            if let Err(error) = written {
                // What cannot be removed either begins with a name that no model's file has.
                let _ = fs::remove_file(&temporary);
                return Err(PackageError::io("write", &path)(error));
            }
        }
        Ok(())
    }

    /// Refuses files longer than any that this crate would make.
    pub(crate) fn validate(&self) -> Result<(), PackageError> {
        for (name, bytes) in self.files() {
            if bytes.len() > MAX_SIGNATURE_FILE {
                return Err(too_long(name));
            }
        }
        Ok(())
    }
}

fn read_bounded(folder: &Path, name: &'static str) -> Result<Option<Vec<u8>>, PackageError> {
    let path: PathBuf = folder.join(name);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PackageError::io("open", &path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_SIGNATURE_FILE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(PackageError::io("read", &path))?;
    if bytes.len() > MAX_SIGNATURE_FILE {
        return Err(too_long(name));
    }
    Ok(Some(bytes))
}

fn too_long(name: &'static str) -> PackageError {
    failed(name)(SignatureError::TooLong)
}

/// What signs a model while it is pushed.
#[derive(Clone, Debug)]
pub struct ModelSigner {
    /// The name of what is signed, such as `acme/bert@1.0.0`.
    pub name: String,
    /// For `model.sig`; without it that file is not made.
    pub ecdsa: Option<Arc<EcdsaSigner>>,
    /// For `model.mldsa.dsse.json`: the key of the publisher's account.
    pub mldsa: SigningKey,
}

impl ModelSigner {
    /// Signs the files of a manifest. ECDSA and hedged ML-DSA signatures of one payload differ from
    /// call to call.
    ///
    /// # Errors
    /// [`PackageError::Signature`] if there are too many files for a signature file, or a key does
    /// not sign.
    pub fn sign(&self, manifest: &Manifest) -> Result<Signatures, PackageError> {
        let payload = payload::of(&self.name, manifest);
        let ecdsa = match &self.ecdsa {
            Some(key) => Some(bundle::sign(&payload, key).map_err(failed(ECDSA_FILE))?),
            None => None,
        };
        let mldsa = dsse::sign(&payload, &self.mldsa).map_err(failed(MLDSA_FILE))?;
        let signatures = Signatures {
            ecdsa,
            mldsa: Some(mldsa),
        };
        signatures.validate()?;
        Ok(signatures)
    }
}

/// Checks `model.sig` with the signer's public key: the signature, and that it is about these files
/// under this name.
///
/// # Errors
/// [`PackageError::Signature`] with what is wrong.
pub fn verify_ecdsa(
    bytes: &[u8],
    key: &EcdsaPublicKey,
    name: &str,
    manifest: &Manifest,
) -> Result<(), PackageError> {
    let payload = bundle::verify(bytes, key).map_err(failed(ECDSA_FILE))?;
    payload::check(&payload, name, manifest).map_err(failed(ECDSA_FILE))
}

/// The fingerprint of the ML-DSA-87 key by which `model.mldsa.dsse.json` says that it was signed.
/// The caller finds the key, and out whose it is.
///
/// # Errors
/// [`PackageError::Signature`] if it is no such envelope.
pub fn mldsa_key_of(bytes: &[u8]) -> Result<cairn_crypto::Digest, PackageError> {
    dsse::key_of(bytes).map_err(failed(MLDSA_FILE))
}

/// Checks `model.mldsa.dsse.json` as [`verify_ecdsa`] does `model.sig`.
///
/// # Errors
/// [`PackageError::Signature`] with what is wrong.
pub fn verify_mldsa(
    bytes: &[u8],
    key: &PublicKey,
    name: &str,
    manifest: &Manifest,
) -> Result<(), PackageError> {
    let payload = dsse::verify(bytes, key).map_err(failed(MLDSA_FILE))?;
    payload::check(&payload, name, manifest).map_err(failed(MLDSA_FILE))
}

fn failed(file: &'static str) -> impl FnOnce(SignatureError) -> PackageError {
    move |source| PackageError::Signature { file, source }
}

/// What is wrong with a signature file, or with a key for one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The file is longer than any right one.
    #[error(
        "it is longer than {MAX_SIGNATURE_FILE} bytes: there are too many files to sign in this way"
    )]
    TooLong,
    /// The file is not what it should be.
    #[error("it is not a signature file of this kind: {reason}")]
    Malformed {
        /// Where it goes wrong.
        reason: String,
    },
    /// A field has another value than the format allows.
    #[error("{field} is {got:?}, expected {expected:?}")]
    Field {
        /// The field.
        field: &'static str,
        /// What the format allows.
        expected: String,
        /// What is there.
        got: String,
    },
    /// It was made with another key.
    #[error("it was made with the key {got}, not with {expected}; name the signer's public key")]
    OtherKey {
        /// SHA-256 of the key at hand, in hex.
        expected: String,
        /// What the file says.
        got: String,
    },
    /// The signature does not verify.
    #[error("the signature does not verify: the file was changed, or another key has made it")]
    Bad,
    /// The signature is good, and about other files.
    #[error("it is a signature of other files: {reason}")]
    OtherFiles {
        /// The first difference.
        reason: String,
    },
    /// A key file has no key that can be used.
    #[error("it has no usable ECDSA key (P-256, P-384 or P-521, PEM, not encrypted): {reason}")]
    Key {
        /// Why not.
        reason: &'static str,
    },
    /// The key did not sign.
    #[error("the key did not sign")]
    Sign,
}
