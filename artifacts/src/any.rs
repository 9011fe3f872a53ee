//! A store by its address: a folder, or `s3://...`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;
use cairn_crypto::Digest;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use thiserror::Error;

use crate::disk::DiskStore;
use crate::error::StoreError;
use crate::s3::{S3Address, S3AddressError, S3Limits, S3Store};
use crate::store::{BlobInventory, BlobStore, KeptBlob};

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// A folder of the local disk.
    Folder(PathBuf),
    /// A bucket; credentials come from the environment.
    S3(S3Address),
}

/// Why there is no store.
#[derive(Debug, Error)]
pub enum OpenStoreError {
    /// The address or the environment of an S3 store.
    #[error(transparent)]
    S3(#[from] S3AddressError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] StoreError),
    /// There is no such folder.
    #[error("{} is no folder: name the folder of a store that exists", path.display())]
    NoFolder {
        /// What was named.
        path: PathBuf,
    },
}

impl FromStr for StoreAddress {
    type Err = S3AddressError;

    fn from_str(text: &str) -> Result<Self, S3AddressError> {
        if text.starts_with("s3:") {
            return text.parse().map(Self::S3);
        }
        match text.split_once("://") {
            Some(("file", path)) => Ok(Self::Folder(path.into())),
            None if !text.is_empty() => Ok(Self::Folder(text.into())),
            _ => Err(S3AddressError::Form {
                text: text.to_owned(),
                reason: "it is no folder either".to_owned(),
            }),
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::S3(address) => address.fmt(f),
        }
    }
}

/// A store of whichever kind its address names.
#[derive(Clone, Debug)]
pub enum AnyStore {
    /// On the local disk.
    Disk(DiskStore),
    /// In a bucket.
    S3(S3Store),
}

impl AnyStore {
    /// Opens a store that exists: a folder is not made, because a wrong name would look like an empty store.
    ///
    /// # Errors
    /// [`OpenStoreError`].
    pub fn open(address: &StoreAddress) -> Result<Self, OpenStoreError> {
        match address {
            StoreAddress::S3(address) => {
                Ok(Self::S3(S3Store::open(address, None, S3Limits::default())?))
            }
            StoreAddress::Folder(path) if path.is_dir() => Ok(Self::Disk(DiskStore::open(path)?)),
            StoreAddress::Folder(path) => Err(OpenStoreError::NoFolder { path: path.clone() }),
        }
    }
}

/// Calls the same method of whichever store it is.
macro_rules! either {
    ($self:ident, $store:ident => $call:expr) => {
        match $self {
            AnyStore::Disk($store) => $call,
            AnyStore::S3($store) => $call,
        }
    };
}

impl BlobStore for AnyStore {
    fn name(&self) -> String {
        either!(self, store => store.name())
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        either!(self, store => store.put(digest, bytes).await)
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        either!(self, store => store.get(digest).await)
    }

    async fn put_hashed(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        either!(self, store => store.put_hashed(digest, bytes).await)
    }

    async fn settle(&self) -> Result<(), StoreError> {
        either!(self, store => store.settle().await)
    }

    async fn get_unchecked(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        either!(self, store => store.get_unchecked(digest).await)
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        either!(self, store => store.has(digest).await)
    }

    fn checks_reads(&self) -> bool {
        either!(self, store => store.checks_reads())
    }
}

impl BlobInventory for AnyStore {
    fn list(&self) -> impl Stream<Item = Result<KeptBlob, StoreError>> + Send {
        let listed: BoxStream<'_, _> = either!(self, store => store.list().boxed());
        listed
    }

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        either!(self, store => store.remove(digest).await)
    }
}
