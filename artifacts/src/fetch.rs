//! Takes blobs from several stores: the next is asked when one has none or a wrong one.

use std::time::Instant;

use bytes::Bytes;
use cairn_crypto::{DataKey, Digest};

use crate::error::{PackageError, StoreError};
use crate::manifest::Manifest;
use crate::package::{Chunk, Package};
use crate::progress::Progress;
use crate::push::blocking;
use crate::store::{ATTEMPTS, BlobStore, FIRST_PAUSE};
use crate::stored::{MAX_STORED_MANIFEST, StoredManifest};

/// Takes the stored manifest from the first store that has it whole.
///
/// # Errors
/// [`PackageError::Blob`] naming what each store said, or [`PackageError::Malformed`].
pub async fn fetch_stored_manifest<S: BlobStore>(
    stores: &[S],
    manifest_digest: &Digest,
) -> Result<StoredManifest, PackageError> {
    let bytes = whole_blob(stores, manifest_digest, "the stored manifest").await?;
    if bytes.len() as u64 > MAX_STORED_MANIFEST {
        return Err(PackageError::Limit {
            what: "bytes of manifest",
            got: bytes.len() as u64,
            limit: MAX_STORED_MANIFEST,
        });
    }
    blocking(move || StoredManifest::decode(&bytes)).await?
}

/// Takes and opens the stored manifest. Nothing else is fetched.
///
/// # Errors
/// As [`fetch_stored_manifest`], and [`PackageError::NoDataKey`] or [`PackageError::WrongDataKey`].
pub async fn fetch_package<S: BlobStore>(
    stores: &[S],
    manifest_digest: &Digest,
    data_key: Option<&DataKey>,
) -> Result<Package, PackageError> {
    let stored = fetch_stored_manifest(stores, manifest_digest).await?;
    let data_key = data_key.cloned();
    blocking(move || stored.open(data_key.as_ref())).await?
}

/// Takes the stored manifest and decrypts the manifest in it. The caller compares its
/// [`Manifest::model_hash`] with the ledger's.
///
/// # Errors
/// As [`fetch_package`].
pub async fn fetch_manifest<S: BlobStore>(
    stores: &[S],
    manifest_digest: &Digest,
    data_key: Option<&DataKey>,
) -> Result<Manifest, PackageError> {
    let package = fetch_package(stores, manifest_digest, data_key).await?;
    Ok(package.contents.manifest)
}

/// Takes the embedding vector's `.npy` file of an opened package, if it has one, and checks it
/// against the manifest; [`crate::vector::parse`] reads it.
///
/// # Errors
/// [`PackageError::Blob`], [`PackageError::Chunk`] or [`PackageError::FileDigest`].
pub async fn fetch_vector<S: BlobStore>(
    stores: &[S],
    package: &Package,
) -> Result<Option<Vec<u8>>, PackageError> {
    let Some(expected) = package.manifest().vector else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    for chunk in package.vector_chunks() {
        bytes.extend_from_slice(&open_chunk(stores, &chunk).await?);
    }
    let got = Digest::of(&bytes);
    if got != expected {
        return Err(PackageError::FileDigest {
            path: crate::package::VECTOR_NAME.to_owned(),
            expected,
            got,
        });
    }
    Ok(Some(bytes))
}

/// Takes one chunk and decrypts it, as [`open_chunk`] does, but does not hash the blob of a private package if
/// it decrypts: the tag of AES-GCM has then checked the bytes. Only someone with the file's key can make
/// others with a right tag, and those do not have the file's digest.
pub(crate) async fn open_chunk_once<S: BlobStore>(
    stores: &[S],
    chunk: &Chunk,
    progress: &dyn Progress,
) -> Result<Bytes, PackageError> {
    let first = order(stores).next().map(|index| &stores[index]);
    if let (Some(seal), Some(store)) = (&chunk.seal, first)
        && let Ok(bytes) = store.get_unchecked(&chunk.blob.digest).await
    {
        let (seal, place) = (seal.clone(), chunk.place);
        let opened = blocking(move || {
            let begun = Instant::now();
            let mut buffer = Vec::from(bytes);
            let opened = seal.open(place, &mut buffer);
            opened.map(|()| (buffer, begun.elapsed()))
        });
        if let Ok((bytes, elapsed)) = opened.await?
            && bytes.len() == chunk.len
        {
            progress.verified(bytes.len() as u64, elapsed);
            return Ok(bytes.into());
        }
    }
    open_chunk(stores, chunk).await
}

