//! No bytes make a decoder panic, and what decodes is exactly what was encoded.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::LazyLock;

use cairn_artifacts::{BlobStore, DiskStore, PushOptions, StoredManifest, push};
use cairn_crypto::Digest;
use proptest::prelude::*;
use support::{data_key, npy_vector, write};

/// A stored manifest of a public and of a private package.
static SAMPLES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    write(&model, "a/b", b"content");
    write(&model, "c", b"");
    write(folder.path(), "vector.npy", &npy_vector());
    let store = DiskStore::open(folder.path().join("blobs")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    [true, false].map(|public| {
        let options = PushOptions {
            public,
            vector: Some(folder.path().join("vector.npy")),
            ..PushOptions::default()
        };
        runtime.block_on(async {
            let pushed = push(&store, &model, &data_key(1), options).await.unwrap();
            store.get(&pushed.manifest_digest).await.unwrap().to_vec()
        })
    })
});

fn decode_and_open(bytes: &[u8]) -> bool {
    let Ok(stored) = StoredManifest::decode(bytes) else {
        return false;
    };
    assert_eq!(stored.encode(), bytes, "one value, one encoding");
    assert_eq!(stored.digest(), Digest::of(bytes));
    stored.open(Some(&data_key(1))).is_ok()
}

#[test]
fn the_samples_open_and_no_shorter_or_longer_bytes_do() {
    for sample in SAMPLES.iter() {
        assert!(decode_and_open(sample));
        for length in 0..sample.len() {
            assert!(
                StoredManifest::decode(&sample[..length]).is_err(),
                "{length}"
            );
        }
        let longer = [sample.as_slice(), &[0]].concat();
        assert!(StoredManifest::decode(&longer).is_err());
    }
}

#[test]
fn no_byte_of_a_private_stored_manifest_can_be_changed() {
    let [_, private] = &*SAMPLES;
    for position in 0..private.len() {
        let mut altered = private.clone();
        altered[position] ^= 1;
        assert!(!decode_and_open(&altered), "byte {position}");
    }
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(!decode_and_open(&bytes));
    }

    #[test]
    fn mutated_packages_do_no_harm(
        public in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = SAMPLES[usize::from(!public)].clone();
        for (position, byte) in changes {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        decode_and_open(&bytes);
        decode_and_open(&bytes[..cut.index(bytes.len())]);
    }
}
