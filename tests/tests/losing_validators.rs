//! A network goes on while at most a third of its validators, rounded down, is lost.

#![allow(clippy::unwrap_used)]

use cairn_runtime::Operation;
use cairn_tests::{Network, until};
use serde_json::Value;

/// Creates a namespace through a validator and waits until that is final on all that run, so that any of them
/// knows the next nonce.
fn create(network: &mut Network, index: usize, namespace: &str) -> Value {
    let alice = network.account("alice");
    let mut api = network.api(index);
    let (nonce, expiry) = alice.next(&mut api).unwrap();
    let ops = vec![Operation::CreateNamespace {
        namespace: namespace.to_owned(),
    }];
    let bytes = alice.sign(alice.transaction(nonce, expiry, ops));
    let status = until(
        network.patience(),
        &format!("namespace {namespace} is final"),
        || {
            // The same bytes again are no second transaction, so asking again is all that patience needs.
            let reply = api.submit("?wait=final&timeout_s=30", &bytes).unwrap();
            if reply.status == 504 {
                return None;
            }
            assert_eq!(
                reply.status,
                200,
                "{}",
                String::from_utf8_lossy(&reply.body)
            );
            Some(reply.json())
        },
    );
    network.wait_for_height(status["height"].as_u64().unwrap());
    status
}

fn succeeded(status: &Value) -> bool {
    status["status"] == "final" && status["receipt"]["outcome"]["applied"].is_array()
}

#[test]
fn four_lose_one_and_the_one_that_comes_back_catches_up_to_the_same_blocks() {
    let mut network = Network::start(4);
    assert!(succeeded(&create(&mut network, 0, "before")));
    network.kill(3);

    // More blocks than a validator fetches one by one: it has to use block sync.
    let mut statuses = Vec::new();
    for ordinal in 0..24 {
        let status = create(&mut network, ordinal % 3, &format!("while-{ordinal}"));
        assert!(succeeded(&status), "{status}");
        statuses.push(status);
    }
    let height = network.status(0).unwrap().height;
    assert!(height > 20, "{height}");
    network.wait_for_height(height);

    network.launch(3);
    network.wait_for_height(height);
    let expected = network.block_ids(0, height);
    for index in 1..4 {
        assert_eq!(
            network.block_ids(index, height),
            expected,
            "validator {index}"
        );
    }
    // Its receipts are the same, and it takes part again: with another one gone it is needed.
    let mut api = network.api(3);
    for status in &statuses {
        let hash = status["tx_hash"].as_str().unwrap();
        assert_eq!(
            &api.get(&format!("/v1/transactions/{hash}")).unwrap().json(),
            status
        );
    }
    network.kill(1);
    assert!(succeeded(&create(&mut network, 3, "after")));
    network.check_alive();
}

#[test]
fn four_lose_two_and_accept_nothing_until_one_is_back() {
    let mut network = Network::start(4);
    assert!(succeeded(&create(&mut network, 0, "before")));
    network.kill(2);
    network.kill(3);
    let alice = network.account("alice");
    let mut api = network.api(0);
    let (nonce, expiry) = alice.next(&mut api).unwrap();
    let ops = vec![Operation::CreateNamespace {
        namespace: "without".into(),
    }];
    let bytes = alice.sign(alice.transaction(nonce, expiry, ops));
    // Half is no quorum: the transaction is taken in and waits.
    let reply = api.submit("?wait=final&timeout_s=5", &bytes).unwrap();
    assert_eq!(reply.problem(), (504, "wait_timeout".into()));
    let height = network.status(0).unwrap().height;
    assert!(network.status(1).unwrap().height.abs_diff(height) <= 1);

    network.launch(2);
    let done = until(
        network.patience(),
        "the transaction is final after all",
        || {
            let reply = api.submit("?wait=final&timeout_s=30", &bytes).unwrap();
            (reply.status == 200).then(|| reply.json())
        },
    );
    assert!(succeeded(&done), "{done}");
    network.check_alive();
}

#[test]
fn thirty_two_lose_ten_and_go_on_accepting_models() {
    let mut network = Network::start(32);
    let alice = network.person("alice");
    alice.cairn(&["namespace", "create", "acme"]).expect_code(0);
    let model = network.folder().join("model.bin");
    std::fs::write(&model, vec![7; 100_000]).unwrap();
    // Neither the first ones only nor neighbours only.
    for index in [1, 4, 7, 10, 13, 16, 19, 22, 25, 31] {
        network.kill(index);
    }
    let nodes = network.nodes(&network.running());
    let alice = alice.with("CAIRN_NODES", nodes.clone());
    for version in ["1.0.0", "1.0.1"] {
        let path = model.to_str().unwrap();
        // A push whose transaction takes longer than the program waits is run again: it goes on.
        until(
            network.patience(),
            &format!("version {version} is final"),
            || {
                let pushed =
                    alice.cairn(&["push", path, "--name", "acme/net", "--version", version]);
                let there = pushed.stderr.contains("already");
                (pushed.code == Some(0) || there).then_some(())
            },
        );
        std::fs::write(&model, vec![8; 100_000]).unwrap();
    }
    let out = network.folder().join("out");
    alice
        .cairn(&["pull", "acme/net@1.0.1", "-o", out.to_str().unwrap()])
        .expect_code(0);
    assert!(std::fs::read(out.join("model.bin")).unwrap() == vec![8; 100_000]);

    let height = network.status(0).unwrap().height;
    network.wait_for_height(height);
    let expected = network.block_ids(0, height);
    for index in network.running() {
        assert_eq!(
            network.block_ids(index, height),
            expected,
            "validator {index}"
        );
    }
    network.check_alive();
}
