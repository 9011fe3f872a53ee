//! Why a command fails, and the exit code that says so to scripts: one table for everything.

use crate::passphrase::PassphraseError;
use crate::settings::SettingsError;
use cairn_artifacts::{ErrorKind, PackageError};
use cairn_client::{CallError, CardError, ClientError, NodeFailure};
use cairn_crypto::KeyError;
use cairn_crypto::keyfile::KeyFileError;
use cairn_genesis::{GenesisError, KeyCardError};
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// It failed in a way that has no code of its own.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A signature does not verify.
    BadSignature = 10,
    /// Bytes are not those of their digest.
    DigestMismatch = 11,
    /// A proof does not hold, or there is none.
    ProofInvalid = 12,
    /// A key is revoked, or a version yanked.
    Revoked = 13,
    /// It does not exist.
    NotFound = 14,
    /// The account may not do it.
    NotAllowed = 15,
    /// No node answers, or the chain does not finish blocks.
    NoQuorum = 16,
}

impl Exit {
    /// Every code, with what the help says about it.
    const ALL: [(Self, &'static str); 10] = [
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Usage, "wrong usage"),
        (Self::BadSignature, "bad signature"),
        (Self::DigestMismatch, "digest mismatch"),
        (Self::ProofInvalid, "proof invalid or missing"),
        (Self::Revoked, "revoked or yanked"),
        (Self::NotFound, "not found"),
        (Self::NotAllowed, "not allowed"),
        (Self::NoQuorum, "no quorum or no node in reach"),
    ];
}

/// The codes, as the help lists them.
pub(crate) fn help() -> String {
    let mut text = "Exit codes:".to_owned();
    for (exit, meaning) in Exit::ALL {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {:>2}  {meaning}", exit as u8);
    }
    text
}

/// Why a command failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// What the SDK says.
    #[error(transparent)]
    Client(Box<ClientError>),
    /// A setting is missing or wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The genesis document is not usable.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The key file is not usable.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// No keys could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An account's card is not good.
    #[error(transparent)]
    Card(#[from] CardError),
    /// A validator's card is not good.
    #[error(transparent)]
    ValidatorCard(#[from] KeyCardError),
    /// What was asked for makes no sense; the message says what would.
    #[error("{0}")]
    Usage(String),
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is longer than anything of its kind.
    #[error("{} has more than {limit} bytes, too many for {what}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// The most that is read, bytes.
        limit: u64,
    },
    /// Something is not JSON, or has no JSON form.
    #[error("{what}: {source}")]
    Json {
        /// What.
        what: String,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => client(error),
            Self::Card(CardError::Possession(_)) | Self::ValidatorCard(KeyCardError::Proof(_)) => {
                Exit::BadSignature
            }
            Self::Settings(_) | Self::Passphrase(_) | Self::Usage(_) => Exit::Usage,
            Self::Json { .. }
            | Self::Genesis(_)
            | Self::KeyFile(_)
            | Self::Key(_)
            | Self::Card(_)
            | Self::ValidatorCard(_)
            | Self::Io { .. }
            | Self::TooLong { .. } => Exit::Failed,
        }
    }
}

fn client(error: &ClientError) -> Exit {
    match error {
        ClientError::NoNodes
        | ClientError::Ambiguous { .. }
        | ClientError::TooLarge { .. }
        | ClientError::TooManyOperations { .. } => Exit::Usage,
        ClientError::KeyCommit { .. } => Exit::DigestMismatch,
        ClientError::Audit(_)
        | ClientError::Bundle(_)
        | ClientError::OtherClaim { .. }
        | ClientError::Head(_) => Exit::ProofInvalid,
        ClientError::KeyNotValid { .. } | ClientError::Yanked { .. } => Exit::Revoked,
        ClientError::NotFound { .. } => Exit::NotFound,
        ClientError::NoGrant { .. }
        | ClientError::OtherKey { .. }
        | ClientError::OldDataKey { .. } => Exit::NotAllowed,
        ClientError::NotFinal { .. } | ClientError::FeedBroken { .. } => Exit::NoQuorum,
        ClientError::Unreachable { failures } => unreachable_nodes(failures),
        ClientError::Refused { problem, .. } => coded(&problem.code, problem.status),
        ClientError::Failed { error, .. } | ClientError::Invalid(error) => {
            coded(error.code(), error.http_status())
        }
        ClientError::Package(error) => package(error),
        _ => Exit::Failed,
    }
}

/// A node that gives false proofs is worse than one that is down, and is told first.
fn unreachable_nodes(failures: &[NodeFailure]) -> Exit {
    let proof = |failure: &NodeFailure| match &failure.error {
        CallError::Proof(error) => Some(client(error)),
        _ => None,
    };
    failures.iter().find_map(proof).unwrap_or(Exit::NoQuorum)
}

/// The stable codes of the ledger and of the nodes' API. Where a code says nothing particular, its
/// HTTP status does.
fn coded(code: &str, status: u16) -> Exit {
    match code {
        "bad_signature" | "bad_possession" | "bad_key_proof" | "bad_evidence_signature" => {
            Exit::BadSignature
        }
        "digest_mismatch" => Exit::DigestMismatch,
        "height_not_available" => Exit::ProofInvalid,
        "key_not_valid" | "version_yanked" | "access_revoked" | "certification_revoked" => {
            Exit::Revoked
        }
        "unknown_account" | "unknown_key" => Exit::NotFound,
        "wait_timeout" => Exit::NoQuorum,
        _ => match status {
            401 | 403 => Exit::NotAllowed,
            404 => Exit::NotFound,
            422 => Exit::Usage,
            429 | 502..=504 => Exit::NoQuorum,
            _ => Exit::Failed,
        },
    }
}

fn package(error: &PackageError) -> Exit {
    match error.kind() {
        ErrorKind::BadSignature => Exit::BadSignature,
        ErrorKind::DigestMismatch => Exit::DigestMismatch,
        ErrorKind::NotFound => Exit::NotFound,
        ErrorKind::NotAllowed => Exit::NotAllowed,
        ErrorKind::Unavailable => Exit::NoQuorum,
        ErrorKind::Other => Exit::Failed,
    }
}

#[cfg(test)]
mod tests;
