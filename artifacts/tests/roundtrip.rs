//! What is pushed can be pulled, and the hashes are the ones the formats promise.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cairn_artifacts::path::PathRule;
use cairn_artifacts::{
    CHUNK_SIZE, DiskStore, PackageError, Progress, PullOptions, PushOptions, ScanOptions,
    StoredManifest, fetch_manifest, fetch_package, fetch_stored_manifest, fetch_vector, pull, push,
    scan, vector, verify_local,
};
use cairn_crypto::{Digest, domain, hash};
use proptest::prelude::*;
use support::{data_key, noise, npy_vector, pull_from, push_to, sample_model, tree, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_private_model_comes_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    sample_model(&model);
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();

    let pushed = push_to(&store, &model).await;
    assert_eq!(pushed.model_hash, pushed.manifest.model_hash());
    assert_eq!((pushed.blobs, pushed.blobs_skipped), (7, 0));
    let stored = fetch_stored_manifest(std::slice::from_ref(&store), &pushed.manifest_digest)
        .await
        .unwrap();
    assert_eq!(stored.digest(), pushed.manifest_digest);
    let in_store: u64 = stored.blobs().map(|(_, size)| size).sum();
    assert_eq!(in_store, pushed.manifest.total_size() + 7 * 16);
    assert_eq!(pushed.bytes_sent, in_store + stored.encode().len() as u64);

    let pulled = pull_from(&[store], &pushed, &target).await.unwrap();
    assert_eq!(pulled.manifest, pushed.manifest);
    assert_eq!(
        (pulled.files, pulled.bytes),
        (6, pushed.manifest.total_size())
    );
    assert_eq!(tree(&target), tree(&model));
    verify_local(&target, &pushed.manifest).await.unwrap();
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "the stage must be gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_store_shows_nothing_of_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let secret = b"the weights of the model nobody may see";
    write(&model, "named-in-secret.bin", secret);
    let blobs = folder.path().join("blobs");
    let store = DiskStore::open(&blobs).unwrap();
    let pushed = push_to(&store, &model).await;

    let root = *pushed.manifest.root.as_bytes();
    let file_digest = *Digest::of(secret).as_bytes();
    let needles: [&[u8]; 4] = [b"the weights", b"named-in-secret", &root, &file_digest];
    for (name, content) in tree(&blobs) {
        for needle in needles {
            let found = content.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{needle:?} is in {name}");
        }
    }
    // Nor can a guess be confirmed: the same model pushed again has other hashes.
    let again = push_to(&store, &model).await;
    assert_ne!(again.model_hash, pushed.model_hash);
    assert_eq!(again.blobs_skipped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_model_needs_no_key_and_stores_identical_chunks_once() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    let chunk = noise(5, CHUNK_SIZE);
    write(&model, "a.bin", &[chunk.clone(), chunk.clone()].concat());
    write(&model, "b.bin", &chunk);
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let options = PushOptions {
        public: true,
        ..PushOptions::default()
    };
    let pushed = push(&store, &model, &data_key(1), options.clone())
        .await
        .unwrap();
    assert_eq!((pushed.blobs, pushed.blobs_skipped), (3, 2));
    assert_eq!(pushed.manifest.blind, None);

    // The second version shares all but one file, and its hashes depend on the content alone.
    write(&model, "c.bin", b"new");
    let second = push(&store, &model, &data_key(2), options.clone())
        .await
        .unwrap();
    assert_eq!((second.blobs, second.blobs_skipped), (4, 3));
    let same = push(&store, &model, &data_key(3), options).await.unwrap();
    assert_eq!(same.manifest_digest, second.manifest_digest);
    assert_eq!(same.bytes_sent, 0);

    let stores = [store];
    let (digest, model_hash) = (second.manifest_digest, second.model_hash);
    let pulled = pull(
        &stores,
        &digest,
        &model_hash,
        None,
        &target,
        PullOptions::default(),
    );
    pulled.await.unwrap();
    assert_eq!(tree(&target), tree(&model));
    let stored = fetch_stored_manifest(&stores, &digest).await.unwrap();
    assert!(stored.is_public());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_one_file_becomes_a_folder_with_that_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "weights.safetensors", &noise(9, 5000));
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let pushed = push_to(&store, &folder.path().join("weights.safetensors")).await;
    assert_eq!(pushed.manifest.files.len(), 1);
    assert_eq!(pushed.manifest.files[0].path, "weights.safetensors");
    let target = folder.path().join("copy");
    // An empty folder may be there already.
    fs::create_dir(&target).unwrap();
    pull_from(&[store], &pushed, &target).await.unwrap();
    assert_eq!(tree(&target)["weights.safetensors"], noise(9, 5000));
    verify_local(&folder.path().join("weights.safetensors"), &pushed.manifest)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vector_is_stored_beside_the_files_and_its_hash_is_blinded() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "a.bin", b"weights");
    write(folder.path(), "vector.npy", &npy_vector());
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let digest = Digest::of(&npy_vector());
    for public in [false, true] {
        let options = PushOptions {
            public,
            vector: Some(folder.path().join("vector.npy")),
            ..PushOptions::default()
        };
        let pushed = push(&store, &model, &data_key(1), options).await.unwrap();
        let expected = match &pushed.manifest.blind {
            Some(blind) => hash(domain::VECTOR, &(digest, *blind.as_bytes())),
            None => digest,
        };
        assert_eq!(pushed.vector_hash, Some(expected));
        assert_eq!(pushed.manifest.blind.is_none(), public);

        let stores = [store.clone()];
        let key = data_key(1);
        let package = fetch_package(&stores, &pushed.manifest_digest, Some(&key))
            .await
            .unwrap();
        let bytes = fetch_vector(&stores, &package).await.unwrap().unwrap();
        assert_eq!(vector::parse(&bytes).unwrap()[3071], 3071.0);
        let target = folder.path().join(format!("copy-{public}"));
        pull_from(&stores, &pushed, &target).await.unwrap();
        assert_eq!(
            tree(&target),
            tree(&model),
            "the vector is no file of the model"
        );
    }

    write(folder.path(), "short.npy", &npy_vector()[..500]);
    let options = PushOptions {
        vector: Some(folder.path().join("short.npy")),
        ..PushOptions::default()
    };
    let refused = push(&store, &model, &data_key(1), options).await;
    assert!(matches!(refused, Err(PackageError::Vector { .. })));
}

