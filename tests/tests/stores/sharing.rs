//! A model goes through a bucket to another account, through caches, signed.

use crate::support::oms_keys::{Keys, tool_verify};
use crate::support::redis_server::RedisServer;
use crate::support::s3_server::{self, BUCKET, S3Server};
use crate::support::services::executable;
use crate::support::{sample_model, tree, write};
use crate::{manifest_blobs, on_nodes, person, pull, push, text};
use cairn_artifacts::cache::{AnyCache, BlobCache};
use cairn_crypto::Digest;
use cairn_tests::Network;
use std::fs;

#[test]
fn a_signed_model_goes_through_a_bucket_to_another_account_and_the_openssf_tool_accepts_it() {
    let mut network = Network::start(4);
    let server = S3Server::start();
    let store = s3_server::address(server.address, "models").to_string();
    let (alice, bob) = (person(&network, "alice"), person(&network, "bob"));
    let bob_id = network.account("bob").id.to_string();
    let tool = executable("model-signing");
    let keys = Keys::make(&tool, "SECP384R1", "PKCS8");
    let model = network.folder().join("model");
    sample_model(&model);

    alice.shown(&["namespace", "create", "acme"]);
    let private = keys.private_path();
    let more = [
        "--store",
        &store,
        "--reader",
        &bob_id,
        "--oms",
        "--oms-key",
        text(&private),
    ];
    let pushed = push(&alice, &model, "acme/bert@1.0.0", &more);
    assert_eq!(
        pushed["signatures"],
        serde_json::json!(["model.sig", "model.mldsa.dsse.json"])
    );
    // Everything is in the bucket, and nothing with a node.
    let objects = tree(&server.objects().join(BUCKET).join("models"));
    let sent: usize = objects.values().map(Vec::len).sum();
    assert_eq!(pushed["bytes_sent"], sent);
    assert_eq!(on_nodes(&network), 0);

    let copy = network.folder().join("copy");
    let unnamed = pull(&bob, "acme/bert@1.0.0", &copy, &[]);
    unnamed.expect_code(14);
    assert!(!copy.exists());
    pull(&bob, "acme/bert@1.0.0", &copy, &["--store", &store]).expect_code(0);
    // With the signature files, which the push has written into the model too.
    assert_eq!(tree(&model), tree(&copy));
    assert!(copy.join("model.sig").exists());
    let output = tool_verify(&tool, &copy, &keys);
    assert!(output.status.success(), "{output:?}");
    let public = keys.public_path();
    let verify = |expected: i32| {
        let words = [
            "verify",
            text(&copy),
            "acme/bert@1.0.0",
            "--store",
            &store,
            "--oms-key",
            text(&public),
        ];
        bob.cairn(&words).expect_code(expected);
    };
    verify(0);
    write(&copy, "config.json", b"[]");
    assert!(!tool_verify(&tool, &copy, &keys).status.success());
    verify(11);

    // Wrong credentials are refused by the server and told as that; nothing is sent.
    let stranger = alice.with("AWS_SECRET_ACCESS_KEY", "not the secret");
    let refused = stranger.cairn(&[
        "push",
        text(&model),
        "--name",
        "acme/bert",
        "--version",
        "2.0.0",
        "--store",
        &store,
    ]);
    refused.expect_code(15).expect_message("s3://models/models");
    assert!(!refused.stderr.contains("not the secret"), "{refused:#?}");
    assert_eq!(tree(&server.objects().join(BUCKET).join("models")), objects);
    network.check_alive();
}

#[test]
fn caches_stand_in_for_a_store_that_is_gone_and_are_neither_believed_nor_missed() {
    let mut network = Network::start(4);
    let server = S3Server::start();
    let store = s3_server::address(server.address, "p").to_string();
    let alice = person(&network, "alice");
    let model = network.folder().join("model");
    sample_model(&model);
    alice.shown(&["namespace", "create", "acme"]);
    push(&alice, &model, "acme/bert@1.0.0", &["--store", &store]);
    let mut number = 0;
    let mut pulled_with = |cache: &str| {
        number += 1;
        let copy = network.folder().join(format!("copy-{number}"));
        let words = ["--store", &store, "--cache", cache];
        let outcome = pull(&alice, "acme/bert@1.0.0", &copy, &words);
        if outcome.code == Some(0) {
            assert_eq!(tree(&model), tree(&copy));
        } else {
            assert!(!copy.exists());
        }
        outcome
    };

    pulled_with("memory:64").expect_code(0);
    pulled_with("memory:much")
        .expect_code(2)
        .expect_message("memory:MIB");
    let redis = RedisServer::start();
    let url = redis.url();
    pulled_with(&url).expect_code(0);
    // Lies about every blob are found out, and the store is asked.
    let blobs = manifest_blobs(&server.objects().join(BUCKET).join("p"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let cache = AnyCache::open(&url).unwrap();
        for blob in &blobs {
            let kept = cache.get(blob).await.unwrap();
            assert_eq!(Digest::of(&kept), *blob);
            cache.put(blob, b"something else".as_slice().into()).await;
        }
    });
    pulled_with(&url).expect_code(0);
    // The lies are forgotten, so that now the store is not needed.
    let objects = server.objects().join(BUCKET);
    fs::rename(objects.join("p"), objects.join("elsewhere")).unwrap();
    pulled_with(&url).expect_code(0);
    pulled_with("memory:64")
        .expect_code(14)
        .expect_message("s3://models/p");
    fs::rename(objects.join("elsewhere"), objects.join("p")).unwrap();
    // Nobody listens at its address any more.
    let _place = redis.kill();
    pulled_with(&url).expect_code(0);
    network.check_alive();
}
