//! Errors of this crate: what was wrong, with which value, and what to do next.

use std::path::PathBuf;

use cairn_crypto::Digest;
use thiserror::Error;

use crate::oms::SignatureError;
use crate::path::PathRule;
use crate::vector::VectorError;

/// What kind of failure an error is, for those who only need to react to it (exit codes, HTTP
/// status codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A signature does not verify, or is about something else.
    BadSignature,
    /// Bytes are not the ones that a digest promised.
    DigestMismatch,
    /// Something that was asked for does not exist.
    NotFound,
    /// Access was refused, or the key at hand does not open the package.
    NotAllowed,
    /// A store could not be reached or did not answer in time; trying again may help.
    Unavailable,
    /// Anything else: wrong input, a full disk, a limit.
    Other,
}

/// What a blob store answers when it cannot do what was asked. Every variant names the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store does not have the blob.
    #[error("{store}: there is no blob {digest}")]
    NotFound {
        /// Name of the store.
        store: String,
        /// The blob asked for.
        digest: Digest,
    },
    /// The bytes do not have the digest they were asked for or sent under.
    #[error(
        "{store}: the bytes of blob {expected} have the digest {got}; this copy is damaged or was \
         replaced, take the blob from another store"
    )]
    WrongDigest {
        /// Name of the store.
        store: String,
        /// The digest the bytes should have.
        expected: Digest,
        /// The digest they have.
        got: Digest,
    },
    /// A blob is longer than its limit.
    #[error("{store}: blob {digest} is longer than the limit of {limit} bytes")]
    TooLarge {
        /// Name of the store.
        store: String,
        /// The blob.
        digest: Digest,
        /// The limit in bytes.
        limit: u64,
    },
    /// The store refused access.
    #[error("{store}: access to blob {digest} was refused: {reason}")]
    Denied {
        /// Name of the store.
        store: String,
        /// The blob.
        digest: Digest,
        /// What the store said.
        reason: String,
    },
    /// The store did not answer, or only with an error that may pass. Such calls are retried.
    #[error("{store}: not available: {reason}")]
    Unavailable {
        /// Name of the store.
        store: String,
        /// What happened.
        reason: String,
    },
    /// A file operation failed.
    #[error("{store}: cannot {action} {}: {source}", path.display())]
    Io {
        /// Name of the store.
        store: String,
        /// What was being done, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::WrongDigest { .. } => ErrorKind::DigestMismatch,
            Self::Denied { .. } => ErrorKind::NotAllowed,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::TooLarge { .. } | Self::Io { .. } => ErrorKind::Other,
        }
    }
}