/// The expected root was computed by the OpenSSF tool (PyPI `model_signing` 1.1.1) over this tree.
#[tokio::test]
async fn the_root_is_the_one_the_openssf_tool_computes() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path();
    write(model, "a/b", b"first");
    write(model, "a.txt", b"second");
    write(model, "empty", b"");
    write(model, ".hidden", b"hid");
    write(model, ".gitignore", b"x");
    write(model, ".git/config", b"y");
    write(model, "unicod/重み.bin", "zß".as_bytes());
    write(model, "unicod/.gitkeep", b"n");
    write(
        model,
        "model.sig",
        b"signatures are no part of what they sign",
    );
    let blobs = tempfile::tempdir().unwrap();
    let pushed = push_to(&DiskStore::open(blobs.path()).unwrap(), model).await;

    let paths: Vec<_> = pushed
        .manifest
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    let expected = [
        ".hidden",
        "a/b",
        "a.txt",
        "empty",
        "unicod/.gitkeep",
        "unicod/重み.bin",
    ];
    assert_eq!(paths, expected);
    assert_eq!(
        pushed.manifest.root.to_string(),
        "2f6f53924806f4371156d518e60e03a74b2df4d87deec2c4b07163eb3025d5ff"
    );
}

#[test]
fn whatever_a_folder_is_read_as_is_a_valid_manifest_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "a.bin", b"x");
    for left_out in [".git/config", ".GIT2/x", ".gitignore", "model.sig"] {
        write(&model, left_out, b"x");
    }
    let options = ScanOptions::default();
    let found = scan(&model, &options).unwrap();
    let paths: Vec<_> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.bin"]);

    for refused in ["sub/.git/config", "sub/.Git", "x/y/.git/empty/z"] {
        let model = folder.path().join(refused.len().to_string());
        write(&model, refused, b"x");
        let error = scan(&model, &options).unwrap_err();
        let rule = PathRule::Git;
        assert!(matches!(error, PackageError::Path { rule: got, .. } if got == rule));
    }
    // A model of one file has that file's name, whatever it is.
    let one = model.join("model.sig");
    assert!(matches!(
        scan(&one, &options),
        Err(PackageError::Path { .. })
    ));
}

