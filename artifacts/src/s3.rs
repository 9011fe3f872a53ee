//! A blob store in S3 or in what speaks like it.
//!
//! A blob is the object `<prefix>/<digest in hex>`. It is put under its content's name, so that two
//! writers of one blob write the same bytes and neither needs to know of the other. Every byte that
//! is read is hashed in this process before the caller has it.
//!
//! A bucket does not note that a blob is asked for, and an object cannot be made young again without sending it. So
//! whoever asks for a blob that has lain there for a while, and may be about to publish what needs it, leaves the empty
//! object `<prefix>/<digest in hex>.used`, whose age counts for the blob ([`crate::upkeep`]).
//!
//! Nothing is tried again in here: callers of a [`BlobStore`] do that, for every store alike.

mod address;
mod failure;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use cairn_crypto::{Digest, Hasher};
use futures::{Stream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig,
};
use tokio::task::spawn_blocking;

use crate::error::StoreError;
use crate::store::{BlobInventory, BlobStore, KeptBlob};
use crate::stored::MAX_STORED_MANIFEST;

pub use address::{S3Address, S3AddressError, S3Credentials};

/// A blob that was put so lately is young without a note of its use.
const USE_NOTED_EVERY: Duration = Duration::from_secs(10 * 60);

/// How long operations may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S3Limits {
    /// For a connection to be made.
    pub connect: Duration,
    /// For the next bytes of an answer.
    pub silence: Duration,
    /// For an operation as a whole.
    pub operation: Duration,
}

impl Default for S3Limits {
    /// 10 seconds, 30 seconds, 5 minutes.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            operation: Duration::from_secs(300),
        }
    }
}

/// Blobs in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct S3Store {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    prefix: Path,
    client: object_store::aws::AmazonS3,
    limits: S3Limits,
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.inner.name)
    }
}

