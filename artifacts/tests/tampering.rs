//! Nothing that a store or a publisher does to a package goes unnoticed, and the error names it.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use cairn_artifacts::path::PathRule;
use cairn_artifacts::{
    BlobStore, CHUNK_SIZE, DiskStore, ErrorKind, FileEntry, Manifest, PackageError, PullOptions,
    PushOptions, Pushed, StoreError, StoredManifest, fetch_package, fetch_stored_manifest, pull,
    push,
};
use cairn_crypto::Digest;
use support::layout::{Content, File, Stored};
use support::{Faulty, data_key, noise, pull_from, push_to, sample_model, tree, write};
use tempfile::TempDir;

/// A pushed model, the stores it is in, and a target.
struct Scene {
    folder: TempDir,
    stores: [Faulty; 1],
    pushed: Pushed,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        sample_model(&model);
        let store = Faulty::new(&folder.path().join("blobs"), "the only store");
        let pushed = push_to(&store, &model).await;
        Self {
            folder,
            stores: [store],
            pushed,
        }
    }

    async fn blobs(&self) -> Vec<Digest> {
        let stored = fetch_stored_manifest(&self.stores, &self.pushed.manifest_digest);
        let stored = stored.await.unwrap();
        stored.blobs().map(|(digest, _)| digest).collect()
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    async fn pull_error(&self) -> PackageError {
        let error = pull_from(&self.stores, &self.pushed, &self.target())
            .await
            .unwrap_err();
        assert!(
            !self.target().exists(),
            "a failed pull must leave no target"
        );
        // The next pull begins with nothing, and asks the store for every blob.
        let stage = format!(".copy.pull-{}", self.pushed.manifest_digest);
        match std::fs::remove_dir_all(self.folder.path().join(stage)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        error
    }
}

fn wrong_digest(error: &PackageError) -> (&str, Digest, Digest) {
    let PackageError::Blob { failures, .. } = error else {
        panic!("{error}");
    };
    match failures.as_slice() {
        [
            StoreError::WrongDigest {
                store,
                expected,
                got,
            },
        ] => (store, *expected, *got),
        _ => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_any_blob_or_the_manifest_is_found_and_names_blob_and_store() {
    let scene = Scene::new().await;
    let mut all = scene.blobs().await;
    all.push(scene.pushed.manifest_digest);
    for digest in all {
        let store = &scene.stores[0];
        let mut bytes = store.inner.get(&digest).await.unwrap().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let got = Digest::of(&bytes);
        store
            .replaced
            .lock()
            .unwrap()
            .insert(digest, Bytes::from(bytes));
        let error = scene.pull_error().await;
        assert_eq!(wrong_digest(&error), ("the only store", digest, got));
        assert_eq!(error.kind(), ErrorKind::DigestMismatch);
        assert!(error.to_string().contains(&digest.to_string()));
        store.replaced.lock().unwrap().clear();
    }
    pull_from(&scene.stores, &scene.pushed, &scene.target())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_cut_and_foreign_blobs_are_found() {
    let scene = Scene::new().await;
    let blobs = scene.blobs().await;
    let store = &scene.stores[0];
    let other = push_to(store, &scene.folder.path().join("model")).await;
    let other = fetch_stored_manifest(&scene.stores, &other.manifest_digest)
        .await
        .unwrap();
    let foreign = other.blobs().next().unwrap().0;

    let victim = blobs[1];
    let whole = store.inner.get(&victim).await.unwrap();
    let table = [
        ("another chunk", store.inner.get(&blobs[2]).await.unwrap()),
        (
            "another version's chunk",
            store.inner.get(&foreign).await.unwrap(),
        ),
        ("a cut chunk", whole.slice(..whole.len() - 1)),
        ("nothing", Bytes::new()),
        (
            "a longer chunk",
            Bytes::from([&whole[..], b"more"].concat()),
        ),
    ];
    for (what, bytes) in table {
        store.replaced.lock().unwrap().insert(victim, bytes);
        let error = scene.pull_error().await;
        assert_eq!(wrong_digest(&error).1, victim, "{what}");
        store.replaced.lock().unwrap().clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_store_is_asked_when_one_has_no_or_a_wrong_copy() {
    let scene = Scene::new().await;
    let blobs = scene.blobs().await;
    let bad = Faulty::new(&scene.folder.path().join("empty"), "bad");
    for digest in &blobs[..2] {
        bad.replaced
            .lock()
            .unwrap()
            .insert(*digest, Bytes::from_static(b"junk"));
    }
    let [good] = scene.stores;
    let stores = [bad, good];
    let target = scene.folder.path().join("copy");
    pull_from(&stores, &scene.pushed, &target).await.unwrap();
    assert_eq!(tree(&target), tree(&scene.folder.path().join("model")));

    // When no store is left, the error says what each of them answered.
    stores[1].missing.lock().unwrap().insert(blobs[0]);
    let again = scene.folder.path().join("again");
    let error = pull_from(&stores, &scene.pushed, &again).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("bad: the bytes") && text.contains("the only store: there is no blob"));
    assert_eq!(error.kind(), ErrorKind::DigestMismatch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_blob_is_not_found_and_refused_access_is_not_allowed() {
    let scene = Scene::new().await;
    let blob = scene.blobs().await[3];
    scene.stores[0].missing.lock().unwrap().insert(blob);
    assert_eq!(scene.pull_error().await.kind(), ErrorKind::NotFound);
    scene.stores[0].missing.lock().unwrap().clear();
    // The manifest and nothing more.
    let gets = &scene.stores[0].gets_left;
    gets.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(scene.pull_error().await.kind(), ErrorKind::NotAllowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_data_key_and_a_wrong_model_hash_are_told_apart() {
    let scene = Scene::new().await;
    let (manifest, model) = (scene.pushed.manifest_digest, scene.pushed.model_hash);
    let (key, wrong) = (data_key(1), data_key(2));
    let attempt = async |key, model: Digest| {
        let options = PullOptions::default();
        let target = scene.target();
        pull(&scene.stores, &manifest, &model, key, &target, options)
            .await
            .unwrap_err()
    };
    let error = attempt(Some(&wrong), model).await;
    assert!(matches!(error, PackageError::WrongDataKey));
    assert_eq!(error.kind(), ErrorKind::NotAllowed);
    let error = attempt(None, model).await;
    assert!(matches!(error, PackageError::NoDataKey));
    let error = attempt(Some(&key), Digest::ZERO).await;
    let PackageError::ModelHash { expected, got } = error else {
        panic!("{error}");
    };
    assert_eq!((expected, got), (Digest::ZERO, model));
    // Nothing was fetched but the manifest, nothing written.
    let got = scene.stores[0].was_got.lock().unwrap();
    assert_eq!(got.keys().collect::<Vec<_>>(), [&manifest]);
    assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clear_blob_list_is_bound_to_the_encrypted_part() {
    let scene = Scene::new().await;
    let stored = fetch_stored_manifest(&scene.stores, &scene.pushed.manifest_digest);
    let original: Stored = borsh::from_slice(&stored.await.unwrap().encode()).unwrap();
    let other = push_to(&scene.stores[0], &scene.folder.path().join("model")).await;
    let other = fetch_stored_manifest(&scene.stores, &other.manifest_digest)
        .await
        .unwrap();
    let other: Stored = borsh::from_slice(&other.encode()).unwrap();

    type Change = fn(&mut Stored, &Stored);
    let changes: [(&str, Change); 7] = [
        ("reordered", |stored, _| stored.blobs.swap(0, 1)),
        ("dropped", |stored, _| {
            stored.blobs.remove(2);
        }),
        ("cut short", |stored, _| {
            stored.blobs.pop();
        }),
        ("repeated", |stored, _| stored.blobs.push(stored.blobs[0])),
        ("spliced", |stored, other| stored.blobs[0] = other.blobs[0]),
        ("resized", |stored, _| stored.blobs[0].1 -= 1),
        ("exchanged content", |stored, other| {
            stored.content = other.content.clone()
        }),
    ];
    for (what, change) in changes {
        let mut altered = original.clone();
        change(&mut altered, &other);
        let decoded = StoredManifest::decode(&borsh::to_vec(&altered).unwrap()).unwrap();
        let opened = decoded.open(Some(&data_key(1)));
        assert!(matches!(opened, Err(PackageError::WrongDataKey)), "{what}");
    }
    let Content::Private(salt, sealed) = &original.content else {
        panic!("the package is private");
    };
    for position in [0, sealed.len() / 2, sealed.len() - 1] {
        let mut sealed = sealed.clone();
        sealed[position] ^= 1;
        let content = Content::Private(*salt, sealed);
        let altered = Stored {
            content,
            ..original.clone()
        };
        let decoded = StoredManifest::decode(&borsh::to_vec(&altered).unwrap()).unwrap();
        assert!(matches!(
            decoded.open(Some(&data_key(1))),
            Err(PackageError::WrongDataKey)
        ));
    }
}

/// Pushes a public model and lets the test alter its stored manifest, as a malicious publisher
/// could, whose model hash would then be the one on the ledger.
async fn altered_public(
    folder: &Path,
    change: impl FnOnce(&mut Stored),
) -> (DiskStore, Digest, Digest) {
    let model = folder.join("model");
    write(&model, "aa/bb/cc", &noise(1, CHUNK_SIZE + 5));
    write(&model, "dd", b"1");
    let store = DiskStore::open(folder.join("blobs")).unwrap();
    let options = PushOptions {
        public: true,
        ..PushOptions::default()
    };
    let pushed = push(&store, &model, &data_key(1), options).await.unwrap();
    let stored = store.get(&pushed.manifest_digest).await.unwrap();
    let mut stored: Stored = borsh::from_slice(&stored).unwrap();
    change(&mut stored);
    let model_hash = stored.contents().manifest.model_hash();
    let bytes = borsh::to_vec(&stored).unwrap();
    let digest = Digest::of(&bytes);
    store.put(&digest, Bytes::from(bytes)).await.unwrap();
    (store, digest, model_hash)
}

async fn pull_altered(change: impl FnOnce(&mut Stored)) -> PackageError {
    let folder = tempfile::tempdir().unwrap();
    let (store, digest, model_hash) = altered_public(folder.path(), change).await;
    let inner = folder.path().join("inner");
    let options = PullOptions::default();
    let target = inner.join("copy");
    let pulled = pull(&[store], &digest, &model_hash, None, &target, options).await;
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| ["model", "blobs", "inner"]
            .iter()
            .any(|known| name == known)),
        "written outside the target: {left:?}"
    );
    assert!(!target.exists());
    if inner.exists() {
        assert_eq!(
            fs::read_dir(inner).unwrap().count(),
            0,
            "the stage must be gone"
        );
    }
    pulled.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_lead_out_of_the_target_are_refused_before_anything_is_written() {
    let table = [
        ("../../x", PathRule::DotComponent),
        ("/tmp/cairn-escaped", PathRule::Absolute),
        ("aa/../../../x", PathRule::DotComponent),
        ("dd", PathRule::Duplicate),
        ("dd/x", PathRule::OutOfOrder),
        ("zz", PathRule::OutOfOrder),
        ("aa//x", PathRule::EmptyComponent),
        (".git/hooks/post-checkout", PathRule::Git),
        ("aa/.GIT/config", PathRule::Git),
    ];
    for (path, rule) in table {
        let error = pull_altered(|stored| {
            stored.contents().manifest.files[0].path = path.to_owned();
        })
        .await;
        let PackageError::Path {
            path: named,
            rule: broken,
        } = error
        else {
            panic!("{path}: {error}");
        };
        let second = matches!(rule, PathRule::Duplicate | PathRule::OutOfOrder);
        assert_eq!(named, if second { "dd" } else { path });
        assert_eq!(broken, rule, "{path}");
    }
    let error = pull_altered(|stored| {
        stored.contents().manifest.files[0].path = "dd".to_owned();
        stored.contents().manifest.files[1].path = "dd/x".to_owned();
    });
    assert!(matches!(
        error.await,
        PackageError::Path {
            rule: PathRule::InsideAFile,
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_cannot_make_files_that_differ_from_their_digests() {
    // The digest in the manifest is not that of the content, and the root is made to fit.
    let error = pull_altered(|stored| {
        let manifest = &mut stored.contents().manifest;
        let mut files = manifest.files.clone();
        files[0].digest = Digest::of(b"something else");
        *manifest = Manifest::new(files, None, None).unwrap();
    })
    .await;
    assert!(matches!(error, PackageError::FileDigest { path, .. } if path == "aa/bb/cc"));

    type Change = fn(&mut Stored);
    let changes: [(&str, Change); 7] = [
        ("a false root", |stored| {
            stored.contents().manifest.root = Digest::ZERO
        }),
        ("a shorter file", |stored| {
            stored.contents().manifest.files[0].size -= 6
        }),
        ("an absurd size", |stored| {
            stored.contents().manifest.files[0].size = u64::MAX - 9
        }),
        ("one blob less", |stored| {
            stored.blobs.pop();
        }),
        ("exchanged blobs", |stored| stored.blobs.swap(0, 1)),
        ("a file without chunks", |stored| {
            stored.contents().files.pop();
        }),
        ("a key in a public package", |stored| {
            stored.contents().files[0] = Some(sealed_file(1));
        }),
    ];
    for (what, change) in changes {
        let error = pull_altered(change).await;
        assert!(
            matches!(error, PackageError::Malformed { .. }),
            "{what}: {error}"
        );
    }
    // A blind would make it look private while it is not encrypted.
    let error = pull_altered(|stored| {
        stored.contents().manifest.blind = Some([1; 32].into());
        let contents = stored.contents();
        for (file, entry) in contents.files.iter_mut().zip(&contents.manifest.files) {
            *file = Some(sealed_file(entry.size.div_ceil(CHUNK_SIZE as u64) as usize));
        }
        for blob in &mut stored.blobs {
            blob.1 += 16;
        }
    });
    assert!(matches!(error.await, PackageError::Malformed { .. }));
}

fn sealed_file(chunks: usize) -> File {
    File {
        secret: ([1; 32], [2; 16]),
        tags: vec![[3; 32]; chunks],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_under_a_file_key_opens_only_at_its_place() {
    // Someone who has the data key exchanges two whole chunks of a private file, consistently in
    // the blob list: the store and the list are right, only the places are not.
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "a.bin", &noise(1, 3 * CHUNK_SIZE));
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let pushed = push_to(&store, &model).await;
    let stored = store.get(&pushed.manifest_digest).await.unwrap();
    let stored: Stored = borsh::from_slice(&stored).unwrap();
    let mut exchanged = open_layout(&stored);
    exchanged.blobs.swap(0, 1);
    tags(&mut exchanged).swap(0, 1);
    let mut shorter = open_layout(&stored);
    tags(&mut shorter).pop();
    let exchanged = seal_layout(&store, exchanged).await;
    let shorter = seal_layout(&store, shorter).await;
    let stores = [store];
    let target = folder.path().join("copy");
    let pulled = async |digest: &Digest| {
        let (key, options) = (data_key(1), PullOptions::default());
        let model_hash = pushed.model_hash;
        pull(&stores, digest, &model_hash, Some(&key), &target, options).await
    };
    let error = pulled(&shorter).await.unwrap_err();
    assert!(matches!(error, PackageError::Malformed { .. }), "{error}");
    let error = pulled(&exchanged).await.unwrap_err();
    assert!(
        matches!(&error, PackageError::Chunk { path, index: 0 } if path == "a.bin"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::DigestMismatch);
    assert!(!target.exists());
}

fn tags(stored: &mut Stored) -> &mut Vec<[u8; 32]> {
    let file = stored.contents().files[0].as_mut();
    &mut file.expect("the package is private").tags
}

/// The key of the encrypted part, worked out once more from its description.
fn manifest_key(info: &[&[u8]], salt: &[u8]) -> [u8; 32] {
    let info = [b"cairn/stored-manifest/v1\0", info.concat().as_slice()].concat();
    *cairn_crypto::aead::hkdf(data_key(1).as_bytes(), salt, &info)
}

fn clear_part(blobs: &[(Digest, u32)]) -> [u8; 32] {
    let mut bytes = vec![3];
    for (digest, size) in blobs {
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
    }
    *Digest::of(&bytes).as_bytes()
}

/// Decrypts a stored manifest; the content is then laid out as in a public one.
fn open_layout(stored: &Stored) -> Stored {
    let Content::Private(salt, sealed) = &stored.content else {
        panic!("the package is public");
    };
    let key = manifest_key(&[&3_u32.to_le_bytes(), b"key"], salt);
    let mut sealed = sealed.clone();
    let clear = clear_part(&stored.blobs);
    let plain = cairn_crypto::aead::open_in_place(&key, &[0; 12], &clear, &mut sealed).unwrap();
    Stored {
        content: Content::Public(borsh::from_slice(plain).unwrap()),
        ..stored.clone()
    }
}

async fn seal_layout(store: &DiskStore, mut package: Stored) -> Digest {
    let mut sealed = borsh::to_vec(package.contents()).unwrap();
    let clear = clear_part(&package.blobs);
    let plain = Digest::of(&sealed);
    let salt = manifest_key(
        &[&4_u32.to_le_bytes(), b"salt", &clear, plain.as_bytes()],
        &[],
    );
    let key = manifest_key(&[&3_u32.to_le_bytes(), b"key"], &salt);
    cairn_crypto::aead::seal_in_place(&key, &[0; 12], &clear, &mut sealed).unwrap();
    package.content = Content::Private(salt, sealed);
    let bytes = borsh::to_vec(&package).unwrap();
    let digest = Digest::of(&bytes);
    store.put(&digest, Bytes::from(bytes)).await.unwrap();
    digest
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encrypted_part_is_sealed_as_described() {
    let scene = Scene::new().await;
    let store = &scene.stores[0].inner;
    let stored = store.get(&scene.pushed.manifest_digest).await.unwrap();
    let package = open_layout(&borsh::from_slice(&stored).unwrap());
    assert_eq!(
        seal_layout(store, package).await,
        scene.pushed.manifest_digest
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_manifest_of_an_unknown_format_or_with_absurd_blobs_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    type Change = fn(&mut Stored);
    let changes: [(&str, Change); 3] = [
        ("format 2", |stored| stored.format = 2),
        ("has 0 bytes", |stored| stored.blobs[0].1 = 0),
        ("has 4294967295 bytes", |stored| {
            stored.blobs[0].1 = u32::MAX
        }),
    ];
    for (says, change) in changes {
        let (store, digest, _) = altered_public(folder.path(), change).await;
        let error = fetch_package(&[store], &digest, None).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn manifests_sort_their_files_and_refuse_two_of_a_name() {
    let file = |path: &str| FileEntry {
        path: path.to_owned(),
        size: 0,
        digest: Digest::of(b""),
    };
    let manifest = Manifest::new(vec![file("b"), file("a")], None, None).unwrap();
    assert_eq!(manifest.files[0].path, "a");
    assert!(manifest.file("b").is_some() && manifest.file("c").is_none());
    let twice = Manifest::new(vec![file("a"), file("a")], None, None);
    assert!(matches!(
        twice,
        Err(PackageError::Path {
            rule: PathRule::Duplicate,
            ..
        })
    ));
}
