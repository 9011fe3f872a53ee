//! What users search for, over a live network and every kind of catalogue: every way of finding, a node that is started
//! again, a catalogue that is lost, damaged or made anew by hand, and one that is not there while everything else goes on.
//!
//! | file | what it holds |
//! |---|---|
//! | `kind` | the kinds of catalogue, and what can happen to each |
//! | `dynamo_server` | a real server that speaks DynamoDB's protocol |

#![allow(clippy::unwrap_used)]

#[path = "../../../catalogue/tests/suite/dynamo_server.rs"]
mod dynamo_server;
mod kind;

use cairn_api::SearchPage;
use cairn_tests::person::run;
use cairn_tests::{Network, Outcome, Person, until};
use dynamo_server::DynamoServer;
use kind::{Kind, expect_unavailable};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// How long a catalogue may take to come as far as its ledger.
const PATIENCE: Duration = Duration::from_secs(60);

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Publishes a model of one file, with metadata.
fn push(person: &Person, network: &Network, name: &str, version: &str, metadata: &str) -> u64 {
    let folder = network.folder();
    let model = folder.join(format!("{}-{version}", name.replace('/', "-")));
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("weights"), format!("{name} {version}")).unwrap();
    let file = folder.join("metadata.json");
    std::fs::write(&file, metadata).unwrap();
    let words = ["push", text(&model), "--name", name, "--version", version];
    let pushed = person.shown(&[&words[..], &["--metadata", text(&file)]].concat());
    pushed["height"].as_u64().unwrap()
}

/// Waits until the catalogue of a node reflects a height.
fn wait(network: &Network, node: usize, height: u64) -> SearchPage {
    until(PATIENCE, "the catalogue comes as far as the ledger", || {
        let reply = network.api(node).get("/v1/search?limit=1").ok()?;
        let page: SearchPage = (reply.status == 200).then(|| reply.parse())?;
        assert!(page.height <= page.last_final, "{page:?}");
        (page.height >= height).then_some(page)
    })
}

/// What is found, as references.
fn found(person: &Person, arguments: &[&str]) -> Vec<String> {
    let page = person.shown(&[&["search"], arguments].concat());
    let items = page["items"].as_array().unwrap().iter();
    let reference = |item: &Value| {
        let (namespace, name) = (&item["model"]["namespace"], &item["model"]["name"]);
        let model = format!("{}/{}", namespace.as_str().unwrap(), name.as_str().unwrap());
        match item["version"]["version"].as_str() {
            Some(version) => format!("{model}@{version}"),
            None => model,
        }
    };
    items.map(reference).collect()
}

fn rebuild(network: &Network, node: usize) -> Outcome {
    run(&mut network.cairnd(node, &["catalogue", "rebuild"]))
}

#[test]
fn everything_is_found_each_way_and_again_after_the_file_was_lost() {
    everything_is_found(Kind::Embedded);
}

#[test]
fn everything_is_found_each_way_in_dynamodb_and_again_after_its_service_was_away() {
    everything_is_found(Kind::Dynamo(DynamoServer::start()));
}