#[tokio::test]
async fn links_and_devices_are_refused_unless_links_may_be_followed() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "real", b"content");
    symlink("real", model.join("link")).unwrap();
    let no = ScanOptions::default();
    let yes = ScanOptions {
        follow_symlinks: true,
    };
    assert!(matches!(
        scan(&model, &no),
        Err(PackageError::Symlink { .. })
    ));
    assert_eq!(scan(&model, &yes).unwrap().len(), 2);

    symlink("..", model.join("up")).unwrap();
    assert!(matches!(
        scan(&model, &yes),
        Err(PackageError::LinkLoop { .. })
    ));
    fs::remove_file(model.join("up")).unwrap();
    symlink("nowhere", model.join("up")).unwrap();
    assert!(matches!(scan(&model, &yes), Err(PackageError::Io { .. })));
    assert!(matches!(
        scan(Path::new("/dev/null"), &no),
        Err(PackageError::NotAFile { .. })
    ));

    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        scan(empty.path(), &no),
        Err(PackageError::NoFiles { .. })
    ));
}

#[tokio::test]
async fn names_that_are_not_utf8_or_not_allowed_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let options = ScanOptions::default();
    let bad = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.bin"));
    fs::write(&bad, b"").unwrap();
    assert!(matches!(
        scan(folder.path(), &options),
        Err(PackageError::NotUtf8 { .. })
    ));
    fs::remove_file(bad).unwrap();
    fs::write(folder.path().join("a\\b"), b"").unwrap();
    assert!(matches!(
        scan(folder.path(), &options),
        Err(PackageError::Path { .. })
    ));
}

#[tokio::test]
async fn verify_names_the_first_file_that_differs() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    sample_model(&model);
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let manifest = push_to(&store, &model).await.manifest;
    verify_local(&model, &manifest).await.unwrap();

    write(&model, "config.json", b"[]");
    let error = verify_local(&model, &manifest).await.unwrap_err();
    let PackageError::FileDigest {
        path,
        expected,
        got,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(path, "config.json");
    assert_eq!((expected, got), (Digest::of(b"{}"), Digest::of(b"[]")));

    write(&model, "config.json", b"{} ");
    let error = verify_local(&model, &manifest).await.unwrap_err();
    assert!(matches!(
        error,
        PackageError::FileSize {
            expected: 2,
            got: 3,
            ..
        }
    ));

    fs::remove_file(model.join("config.json")).unwrap();
    let error = verify_local(&model, &manifest).await.unwrap_err();
    assert!(matches!(&error, PackageError::FileMissing { path } if path == "config.json"));

    write(&model, "config.json", b"{}");
    write(&model, "extra", b"");
    let error = verify_local(&model, &manifest).await.unwrap_err();
    assert!(matches!(&error, PackageError::FileUnexpected { path } if path == "extra"));
}

