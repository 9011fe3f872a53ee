//! After access was revoked: the bytes are encrypted anew, and whoever may still read them can.

#![allow(clippy::unwrap_used)]

use cairn_artifacts::{PackageError, fetch_package};
use cairn_client::{Client, ClientConfig, Manifests, Session};
use cairn_crypto::Digest;
use cairn_runtime::VersionId;
use cairn_tests::{Network, Outcome, Person};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Bytes of the file that stays the same: two chunks.
const WEIGHTS: usize = 5_000_000;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Publishes the model as a version, with a configuration of its own; the bytes that were sent.
fn push(person: &Person, model: &Path, version: &str, readers: &[&str]) -> u64 {
    fs::write(model.join("config.json"), version).unwrap();
    let mut words = vec![
        "push",
        text(model),
        "--name",
        "acme/net",
        "--version",
        version,
    ];
    for reader in readers {
        words.extend(["--reader", reader]);
    }
    person.shown(&words)["bytes_sent"].as_u64().unwrap()
}

fn pull(person: &Person, version: &str, target: &Path) -> Outcome {
    let reference = format!("acme/net@{version}");
    person.cairn(&["pull", &reference, "--output", text(target)])
}

fn session(network: &Network, name: &str) -> Session {
    let nodes = network.nodes(&[0, 1, 2, 3]);
    let nodes = nodes.split(',').map(|url| url.parse().unwrap()).collect();
    let genesis = Arc::new(network.genesis().clone());
    let client = Client::new(ClientConfig::new(nodes, genesis)).unwrap();
    Session::new(client, network.account(name).keys)
}

fn digest(value: &Value) -> Digest {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_rekeyed_version_opens_for_its_readers_and_not_with_the_key_that_somebody_kept() {
    let mut network = Network::start(4);
    let (alice, bob) = (network.person("alice"), network.person("bob"));
    let bob_id = network.account("bob").id.to_string();
    let folder = network.folder().to_owned();
    let carol = alice
        .clone()
        .with("CAIRN_KEY", text(&folder.join("carol.key")));
    let card = folder.join("carol.card");
    let made = carol.shown(&["keygen", "--name", "Carol", "--card", text(&card)]);
    let carol_id = made["account"].as_str().unwrap().to_owned();
    alice.shown(&["account", "admit", text(&card)]);
    alice.shown(&["namespace", "create", "acme"]);

    let model = folder.join("model");
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join("weights"), vec![3; WEIGHTS]).unwrap();
    let readers = [bob_id.as_str(), &carol_id];
    assert!(push(&alice, &model, "1.0.0", &readers) > WEIGHTS as u64);
    let second = push(&alice, &model, "1.1.0", &readers);
    assert!(second < 100_000, "the weights were sent again: {second}");
    pull(&bob, "1.0.0", &folder.join("first")).expect_code(0);

    // Bob keeps the data key that he may have today.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let one: VersionId = "acme/net@1.0.0".parse().unwrap();
    let kept = runtime.block_on(session(&network, "bob").data_key(&one));
    let kept = kept.unwrap().unwrap();
    let manifests = || {
        let client = session(&network, "alice").client().clone();
        runtime.block_on(client.manifests(None)).unwrap()
    };
    let before = manifests().in_force;
    let revoke = ["revoke", "acme/net@1.0.0", &bob_id, "--reason", "left"];
    alice.shown(&revoke);
    pull(&bob, "1.0.0", &folder.join("again")).expect_code(15);
    // Nothing that Bob may know is used for what comes after.
    assert!(push(&alice, &model, "1.2.0", &[&carol_id]) > WEIGHTS as u64);

    // Whoever cannot read it cannot encrypt it anew, and whoever has no right to it does not get so far as the ledger.
    bob.cairn_json(&["model", "rekey", "acme/net@1.0.0"])
        .expect_code(15);
    carol
        .cairn_json(&["model", "rekey", "acme/net@1.0.0"])
        .expect_code(15);

    let rekeyed = alice.shown(&["model", "rekey", "acme/net@1.0.0"]);
    assert_eq!(rekeyed["skipped"], serde_json::json!([]));
    let rekeyed = rekeyed["rekeyed"].as_array().unwrap();
    let ids: Vec<&str> = rekeyed
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["acme/net@1.1.0", "acme/net@1.0.0"], "and not 1.2.0");
    assert_eq!(
        (&rekeyed[0]["generation"], &rekeyed[1]["generation"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        rekeyed[1]["readers"].as_array().unwrap().len(),
        2,
        "Alice and Carol"
    );
    assert_eq!(
        rekeyed[0]["readers"].as_array().unwrap().len(),
        3,
        "and Bob, who may read 1.1.0"
    );
    assert!(rekeyed[0]["bytes_sent"].as_u64().unwrap() > WEIGHTS as u64);
    assert!(rekeyed[1]["bytes_sent"].as_u64().unwrap() < 100_000);

    for version in ["1.0.0", "1.1.0"] {
        let target = folder.join(format!("carol-{version}"));
        pull(&carol, version, &target).expect_code(0);
        assert_eq!(fs::read(target.join("weights")).unwrap(), vec![3; WEIGHTS]);
        assert_eq!(
            fs::read_to_string(target.join("config.json")).unwrap(),
            version
        );
    }
    pull(&bob, "1.0.0", &folder.join("again")).expect_code(15);
    pull(&bob, "1.1.0", &folder.join("bob-1.1.0")).expect_code(0);

    let now = digest(&rekeyed[1]["manifest_digest"]);
    let stores = runtime
        .block_on(session(&network, "alice").stores())
        .unwrap();
    let opened = runtime.block_on(fetch_package(&stores, &now, Some(&kept)));
    assert!(
        matches!(opened, Err(PackageError::WrongDataKey)),
        "{opened:?}"
    );
    // What lies under the old keys is needed by nothing any more.
    let Manifests {
        in_force: after,
        replaced,
    } = manifests();
    let new: BTreeSet<Digest> = (rekeyed.iter())
        .map(|one| digest(&one["manifest_digest"]))
        .collect();
    assert!(after.is_superset(&new) && after.is_disjoint(&before));
    assert!(replaced.keys().eq(&before) && replaced.values().all(|by| new.contains(by)));

    // The model's files are shared again.
    let last = push(&alice, &model, "1.3.0", &[]);
    assert!(last < 100_000, "the weights were sent again: {last}");
    network.check_alive();
}
