//! What people do with a registry, on four validators: through the `cairn` program with its exit codes, and
//! what the nodes say of it afterwards.

#![allow(clippy::unwrap_used)]

use cairn_audit::{Anchor, Bundle, verify};
use cairn_genesis::GenesisDocument;
use cairn_tests::{Network, Numbers, Person};
use std::path::Path;

/// A folder with a model of several files; more than one chunk, and one file that is empty.
fn make_model(folder: &Path) {
    std::fs::create_dir_all(folder.join("layers")).unwrap();
    std::fs::write(folder.join("config.json"), br#"{"layers": 2}"#).unwrap();
    std::fs::write(folder.join("empty"), b"").unwrap();
    std::fs::write(
        folder.join("layers/0.bin"),
        Numbers::new(1).bytes(9_000_001),
    )
    .unwrap();
    std::fs::write(folder.join("layers/1.bin"), Numbers::new(2).bytes(70_000)).unwrap();
}

fn flip_a_byte(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn id(person: &Person) -> String {
    let shown = person.cairn(&["account", "show", "--json"]);
    shown.expect_code(0);
    shown.json()["id"].as_str().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_model_is_pushed_granted_pulled_proved_and_audited() {
    let mut network = Network::start(4);
    let (alice, bob) = (network.person("alice"), network.person("bob"));
    let model = network.folder().join("model");
    make_model(&model);

    alice.cairn(&["namespace", "create", "acme"]).expect_code(0);
    let pushed = alice.cairn(&[
        "push",
        text(&model),
        "--name",
        "acme/net",
        "--version",
        "1.0.0",
        "--json",
    ]);
    pushed.expect_code(0);
    let pushed = pushed.json();
    assert_eq!(pushed["bytes"], 9_070_014);
    let hash = pushed["model_hash"].as_str().unwrap();
    let tx_hash = pushed["tx_hash"].as_str().unwrap();

    // Every validator records the same, in the block that the push named.
    let height = pushed["height"].as_u64().unwrap();
    network.wait_for_height(height);
    for index in 0..4 {
        let mut api = network.api(index);
        let version = api
            .get("/v1/models/acme/net/versions/1.0.0")
            .unwrap()
            .json();
        assert_eq!(version["data"]["model_hash"], hash);
        let status = api
            .get(&format!("/v1/transactions/{tx_hash}"))
            .unwrap()
            .json();
        assert_eq!(status["status"], "final");
        assert_eq!(status["block_id"], pushed["block_id"]);
        assert_eq!(
            network.block(index, height).id.0.reference(),
            pushed["block_id"]
        );
    }

    // Without a grant the reader is told so; with one every byte is there.
    let out = network.folder().join("out");
    let refused = bob.cairn(&["pull", "acme/net@1.0.0", "-o", text(&out)]);
    refused.expect_code(15).expect_message("no access");
    assert!(!out.exists(), "nothing is put in place");
    alice
        .cairn(&["grant", "acme/net@1.0.0", &id(&bob)])
        .expect_code(0);
    bob.cairn(&["pull", "acme/net@1.0.0", "-o", text(&out)])
        .expect_code(0);
    for file in ["config.json", "empty", "layers/0.bin", "layers/1.bin"] {
        assert!(
            std::fs::read(model.join(file)).unwrap() == std::fs::read(out.join(file)).unwrap(),
            "{file} differs"
        );
    }

    // By its digest, too; and from the one node that holds the chunks or from any other.
    let again = network.folder().join("again");
    bob.cairn(&["pull", hash, "-o", text(&again)])
        .expect_code(0);
    bob.cairn(&["verify", text(&out), "acme/net@1.0.0"])
        .expect_code(0);
    bob.cairn(&["verify", text(&out), "acme/net"])
        .expect_code(0);
    flip_a_byte(&out.join("layers/0.bin"));
    let changed = bob.cairn(&["verify", text(&out), "acme/net@1.0.0"]);
    changed.expect_code(11).expect_message("layers/0.bin");

    // Proofs hold offline, for whoever has the genesis document alone; a changed one does not.
    let (bundle, genesis) = (network.folder().join("bundle"), network.layout().genesis());
    let prove = |arguments: &[&str]| {
        let mut all = vec!["prove"];
        all.extend_from_slice(arguments);
        all.extend_from_slice(&["-o", text(&bundle)]);
        bob.cairn(&all).expect_code(0);
    };
    let auditor = Person::new(&network.folder().join("auditor"), &[]);
    let audit = || {
        auditor.cairn(&[
            "audit",
            text(&bundle),
            "--genesis",
            text(&genesis),
            "--json",
        ])
    };
    prove(&["--account", &id(&bob)]);
    audit().expect_code(0);
    prove(&["--block", "1"]);
    audit().expect_code(0);
    prove(&["--tx", tx_hash]);
    audit().expect_code(0);
    prove(&["acme/net@1.0.0"]);
    audit().expect_code(0);

    // The same with the library, and with every byte of the first kilobyte changed in turn.
    let anchor = Anchor::genesis(&GenesisDocument::load(&genesis).unwrap()).unwrap();
    let sound = std::fs::read(&bundle).unwrap();
    assert!(verify(&Bundle::decode(&sound).unwrap(), &anchor, None, None).is_ok());
    for place in 0..1_024 {
        let mut bytes = sound.clone();
        bytes[place] ^= 0x20;
        let accepted =
            Bundle::decode(&bytes).is_ok_and(|bundle| verify(&bundle, &anchor, None, None).is_ok());
        assert!(!accepted, "a bundle with byte {place} changed is accepted");
    }
    flip_a_byte(&bundle);
    audit().expect_code(12);

    // Everything that happened, or all that concerns a model, in one file.
    for about in [&[][..], &["--model", "acme/net"]] {
        let mut all = vec!["audit", "export", "-o", text(&bundle)];
        all.extend_from_slice(about);
        bob.cairn(&all).expect_code(0);
        audit().expect_code(0);
        flip_a_byte(&bundle);
        audit().expect_code(12);
    }

    // A genesis document of another network proves nothing of this one.
    let other = network.folder().join("other.json");
    let mut document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&genesis).unwrap()).unwrap();
    document["timestamp_ms"] = 1_700_000_000_000_u64.into();
    std::fs::write(&other, document.to_string()).unwrap();
    std::fs::write(&bundle, &sound).unwrap();
    auditor
        .cairn(&["audit", text(&bundle), "--genesis", text(&other)])
        .expect_code(12);
    network.check_alive();
}

#[test]
fn what_cannot_be_done_is_refused_with_its_exit_code() {
    let mut network = Network::start(4);
    let (alice, bob) = (network.person("alice"), network.person("bob"));
    let model = network.folder().join("model.bin");
    std::fs::write(&model, Numbers::new(3).bytes(10_000)).unwrap();
    let push = |person: &Person, name: &str, version: &str| {
        person.cairn(&["push", text(&model), "--name", name, "--version", version])
    };

    // 14: a namespace, version, account or transaction that is not there.
    push(&alice, "acme/net", "1.0.0")
        .expect_code(14)
        .expect_message("namespace");
    alice.cairn(&["namespace", "create", "acme"]).expect_code(0);
    push(&alice, "acme/net", "1.0.0").expect_code(0);
    let nobody = "11".repeat(32);
    alice
        .cairn(&["grant", "acme/net@1.0.0", &nobody])
        .expect_code(14)
        .expect_message(&nobody);
    alice
        .cairn(&["show", "acme/net@2.0.0"])
        .expect_code(14)
        .expect_message("acme/net@2.0.0");
    alice
        .cairn(&["show", &format!("sha256:{nobody}")])
        .expect_code(14);
    alice.cairn(&["tx", &nobody]).expect_code(14);
    alice.cairn(&["list", "nowhere/net"]).expect_code(14);

    // 1: a name that is taken stays taken.
    push(&alice, "acme/net", "1.0.0")
        .expect_code(1)
        .expect_message("already");
    alice
        .cairn(&["namespace", "create", "acme"])
        .expect_code(1)
        .expect_message("exists");

    // 15: a role that is missing, and an account that nobody has admitted.
    push(&bob, "acme/other", "1.0.0").expect_code(15);
    bob.cairn(&["namespace", "create", "bobs"])
        .expect_code(15)
        .expect_message("registrar");
    let key = network.folder().join("stranger.key");
    let card = network.folder().join("stranger.json");
    let stranger = network.person("bob").with("CAIRN_KEY", text(&key));
    stranger
        .cairn(&["keygen", "--name", "stranger", "--card", text(&card)])
        .expect_code(0);
    let unknown = stranger.cairn(&["namespace", "create", "strange"]);
    assert!(matches!(unknown.code, Some(14 | 15)), "{unknown:#?}");
    bob.cairn(&["account", "admit", text(&card)])
        .expect_code(15);
    alice
        .cairn(&["account", "admit", text(&card)])
        .expect_code(0);
    let admitted = id(&stranger);
    alice
        .cairn(&["role", "grant", &admitted, "registrar"])
        .expect_code(0);
    stranger
        .cairn(&["namespace", "create", "strange"])
        .expect_code(0);

    // 2: wrong usage, before anything is asked of a node.
    alice.cairn(&["push"]).expect_code(2);
    alice.cairn(&["show", "no reference"]).expect_code(2);
    push(&alice, "acme/net", "one").expect_code(2);
    Person::new(network.folder(), &[])
        .cairn(&["show", "acme/net@1.0.0"])
        .expect_code(2);

    // 16: no node in reach; and one that is no node of this chain.
    let gone = alice.clone().with("CAIRN_NODES", "cairn://127.0.0.1:9");
    gone.cairn(&["show", "acme/net@1.0.0"])
        .expect_code(16)
        .expect_message("127.0.0.1:9");
    let [consensus, ..] = network.ports(0);
    let wrong = alice
        .clone()
        .with("CAIRN_NODES", format!("cairn://{consensus}"));
    wrong.cairn(&["show", "acme/net@1.0.0"]).expect_code(16);

    // One node that is gone is passed over.
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    network.kill(0);
    alice.cairn(&["show", "acme/net@1.0.0"]).expect_code(0);
    network.check_alive();
}