/// Why a package could not be read, pushed, pulled or verified.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A path in a package breaks a rule.
    #[error("the path {path:?} cannot be in a package: {rule}")]
    Path {
        /// The path, relative to the package.
        path: String,
        /// The rule it breaks.
        rule: PathRule,
    },
    /// A file name is not UTF-8.
    #[error("{} is not valid UTF-8; rename it, or leave it out of the model", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A symbolic link, and links are not followed.
    #[error("{} is a symbolic link; replace it by the file, or allow links to be followed", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A link leads back to a folder that it is in.
    #[error("{} leads back to a folder that contains it", path.display())]
    LinkLoop {
        /// The link.
        path: PathBuf,
    },
    /// Neither a file nor a folder (a device, socket or pipe).
    #[error("{} is neither a file nor a folder; leave it out of the model", path.display())]
    NotAFile {
        /// What was found.
        path: PathBuf,
    },
    /// A model without a single file.
    #[error("{} has no files", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A package is beyond a limit.
    #[error("the package has {got} {what}, the limit is {limit}")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        got: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A file was written to while it was read.
    #[error("{path:?} changed while it was read; push again when nothing writes to it")]
    FileChanged {
        /// The file, relative to the package.
        path: String,
    },
    /// Bytes that are not an encoding of what they should be.
    #[error("malformed {what}: {reason}")]
    Malformed {
        /// What was being decoded.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest does not have the model hash that was asked for.
    #[error(
        "the model hash is {got}, expected {expected}: these are not the files of that version"
    )]
    ModelHash {
        /// The hash on the ledger.
        expected: Digest,
        /// The hash of the manifest at hand.
        got: Digest,
    },
    /// A public package, where only a private one will do.
    #[error("the package is public: it is not encrypted, and everybody may read it")]
    NotPrivate,
    /// The package is encrypted and no data key was given.
    #[error("the package is encrypted and no data key was given; ask its owner for access")]
    NoDataKey,
    /// The data key does not open the stored manifest.
    #[error(
        "the data key does not open the stored manifest: it belongs to another version or \
         generation, or the manifest was altered by someone without the key"
    )]
    WrongDataKey,
    /// A chunk does not decrypt at its place.
    #[error(
        "chunk {index} of {path:?} does not decrypt: it is not the chunk of this place in this file"
    )]
    Chunk {
        /// The file, relative to the package.
        path: String,
        /// Number of the chunk in the file, from 0.
        index: u64,
    },
    /// A file does not have the digest that the manifest gives.
    #[error("{path:?} has the digest {got}, expected {expected}")]
    FileDigest {
        /// The file, relative to the package.
        path: String,
        /// The digest in the manifest.
        expected: Digest,
        /// The digest of the file.
        got: Digest,
    },
    /// A file does not have the size that the manifest gives.
    #[error("{path:?} has {got} bytes, expected {expected}")]
    FileSize {
        /// The file, relative to the package.
        path: String,
        /// The size in the manifest, in bytes.
        expected: u64,
        /// The size of the file, in bytes.
        got: u64,
    },
    /// The manifest has a file that is not there.
    #[error("{path:?} is missing")]
    FileMissing {
        /// The file, relative to the package.
        path: String,
    },
    /// There is a file that the manifest does not have.
    #[error("{path:?} is not in the manifest")]
    FileUnexpected {
        /// The file, relative to the package.
        path: String,
    },
    /// No store gave a blob.
    #[error("no store gave blob {digest} ({what}): {}", reasons(failures))]
    Blob {
        /// The blob.
        digest: Digest,
        /// What it is needed for.
        what: String,
        /// What each store said, in the order in which they were asked.
        failures: Vec<StoreError>,
    },
    /// A store did not take a blob, or failed otherwise.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The embedding vector's file is not what it should be.
    #[error("{}: {source}", path.display())]
    Vector {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: VectorError,
    },
    /// A signature file of a model, or a key for one, is not what it should be.
    #[error("{file}: {source}")]
    Signature {
        /// The signature file.
        file: &'static str,
        /// What is wrong with it.
        source: SignatureError,
    },
    /// The target of a pull is taken.
    #[error("{} exists and is not an empty folder; move it away or choose another target", path.display())]
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// The target of a pull cannot be made.
    #[error("{} cannot be a target: {reason}", path.display())]
    Target {
        /// The target, or the folder beside it that is in the way.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Another pull is writing the same package to the same target.
    #[error("another pull is writing to {}; wait for it, or stop it", path.display())]
    Busy {
        /// The folder that the other pull holds.
        path: PathBuf,
    },
    /// No random bytes could be had from the operating system.
    #[error("the operating system gave no random bytes")]
    Randomness,
    /// The runtime was shut down while work was going on.
    #[error(
        "interrupted: the runtime was shut down or a worker stopped; run it again, what is done is kept"
    )]
    Interrupted,
}

impl PackageError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::ModelHash { .. }
            | Self::Chunk { .. }
            | Self::FileDigest { .. }
            | Self::FileSize { .. }
            | Self::FileMissing { .. }
            | Self::FileUnexpected { .. } => ErrorKind::DigestMismatch,
            Self::Signature { source, .. } => match source {
                SignatureError::Sign | SignatureError::TooLong | SignatureError::Key { .. } => {
                    ErrorKind::Other
                }
                _ => ErrorKind::BadSignature,
            },
            Self::NoDataKey | Self::WrongDataKey => ErrorKind::NotAllowed,
            Self::Store(error) => error.kind(),
            Self::Blob { failures, .. } => worst(failures),
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                std::io::ErrorKind::PermissionDenied => ErrorKind::NotAllowed,
                _ => ErrorKind::Other,
            },
            _ => ErrorKind::Other,
        }
    }

    /// Returns a closure for `map_err` that says what was being done with `path`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// The kind of several stores' failures together: damage is told before refusal, refusal before
/// silence, and "not found" only when nothing else was said.
fn worst(failures: &[StoreError]) -> ErrorKind {
    let kinds = [
        ErrorKind::DigestMismatch,
        ErrorKind::NotAllowed,
        ErrorKind::Unavailable,
        ErrorKind::Other,
    ];
    kinds
        .into_iter()
        .find(|kind| failures.iter().any(|failure| failure.kind() == *kind))
        .unwrap_or(ErrorKind::NotFound)
}

fn reasons(failures: &[StoreError]) -> String {
    if failures.is_empty() {
        return "no store was given".to_owned();
    }
    failures
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
