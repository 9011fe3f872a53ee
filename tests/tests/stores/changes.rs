//! What has not changed since the version before is not sent again.

use crate::support::s3_server::{self, S3Server};
use crate::support::{noise, tree, write};
use crate::{person, pull, push};
use cairn_tests::{Network, Person};
use serde_json::Value;
use std::path::Path;

const LARGE: usize = 9 << 20;

fn sent(pushed: &Value) -> u64 {
    pushed["bytes_sent"].as_u64().unwrap()
}

/// Pushes three versions, of which the second changes one small file, and pulls them.
fn three_versions(
    network: &Network,
    people: [&Person; 2],
    bob_id: &str,
    model: &str,
    more: &[&str],
) {
    let [alice, bob] = people;
    let files = network.folder().join(model.replace('/', "-"));
    write(&files, "weights", &noise(1, LARGE));
    write(&files, "config.json", b"{}");
    let mut words = vec!["--reader", bob_id];
    words.extend(more);
    let first = push(alice, &files, &format!("{model}@1.0.0"), &words);
    assert!(sent(&first) > LARGE as u64);
    write(&files, "config.json", b"{\"changed\": true}");
    let second = push(alice, &files, &format!("{model}@1.1.0"), &words);
    assert!(sent(&second) < 20_000, "{second}");
    assert_ne!(first["model_hash"], second["model_hash"]);
    let copy_of = |version: &str| {
        let copy = network.folder().join(format!("{model}-{version}"));
        pull(bob, &format!("{model}@{version}"), &copy, more).expect_code(0);
        tree(&copy)
    };
    assert!(copy_of("1.1.0") == tree(&files));
    assert!(copy_of("1.0.0")["config.json"] == b"{}");

    // Whoever lost access has had the keys of these files: from here on they have others.
    let id = format!("{model}@1.0.0");
    alice.shown(&["revoke", &id, bob_id, "--reason", "left"]);
    let third = push(alice, &files, &format!("{model}@1.2.0"), more);
    assert!(sent(&third) > LARGE as u64, "{third}");
    let fourth = push(alice, &files, &format!("{model}@1.3.0"), more);
    assert!(sent(&fourth) < 20_000, "{fourth}");
}

fn seen(times: &Value, store: &str, operation: &str) -> u64 {
    let stores = times["stores"].as_array().unwrap().iter();
    let found = stores.filter(|entry| {
        entry["store"].as_str().unwrap().contains(store)
            && entry["operation"] == operation
            && entry["outcome"] == "ok"
    });
    found.map(|entry| entry["count"].as_u64().unwrap()).sum()
}

#[test]
fn a_second_push_sends_the_file_that_changed_and_no_key_from_before_a_revocation_is_used_again() {
    let mut network = Network::start(4);
    let server = S3Server::start();
    let store = s3_server::address(server.address, "p").to_string();
    let (alice, bob) = (person(&network, "alice"), person(&network, "bob"));
    let bob_id = network.account("bob").id.to_string();
    alice.shown(&["namespace", "create", "acme"]);
    let people = [&alice, &bob];
    three_versions(&network, people, &bob_id, "acme/node", &[]);
    three_versions(
        &network,
        people,
        &bob_id,
        "acme/bucket",
        &["--store", &store],
    );

    // A push and a pull say where their time went.
    let model = network.folder().join("timed");
    write(&model, "weights", &noise(5, LARGE));
    let pushed = push(&alice, &model, "acme/timed@1.0.0", &["--store", &store]);
    let times = &pushed["times"];
    assert_eq!(seen(times, "s3://models/p", "put"), 4, "{times}");
    assert!(times["encryption"]["bytes"].as_u64().unwrap() >= LARGE as u64);
    assert!(times["encryption"]["seconds"].as_f64().unwrap() > 0.0);
    let copy = network.folder().join("timed-copy");
    let outcome = pull(
        &alice,
        "acme/timed@1.0.0",
        Path::new(&copy),
        &["--store", &store, "--json"],
    );
    outcome.expect_code(0);
    let times = &outcome.json()["times"];
    assert_eq!(seen(times, "s3://models/p", "get"), 4, "{times}");
    // Decrypted, and hashed.
    assert!(times["verification"]["bytes"].as_u64().unwrap() >= 2 * LARGE as u64);
    network.check_alive();
}
