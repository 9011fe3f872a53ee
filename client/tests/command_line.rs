//! The program `cairn` as a shell sees it: what goes to which stream, exit codes, and that the
//! offline commands need nothing but their files.
#![allow(clippy::unwrap_used)]

use cairn_client::AccountCard;
use cairn_consensus::Params;
use cairn_crypto::{AccountKeys, Digest, SigningKey, keyfile};
use cairn_genesis::ceremony::{Terms, ValidatorCard, assemble, genesis_account};
use cairn_genesis::{GenesisDocument, Kind};
use cairn_runtime::{AccountId, ChainParams, Role, Scope};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A user with an empty home.
struct User {
    home: TempDir,
}

impl User {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// `cairn` with these arguments and nothing in the environment but this home and these variables.
    fn command(&self, arguments: &[&str], set: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
        command
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path());
        command
            .envs(set.iter().copied())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn cairn(&self, arguments: &[&str], set: &[(&str, &str)]) -> Output {
        self.command(arguments, set).output().unwrap()
    }

    fn genesis(&self) -> (GenesisDocument, PathBuf) {
        let document = genesis();
        let path = self.write("genesis.json", document.to_json().unwrap());
        (document, path)
    }
}

fn genesis() -> GenesisDocument {
    let admin = AccountKeys::generate().unwrap();
    let operator = AccountId::of(admin.signing.public_key());
    let card = |index: usize| {
        let (consensus, transport) = (
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        );
        ValidatorCard::new(
            "testnet",
            &format!("validator-{index}"),
            operator,
            &consensus,
            &transport,
        )
        .unwrap()
    };
    let encryption = admin.decapsulation.encapsulation_key();
    let roles = vec![(Role::Admin, Scope::Chain)];
    let terms = Terms {
        network: "testnet".to_owned(),
        kind: Kind::Devnet,
        timestamp_ms: 1_700_000_000_000,
        power: 1,
        consensus: Params::default(),
        ledger: ChainParams::default(),
        namespaces: Vec::new(),
    };
    let account = genesis_account("admin", &admin.signing, encryption, roles).unwrap();
    assemble((0..4).map(card).collect(), vec![account], terms).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32, message: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(
        text(&output.stderr).contains(message),
        "{message:?} is not in {output:?}"
    );
    assert!(output.stdout.is_empty() || code == 0, "{output:?}");
}

#[test]
fn keygen_writes_keys_for_their_owner_and_a_card_for_the_admin() {
    let user = User::new();
    let (document, genesis) = user.genesis();
    let arguments = [
        "keygen", "new.key", "--name", "New One", "--card", "new.card", "--json",
    ];
    let set = [
        ("CAIRN_PASSPHRASE", "a passphrase"),
        ("CAIRN_GENESIS", genesis.to_str().unwrap()),
    ];
    let made = user.cairn(&arguments, &set);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    assert!(made.stderr.is_empty(), "{made:?}");
    let result: Value = serde_json::from_slice(&made.stdout).unwrap();

    let keys = keyfile::read(&user.path("new.key"), "a passphrase")
        .unwrap()
        .account()
        .unwrap();
    let account = AccountId::of(keys.signing.public_key());
    assert_eq!(result["account"], account.0.reference());
    assert_eq!(result["chain_id"], document.chain_id().reference());

    let card = std::fs::read_to_string(user.path("new.card")).unwrap();
    let card = AccountCard::from_json(&card).unwrap();
    assert_eq!(
        (card.account, card.display_name.as_str()),
        (account, "New One")
    );
    assert!(card.admission(&document.chain_id()).is_ok());

    let again = user.cairn(&arguments, &set);
    expect(&again, 1, "exists already");
}

