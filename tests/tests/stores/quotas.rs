//! What a namespace may have of a node's blob store, and what nodes measure of all of it.

use crate::support::{noise, write};
use crate::{on_nodes, person, pull, push, text};
use cairn_api::token::scope::{BLOBS_READ, BLOBS_WRITE};
use cairn_crypto::Digest;
use cairn_tests::Network;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const MEBIBYTE: u64 = 1 << 20;
const QUOTA: u64 = 12 * MEBIBYTE;

fn metrics(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let timeout = Some(Duration::from_secs(30));
    stream.set_read_timeout(timeout).unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The value of a line of metrics; zero when it is not there.
fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|one| one.strip_prefix(line));
    found.map_or(0.0, |rest| rest.trim().parse().unwrap())
}

fn usage(person: &cairn_tests::Person, namespace: &str) -> Value {
    person.shown(&["namespace", "usage", namespace])[0].clone()
}

#[test]
fn a_namespace_has_its_quota_of_a_node_and_no_byte_more_and_the_others_are_not_touched() {
    let mut network = Network::start(4);
    network.kill(0);
    network.set_quota(0, "acme", QUOTA);
    network.launch(0);
    network.wait_for_peers();
    let only = network.nodes(&[0]);
    let alice = person(&network, "alice").with("CAIRN_NODES", only);
    for namespace in ["acme", "other"] {
        alice.shown(&["namespace", "create", namespace]);
    }
    let model = network.folder().join("model");
    write(&model, "weights", &noise(1, 9 << 20));
    push(&alice, &model, "acme/first@1.0.0", &[]);
    let used = usage(&alice, "acme");
    let bytes = used["bytes"].as_u64().unwrap();
    assert!((9 * MEBIBYTE..10 * MEBIBYTE).contains(&bytes), "{used}");
    assert_eq!(
        (&used["blobs"], &used["quota_bytes"]),
        (&4.into(), &QUOTA.into())
    );
    let told = alice.cairn(&["namespace", "usage", "acme"]);
    assert!(told.stdout.contains("12.00 MiB"), "{told:#?}");

    // The next one is too large; what fits of it is given back with the time, and the ledger has no word of it.
    write(&model, "weights", &noise(2, 9 << 20));
    let words = [
        "push",
        text(&model),
        "--name",
        "acme/second",
        "--version",
        "1.0.0",
    ];
    let refused = alice.cairn(&words);
    refused
        .expect_code(15)
        .expect_message("quota_exceeded")
        .expect_message(&QUOTA.to_string());
    alice.cairn(&["show", "acme/second@1.0.0"]).expect_code(14);
    let used = usage(&alice, "acme")["bytes"].as_u64().unwrap();
    assert!(used <= QUOTA, "{used}");
    // Other namespaces have no quota here, other nodes none at all.
    push(&alice, &model, "other/second@1.0.0", &[]);
    let elsewhere = alice.clone().with("CAIRN_NODES", network.nodes(&[1]));
    push(&elsewhere, &model, "acme/second@1.0.0", &[]);
    assert!(usage(&elsewhere, "acme")["quota_bytes"].is_null());

    // It is known again after a restart: from the ledger, without what was never published.
    network.kill(0);
    network.launch(0);
    network.wait_for_peers();
    assert_eq!(usage(&alice, "acme")["bytes"], bytes);
    assert_eq!(
        alice.cairn(&["namespace", "usage", "nobody"]).code,
        Some(14)
    );
    whoever_sends_a_blob_says_for_whom(&network);
    network.check_alive();
}

