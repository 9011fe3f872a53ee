//! Folders to push, and stores that misbehave.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod layout;
pub mod oms_keys;
pub mod promises;
pub mod proxy;
pub mod redis_server;
pub mod s3_server;
pub mod services;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cairn_artifacts::{
    BlobStore, CHUNK_SIZE, DiskStore, PackageError, PullOptions, Pulled, PushOptions, Pushed,
    StoreError, pull, push,
};
use cairn_crypto::{DataKey, Digest};

/// Bytes that do not compress, repeat or look like those of another seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub fn write(folder: &Path, path: &str, content: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A model with a file of three chunks, one of exactly one chunk, and small, empty, hidden and
/// oddly named ones.
pub fn sample_model(folder: &Path) {
    write(folder, "model.bin", &noise(1, 2 * CHUNK_SIZE + 777));
    write(folder, "whole.bin", &noise(2, CHUNK_SIZE));
    write(folder, "config.json", b"{}");
    write(folder, "empty", b"");
    write(folder, ".hidden/.also", b"hidden");
    write(folder, "données/重み 1.bin", &noise(3, 1000));
}

/// Every file below a folder with its content.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                files.insert(name.to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

pub fn data_key(byte: u8) -> DataKey {
    DataKey::from_bytes([byte; 32])
}

pub fn npy_vector() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3072,), }  \n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend((0..3072_u16).flat_map(|number| f32::from(number).to_le_bytes()));
    bytes
}

pub async fn push_to<S: BlobStore>(store: &S, model: &Path) -> Pushed {
    let options = PushOptions::default();
    push(store, model, &data_key(1), options).await.unwrap()
}

pub async fn pull_from<S: BlobStore>(
    stores: &[S],
    pushed: &Pushed,
    target: &Path,
) -> Result<Pulled, PackageError> {
    pull(
        stores,
        &pushed.manifest_digest,
        &pushed.model_hash,
        Some(&data_key(1)),
        target,
        PullOptions::default(),
    )
    .await
}

/// A disk store that can be told to misbehave, and that remembers what it was asked.
pub struct Faulty {
    pub inner: DiskStore,
    pub name: String,
    /// So many more puts succeed.
    pub puts_left: AtomicU64,
    /// So many more gets succeed.
    pub gets_left: AtomicU64,
    /// So many calls answer first that the store is not available.
    pub hiccups: AtomicU64,
    pub was_put: Mutex<BTreeMap<Digest, u64>>,
    pub was_got: Mutex<BTreeMap<Digest, u64>>,
    /// What is given instead of a blob.
    pub replaced: Mutex<BTreeMap<Digest, Bytes>>,
    pub missing: Mutex<BTreeSet<Digest>>,
    /// Puts take turns, so that those before the one that is refused are complete.
    turn: tokio::sync::Mutex<()>,
}

impl Faulty {
    pub fn new(folder: &Path, name: &str) -> Self {
        Self {
            inner: DiskStore::open(folder).unwrap(),
            name: name.to_owned(),
            puts_left: AtomicU64::new(u64::MAX),
            gets_left: AtomicU64::new(u64::MAX),
            hiccups: AtomicU64::new(0),
            was_put: Mutex::default(),
            was_got: Mutex::default(),
            replaced: Mutex::default(),
            missing: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn call(&self, left: &AtomicU64, digest: &Digest) -> Result<(), StoreError> {
        let take = |counter: &AtomicU64| {
            let minus_one = |n: u64| n.checked_sub(1);
            (counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, minus_one)).is_ok()
        };
        if take(&self.hiccups) {
            return Err(StoreError::Unavailable {
                store: self.name.clone(),
                reason: "hiccup".to_owned(),
            });
        }
        if take(left) {
            return Ok(());
        }
        Err(StoreError::Denied {
            store: self.name.clone(),
            digest: *digest,
            reason: "interrupted here".to_owned(),
        })
    }
}

impl BlobStore for Faulty {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.call(&self.puts_left, digest)?;
        self.inner.put(digest, bytes).await?;
        *self.was_put.lock().unwrap().entry(*digest).or_default() += 1;
        Ok(())
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        self.call(&self.gets_left, digest)?;
        if self.missing.lock().unwrap().contains(digest) {
            return Err(StoreError::NotFound {
                store: self.name.clone(),
                digest: *digest,
            });
        }
        *self.was_got.lock().unwrap().entry(*digest).or_default() += 1;
        if let Some(other) = self.replaced.lock().unwrap().get(digest) {
            return Ok(other.clone());
        }
        self.inner.get(digest).await
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.inner.has(digest).await
    }
}
