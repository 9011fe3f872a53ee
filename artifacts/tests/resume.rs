//! Interrupted transfers are taken up again, without a secret ever meeting a second content.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use cairn_artifacts::{
    BlobStore, CHUNK_SIZE, PackageError, PushOptions, Pushed, StoredManifest, fetch_package, push,
};
use cairn_crypto::Digest;
use support::{Faulty, data_key, noise, pull_from, push_to, sample_model, tree, write};

fn options(resume_dir: &Path) -> PushOptions {
    PushOptions {
        resume_dir: Some(resume_dir.to_path_buf()),
        parallel: 1,
        ..PushOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_push_sends_the_rest_and_gives_the_result_of_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let (model, plans) = (folder.path().join("model"), folder.path().join("plans"));
    sample_model(&model);
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let key = data_key(1);

    store.puts_left.store(3, Ordering::SeqCst);
    let error = push(&store, &model, &key, options(&plans))
        .await
        .unwrap_err();
    assert!(matches!(error, PackageError::Store(_)), "{error}");
    let sent_before = store.was_put.lock().unwrap().len() as u64;
    assert_eq!(sent_before, 3);
    let plan = tree(&plans);
    assert_eq!(plan.len(), 1);

    // Once more, and cut off after the last chunk: only the stored manifest is missing.
    store.puts_left.store(4, Ordering::SeqCst);
    push(&store, &model, &key, options(&plans))
        .await
        .unwrap_err();
    assert_eq!(tree(&plans), plan);
    store.puts_left.store(u64::MAX, Ordering::SeqCst);
    let pushed = push(&store, &model, &key, options(&plans)).await.unwrap();
    assert_eq!((pushed.blobs, pushed.blobs_skipped), (7, 7));
    let put = store.was_put.lock().unwrap().clone();
    assert_eq!(put.len(), 8);
    assert!(
        put.values().all(|times| *times == 1),
        "no blob is sent twice"
    );
    assert!(
        tree(&plans).is_empty(),
        "the plan is removed when the push is done"
    );

    // With the plan, the same files and the same key always end in the same manifest.
    for (name, content) in plan {
        write(&plans, &name, &content);
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(plans.join(name), mode).unwrap();
    }
    let again = push(&store, &model, &key, options(&plans)).await.unwrap();
    assert_eq!(again.manifest_digest, pushed.manifest_digest);
    assert_eq!(again.model_hash, pushed.model_hash);
    assert_eq!(again.bytes_sent, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_before_the_resumed_push_meets_no_key_stream_again() {
    let folder = tempfile::tempdir().unwrap();
    let (model, plans) = (folder.path().join("model"), folder.path().join("plans"));
    let before = noise(1, CHUNK_SIZE + 100);
    let mut after = before.clone();
    after[10] ^= 1;
    write(&model, "a.bin", &before);
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let key = data_key(1);
    store.puts_left.store(2, Ordering::SeqCst);
    push(&store, &model, &key, options(&plans))
        .await
        .unwrap_err();
    let old: BTreeSet<Digest> = store.was_put.lock().unwrap().keys().copied().collect();
    assert_eq!(old.len(), 2);

    write(&model, "a.bin", &after);
    store.puts_left.store(u64::MAX, Ordering::SeqCst);
    let pushed = push(&store, &model, &key, options(&plans)).await.unwrap();
    // The second chunk is the same and was there; the first is a new blob.
    assert_eq!((pushed.blobs, pushed.blobs_skipped), (2, 1));
    let stored = store.inner.get(&pushed.manifest_digest).await.unwrap();
    let stored = StoredManifest::decode(&stored).unwrap();
    let new: Vec<Digest> = stored.blobs().map(|(digest, _)| digest).collect();
    assert!(!old.contains(&new[0]) && old.contains(&new[1]));

    let stream = |blob: &[u8], plain: &[u8]| -> Vec<u8> {
        blob.iter().zip(plain).map(|(a, b)| a ^ b).collect()
    };
    let replaced = old.iter().find(|digest| **digest != new[1]).unwrap();
    let old_blob = store.inner.get(replaced).await.unwrap();
    let new_blob = store.inner.get(&new[0]).await.unwrap();
    let (first, second) = (stream(&old_blob, &before), stream(&new_blob, &after));
    assert_ne!(first[..CHUNK_SIZE], second[..CHUNK_SIZE]);
    assert_ne!(
        first[100..200],
        second[100..200],
        "unchanged parts are under another key too"
    );

    let target = folder.path().join("copy");
    pull_from(&[store], &pushed, &target).await.unwrap();
    assert_eq!(tree(&target)["a.bin"], after);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_unchanged_since_the_parent_keep_their_blobs_and_all_others_get_new_keys() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    sample_model(&model);
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let first = push_to(&store, &model).await;
    let stores = [store];
    let key = data_key(1);
    let parent = fetch_package(&stores, &first.manifest_digest, Some(&key))
        .await
        .unwrap();

    // One file changes in one place, keeping its size; one is renamed; one is new.
    let mut changed = noise(1, 2 * CHUNK_SIZE + 777);
    changed[0] ^= 1;
    write(&model, "model.bin", &changed);
    fs::rename(model.join("config.json"), model.join("renamed.json")).unwrap();
    write(&model, "new.bin", b"new");
    let options = PushOptions {
        parent: Some(parent),
        ..PushOptions::default()
    };
    let second_key = data_key(2);
    let second = push(&stores[0], &model, &second_key, options)
        .await
        .unwrap();
    // Kept: whole.bin, .hidden/.also and 重み. Sent: three chunks, renamed.json and new.bin.
    assert_eq!((second.blobs, second.blobs_skipped), (8, 3));
    assert_ne!(second.model_hash, first.model_hash);
    let package = fetch_package(&stores, &second.manifest_digest, Some(&second_key)).await;
    assert_eq!(package.unwrap().manifest(), &second.manifest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_pull_fetches_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    sample_model(&model);
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stores = [store];

    // The manifest and three of seven chunks arrive.
    stores[0].gets_left.store(4, Ordering::SeqCst);
    let error = pull_from(&stores, &pushed, &target).await.unwrap_err();
    assert!(matches!(error, PackageError::Blob { .. }), "{error}");
    assert!(!target.exists());
    let stage = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let stage = stage
        .into_iter()
        .find(|path| path.join("lock").exists())
        .unwrap();

    // As if it had got further: one file whole, of another all but its first chunk.
    fs::copy(model.join("whole.bin"), stage.join("files/whole.bin")).unwrap();
    let mut partial = fs::read(model.join("model.bin")).unwrap();
    partial[..CHUNK_SIZE].fill(0);
    write(&stage, "files/model.bin", &partial);

    stores[0].gets_left.store(u64::MAX, Ordering::SeqCst);
    stores[0].was_got.lock().unwrap().clear();
    pull_from(&stores, &pushed, &target).await.unwrap();
    let stored = stores[0].inner.get(&pushed.manifest_digest).await.unwrap();
    let blobs: Vec<Digest> = StoredManifest::decode(&stored)
        .unwrap()
        .blobs()
        .map(|b| b.0)
        .collect();
    // In path order: three small files, the three chunks of model.bin, whole.bin.
    let fetched = stores[0].was_got.lock().unwrap().clone();
    assert!(fetched.contains_key(&blobs[3]));
    assert!(blobs[4..].iter().all(|blob| !fetched.contains_key(blob)));
    assert_eq!(tree(&target), tree(&model));
    assert!(!stage.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_someone_put_into_the_stage_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    write(&model, "a.bin", b"right content");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stage = stage_of(folder.path(), &pushed);
    write(&stage, "files/a.bin", b"wrong content, and longer");
    pull_from(&[store], &pushed, &target).await.unwrap();
    assert_eq!(tree(&target)["a.bin"], b"right content");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pulls_to_one_target_do_not_meet() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    write(&model, "a.bin", b"content");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stage = stage_of(folder.path(), &pushed);
    write(&stage, "lock", b"");
    let held = fs::File::open(stage.join("lock")).unwrap();
    held.lock().unwrap();
    let stores = [store];
    let error = pull_from(&stores, &pushed, &target).await.unwrap_err();
    assert!(matches!(error, PackageError::Busy { .. }), "{error}");
    drop(held);
    pull_from(&stores, &pushed, &target).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_for_a_moment_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    write(&model, "a.bin", b"content");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    store.hiccups.store(2, Ordering::SeqCst);
    let pushed = push_to(&store, &model).await;
    store.hiccups.store(2, Ordering::SeqCst);
    pull_from(&[store], &pushed, &target).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_a_stage_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    write(&model, "a.bin", b"content");
    write(&model, "sub/b.bin", b"more");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stores = [store];
    let stage = stage_of(folder.path(), &pushed);
    let elsewhere = folder.path().join("elsewhere");

    // The stage's files, a folder of them, a file, and a file of ours under a second name.
    let traps: [fn(&Path, &Path); 4] = [
        |stage, elsewhere| symlink(elsewhere, stage.join("files")).unwrap(),
        |stage, elsewhere| {
            fs::create_dir(stage.join("files")).unwrap();
            symlink(elsewhere, stage.join("files/sub")).unwrap();
        },
        |stage, elsewhere| {
            fs::create_dir(stage.join("files")).unwrap();
            symlink(elsewhere.join("precious"), stage.join("files/a.bin")).unwrap();
        },
        |stage, elsewhere| {
            fs::create_dir(stage.join("files")).unwrap();
            fs::hard_link(elsewhere.join("precious"), stage.join("files/a.bin")).unwrap();
        },
    ];
    for (number, set) in traps.into_iter().enumerate() {
        write(&elsewhere, "precious", b"precious, and nobody's but ours");
        fs::create_dir(&stage).unwrap();
        set(&stage, &elsewhere);
        pull_from(&stores, &pushed, &target).await.unwrap();
        assert_eq!(tree(&target), tree(&model), "trap {number}");
        let kept = tree(&elsewhere);
        assert_eq!(kept.len(), 1, "trap {number}");
        assert_eq!(kept["precious"], b"precious, and nobody's but ours");
        fs::remove_dir_all(&target).unwrap();
    }
    // A link in place of the stage itself, and of its lock.
    symlink(&elsewhere, &stage).unwrap();
    let error = pull_from(&stores, &pushed, &target).await.unwrap_err();
    assert!(matches!(error, PackageError::Target { .. }), "{error}");
    fs::remove_file(&stage).unwrap();
    fs::create_dir(&stage).unwrap();
    symlink(elsewhere.join("new"), stage.join("lock")).unwrap();
    let error = pull_from(&stores, &pushed, &target).await.unwrap_err();
    assert!(matches!(error, PackageError::Io { .. }), "{error}");
    assert_eq!(tree(&elsewhere).len(), 1);
}

/// Only root can give a folder away, and so only root can see this; anybody else cannot be fooled so.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    write(&model, "a.bin", b"content");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stage = stage_of(folder.path(), &pushed);
    fs::create_dir(&stage).unwrap();
    if chown(&stage, Some(65_534), None).is_err() {
        return;
    }
    let error = pull_from(&[store], &pushed, &target).await.unwrap_err();
    assert!(matches!(error, PackageError::Target { .. }), "{error}");
    assert_eq!(fs::read_dir(&stage).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifest_does_not_have_does_not_reach_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let (model, target) = (folder.path().join("model"), folder.path().join("copy"));
    write(&model, "sub/a.bin", b"content");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let pushed = push_to(&store, &model).await;
    let stage = stage_of(folder.path(), &pushed);
    for extra in ["extra", "sub/extra", "sub/a.bin.d/extra", ".git/hooks/x"] {
        write(&stage.join("files"), extra, b"not of the model");
    }
    fs::create_dir(stage.join("files/empty")).unwrap();
    pull_from(&[store], &pushed, &target).await.unwrap();
    assert_eq!(tree(&target), tree(&model));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_model_is_pulled_for_this_user_alone_and_a_public_one_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "sub/a.bin", b"content");
    let store = Faulty::new(&folder.path().join("blobs"), "store");
    let stores = [store];
    for (public, folders, files) in [(false, 0o700, 0o600), (true, 0o755, 0o644)] {
        let target = folder.path().join(format!("copy-{public}"));
        let options = PushOptions {
            public,
            ..PushOptions::default()
        };
        let pushed = push(&stores[0], &model, &data_key(1), options)
            .await
            .unwrap();
        if !public {
            // Left by a pull that did not know better.
            let stage = folder
                .path()
                .join(format!(".copy-{public}.pull-{}", pushed.manifest_digest));
            write(&stage, "files/sub/a.bin", b"content");
        }
        pull_from(&stores, &pushed, &target).await.unwrap();
        let mode = |path: &str| fs::metadata(target.join(path)).unwrap().mode() & 0o777;
        // The user's own mask may take away from what everybody may do with a public model.
        for (path, allowed) in [("", folders), ("sub", folders), ("sub/a.bin", files)] {
            assert_eq!(mode(path) & !allowed, 0, "{path} {public}");
            assert_eq!(mode(path) & 0o600, 0o600, "{path} {public}");
        }
    }
}

/// Where a pull of this package to `copy` is built.
fn stage_of(folder: &Path, pushed: &Pushed) -> PathBuf {
    folder.join(format!(".copy.pull-{}", pushed.manifest_digest))
}
