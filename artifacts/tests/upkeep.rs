//! Collecting removes what nothing needs and nothing else; checking finds whatever is not whole.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_artifacts::upkeep::{Referenced, check, collect};
use cairn_artifacts::{
    AnyStore, BlobInventory, BlobStore, DiskStore, ErrorKind, NoProgress, PushOptions, Pushed,
    S3Limits, StoreAddress, push,
};
use cairn_crypto::Digest;
use futures::TryStreamExt;
use support::s3_server::{self, S3Server};
use support::{data_key, noise, pull_from, push_to, tree, write};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn model(folder: &Path, seed: u64) -> PathBuf {
    let model = folder.join(format!("model-{seed}"));
    write(&model, "a", &noise(seed, 5 << 20));
    write(&model, "b", &noise(seed + 1, 1000));
    model
}

async fn listed<S: BlobInventory>(store: &S) -> BTreeSet<Digest> {
    let listed: Vec<_> = store.list().try_collect().await.unwrap();
    listed.iter().map(|kept| kept.digest).collect()
}

async fn referenced<S: BlobStore + Clone>(store: &S, pushed: &[&Pushed]) -> Referenced {
    let manifests = pushed.iter().map(|pushed| pushed.manifest_digest).collect();
    Referenced::read(std::slice::from_ref(store), &manifests)
        .await
        .unwrap()
}

