//! A transfer's memory does not grow with the model. Alone in its file, for the measure is of the
//! whole process.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{self, File};

use bytes::Bytes;
use cairn_artifacts::{BlobStore, DiskStore, PullOptions, PushOptions, StoreError, pull, push};
use cairn_crypto::Digest;
use support::data_key;

const SIZE: u64 = 1024 * 1024 * 1024;
const CHUNKS: u64 = 256;
const PARALLEL: usize = 2;

/// Of 4 MiB chunks, `2 * PARALLEL + 4` are in memory, and what the allocator of the C library keeps
/// of freed ones in its pools, one for each thread: between 80 and 110 MiB were seen.
const ALLOWED_KIB: u64 = SIZE / 4 / 1024;

/// Takes everything and keeps nothing, as a store across a network does for the pushing process.
struct Away;

impl BlobStore for Away {
    fn name(&self) -> String {
        "away".to_owned()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        assert!(!bytes.is_empty(), "{digest}");
        Ok(())
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        Err(StoreError::NotFound {
            store: self.name(),
            digest: *digest,
        })
    }

    async fn has(&self, _digest: &Digest) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// The most memory this process has had, in KiB.
fn high_water_mark() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_pushed_and_pulled_in_a_quarter_of_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("sparse.bin");
    File::create(&model).unwrap().set_len(SIZE).unwrap();
    let before = high_water_mark();

    let options = PushOptions {
        parallel: PARALLEL,
        ..PushOptions::default()
    };
    let pushed = push(&Away, &model, &data_key(1), options).await.unwrap();
    assert_eq!(pushed.blobs, CHUNKS);
    assert!(pushed.bytes_sent > SIZE);
    let after_push = high_water_mark();
    assert!(
        after_push - before < ALLOWED_KIB,
        "{before} KiB before, {after_push} after the push"
    );

    // Public, so that the disk keeps one chunk for all.
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let options = PushOptions {
        public: true,
        parallel: PARALLEL,
        ..PushOptions::default()
    };
    let pushed = push(&store, &model, &data_key(1), options).await.unwrap();
    assert_eq!((pushed.blobs, pushed.blobs_skipped), (CHUNKS, CHUNKS - 1));
    let target = folder.path().join("copy");
    let options = PullOptions {
        parallel: PARALLEL,
        ..PullOptions::default()
    };
    let (digest, hash) = (pushed.manifest_digest, pushed.model_hash);
    let pulled = pull(&[store], &digest, &hash, None, &target, options)
        .await
        .unwrap();
    assert_eq!(pulled.bytes, SIZE);
    let after_pull = high_water_mark();
    assert!(
        after_pull - before < ALLOWED_KIB,
        "{before} KiB before, {after_pull} after the pull"
    );
}