#[test]
fn a_card_without_a_genesis_document_is_for_a_new_one() {
    let user = User::new();
    let arguments = ["keygen", "new.key", "--card", "new.card"];
    let made = user.cairn(&arguments, &[("CAIRN_PASSPHRASE", "a passphrase")]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    assert!(
        text(&made.stdout).contains(&Digest::ZERO.to_string()),
        "{made:?}"
    );
}

#[test]
fn keygen_refuses_a_bad_name_before_it_writes_anything() {
    let user = User::new();
    let refused = user.cairn(
        &["keygen", "new.key", "--name", ""],
        &[("CAIRN_PASSPHRASE", "a passphrase")],
    );
    expect(&refused, 2, "display name");
    assert!(!user.path("new.key").exists());
}

#[test]
fn a_passphrase_is_asked_of_a_terminal_only() {
    let user = User::new();
    let mut command = user.command(&["keygen", "new.key"], &[]);
    // A session of its own has no terminal to open.
    let setsid = Path::new("/usr/bin/setsid");
    if setsid.exists() {
        let program = command.get_program().to_owned();
        command = Command::new(setsid);
        command
            .env_clear()
            .env("HOME", user.home.path())
            .current_dir(user.home.path());
        command
            .arg("--wait")
            .arg(program)
            .args(["keygen", "new.key"])
            .stdin(Stdio::null());
        expect(&command.output().unwrap(), 2, "--passphrase-file");
    }
    user.write("empty", "\nsecond line");
    let refused = user.cairn(&["keygen", "new.key", "--passphrase-file", "empty"], &[]);
    expect(&refused, 2, "empty");
    assert!(!user.path("new.key").exists());
}

#[test]
fn errors_are_json_where_json_is_asked_for_and_never_on_standard_output() {
    let user = User::new();
    let plain = user.cairn(&["audit", "none"], &[]);
    expect(&plain, 2, "error: no genesis document");
    let json = user.cairn(&["audit", "none", "--json"], &[]);
    expect(&json, 2, "no genesis document");
    let error: Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(error["exit_code"], 2);
}

#[test]
fn what_is_no_proof_has_the_exit_code_of_a_proof_that_does_not_hold() {
    let user = User::new();
    user.genesis();
    for (name, content) in [
        ("empty", &b""[..]),
        ("other", b"not a proof"),
        ("cut", b"CAIRNPF2\0\0"),
    ] {
        user.write(name, content);
        let audited = user.cairn(&["audit", name, "--genesis", "genesis.json"], &[]);
        expect(&audited, 12, "proof");
    }
    let missing = user.cairn(&["audit", "missing", "--genesis", "genesis.json"], &[]);
    expect(&missing, 1, "cannot read missing");
}

#[test]
fn offline_commands_do_not_care_about_nodes() {
    let user = User::new();
    user.genesis();
    user.write("other", "not a proof");
    let nodes = [
        ("CAIRN_NODES", "no address at all"),
        ("CAIRN_GENESIS", "genesis.json"),
    ];
    expect(&user.cairn(&["audit", "other"], &nodes), 12, "proof");
    let list = user.cairn(&["list"], &nodes);
    expect(&list, 2, "cairn://host:port");
}

#[test]
fn a_node_that_is_down_is_named_and_has_its_exit_code() {
    let user = User::new();
    user.genesis();
    // Bound and closed again: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let node = format!("cairn://127.0.0.1:{port}");
    let list = user.cairn(&["list", "--node", &node, "--genesis", "genesis.json"], &[]);
    expect(&list, 16, &node);
    let status = user.cairn(
        &["status", "--node", &node, "--genesis", "genesis.json"],
        &[],
    );
    assert_eq!(status.status.code(), Some(16), "{status:?}");
    assert!(text(&status.stdout).contains(&node), "{status:?}");
}

#[test]
fn wrong_usage_has_exit_code_2_and_help_has_0() {
    let user = User::new();
    for arguments in [
        &["frobnicate"][..],
        &["push", "model"],
        &["show", "no reference"],
        &["role", "grant", "xyz", "king"],
        &["prove", "-o", "file"],
        &["audit"],
        &["audit", "export"],
        &["audit", "file", "export", "-o", "file"],
        &["export", "a/b@1.0.0"],
        &["export", "a/b@1.0.0", "--format", "pdf"],
        &["prove", "a/b@1.0.0", "--block", "1", "-o", "file"],
        &["push", "model", "--name", "a/b", "--version", "1.0.0+build"],
        &[],
    ] {
        assert_eq!(
            user.cairn(arguments, &[]).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    for arguments in [&["--help"][..], &["push", "--help"], &["--version"]] {
        assert_eq!(
            user.cairn(arguments, &[]).status.code(),
            Some(0),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let user = User::new();
    let mut command = user.command(&["completion", "zsh"], &[]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn completions_need_no_sound_configuration() {
    let user = User::new();
    user.write("broken.toml", "this is not TOML");
    let broken = [("CAIRN_CONFIG", "broken.toml")];
    assert_eq!(
        user.cairn(&["completion", "bash"], &broken).status.code(),
        Some(0)
    );
    expect(&user.cairn(&["list"], &broken), 2, "broken.toml");
}
