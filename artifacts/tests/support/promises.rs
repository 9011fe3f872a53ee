//! What every blob store promises, asked of whichever store there is.
//!
//! The disk and S3 are asked by this crate's tests; the store that a node's API is, where whole networks are tested.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_artifacts::{BlobInventory, BlobStore, MAX_STORED_MANIFEST, StoreError};
use cairn_crypto::Digest;
use futures::TryStreamExt;

use super::{noise, pull_from, push_to, sample_model, tree};

/// Asks for everything that a store promises to those who push and pull.
pub async fn of_a_store<S: BlobStore + Clone>(store: &S) {
    a_blob_comes_back(store).await;
    wrong_bytes_are_refused(store).await;
    many_at_once(store).await;
    a_blob_that_is_too_long_is_refused(store).await;
    a_model_goes_there_and_back(store).await;
}

/// Asks for what a store promises besides to its keeper.
pub async fn of_an_inventory<S: BlobInventory>(store: &S) {
    listed_and_removed(store).await;
}

/// Puts noise of this seed and length.
pub async fn put<S: BlobStore>(store: &S, seed: u64, length: usize) -> (Digest, Bytes) {
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
