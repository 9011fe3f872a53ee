//! A store by its address: a folder, or `s3://...`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::disk::DiskStore;
use crate::either::EitherStore;
use crate::error::StoreError;
use crate::s3::{S3Address, S3AddressError, S3Limits, S3Store};

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

/// A store of whichever kind its address names: on the local disk, or in a bucket.
pub type AnyStore = EitherStore<DiskStore, S3Store>;

impl AnyStore {
    /// Opens a store that exists: a folder is not made, because a wrong name would look like an empty store.
    ///
    /// # Errors
    /// [`OpenStoreError`].
    pub fn open(address: &StoreAddress) -> Result<Self, OpenStoreError> {
        match address {
            StoreAddress::S3(address) => {
                let opened = S3Store::open(address, None, S3Limits::default())?;
                Ok(Self::Second(opened))
            }
            StoreAddress::Folder(path) if path.is_dir() => Ok(Self::First(DiskStore::open(path)?)),
            StoreAddress::Folder(path) => Err(OpenStoreError::NoFolder { path: path.clone() }),
        }
    }
}