impl S3Store {
    /// A store at an address. Nothing is asked yet.
    ///
    /// Without credentials, those of the environment are used: `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, a web identity, or those of the machine.
    ///
    /// # Errors
    /// [`S3AddressError`] if the address and the environment do not make a client.
    pub fn open(
        address: &S3Address,
        credentials: Option<&S3Credentials>,
        limits: S3Limits,
    ) -> Result<Self, S3AddressError> {
        let options = ClientOptions::new()
            .with_connect_timeout(limits.connect)
            .with_read_timeout(limits.silence)
            .with_timeout(limits.operation)
            .with_allow_http(address.is_plain());
        let retry = RetryConfig {
            max_retries: 0,
            retry_timeout: Duration::ZERO,
            backoff: BackoffConfig::default(),
        };
        let mut builder = match credentials {
            None => AmazonS3Builder::from_env(),
            Some(credentials) => AmazonS3Builder::new()
                .with_access_key_id(&credentials.access_key)
                .with_secret_access_key(credentials.secret_key.as_str()),
        };
        builder = builder
            .with_client_options(options)
            .with_retry(retry)
            .with_bucket_name(&address.bucket);
        if let Some(region) = &address.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &address.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_virtual_hosted_style_request(false);
        }
        let client = builder.build().map_err(|error| S3AddressError::Client {
            reason: error.to_string(),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                name: address.to_string(),
                prefix: Path::from(address.prefix.as_str()),
                client,
                limits,
            }),
        })
    }

    fn place(&self, digest: &Digest) -> Path {
        self.inner.prefix.clone().join(digest.to_string())
    }

    /// Where it is noted that a blob was asked for.
    fn note(&self, digest: &Digest) -> Path {
        self.inner.prefix.clone().join(format!("{digest}.used"))
    }

    /// What the bucket says of an object; nothing where there is none.
    async fn head(&self, digest: &Digest, at: &Path) -> Result<Option<ObjectMeta>, StoreError> {
        match self.within(digest, self.inner.client.head(at)).await {
            Ok(object) => Ok(Some(object)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an object, if it is there.
    async fn delete(&self, digest: &Digest, at: &Path) -> Result<(), StoreError> {
        match self.within(digest, self.inner.client.delete(at)).await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            answer => answer,
        }
    }

    /// Runs an operation within its limit.
    async fn within<T>(
        &self,
        digest: &Digest,
        operation: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, StoreError> {
        let limit = self.inner.limits.operation;
        match tokio::time::timeout(limit, operation).await {
            Ok(answer) => answer.map_err(|error| failure::of(self.name(), digest, error)),
            Err(_) => Err(StoreError::Unavailable {
                store: self.name(),
                reason: format!("no answer within {limit:?}"),
            }),
        }
    }

    /// Reads an object, no more of it than a blob can have, hashing it on the way.
    async fn read(&self, digest: &Digest) -> Result<(BytesMut, Digest), object_store::Error> {
        let answer = self.inner.client.get(&self.place(digest)).await?;
        let expected = answer.meta.size;
        let mut bytes = BytesMut::with_capacity(expected.min(MAX_STORED_MANIFEST) as usize);
        let mut hasher = Hasher::new();
        let mut pieces = answer.into_stream();
        while let Some(piece) = pieces.try_next().await? {
            if (bytes.len() + piece.len()) as u64 > MAX_STORED_MANIFEST {
                bytes.extend_from_slice(&piece[..1]);
                return Ok((bytes, Digest::ZERO));
            }
            hasher.update(&piece);
            bytes.extend_from_slice(&piece);
        }
        if (bytes.len() as u64) < expected {
            return Err(failure::cut_off(bytes.len() as u64, expected));
        }
        Ok((bytes, hasher.finish()))
    }

    fn listed(&self, object: &ObjectMeta) -> Option<KeptBlob> {
        // Other objects under the prefix are not this store's.
        let digest = object.location.filename()?.parse().ok()?;
        (self.place(&digest) == object.location).then(|| KeptBlob {
            digest,
            size: object.size,
            since: SystemTime::from(object.last_modified),
        })
    }
}

impl BlobStore for S3Store {
    fn name(&self) -> String {
        self.inner.name.clone()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        let hashed = bytes.clone();
        let got = spawn_blocking(move || Digest::of(&hashed)).await;
        let got = got.map_err(|_| StoreError::Unavailable {
            store: self.name(),
            reason: "the runtime is shutting down".to_owned(),
        })?;
        self.check(digest, got)?;
        self.put_hashed(digest, bytes).await
    }

    async fn put_hashed(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        if bytes.len() as u64 > MAX_STORED_MANIFEST {
            return Err(self.too_large(digest));
        }
        let place = self.place(digest);
        let payload = PutPayload::from(bytes);
        self.within(digest, self.inner.client.put(&place, payload))
            .await
            .map(drop)
            .map_err(|error| failure::of_put(error, &self.inner.name, digest))
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let (bytes, got) = self.within(digest, self.read(digest)).await?;
        if bytes.len() as u64 > MAX_STORED_MANIFEST {
            return Err(self.too_large(digest));
        }
        self.check(digest, got)?;
        Ok(bytes.freeze())
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        let place = self.place(digest);
        let Some(object) = self.head(digest, &place).await? else {
            return Ok(false);
        };
        let age = SystemTime::now().duration_since(object.last_modified.into());
        if age.is_ok_and(|age| age < USE_NOTED_EVERY) {
            return Ok(true);
        }
        let (note, empty) = (self.note(digest), PutPayload::new());
        self.within(digest, self.inner.client.put(&note, empty))
            .await?;
        // Whoever looked for the note before it was there may have removed the blob.
        Ok(self.head(digest, &place).await?.is_some())
    }

    fn checks_reads(&self) -> bool {
        true
    }
}

impl BlobInventory for S3Store {
    fn list(&self) -> impl Stream<Item = Result<KeptBlob, StoreError>> + Send {
        let prefix = self.inner.prefix.clone();
        let prefix = (!prefix.as_ref().is_empty()).then_some(prefix);
        let objects = self.inner.client.list(prefix.as_ref());
        objects.filter_map(move |object| {
            let kept = match object {
                Ok(object) => self.listed(&object).map(Ok),
                Err(error) => Some(Err(failure::of(self.name(), &Digest::ZERO, error))),
            };
            std::future::ready(kept)
        })
    }

    async fn kept(&self, digest: &Digest) -> Result<Option<KeptBlob>, StoreError> {
        let Some(object) = self.head(digest, &self.place(digest)).await? else {
            return Ok(None);
        };
        // The note last: the later it is looked for, the less can be missed.
        let note = self.head(digest, &self.note(digest)).await?;
        let used = note.map(|note| SystemTime::from(note.last_modified));
        Ok(self.listed(&object).map(|kept| KeptBlob {
            since: used.map_or(kept.since, |used| used.max(kept.since)),
            ..kept
        }))
    }

    async fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        self.delete(digest, &self.place(digest)).await?;
        self.delete(digest, &self.note(digest)).await
    }
}

impl S3Store {
    fn check(&self, expected: &Digest, got: Digest) -> Result<(), StoreError> {
        if *expected == got {
            return Ok(());
        }
        Err(StoreError::WrongDigest {
            store: self.name(),
            expected: *expected,
            got,
        })
    }

    fn too_large(&self, digest: &Digest) -> StoreError {
        StoreError::TooLarge {
            store: self.name(),
            digest: *digest,
            limit: MAX_STORED_MANIFEST,
        }
    }
}
