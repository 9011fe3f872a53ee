//! What every blob store promises, asked of each: the disk, and a real S3 server.
//!
//! The store that a node's API is, is asked the same where whole networks are tested.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use bytes::Bytes;
use cairn_artifacts::{
    BlobInventory, BlobStore, DiskStore, PackageError, S3Limits, S3Store, StoreError,
};
use cairn_crypto::Digest;
use futures::TryStreamExt;
use support::promises::{self, put};
use support::s3_server::{self, BUCKET, S3Server};
use support::{pull_from, push_to, sample_model};

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    promises::of_a_store(&store).await;
    promises::of_an_inventory(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_every_promise() {
    let server = S3Server::start();
    let open = |prefix| s3_server::store(server.address, prefix, S3Limits::default());
    promises::of_a_store(&open("some/prefix")).await;
    promises::of_an_inventory(&open("some/prefix")).await;
    // Two prefixes do not see each other, and one may be the beginning of the other.
    let (store, inner) = (open("some"), open("some/prefix"));
    let (digest, _) = put(&store, 5, 10).await;
    assert!(!inner.has(&digest).await.unwrap());
    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    let root = open("");
    put(&root, 6, 10).await;
    let listed: Vec<_> = root.list().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_changed_in_the_bucket_is_never_given_out() {
    let server = S3Server::start();
    let store = s3_server::store(server.address, "p", S3Limits::default());
    let (digest, bytes) = put(&store, 1, 100_000).await;
    let object = server
        .objects()
        .join(BUCKET)
        .join("p")
        .join(digest.to_string());
    assert_eq!(fs::read(&object).unwrap(), bytes);
    for position in [0, 50_000, 99_999] {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1;
        fs::write(&object, &changed).unwrap();
        match store.get(&digest).await.unwrap_err() {
            StoreError::WrongDigest { expected, got, .. } => {
                assert_eq!((expected, got), (digest, Digest::of(&changed)));
            }
            other => panic!("{other}"),
        }
    }
    fs::write(&object, &bytes[..99_999]).unwrap();
    assert!(store.get(&digest).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart_from_silence() {
    let server = S3Server::start();
    let (digest, bytes) = (Digest::of(b"x"), Bytes::from_static(b"x"));
    let address = s3_server::address(server.address, "p");
    let limits = S3Limits::default();
    let credentials = s3_server::credentials("not the secret");
    let stranger = S3Store::open(&address, Some(&credentials), limits).unwrap();
    for error in [
        stranger.put(&digest, bytes.clone()).await.unwrap_err(),
        stranger.get(&digest).await.unwrap_err(),
        stranger.has(&digest).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    }
    let store = s3_server::store(server.address, "p", limits);
    drop(server);
    let error = store.get(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("s3://models/p"), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_went_away_is_named_when_a_model_cannot_be_pulled() {
    let server = S3Server::start();
    let store = s3_server::store(server.address, "p", S3Limits::default());
    let folder = tempfile::tempdir().unwrap();
    sample_model(&folder.path().join("model"));
    let pushed = push_to(&store, &folder.path().join("model")).await;
    drop(server);
    let error = pull_from(
        std::slice::from_ref(&store),
        &pushed,
        &folder.path().join("copy"),
    )
    .await
    .unwrap_err();
    let PackageError::Blob { failures, .. } = &error else {
        panic!("{error}");
    };
    assert!(
        matches!(&failures[..], [StoreError::Unavailable { store: name, .. }] if *name == store.name())
    );
}
