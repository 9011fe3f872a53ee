//! Every error has the exit code that scripts rely on.

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
