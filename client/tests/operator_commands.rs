//! What operators' commands find out without a network: cards, evidence, and wrong usage.
#![allow(clippy::unwrap_used)]

use cairn_crypto::{Digest, NodeKeys};
use cairn_genesis::KeyCard;
use cairn_runtime::AccountId;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A user with an empty home.
struct User(TempDir);

impl User {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn cairn(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
        command.env_clear().env("HOME", self.0.path());
        command.current_dir(self.0.path()).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }
}

#[track_caller]
fn expect(output: &Output, code: i32, message: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let said = std::str::from_utf8(&output.stderr).unwrap();
    assert!(said.contains(message), "{message:?} is not in {output:?}");
}

fn card() -> KeyCard {
    let operator = AccountId(Digest::of(b"operator"));
    let keys = NodeKeys::generate().unwrap();
    KeyCard::joining(Digest::of(b"chain"), "acme-1", operator, &keys).unwrap()
}

#[test]
fn a_card_is_checked_and_shown_without_a_network() {
    let (user, card) = (User::new(), card());
    user.write("validator.json", card.to_json());
    let shown = user.cairn(&["validator", "card", "validator.json", "--json"]);
    expect(&shown, 0, "");
    let json: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(json["validator"], card.validator.0.reference());
    assert_eq!(json["key_index"], 0);
    let fingerprint = card.consensus_key.fingerprint().reference();
    assert_eq!(json["consensus_fingerprint"], fingerprint);

    let other = AccountId(Digest::of(b"somebody else"));
    let altered = KeyCard {
        operator: other,
        ..card
    };
    user.write("altered.json", altered.to_json());
    expect(
        &user.cairn(&["validator", "card", "altered.json"]),
        10,
        "altered",
    );
    user.write("account.json", "{\"cairn_card\": 1}");
    expect(
        &user.cairn(&["validator", "card", "account.json"]),
        1,
        "no validator card",
    );
    user.write("long.json", vec![b' '; 70_000]);
    expect(
        &user.cairn(&["validator", "card", "long.json"]),
        1,
        "too many",
    );
}

#[test]
fn a_file_that_is_no_evidence_is_refused_before_anything_is_sent() {
    let user = User::new();
    for (name, content) in [
        ("empty", &b""[..]),
        ("text", b"evidence"),
        ("tail", &[0xff; 64]),
    ] {
        user.write(name, content);
        expect(&user.cairn(&["evidence", "submit", name]), 2, "no evidence");
    }
    expect(
        &user.cairn(&["evidence", "submit", "missing"]),
        1,
        "cannot read",
    );
}

#[test]
fn wrong_usage_of_operators_commands_has_exit_code_2() {
    let user = User::new();
    let account = Digest::of(b"account").to_string();
    for arguments in [
        &["validator"][..],
        &["validator", "add", "card.json"],
        &["validator", "bond", "acme-1"],
        &["validator", "bond", "acme-1", "-1"],
        &["validator", "show", ""],
        &["proposal", "show", "first"],
        &["proposal", "propose"],
        &["proposal", "propose", "set-parameter", "max_operations"],
        &["proposal", "propose", "grant-admin", "nobody"],
        &["proposal", "propose", "upgrade", "1.0.0"],
        &["key", "revoke"],
        &["account", "suspend", &account],
        &["evidence", "submit"],
    ] {
        let output = user.cairn(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    }
    // The words are right; what is missing is whom to ask.
    for arguments in [
        &["validator", "list"][..],
        &["proposal", "list"],
        &[
            "proposal",
            "propose",
            "set-parameter",
            "max_operations",
            "9",
        ],
        &["key", "rotate"],
        &["key", "revoke", "0"],
        &["account", "suspend", &account, "--reason", "a reason"],
    ] {
        let output = user.cairn(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = std::str::from_utf8(&output.stderr).unwrap();
        assert!(said.contains("error: no "), "{arguments:?} {said}");
    }
}
