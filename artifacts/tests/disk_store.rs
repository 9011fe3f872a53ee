//! The disk store keeps whole blobs or none, and never gives out a damaged one.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_artifacts::{BlobStore, DiskStore, MAX_BLOB, StoreError};
use cairn_crypto::Digest;
use futures::stream;
use support::{noise, tree};

fn place(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join(&name[..2]).join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_is_kept_under_its_digest_and_found_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let bytes = Bytes::from(noise(1, 100_000));
    let digest = Digest::of(&bytes);
    assert!(!store.has(&digest).await.unwrap());
    let error = store.get(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { digest: d, .. } if d == digest));
    store.put(&digest, bytes.clone()).await.unwrap();
    store.put(&digest, bytes.clone()).await.unwrap();

    let store = DiskStore::open(folder.path()).unwrap();
    assert_eq!(store.get(&digest).await.unwrap(), bytes);
    assert_eq!(store.len(&digest).await.unwrap(), Some(100_000));
    assert_eq!(fs::read(place(folder.path(), &digest)).unwrap(), bytes);
    assert_eq!(tree(folder.path()).len(), 1);
}

#[tokio::test]
async fn bytes_with_another_digest_are_refused_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let (expected, got) = (Digest::of(b"right"), Digest::of(b"wrong"));
    let error = store
        .put(&expected, Bytes::from_static(b"wrong"))
        .await
        .unwrap_err();
    match error {
        StoreError::WrongDigest {
            store,
            expected: e,
            got: g,
        } => {
            assert_eq!(store, folder.path().display().to_string());
            assert_eq!((e, g), (expected, got));
        }
        other => panic!("{other}"),
    }
    assert!(tree(folder.path()).is_empty());
    // Nor may a blob that is there hide that other bytes came under its name.
    store
        .put(&expected, Bytes::from_static(b"right"))
        .await
        .unwrap();
    assert!(
        store
            .put(&expected, Bytes::from_static(b"wrong"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_blob_damaged_on_disk_is_never_given_out_and_a_cut_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let bytes = Bytes::from(noise(1, 1000));
    let digest = Digest::of(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    let path = place(folder.path(), &digest);
    for position in [0, 500, 999] {
        let mut damaged = bytes.to_vec();
        damaged[position] ^= 0x80;
        fs::write(&path, &damaged).unwrap();
        let error = store.get(&digest).await.unwrap_err();
        assert!(matches!(error, StoreError::WrongDigest { .. }));
        // It is out of the way, though not gone, so that whoever has a sound copy is asked for it.
        assert!(!store.has(&digest).await.unwrap());
        let aside = folder.path().join("damaged").join(digest.to_string());
        assert_eq!(fs::read(aside).unwrap(), damaged);
        store.put(&digest, bytes.clone()).await.unwrap();
        assert_eq!(store.get(&digest).await.unwrap(), bytes);
    }
    fs::write(&path, &bytes[..999]).unwrap();
    assert!(store.get(&digest).await.is_err());
    store.put(&digest, bytes.clone()).await.unwrap();
    assert_eq!(store.get(&digest).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_one_blob_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let bytes = Bytes::from(noise(1, 300_000));
    let digest = Digest::of(&bytes);
    let puts = (0..16).map(|_| store.put(&digest, bytes.clone()));
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(store.get(&digest).await.unwrap(), bytes);
    assert_eq!(tree(folder.path()).len(), 1);
}

fn body(bytes: &Bytes, pieces: usize) -> Vec<Result<Bytes, &'static str>> {
    let length = bytes.len().div_ceil(pieces);
    bytes
        .chunks(length)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_pieces_is_kept_only_whole_and_right_and_within_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let bytes = Bytes::from(noise(1, 1_000_000));
    let digest = Digest::of(&bytes);
    let whole = body(&bytes, 100);

    let mut cut = whole.clone();
    cut.pop();
    let error = store
        .put_stream(&digest, MAX_BLOB, stream::iter(cut.clone()))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::WrongDigest { .. }));
    cut.push(Err("connection reset"));
    let error = store
        .put_stream(&digest, MAX_BLOB, stream::iter(cut))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("connection reset"), "{error}");
    let error = store
        .put_stream(&digest, 999_999, stream::iter(whole.clone()))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { limit: 999_999, .. }));
    assert!(
        tree(folder.path()).is_empty(),
        "a refused body leaves nothing"
    );

    let size = store
        .put_stream(&digest, 1_000_000, stream::iter(whole))
        .await
        .unwrap();
    assert_eq!(size, 1_000_000);
    assert_eq!(store.get(&digest).await.unwrap(), bytes);
}

#[tokio::test]
async fn opening_removes_what_old_writes_left_and_nothing_younger() {
    let folder = tempfile::tempdir().unwrap();
    DiskStore::open(folder.path()).unwrap();
    let (old, young) = (
        folder.path().join("tmp/old"),
        folder.path().join("tmp/young"),
    );
    let two_days = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    File::create(&old).unwrap().set_modified(two_days).unwrap();
    File::create(&young).unwrap();
    DiskStore::open(folder.path()).unwrap();
    assert!(!old.exists() && young.exists());
}

#[tokio::test]
async fn the_free_space_is_that_of_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let free = store.free_space().await.unwrap();
    assert!(free > 0 && free < 1 << 60, "{free}");
}
