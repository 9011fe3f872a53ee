//! Takes blobs from several stores: the next is asked when one has none or a wrong one.

use bytes::Bytes;
use cairn_crypto::{DataKey, Digest};

use crate::chunk;
use crate::error::{PackageError, StoreError};
use crate::manifest::Manifest;
use crate::package::{Chunk, Package};
use crate::push::blocking;
use crate::store::{BlobStore, persist};
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
) -> Result<Bytes, PackageError> {
    if let (Some(secret), Some(store)) = (&chunk.secret, stores.first())
        && let Ok(bytes) = store.get_unchecked(&chunk.blob.digest).await
    {
        let (secret, place, plain) = (secret.clone(), chunk.place, chunk.plain);
        let opened = blocking(move || {
            let mut buffer = Vec::from(bytes);
            chunk::open(&secret, place, &plain, &mut buffer).map(|()| buffer)
        });
        if let Ok(bytes) = opened.await?
            && bytes.len() == chunk.len
        {
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
    let bytes = match &chunk.secret {
        None => whole_blob(stores, &chunk.blob.digest, &what).await?,
        Some(secret) => {
            let (secret, place, plain) = (secret.clone(), chunk.place, chunk.plain);
            let decrypt = move |bytes: Bytes| {
                let mut buffer = Vec::from(bytes);
                chunk::open(&secret, place, &plain, &mut buffer).map(|()| Bytes::from(buffer))
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
/// the thread that hashed it.
async fn checked_blob<S: BlobStore, T: Send + 'static>(
    stores: &[S],
    digest: &Digest,
    what: &str,
    work: impl FnOnce(Bytes) -> T + Clone + Send + 'static,
) -> Result<T, PackageError> {
    let mut failures = Vec::new();
    for store in stores {
        let bytes = match persist(|| store.get(digest)).await {
            Ok(bytes) => bytes,
            Err(failure) => {
                tracing::debug!(%failure, "trying the next store");
                failures.push(failure);
                continue;
            }
        };
        let (checked, expected, work) = (store.checks_reads(), *digest, work.clone());
        let done = blocking(move || {
            if !checked {
                let got = Digest::of(&bytes);
                if got != expected {
                    return Err(got);
                }
            }
            Ok(work(bytes))
        });
        match done.await? {
            Ok(result) => return Ok(result),
            Err(got) => {
                let failure = StoreError::WrongDigest {
                    store: store.name(),
                    expected,
                    got,
                };
                tracing::warn!(%failure, "trying the next store");
                failures.push(failure);
            }
        }
    }
    Err(PackageError::Blob {
        digest: *digest,
        what: what.to_owned(),
        failures,
    })
}
