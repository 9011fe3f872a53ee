//! Model packages and where they live: the ledger holds hashes, this crate holds bytes.
//!
//! A model is a folder or a file. Its [`Manifest`] lists every file with size and digest; the
//! ledger has the manifest's [`model_hash`](Manifest::model_hash). [`push`] cuts the files into
//! chunks, encrypts each, and puts them into a [`BlobStore`] under the SHA-256 of their bytes,
//! followed by the [`StoredManifest`], whose digest the ledger has too. [`pull`] goes the other way
//! and renames the model to its place only when all of it was checked.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//! use cairn_artifacts::{DiskStore, PullOptions, PushOptions, pull, push};
//! use cairn_crypto::DataKey;
//!
//! let store = DiskStore::open("/var/lib/cairn/blobs")?;
//! let data_key = DataKey::generate()?;
//! let pushed = push(&store, Path::new("./model"), &data_key, PushOptions::default()).await?;
//!
//! let (manifest, model) = (&pushed.manifest_digest, &pushed.model_hash);
//! let target = Path::new("./copy");
//! pull(&[store], manifest, model, Some(&data_key), target, PullOptions::default()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`path`](mod@path) | which paths a package may have, and their order |
//! | `scan` | [`scan()`]: the files of a model on disk |
//! | [`manifest`] | [`Manifest`], [`FileEntry`], [`Blind`], the root digest |
//! | [`vector`] | embedding vectors in `.npy` files |
//! | [`chunk`] | cutting files, encrypting one chunk |
//! | `package` | [`Package`]: an opened package, how files, chunks and blobs fit together |
//! | `stored` | [`StoredManifest`]: the package as it lies in a store |
//! | `store` | [`BlobStore`] and [`BlobInventory`], the traits; retries |
//! | `disk` | [`DiskStore`] |
//! | [`s3`] | [`S3Store`] |
//! | `any` | [`AnyStore`]: a store by its address |
//! | `measured` | [`Measured`]: a store whose operations are timed |
//! | [`upkeep`] | what a store need not keep, and whether it is whole |
//! | [`cache`] | a store read through a cache: in memory, in Redis |
//! | `plan` | what an interrupted push leaves for the next |
//! | `read` | the thread that reads and hashes files |
//! | `push` | [`push()`], [`PushOptions`], [`Pushed`] |
//! | `reencrypt` | [`reencrypt()`]: a stored package under new keys |
//! | `fetch` | blobs from several stores; [`fetch_manifest`], [`fetch_package`], [`fetch_vector`] |
//! | [`oms`] | OpenSSF Model Signing: `model.sig`, `model.mldsa.dsse.json` |
//! | `stage` | the folder in which a pull builds the model |
//! | `pull` | [`pull()`], [`PullOptions`], [`Pulled`] |
//! | `verify` | [`verify_local`] |
//! | `progress` | [`Progress`] |
//! | `either` | [`EitherStore`]: a store of one of two kinds |
//! | `error` | [`PackageError`], [`StoreError`], [`ErrorKind`] |

#![forbid(unsafe_code)]

mod any;
mod buffer;
pub mod cache;
pub mod chunk;
mod disk;
mod either;
mod error;
mod fetch;
pub mod manifest;
mod measured;
pub mod oms;
mod package;
pub mod path;
mod plan;
mod progress;
mod pull;
mod push;
mod read;
mod reencrypt;
pub mod s3;
mod scan;
mod stage;
mod store;
mod stored;
mod uncached;
pub mod upkeep;
pub mod vector;
mod verify;

pub use any::{AnyStore, OpenStoreError, StoreAddress};
pub use chunk::{CHUNK_SIZE, MAX_BLOB};
pub use disk::DiskStore;
pub use either::EitherStore;
pub use error::{ErrorKind, PackageError, StoreError};
pub use fetch::{fetch_manifest, fetch_package, fetch_stored_manifest, fetch_vector};
pub use manifest::{Blind, FileEntry, MAX_FILES, Manifest};
pub use measured::{Measured, StoreObserver, StoreOperation, outcome};
pub use oms::{ModelSigner, SignatureError, Signatures};
pub use package::Package;
pub use progress::{NoProgress, Progress};
pub use pull::{PullOptions, Pulled, pull};
pub use push::{PushOptions, Pushed, push};
pub use reencrypt::{ReencryptOptions, Reencrypted, forget_reencryption, reencrypt};
pub use s3::{S3Address, S3AddressError, S3Credentials, S3Limits, S3Store};
pub use scan::{SIGNATURE_FILES, ScanOptions, ScannedFile, scan};
pub use store::{BlobInventory, BlobStore, KeptBlob};
pub use stored::{MAX_STORED_MANIFEST, StoredManifest};
pub use vector::VectorError;
pub use verify::verify_local;
