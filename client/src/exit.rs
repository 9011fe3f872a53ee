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
        ClientError::NoNodes | ClientError::Ambiguous { .. } => Exit::Usage,
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use cairn_api::Problem;
    use cairn_artifacts::{SignatureError, StoreError};
    use cairn_audit::{AuditError, BundleError, HeadError};
    use cairn_client::Endpoint;
    use cairn_consensus::Height;
    use cairn_crypto::{BadSignature, Digest};
    use cairn_runtime::{AccountId, Role, Scope, TransactionError, VersionId};
    use std::time::Duration;

    fn node() -> Endpoint {
        "cairn://127.0.0.1:7400".parse().unwrap()
    }

    fn version() -> VersionId {
        "acme/bert@1.0.0".parse().unwrap()
    }

    fn account() -> AccountId {
        AccountId(Digest::ZERO)
    }

    fn refused(status: u16, code: &str) -> ClientError {
        let problem = Box::new(Problem::new(status, code, "no"));
        ClientError::Refused {
            node: node(),
            problem,
        }
    }

    fn failed(error: TransactionError) -> ClientError {
        ClientError::Failed {
            tx_hash: Digest::ZERO,
            height: 1,
            error: Box::new(error),
        }
    }

    fn unreachable(error: CallError) -> ClientError {
        ClientError::Unreachable {
            failures: vec![NodeFailure {
                node: node(),
                error,
            }],
        }
    }

    fn store(error: StoreError) -> ClientError {
        ClientError::Package(error.into())
    }

    #[test]
    fn every_error_of_the_sdk_has_its_code() {
        let (expected, got) = (Digest::ZERO, Digest::of(b"other"));
        let too_old = AuditError::TooOld {
            age: Duration::from_secs(2),
            max_age: Duration::ZERO,
        };
        let fork = HeadError::Unlinked {
            lower: Height(1),
            higher: Height(2),
        };
        let silent = CallError::Timeout {
            limit: Duration::from_secs(1),
        };
        let false_proof = CallError::Proof(Box::new(ClientError::Audit(AuditError::NoTime)));
        let missing_role = TransactionError::MissingRole {
            account: account(),
            role: Role::Admin,
            scope: Scope::Chain,
        };
        let unknown_model = TransactionError::UnknownModel {
            model: version().model,
        };
        let exists = TransactionError::VersionExists { id: version() };
        let possession = TransactionError::BadPossession {
            account: account(),
            chain_id: expected,
        };
        let not_private = TransactionError::NotPrivate { id: version() };
        let no_key = TransactionError::UnknownKey {
            account: account(),
            key_index: 1,
        };
        let invalid_key = TransactionError::KeyNotValid {
            account: account(),
            key_index: 0,
            valid_from: 0,
            valid_until: Some(3),
            height: 4,
        };
        let table = [
            (ClientError::NoNodes, 2),
            (
                ClientError::Ambiguous {
                    digest: got,
                    candidates: vec![version()],
                },
                2,
            ),
            (unreachable(silent), 16),
            (unreachable(false_proof), 12),
            (
                ClientError::NotFinal {
                    tx_hash: got,
                    waited: Duration::ZERO,
                },
                16,
            ),
            (ClientError::NonceContention { attempts: 5 }, 1),
            (
                ClientError::NotFound {
                    what: "version".to_owned(),
                },
                14,
            ),
            (
                ClientError::NoGrant {
                    version: version(),
                    account: account(),
                },
                15,
            ),
            (
                ClientError::OtherKey {
                    version: version(),
                    key_index: 0,
                },
                15,
            ),
            (ClientError::KeyNotValid { account: account() }, 13),
            (
                ClientError::KeyCommit {
                    version: Box::new(version()),
                    expected,
                    got,
                },
                11,
            ),
            (ClientError::Audit(too_old), 12),
            (
                ClientError::Bundle(BundleError::Magic {
                    expected: [0; 8],
                    got: vec![],
                }),
                12,
            ),
            (
                ClientError::OtherClaim {
                    expected: String::new(),
                    got: String::new(),
                },
                12,
            ),
            (ClientError::Head(fork), 12),
            (failed(missing_role), 15),
            (failed(unknown_model), 14),
            (failed(no_key), 14),
            (failed(exists), 1),
            (failed(possession), 10),
            (failed(invalid_key), 13),
            (ClientError::Invalid(Box::new(not_private)), 2),
            (refused(401, "bad_signature"), 10),
            (refused(422, "digest_mismatch"), 11),
            (refused(401, "key_not_valid"), 13),
            (refused(404, "model_not_found"), 14),
            (refused(403, "unknown_account"), 14),
            (refused(403, "not_allowed"), 15),
            (refused(401, "token_invalid"), 15),
            (refused(504, "wait_timeout"), 16),
            (refused(503, "mempool_full"), 16),
            (refused(429, "rate_limited"), 16),
            (refused(503, "height_not_available"), 12),
            (refused(409, "nonce_mismatch"), 1),
            (refused(400, "bad_request"), 1),
            (
                ClientError::Package(PackageError::ModelHash { expected, got }),
                11,
            ),
            (
                ClientError::Package(PackageError::FileMissing {
                    path: "a".to_owned(),
                }),
                11,
            ),
            (ClientError::Package(PackageError::WrongDataKey), 15),
            (
                ClientError::Package(PackageError::Signature {
                    file: "model.sig",
                    source: SignatureError::Bad,
                }),
                10,
            ),
            (ClientError::Package(PackageError::Randomness), 1),
            (
                store(StoreError::WrongDigest {
                    store: "s".to_owned(),
                    expected,
                    got,
                }),
                11,
            ),
            (
                store(StoreError::NotFound {
                    store: "s".to_owned(),
                    digest: got,
                }),
                14,
            ),
            (
                store(StoreError::Denied {
                    store: "s".to_owned(),
                    digest: got,
                    reason: "no".to_owned(),
                }),
                15,
            ),
            (
                store(StoreError::Unavailable {
                    store: "s".to_owned(),
                    reason: "no".to_owned(),
                }),
                16,
            ),
        ];
        for (error, code) in table {
            let message = error.to_string();
            assert_eq!(Failure::from(error).exit() as u8, code, "{message}");
        }
    }

    #[test]
    fn every_error_of_the_command_line_has_its_code() {
        let json = serde_json::from_str::<u8>("x").unwrap_err();
        let io = || io::Error::from(io::ErrorKind::NotFound);
        let path = PathBuf::from("file");
        let table = [
            (Failure::Usage("no".to_owned()), 2),
            (SettingsError::NoNodes.into(), 2),
            (PassphraseError::Empty { path: path.clone() }.into(), 2),
            (GenesisError::Format { got: 9 }.into(), 1),
            (CardError::Possession(BadSignature).into(), 10),
            (CardError::Format { got: 9 }.into(), 1),
            (KeyCardError::Proof(BadSignature).into(), 10),
            (KeyCardError::Format { got: 9 }.into(), 1),
            (
                KeyFileError::WrongPassphrase { path: path.clone() }.into(),
                1,
            ),
            (
                Failure::Io {
                    action: "read",
                    path: path.clone(),
                    source: io(),
                },
                1,
            ),
            (
                Failure::TooLong {
                    path,
                    what: "a card",
                    limit: 1,
                },
                1,
            ),
            (
                Failure::Json {
                    what: "metadata".to_owned(),
                    source: json,
                },
                1,
            ),
        ];
        for (failure, code) in table {
            assert_eq!(failure.exit() as u8, code, "{failure}");
        }
    }

    #[test]
    fn the_help_has_a_line_for_each_code() {
        let help = help();
        assert_eq!(help.lines().count(), 1 + Exit::ALL.len());
        assert!(
            help.contains("\n  12  proof invalid or missing\n"),
            "{help}"
        );
        assert!(Exit::ALL.is_sorted(), "{help}");
    }
}
