//! Key files: an account's or a node's keys on disk, encrypted under a passphrase.
//!
//! A key file is JSON:
//!
//! ```json
//! { "cairn_key": 1,
//!   "kind": "account",
//!   "public": { "signing": "<base64>", "encapsulation": "<base64>" },
//!   "kdf": { "algorithm": "argon2id", "m": 65536, "t": 3, "p": 1, "salt": "<base64, 32 bytes>" },
//!   "nonce": "<base64, 12 bytes>",
//!   "ciphertext": "<base64>" }
//! ```
//!
//! (a node's has `"public": { "consensus": ..., "transport": ... }`.) Argon2id (RFC 9106) makes a key from the
//! passphrase; AES-256-GCM encrypts the secrets under it and authenticates everything before `nonce`, as
//! `tag || 0x00 || borsh(header)`, so that neither the public keys nor the parameters can be changed. The plaintext is
//! Borsh: a discriminant, then the raw bytes of the secrets (account: 0, 32-byte ML-DSA-87 seed, 3,168-byte ML-KEM-1024
//! key; node: 1, two 32-byte ML-DSA-87 seeds). A file that others can read is refused.
//!
//! | file | what it holds |
//! |---|---|
//! | `format` | the JSON and what of it is authenticated |
//! | `material` | [`KeyMaterial`], [`PublicKeys`]: what is in it |
//! | `passphrase` | [`Argon2Params`] and their limits |

mod format;
mod material;
mod passphrase;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use thiserror::Error;

pub use material::{KeyMaterial, PublicKeys};
pub use passphrase::{Argon2Params, ParamsError};

use crate::key_error::KeyError;

/// The longest key file that is read, in bytes. An account's has about 10,000.
pub const MAX_FILE_LEN: u64 = 64 * 1024;

/// A key file that could not be written or read.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key file is never overwritten.
    #[error("{} exists already: move it away first, or choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or write the file.
    #[error(
        "{} has mode {mode:04o}, so others than its owner may use it: run `chmod 600 {}`",
        path.display(), path.display()
    )]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file, or longer than any key file.
    #[error("{} is not a key file: {reason}", path.display())]
    NotAKeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The parameters of the key derivation are outside the limits.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The secrets do not decrypt.
    #[error(
        "cannot decrypt {}: the passphrase is wrong, or the file was altered",
        path.display()
    )]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The secrets decrypt and are not keys, or not those that the file names: it was not written by this software.
    #[error("the keys in {} are damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// The file holds keys of the other kind.
    #[error("the key file holds the keys of {found}, expected those of {expected}")]
    Kind {
        /// The kind asked for.
        expected: &'static str,
        /// The kind found.
        found: &'static str,
    },
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Encryption failed in the cryptographic library.
    #[error("cannot encrypt the key file: the system's random number generator or memory failed")]
    Encrypt,
}

/// Writes `material` to a new file at `path`, encrypted under `passphrase` with the default parameters.
///
/// The file is created with mode 0600 under a temporary name, synced, and then given its name, which must be free: a
/// crash leaves no half-written key, and no key is ever overwritten.
///
/// # Errors
/// [`KeyFileError::Exists`] if the name is taken, [`KeyFileError::Io`] for what the file system refuses.
pub fn write(path: &Path, material: &KeyMaterial, passphrase: &str) -> Result<(), KeyFileError> {
    write_with(path, material, passphrase, Argon2Params::DEFAULT)
}

/// As [`write()`], with other parameters for the key derivation. Lighter ones make a guessed passphrase cheaper to find.
///
/// # Errors
/// As [`write()`], and [`KeyFileError::Params`] for parameters outside the limits.
pub fn write_with(
    path: &Path,
    material: &KeyMaterial,
    passphrase: &str,
    params: Argon2Params,
) -> Result<(), KeyFileError> {
    let text = format::encrypt(material, passphrase, params)?;
    create_new(path, text.as_bytes())
}

/// Reads and decrypts the key file at `path`.
///
/// # Errors
/// [`KeyFileError::Permissions`] if others may use the file (the message names the `chmod`), [`KeyFileError::WrongPassphrase`], and the
/// others as they say.
pub fn read(path: &Path, passphrase: &str) -> Result<KeyMaterial, KeyFileError> {
    format::decrypt(path, &read_text(path)?, passphrase)
}

/// Reads the public keys from the key file at `path`, without the passphrase and therefore unchecked: for showing, and for
/// finding the right file. Whoever trusts them calls [`read`].
///
/// # Errors
/// As [`read`], but for those of decryption.
pub fn read_public(path: &Path) -> Result<PublicKeys, KeyFileError> {
    format::public_keys(path, &read_text(path)?)
}

fn read_text(path: &Path) -> Result<String, KeyFileError> {
    let io_error = |source| KeyFileError::Io {
        action: "read",
        path: path.into(),
        source,
    };
    let not_a_key_file = |reason: &str| KeyFileError::NotAKeyFile {
        path: path.into(),
        reason: reason.into(),
    };
    let file = File::open(path).map_err(io_error)?;
    // Asked of the open file: the name may mean another file by now.
    let metadata = file.metadata().map_err(io_error)?;
    if !metadata.is_file() {
        return Err(not_a_key_file("not a regular file"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions {
            path: path.into(),
            mode,
        });
    }
    let mut text = String::new();
    match file.take(MAX_FILE_LEN + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > MAX_FILE_LEN => {
            Err(not_a_key_file("it has more than 65536 bytes"))
        }
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(not_a_key_file("it is not text"))
        }
        Err(error) => Err(io_error(error)),
    }
}

fn create_new(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let io_error = |source| KeyFileError::Io {
        action: "write",
        path: path.into(),
        source,
    };
    let name = path.file_name().ok_or_else(|| KeyFileError::NotAKeyFile {
        path: path.into(),
        reason: "the path has no file name".into(),
    })?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut random = [0; 8];
    rand::fill(&mut random).map_err(|_| KeyFileError::Encrypt)?;
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}", hex::encode(random)));
    let temporary = folder.join(temporary_name);

    let written = write_synced(&temporary, bytes);
    // A hard link takes the name only if it is free, which a rename does not promise.
    let named = written.and_then(|()| fs::hard_link(&temporary, path));
    // Best effort: what is left over is encrypted and has its owner's mode, and the error worth reporting is the first.
    let _ = fs::remove_file(&temporary);
    match named {
        Ok(()) => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_error),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(KeyFileError::Exists { path: path.into() })
        }
        Err(error) => Err(io_error(error)),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
