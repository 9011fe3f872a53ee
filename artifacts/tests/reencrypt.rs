//! A package under new keys: the same model, and nothing that the old keys open.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use cairn_artifacts::{
    DiskStore, Package, PackageError, PullOptions, PushOptions, Pushed, ReencryptOptions,
    Reencrypted, fetch_package, fetch_stored_manifest, fetch_vector, forget_reencryption, pull,
    push, reencrypt,
};
use cairn_crypto::Digest;
use support::{Faulty, data_key, noise, npy_vector, push_to, sample_model, tree, write};

/// The key that [`push_to`] pushes under.
const OLD: u8 = 1;
const NEW: u8 = 2;

async fn package(store: &DiskStore, pushed: &Pushed) -> Package {
    let stores = std::slice::from_ref(store);
    fetch_package(stores, &pushed.manifest_digest, Some(&data_key(OLD)))
        .await
        .unwrap()
}

async fn blobs(store: &DiskStore, manifest: &Digest) -> BTreeSet<Digest> {
    let stores = std::slice::from_ref(store);
    let stored = fetch_stored_manifest(stores, manifest).await.unwrap();
    stored.blobs().map(|(digest, _)| digest).collect()
}

async fn renew(store: &DiskStore, package: &Package, options: ReencryptOptions) -> Reencrypted {
    let from = std::slice::from_ref(store);
    reencrypt(from, store, package, &data_key(NEW), options)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_stays_and_the_old_key_opens_nothing_of_the_new_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    sample_model(&model);
    write(folder.path(), "vector.npy", &npy_vector());
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let options = PushOptions {
        vector: Some(folder.path().join("vector.npy")),
        ..PushOptions::default()
    };
    let pushed = push(&store, &model, &data_key(OLD), options).await.unwrap();
    let old = package(&store, &pushed).await;
    let new = renew(&store, &old, ReencryptOptions::default()).await;

    assert_eq!(new.package.manifest(), old.manifest());
    let (before, after) = (
        blobs(&store, &pushed.manifest_digest).await,
        blobs(&store, &new.manifest_digest).await,
    );
    assert_eq!(before.len(), after.len());
    assert!(before.is_disjoint(&after));
    let stores = [store];
    let with =
        async |key: u8| fetch_package(&stores, &new.manifest_digest, Some(&data_key(key))).await;
    assert!(matches!(with(OLD).await, Err(PackageError::WrongDataKey)));
    assert_eq!(with(NEW).await.unwrap(), new.package);

    let vector = fetch_vector(&stores, &new.package).await.unwrap();
    assert_eq!(vector, Some(npy_vector()));
    let (digest, hash, key) = (&new.manifest_digest, &pushed.model_hash, data_key(NEW));
    pull(
        &stores,
        digest,
        hash,
        Some(&key),
        &target,
        PullOptions::default(),
    )
    .await
    .unwrap();
    assert_eq!(tree(&target), tree(&model));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    sample_model(&model);
    let blobs = folder.path().join("blobs");
    let store = DiskStore::open(&blobs).unwrap();
    let pushed = push_to(&store, &model).await;
    let old = package(&store, &pushed).await;
    let options = || ReencryptOptions {
        resume_dir: Some(folder.path().join("resume")),
        ..ReencryptOptions::default()
    };

    let faulty = Faulty::new(&blobs, "stops");
    faulty
        .puts_left
        .store(3, std::sync::atomic::Ordering::SeqCst);
    let from = std::slice::from_ref(&store);
    let stopped = reencrypt(from, &faulty, &old, &data_key(NEW), options()).await;
    assert!(
        matches!(stopped, Err(PackageError::Store(_))),
        "{stopped:?}"
    );

    let finished = renew(&store, &old, options()).await;
    // Seven chunks and the manifest, three of which were there.
    let whole = renew(&store, &old, ReencryptOptions::default()).await;
    assert!(finished.bytes_sent < whole.bytes_sent);
    let again = renew(&store, &old, options()).await;
    assert_eq!(
        (again.manifest_digest, again.bytes_sent),
        (finished.manifest_digest, 0)
    );

    forget_reencryption(&folder.path().join("resume")).unwrap();
    let other = renew(&store, &old, options()).await;
    assert_ne!(other.manifest_digest, finished.manifest_digest);
}

async fn version_two(store: &DiskStore, model: &Path, parent: Package) -> Pushed {
    write(model, "config.json", b"{\"two\": 2}");
    let options = PushOptions {
        parent: Some(parent),
        ..PushOptions::default()
    };
    push(store, model, &data_key(OLD), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_share_a_file_still_share_it_and_no_old_blob_is_left_in_either() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "weights.bin", &noise(7, 5_000_000));
    write(&model, "config.json", b"{}");
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let one = push_to(&store, &model).await;
    let old_one = package(&store, &one).await;
    let two = version_two(&store, &model, old_one.clone()).await;
    let old_two = package(&store, &two).await;
    let old: BTreeSet<_> =
        (&blobs(&store, &one.manifest_digest).await) | &blobs(&store, &two.manifest_digest).await;
    assert_eq!(
        old.len(),
        4,
        "two chunks of the weights, two configurations"
    );

    let new_one = renew(&store, &old_one, ReencryptOptions::default()).await;
    let options = ReencryptOptions {
        renewed: vec![new_one.package.clone()],
        ..ReencryptOptions::default()
    };
    let new_two = renew(&store, &old_two, options).await;
    assert!(new_two.bytes_sent < 100_000, "the weights were sent once");
    let new: BTreeSet<_> = (&blobs(&store, &new_one.manifest_digest).await)
        | &blobs(&store, &new_two.manifest_digest).await;
    assert_eq!(new.len(), 4);
    assert!(new.is_disjoint(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_package_has_no_keys_to_replace() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    sample_model(&model);
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let options = PushOptions {
        public: true,
        ..PushOptions::default()
    };
    let pushed = push(&store, &model, &data_key(OLD), options).await.unwrap();
    let public = package(&store, &pushed).await;
    let from = std::slice::from_ref(&store);
    let (key, options) = (data_key(NEW), ReencryptOptions::default());
    let refused = reencrypt(from, &store, &public, &key, options).await;
    assert!(matches!(refused, Err(PackageError::NotPrivate)));
}
