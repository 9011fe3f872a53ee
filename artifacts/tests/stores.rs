//! What every blob store promises, asked of each: the disk, and a real S3 server.
//!
//! The store that a node's API is, is asked the same where whole networks are tested.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_artifacts::{
    BlobInventory, BlobStore, DiskStore, MAX_STORED_MANIFEST, PackageError, S3Limits, S3Store,
    StoreError,
};
use cairn_crypto::Digest;
use futures::TryStreamExt;
use support::s3_server::{self, BUCKET, S3Server};
use support::{noise, pull_from, push_to, sample_model, tree};

async fn suite<S: BlobInventory + Clone>(store: &S) {
    a_blob_comes_back(store).await;
    wrong_bytes_are_refused(store).await;
    many_at_once(store).await;
    a_blob_that_is_too_long_is_refused(store).await;
    listed_and_removed(store).await;
    a_model_goes_there_and_back(store).await;
}

async fn put<S: BlobStore>(store: &S, seed: u64, length: usize) -> (Digest, Bytes) {
    let bytes = Bytes::from(noise(seed, length));
    let digest = Digest::of(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    (digest, bytes)
}

async fn a_blob_comes_back<S: BlobStore>(store: &S) {
    let missing = Digest::of(b"never put");
    assert!(!store.has(&missing).await.unwrap());
    match store.get(&missing).await.unwrap_err() {
        StoreError::NotFound {
            store: name,
            digest,
        } => assert_eq!((name, digest), (store.name(), missing)),
        other => panic!("{other}"),
    }
    for (seed, length) in [(1, 1), (2, 1000), (3, 5 << 20)] {
        let (digest, bytes) = put(store, seed, length).await;
        assert!(store.has(&digest).await.unwrap());
        assert_eq!(store.get(&digest).await.unwrap(), bytes);
        // Once more changes nothing.
        put(store, seed, length).await;
        assert_eq!(store.get(&digest).await.unwrap(), bytes);
    }
}

async fn wrong_bytes_are_refused<S: BlobStore>(store: &S) {
    let (expected, wrong) = (Digest::of(b"right"), Bytes::from_static(b"wrong"));
    match store.put(&expected, wrong.clone()).await.unwrap_err() {
        StoreError::WrongDigest {
            store: name,
            expected: e,
            got,
        } => assert_eq!((name, e, got), (store.name(), expected, Digest::of(&wrong))),
        other => panic!("{other}"),
    }
    assert!(!store.has(&expected).await.unwrap());
}

async fn many_at_once<S: BlobStore>(store: &S) {
    let blobs: Vec<Bytes> = (0..16).map(|n| noise(100 + n % 4, 70_000).into()).collect();
    let puts = blobs.iter().map(|bytes| async move {
        let digest = Digest::of(bytes);
        store.put(&digest, bytes.clone()).await.unwrap();
        assert_eq!(store.get(&digest).await.unwrap(), bytes);
    });
    futures::future::join_all(puts).await;
}

async fn a_blob_that_is_too_long_is_refused<S: BlobStore>(store: &S) {
    let bytes = Bytes::from(vec![0; MAX_STORED_MANIFEST as usize + 1]);
    let digest = Digest::of(&bytes);
    let error = store.put(&digest, bytes).await.unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
}

async fn listed_and_removed<S: BlobInventory>(store: &S) {
    let before = SystemTime::now() - Duration::from_secs(600);
    let (digest, bytes) = put(store, 77, 12_345).await;
    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    let names: BTreeSet<_> = listed.iter().map(|kept| kept.digest).collect();
    assert_eq!(names.len(), listed.len(), "each once");
    let kept = listed.iter().find(|kept| kept.digest == digest).unwrap();
    assert_eq!(kept.size, bytes.len() as u64);
    assert!(kept.since > before && kept.since < before + Duration::from_secs(1200));

    store.remove(&digest).await.unwrap();
    store.remove(&digest).await.unwrap();
    assert!(!store.has(&digest).await.unwrap());
    let after: Vec<_> = store.list().try_collect().await.unwrap();
    assert_eq!(after.len(), listed.len() - 1);
    assert!(after.iter().all(|kept| kept.digest != digest));
}

async fn a_model_goes_there_and_back<S: BlobStore + Clone>(store: &S) {
    let folder = tempfile::tempdir().unwrap();
    let (model, copy) = (folder.path().join("model"), folder.path().join("copy"));
    sample_model(&model);
    let pushed = push_to(store, &model).await;
    pull_from(std::slice::from_ref(store), &pushed, &copy)
        .await
        .unwrap();
    assert_eq!(tree(&model), tree(&copy));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    suite(&DiskStore::open(folder.path()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_every_promise() {
    let server = S3Server::start();
    let open = |prefix| s3_server::store(server.address, prefix, S3Limits::default());
    suite(&open("some/prefix")).await;
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