fn everything_is_found(mut kind: Kind) {
    let mut network = Network::start(4);
    kind.set_up(&mut network, 3);
    let alice = network
        .person("alice")
        .with("CAIRN_NODES", network.nodes(&[3]));
    let (bob_id, alice_id) = (
        network.account("bob").id.to_string(),
        network.account("alice").id.to_string(),
    );
    alice.shown(&["namespace", "create", "acme"]);
    let role = ["role", "grant", &bob_id, "certifier", "--namespace", "acme"];
    alice.shown(&role);
    push(
        &alice,
        &network,
        "acme/bert",
        "1.0.0",
        r#"{"task":"qa","scores":{"f1":0.8}}"#,
    );
    push(
        &alice,
        &network,
        "acme/bert",
        "1.1.0",
        r#"{"task":"qa","scores":{"f1":0.9}}"#,
    );
    push(
        &alice,
        &network,
        "acme/vision",
        "1.0.0",
        r#"{"task":"images"}"#,
    );
    alice.shown(&["describe", "acme/vision", "Sees what there is"]);
    alice.shown(&["tag", "add", "acme/bert@1.1.0", "stage=production"]);
    alice.shown(&["tag", "add", "acme/vision", "team=eyes"]);
    let report = network.folder().join("report.txt");
    std::fs::write(&report, "safe").unwrap();
    let bob = network
        .person("bob")
        .with("CAIRN_NODES", network.nodes(&[3]));
    let certify = [
        "certify",
        "acme/bert@1.1.0",
        "--check",
        "safety",
        "--verdict",
        "passed",
    ];
    bob.shown(&[&certify[..], &["--statement", text(&report)]].concat());
    let yank = ["yank", "acme/bert@1.0.0", "--reason", "it leaks"];
    let height = alice.shown(&yank)["height"].as_u64().unwrap();

    let every_way = |person: &Person| {
        let (first, second, vision) = ("acme/bert@1.0.0", "acme/bert@1.1.0", "acme/vision@1.0.0");
        assert_eq!(found(person, &[]), [second, first, vision]);
        assert_eq!(found(person, &["SEES", "vision"]), [vision]);
        assert_eq!(
            found(person, &["--namespace", "acme", "bert"]),
            [second, first]
        );
        assert!(found(person, &["--namespace", "other"]).is_empty());
        assert_eq!(
            found(person, &["--owner", &alice_id]),
            [second, first, vision]
        );
        assert!(found(person, &["--owner", &bob_id]).is_empty());
        assert_eq!(found(person, &["--tag", "stage=production"]), [second]);
        assert_eq!(found(person, &["--tag", "team"]), [vision]);
        assert_eq!(found(person, &["--field", "task=qa"]), [second, first]);
        assert_eq!(found(person, &["--field", "scores.f1=0.9"]), [second]);
        assert_eq!(found(person, &["--certified"]), [second]);
        assert_eq!(found(person, &["--certified-by", &bob_id]), [second]);
        assert_eq!(found(person, &["--since", "2020-01-01"]).len(), 3);
        assert!(found(person, &["--until", "2020-01-01"]).is_empty());
        assert_eq!(found(person, &["--limit", "1"]), [second]);
    };
    wait(&network, 3, height);
    every_way(&alice);
    let people = alice.cairn(&["search", "bert"]);
    people
        .expect_code(0)
        .expect_message("a node's word as of height");
    let line = |reference: &str| people.stdout.lines().find(|line| line.contains(reference));
    assert!(
        line("acme/bert@1.0.0").unwrap().contains("yanked"),
        "{people:#?}"
    );
    assert!(
        line("acme/bert@1.1.0").unwrap().contains("certified"),
        "{people:#?}"
    );
    alice.cairn(&["search", "--field", "f1"]).expect_code(2);
    // Private models are found by what the ledger says of them to everybody, without a token.
    let anybody = network.api(2).get("/v1/search?text=bert&limit=2");
    assert_eq!(anybody.unwrap().status, 200);
    let long = format!("/v1/search?text={}", "x".repeat(300));
    network
        .api(3)
        .get(&long)
        .unwrap()
        .expect_problem(400, "bad_request");

    // Killed and started again, it goes on from where it was.
    network.kill(3);
    let other = alice.clone().with("CAIRN_NODES", network.nodes(&[0]));
    let tag = ["tag", "add", "acme/vision@1.0.0", "late=yes"];
    let late = other.shown(&tag)["height"].as_u64().unwrap();
    network.launch(3);
    wait(&network, 3, late);
    every_way(&alice);
    assert_eq!(found(&alice, &["--tag", "late=yes"]), ["acme/vision@1.0.0"]);

    // While a node runs, its catalogue cannot be made anew; when it does not, it can.
    rebuild(&network, 3).expect_code(1);
    network.terminate(3, PATIENCE);
    let rebuilt = rebuild(&network, 3);
    rebuilt.expect_code(0);
    // Two models and three versions.
    assert!(
        rebuilt.stdout.contains(": 5 entries as of height"),
        "{rebuilt:#?}"
    );
    network.launch(3);
    wait(&network, 3, late);
    every_way(&alice);

    // Lost, it is filled again by itself.
    network.terminate(3, PATIENCE);
    kind.lose(&network, 3);
    network.launch(3);
    wait(&network, 3, late);
    every_way(&alice);

    // Out of order, it is said so; consensus, reads and writes go on, and other nodes answer.
    kind.spoil(&mut network, 3);
    network.wait_for_height(late);
    expect_unavailable(&network, 3, &kind);
    network.expect_goes_on("after");
    assert_eq!(
        alice.shown(&["show", "acme/bert@1.1.0"])["id"]["version"],
        "1.1.0"
    );
    let both = alice.clone().with("CAIRN_NODES", network.nodes(&[3, 0]));
    every_way(&both);
    // What is written through this very node meanwhile is found when the catalogue is back.
    let tag = ["tag", "add", "acme/vision@1.0.0", "missed=no"];
    let missed = alice.shown(&tag)["height"].as_u64().unwrap();
    expect_unavailable(&network, 3, &kind);
    kind.mend(&mut network, 3);
    wait(&network, 3, missed);
    every_way(&alice);
    assert_eq!(
        found(&alice, &["--tag", "missed=no"]),
        ["acme/vision@1.0.0"]
    );
    network.check_alive();
}