/// Takes one chunk and decrypts it.
pub(crate) async fn open_chunk<S: BlobStore>(
    stores: &[S],
    chunk: &Chunk,
) -> Result<Bytes, PackageError> {
    let what = format!("chunk {} of {:?}", chunk.place.index, chunk.path);
    let wrong = || PackageError::Chunk {
        path: chunk.path.clone(),
        index: chunk.place.index,
    };
    let bytes = match &chunk.seal {
        None => whole_blob(stores, &chunk.blob.digest, &what).await?,
        Some(seal) => {
            let (seal, place) = (seal.clone(), chunk.place);
            let decrypt = move |bytes: Bytes| {
                let mut buffer = Vec::from(bytes);
                seal.open(place, &mut buffer).map(|()| Bytes::from(buffer))
            };
            let opened = checked_blob(stores, &chunk.blob.digest, &what, decrypt).await?;
            opened.map_err(|_| wrong())?
        }
    };
    if bytes.len() == chunk.len {
        Ok(bytes)
    } else {
        Err(wrong())
    }
}

pub(crate) async fn whole_blob<S: BlobStore>(
    stores: &[S],
    digest: &Digest,
    what: &str,
) -> Result<Bytes, PackageError> {
    checked_blob(stores, digest, what, |bytes| bytes).await
}

/// Takes a blob whose bytes have the digest from the first store that gives it, and works on it on
/// the thread that hashed it. A store that is not available is asked again only when all others have been asked.
async fn checked_blob<S: BlobStore, T: Send + 'static>(
    stores: &[S],
    digest: &Digest,
    what: &str,
    work: impl FnOnce(Bytes) -> T + Clone + Send + 'static,
) -> Result<T, PackageError> {
    let mut failures: Vec<Option<StoreError>> = stores.iter().map(|_| None).collect();
    let mut pause = FIRST_PAUSE;
    for round in 1..=ATTEMPTS {
        for index in order(stores) {
            if failures[index].as_ref().is_some_and(is_final) {
                continue;
            }
            match ask(&stores[index], digest, work.clone()).await? {
                Ok(done) => return Ok(done),
                Err(failure) => {
                    tracing::debug!(%failure, round, "trying the next store");
                    failures[index] = Some(failure);
                }
            }
        }
        if round == ATTEMPTS || failures.iter().flatten().all(is_final) {
            break;
        }
        tokio::time::sleep(pause).await;
        pause *= 3;
    }
    Err(PackageError::Blob {
        digest: *digest,
        what: what.to_owned(),
        failures: failures.into_iter().flatten().collect(),
    })
}

/// The stores as they are to be asked: those that are out of order last.
fn order<S: BlobStore>(stores: &[S]) -> impl Iterator<Item = usize> {
    let mut indices: Vec<usize> = (0..stores.len()).collect();
    indices.sort_by_key(|index| stores[*index].is_out_of_order());
    indices.into_iter()
}

fn is_final(failure: &StoreError) -> bool {
    !matches!(failure, StoreError::Unavailable { .. })
}

/// Asks one store once, and hashes what it gives unless it has done so itself.
async fn ask<S: BlobStore, T: Send + 'static>(
    store: &S,
    digest: &Digest,
    work: impl FnOnce(Bytes) -> T + Send + 'static,
) -> Result<Result<T, StoreError>, PackageError> {
    let bytes = match store.get(digest).await {
        Ok(bytes) => bytes,
        Err(failure) => return Ok(Err(failure)),
    };
    let (checked, expected) = (store.checks_reads(), *digest);
    let done = blocking(move || {
        if !checked {
            let got = Digest::of(&bytes);
            if got != expected {
                return Err(got);
            }
        }
        Ok(work(bytes))
    });
    Ok(done.await?.map_err(|got| StoreError::WrongDigest {
        store: store.name(),
        expected,
        got,
    }))
}
