//! What happens to a store while it is collected, and to what a rekeying replaced.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cairn_artifacts::upkeep::{Collected, Referenced, collect};
use cairn_artifacts::{
    BlobInventory, BlobStore, DiskStore, KeptBlob, Pushed, S3Limits, StoreError,
    fetch_stored_manifest,
};
use cairn_crypto::Digest;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use support::s3_server::{self, BUCKET, S3Server};
use support::{noise, push_to, write};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn in_folder(folder: &Path, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    folder.join(&name[..2]).join(name)
}

/// Makes a blob as old as a month.
fn age(file: &Path) {
    let file = File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - 30 * DAY).unwrap();
}

/// A store of which somebody asks for one blob and removes another when all of it was listed.
struct Busy<'a, S> {
    store: &'a S,
    used: Digest,
    gone: Digest,
}

impl<S: BlobInventory> BlobStore for Busy<'static, S> {
    fn name(&self) -> String {
        self.store.name()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put(digest, bytes).await
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        self.store.get(digest).await
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store.has(digest).await
    }
}

impl<S: BlobInventory> BlobInventory for Busy<'static, S> {
    fn list(&self) -> impl Stream<Item = Result<KeptBlob, StoreError>> + Send {
        let meanwhile = async {
            assert!(self.store.has(&self.used).await?);
            self.store.remove(&self.gone).await
        };
        let meanwhile = stream::once(meanwhile).filter_map(async |done| done.err().map(Err));
        self.store.list().chain(meanwhile)
    }

    async fn kept(&self, digest: &Digest) -> Result<Option<KeptBlob>, StoreError> {
        self.store.kept(digest).await
    }

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        self.store.remove(digest).await
    }
}

async fn what_is_used_meanwhile_stays<S: BlobInventory>(
    store: &'static S,
    place: impl Fn(&Digest) -> PathBuf,
) {
    let mut blobs = Vec::new();
    for bytes in [&b"used"[..], b"gone", b"forgotten"] {
        let digest = Digest::of(bytes);
        store.put(&digest, bytes.into()).await.unwrap();
        age(&place(&digest));
        blobs.push(digest);
    }
    let busy = Busy {
        store,
        used: blobs[0],
        gone: blobs[1],
    };
    let nothing = Referenced::default();
    let now = SystemTime::now();
    let report = collect(&busy, &nothing, now, DAY, false).await.unwrap();
    assert_eq!(report.removed.keys().collect::<Vec<_>>(), [&blobs[2]]);
    assert_eq!((report.young, report.kept), (1, 0));
    assert_eq!(store.get(&blobs[0]).await.unwrap(), b"used"[..]);

    // It is young for those who come later too, and grows old from when it was asked for.
    let report = collect(store, &nothing, now, DAY, false).await.unwrap();
    assert_eq!((report.young, report.removed.len()), (1, 0));
    let later = now + 2 * DAY;
    let report = collect(store, &nothing, later, DAY, false).await.unwrap();
    assert_eq!(report.removed.keys().collect::<Vec<_>>(), [&blobs[0]]);
    assert!(
        store
            .list()
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_while_a_folder_is_collected_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Box::leak(Box::new(DiskStore::open(folder.path()).unwrap()));
    what_is_used_meanwhile_stays(store, |digest| in_folder(folder.path(), digest)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_while_a_bucket_is_collected_stays() {
    let server = S3Server::start();
    let store = s3_server::store(server.address, "p", S3Limits::default());
    let objects = server.objects().join(BUCKET).join("p");
    let store = Box::leak(Box::new(store));
    what_is_used_meanwhile_stays(store, |digest| objects.join(digest.to_string())).await;
    // The note of its use went with the blob.
    let left = fs::read_dir(objects).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().ends_with(".used")),
        "{left:?}"
    );
}

/// What is collected of a store whose version was rekeyed: pushed under one key, and then under another one.
async fn rekeyed(store: &DiskStore, former: &Pushed, now: &Pushed) -> Collected {
    let stores = std::slice::from_ref(store);
    let in_force = [now.manifest_digest].into();
    let replaced = BTreeMap::from([(former.manifest_digest, now.manifest_digest)]);
    let referenced = Referenced::read(stores, &in_force).await.unwrap();
    let referenced = referenced.with_replaced(stores, &replaced).await.unwrap();
    let later = SystemTime::now() + 8 * DAY;
    collect(store, &referenced, later, DAY, true).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replaced_stays_until_all_that_replaced_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    let store = DiskStore::open(&blobs).unwrap();
    let model = folder.path().join("model");
    write(&model, "a", &noise(1, 5 << 20));
    // Each push takes other file keys.
    let (former, now) = (push_to(&store, &model).await, push_to(&store, &model).await);
    let stores = std::slice::from_ref(&store);
    let chunks_of = async |pushed: &Pushed| {
        let stored = fetch_stored_manifest(stores, &pushed.manifest_digest).await;
        let chunks: Vec<Digest> = stored.unwrap().blobs().map(|(blob, _)| blob).collect();
        chunks
    };
    let (old, new) = (chunks_of(&former).await, chunks_of(&now).await);
    assert_eq!((old.len(), new.len()), (2, 2));

    let report = rekeyed(&store, &former, &now).await;
    assert_eq!((report.kept, report.removed.len()), (3, 3));
    assert!(old.iter().all(|chunk| report.removed.contains_key(chunk)));

    let chunk = in_folder(&blobs, &new[1]);
    let aside = folder.path().join("aside");
    fs::rename(&chunk, &aside).unwrap();
    let report = rekeyed(&store, &former, &now).await;
    assert_eq!((report.kept, report.removed.len()), (5, 0));
    fs::rename(&aside, &chunk).unwrap();

    // A store that is to have nothing of the new one, as its keeper says, needs not keep the old one for it.
    fs::remove_file(in_folder(&blobs, &now.manifest_digest)).unwrap();
    let report = rekeyed(&store, &former, &now).await;
    assert_eq!((report.kept, report.removed.len()), (0, 5));
}