fn whoever_sends_a_blob_says_for_whom(network: &Network) {
    let account = network.account("alice");
    let mut api = network.api(0);
    let scope = format!("{BLOBS_READ} {BLOBS_WRITE}");
    let token = account.bearer(&account.claims(&network.audience(0), &scope));
    let bytes = noise(9, 5_000_000);
    let digest = Digest::of(&bytes).reference();
    let mut put = |query: &str| {
        let path = format!("/v1/blobs/{digest}{query}");
        let headers = [("authorization", token.as_str())];
        api.request("PUT", &path, &headers, &bytes).unwrap()
    };
    put("").expect_problem(400, "namespace_missing");
    put("?namespace=nobody").expect_problem(404, "namespace_not_found");
    let refused = put("?namespace=acme");
    refused.expect_problem(403, "quota_exceeded");
    let values = &refused.json()["values"];
    assert_eq!(
        (&values["quota"], &values["length"]),
        (&QUOTA.into(), &5_000_000.into())
    );
    assert_eq!(put("?namespace=other").status, 201);
}

#[test]
fn a_node_measures_its_stores_and_its_cryptography_while_it_works() {
    let mut network = Network::start(4);
    let alice = person(&network, "alice").with("CAIRN_NODES", network.nodes(&[0]));
    alice.shown(&["namespace", "create", "acme"]);
    let model = network.folder().join("model");
    write(&model, "weights", &noise(1, 9 << 20));
    push(&alice, &model, "acme/net@1.0.0", &[]);
    let copy = network.folder().join("copy");
    pull(&alice, "acme/net@1.0.0", &copy, &[]).expect_code(0);
    assert_eq!(on_nodes(&network), 4);

    let text = metrics(network.ports(0)[3]);
    let latency = "cairn_storage_latency_seconds_count";
    let of = |operation: &str, outcome: &str| {
        let labels = format!("{{operation=\"{operation}\",outcome=\"{outcome}\",store=\"blobs\"}}");
        value(&text, &format!("{latency}{labels}"))
    };
    // Three chunks and a manifest.
    assert_eq!(of("put", "ok"), 4.0, "{text}");
    assert!(of("get", "ok") >= 4.0, "{text}");
    assert!(of("has", "ok") + of("has", "not_found") >= 4.0, "{text}");
    let retrieved = "cairn_retrieval_time_seconds_count{outcome=\"ok\",store=\"blobs\"}";
    assert_eq!(value(&text, retrieved), of("get", "ok"));
    let checked = "cairn_verification_duration_seconds_count{what=\"blob\"}";
    assert_eq!(value(&text, checked), of("get", "ok"));
    // On each node three of the self-test; and one for each connection between nodes, of which there are two for a pair.
    let keys = "cairn_key_generation_time_seconds_count{algorithm=\"ml_kem_1024\"}";
    let made = (0..4).map(|node| value(&metrics(network.ports(node)[3]), keys) - 3.0);
    assert!(made.sum::<f64>() >= 12.0);
    for line in [
        "cairn_storage_latency_seconds_sum{operation=\"put\",outcome=\"ok\",store=\"blobs\"}",
        "cairn_verification_duration_seconds_sum{what=\"consensus_message\"}",
        "cairn_verification_duration_seconds_sum{what=\"transaction\"}",
        "cairn_signature_verification_seconds_sum{what=\"transaction\"}",
        "cairn_key_generation_time_seconds_sum{algorithm=\"ml_dsa_87\"}",
        "cairn_key_generation_time_seconds_sum{algorithm=\"ml_kem_1024\"}",
        "cairn_encryption_performance_seconds_sum{operation=\"seal\"}",
        "cairn_encryption_performance_seconds_sum{operation=\"open\"}",
        "cairn_encryption_performance_seconds_sum{operation=\"seal_record\"}",
        "cairn_encryption_performance_seconds_sum{operation=\"open_record\"}",
    ] {
        assert!(value(&text, line) > 0.0, "{line}: {text}");
    }
    let chain = text.lines().any(|line| {
        line.starts_with(latency)
            && line.contains("store=\"chain\"")
            && line.contains("outcome=\"ok\"")
    });
    assert!(chain, "{text}");
    network.check_alive();
}