async fn only_what_is_not_needed_goes<S: BlobInventory + Clone>(store: &S) {
    let folder = tempfile::tempdir().unwrap();
    let (kept_model, gone_model) = (model(folder.path(), 1), model(folder.path(), 3));
    let kept = push_to(store, &kept_model).await;
    let needed = listed(store).await;
    let gone = push_to(store, &gone_model).await;
    let stray = Bytes::from_static(b"of a push that never ended");
    store.put(&Digest::of(&stray), stray.clone()).await.unwrap();
    let all = listed(store).await;
    assert_eq!(all.len(), needed.len() + 4 + 1);

    let needs = referenced(store, &[&kept]).await;
    assert_eq!(needs.len(), needed.len());
    let today = SystemTime::now();
    let (later, grace) = (today + 8 * DAY, 7 * DAY);

    let report = collect(store, &needs, today, grace, false).await.unwrap();
    assert_eq!((report.kept, report.young), (4, 5));
    assert!(report.removed.is_empty());
    // A clock that is behind makes nothing old.
    let past = today - 300 * DAY;
    let report = collect(store, &needs, past, Duration::from_secs(1), false)
        .await
        .unwrap();
    assert_eq!(report.young, 5);
    let would = collect(store, &needs, later, grace, true).await.unwrap();
    assert_eq!(listed(store).await, all, "a dry run removes nothing");
    let report = collect(store, &needs, later, grace, false).await.unwrap();
    assert_eq!(report, would);
    let removed: BTreeSet<_> = report.removed.keys().copied().collect();
    assert_eq!(removed, all.difference(&needed).copied().collect());
    assert!(report.bytes() > 5 << 20);
    assert_eq!(listed(store).await, needed);

    let (copy, none) = (folder.path().join("copy"), folder.path().join("none"));
    let stores = std::slice::from_ref(store);
    pull_from(stores, &kept, &copy).await.unwrap();
    assert_eq!(tree(&kept_model), tree(&copy));
    let error = pull_from(stores, &gone, &none).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_a_folder_removes_only_what_nothing_needs() {
    let folder = tempfile::tempdir().unwrap();
    only_what_is_not_needed_goes(&DiskStore::open(folder.path()).unwrap()).await;
    let address: StoreAddress = folder.path().to_str().unwrap().parse().unwrap();
    let same = AnyStore::open(&address).unwrap();
    assert_eq!(listed(&same).await.len(), 4);
    let elsewhere = StoreAddress::Folder(folder.path().join("typo"));
    assert!(AnyStore::open(&elsewhere).is_err() && !folder.path().join("typo").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_a_bucket_removes_only_what_nothing_needs() {
    let server = S3Server::start();
    let store = s3_server::store(server.address, "p", S3Limits::default());
    only_what_is_not_needed_goes(&store).await;
}

async fn push_public(store: &DiskStore, model: &Path) -> Pushed {
    let options = PushOptions {
        public: true,
        ..PushOptions::default()
    };
    push(store, model, &data_key(1), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_two_versions_share_stays_for_the_one_that_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let path = model(folder.path(), 1);
    push_public(&store, &path).await;
    write(&path, "b", b"changed");
    let second = push_public(&store, &path).await;
    assert!(second.blobs_skipped > 0);
    let needs = referenced(&store, &[&second]).await;
    let later = SystemTime::now() + 8 * DAY;
    let report = collect(&store, &needs, later, DAY, false).await.unwrap();
    // The first manifest, and its version of `b`.
    assert_eq!(report.removed.len(), 2);
    let checked = check(&store, &[second.manifest_digest].into(), &NoProgress).await;
    assert!(checked.faults.is_empty(), "{checked:?}");
}

fn place(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join(&name[..2]).join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_a_push_asks_for_is_young_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let digests = [b"asked for", b"forgotten"].map(|bytes| Digest::of(&bytes[..]));
    for bytes in [&b"asked for"[..], b"forgotten"] {
        let digest = Digest::of(bytes);
        store.put(&digest, Bytes::from_static(bytes)).await.unwrap();
        let file = File::open(place(folder.path(), &digest)).unwrap();
        file.set_modified(SystemTime::now() - 30 * DAY).unwrap();
    }
    assert!(store.has(&digests[0]).await.unwrap());
    let needs = Referenced::default();
    let now = SystemTime::now();
    let report = collect(&store, &needs, now, DAY, false).await.unwrap();
    assert_eq!(report.young, 1);
    assert_eq!(listed(&store).await, [digests[0]].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_no_store_has_is_told_and_a_damaged_one_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let pushed = push_to(&store, &model(folder.path(), 1)).await;
    let nowhere = Digest::of(b"nowhere");
    let manifests = [pushed.manifest_digest, nowhere].into();
    let stores = [store];
    let needs = Referenced::read(&stores, &manifests).await.unwrap();
    assert_eq!(needs.missing(), &[nowhere].into());

    let path = place(&folder.path().join("blobs"), &pushed.manifest_digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = Referenced::read(&stores, &manifests).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DigestMismatch, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn checking_finds_every_blob_that_is_not_whole_and_says_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    let store = DiskStore::open(&blobs).unwrap();
    let first = push_to(&store, &model(folder.path(), 1)).await;
    let second = push_to(&store, &model(folder.path(), 3)).await;
    let manifests: BTreeSet<_> = [first.manifest_digest, second.manifest_digest].into();
    let checked = check(&store, &manifests, &NoProgress).await;
    assert!(checked.faults.is_empty(), "{checked:?}");
    assert_eq!((checked.manifests, checked.whole), (2, 8));
    let total: u64 = tree(&blobs).values().map(|bytes| bytes.len() as u64).sum();
    assert_eq!(checked.bytes, total);

    let stores = [store.clone()];
    let stored = cairn_artifacts::fetch_stored_manifest(&stores, &first.manifest_digest);
    let chunks: Vec<_> = stored
        .await
        .unwrap()
        .blobs()
        .map(|(blob, _)| blob)
        .collect();
    fs::remove_file(place(&blobs, &chunks[0])).unwrap();
    let damaged = place(&blobs, &chunks[2]);
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[500] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::remove_file(place(&blobs, &second.manifest_digest)).unwrap();

    let checked = check(&store, &manifests, &NoProgress).await;
    let found: BTreeSet<_> = (checked.faults.iter())
        .map(|fault| {
            (
                fault.manifest,
                fault.blob,
                fault.error.kind() == ErrorKind::NotFound,
            )
        })
        .collect();
    let expected = [
        (first.manifest_digest, chunks[0], true),
        (first.manifest_digest, chunks[2], false),
        (second.manifest_digest, second.manifest_digest, true),
    ];
    assert_eq!(found, expected.into());
    assert_eq!(checked.whole, 2);
}