#[tokio::test]
async fn a_pull_never_overwrites_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "a", b"1");
    let stores = [DiskStore::open(folder.path().join("blobs")).unwrap()];
    let pushed = push_to(&stores[0], &model).await;
    let error = pull_from(&stores, &pushed, &model).await.unwrap_err();
    assert!(matches!(error, PackageError::TargetExists { .. }));
    let link = folder.path().join("link");
    symlink(folder.path().join("elsewhere"), &link).unwrap();
    let error = pull_from(&stores, &pushed, &link).await.unwrap_err();
    assert!(matches!(error, PackageError::TargetExists { .. }));
    assert!(!folder.path().join("elsewhere").exists());
}

#[tokio::test]
async fn fetching_the_manifest_fetches_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    sample_model(&model);
    let store = support::Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stores = [store];
    let key = data_key(1);
    let manifest = fetch_manifest(&stores, &pushed.manifest_digest, Some(&key))
        .await
        .unwrap();
    assert_eq!(manifest, pushed.manifest);
    assert_eq!(stores[0].was_got.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_adds_up_to_the_size_of_the_files() {
    #[derive(Default)]
    struct Counter {
        total: AtomicU64,
        done: AtomicU64,
        finished: AtomicU64,
    }
    impl Progress for Counter {
        fn start(&self, total_bytes: u64) {
            self.total.store(total_bytes, Ordering::SeqCst);
        }
        fn advance(&self, bytes: u64) {
            self.done.fetch_add(bytes, Ordering::SeqCst);
        }
        fn finish(&self) {
            self.finished.fetch_add(1, Ordering::SeqCst);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    sample_model(&model);
    write(folder.path(), "vector.npy", &npy_vector());
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let size: u64 = tree(&model)
        .values()
        .map(|content| content.len() as u64)
        .sum();

    let counter = Arc::new(Counter::default());
    let options = PushOptions {
        progress: counter.clone(),
        vector: Some(folder.path().join("vector.npy")),
        ..PushOptions::default()
    };
    let pushed = push(&store, &model, &data_key(1), options).await.unwrap();
    let read = |counter: &Counter| {
        [&counter.total, &counter.done, &counter.finished].map(|n| n.load(Ordering::SeqCst))
    };
    assert_eq!(read(&counter), [size, size, 1]);

    let counter = Arc::new(Counter::default());
    let options = PullOptions {
        progress: counter.clone(),
        ..PullOptions::default()
    };
    let target = folder.path().join("copy");
    let (stores, key) = ([store], data_key(1));
    let (digest, hash) = (pushed.manifest_digest, pushed.model_hash);
    pull(&stores, &digest, &hash, Some(&key), &target, options)
        .await
        .unwrap();
    assert_eq!(read(&counter), [size, size, 1]);
}

#[test]
fn transfers_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path()).unwrap();
    let key = data_key(1);
    is_send(push(&store, folder.path(), &key, PushOptions::default()));
    let stores = [store];
    let zero = Digest::ZERO;
    is_send(pull(
        &stores,
        &zero,
        &zero,
        None,
        folder.path(),
        PullOptions::default(),
    ));
    let mode = fs::metadata(folder.path().join("tmp"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_tree_comes_back(
        files in prop::collection::btree_map("[a-cé]{1,2}(/[x-z.]{3,4}q){0,2}", prop::collection::vec(any::<u8>(), 0..400), 1..8),
        public in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        for (path, content) in &files {
            // A path may need another one as its folder; then there is one file less.
            let place = model.join(path);
            if fs::create_dir_all(place.parent().unwrap()).is_ok() && !place.is_dir() {
                fs::write(place, content).unwrap();
            }
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = DiskStore::open(folder.path().join("blobs")).unwrap();
            let options = PushOptions { public, ..PushOptions::default() };
            let pushed = push(&store, &model, &data_key(1), options).await.unwrap();
            let target = folder.path().join("copy");
            let stored = fetch_stored_manifest(std::slice::from_ref(&store), &pushed.manifest_digest).await.unwrap();
            assert_eq!(StoredManifest::decode(&stored.encode()).unwrap(), stored);
            pull_from(&[store], &pushed, &target).await.unwrap();
            assert_eq!(tree(&target), tree(&model));
        });
    }
}
