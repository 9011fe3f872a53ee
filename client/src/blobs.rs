//! A node as a blob store.

use crate::call::{Call, Failure, Reply};
use crate::connection::Node;
use crate::routes::segment;
use crate::token::{Bearer, Tokens};
use crate::{CallError, Endpoint};
use bytes::Bytes;
use cairn_api::token::scope;
use cairn_api::{Problem, code};
use cairn_artifacts::{BlobStore, MAX_STORED_MANIFEST, StoreError};
use cairn_crypto::Digest;
use hyper::Method;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Time for a blob to be sent or received.
const BLOB_LIMIT: Duration = Duration::from_secs(300);

/// The blobs of one node, as an account sees them. What it gives is checked by whoever asked for it
/// ([`BlobStore::checks_reads`] is false).
#[derive(Clone)]
pub struct NodeBlobStore {
    node: Arc<Node>,
    tokens: Arc<Tokens>,
    /// For which namespace blobs are put.
    namespace: Option<String>,
}

impl fmt::Debug for NodeBlobStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeBlobStore({})", self.node.endpoint())
    }
}

impl NodeBlobStore {
    pub(crate) fn new(node: Arc<Node>, tokens: Arc<Tokens>) -> Self {
        Self {
            node,
            tokens,
            namespace: None,
        }
    }

    /// The same store, for blobs of models of one namespace: nodes with quotas ask for which one they are.
    #[must_use]
    pub fn for_namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// The node.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.node.endpoint()
    }

    fn call(&self, method: Method, digest: &Digest, body: Bytes) -> Call {
        let mut path = format!("/v1/blobs/{}", digest.reference());
        let scope = if method == Method::PUT {
            if let Some(namespace) = &self.namespace {
                path.push_str("?namespace=");
                path.push_str(&segment(namespace));
            }
            scope::BLOBS_WRITE
        } else {
            scope::BLOBS_READ
        };
        Call {
            method,
            path,
            body,
            bearer: Some(Bearer {
                tokens: Arc::clone(&self.tokens),
                scope,
            }),
            // A manifest is the longest blob there is; which blobs are manifests is not known here.
            max_bytes: usize::try_from(MAX_STORED_MANIFEST).unwrap_or(usize::MAX),
            limit: BLOB_LIMIT,
        }
    }

    /// A token that is refused is made anew once: clocks are set, and keys become valid.
    async fn ask(&self, call: &Call, digest: &Digest) -> Result<Reply, StoreError> {
        let refused = match self.node.call(call).await {
            Err(Failure::Refused(problem)) if problem.code == code::TOKEN_INVALID => {
                self.tokens.forget();
                self.node.call(call).await
            }
            answer => answer,
        };
        refused.map_err(|failure| match failure {
            Failure::Node(error) => self.unavailable(error, digest),
            Failure::Refused(problem) => self.refused(&problem, call, digest),
        })
    }

    fn unavailable(&self, error: CallError, digest: &Digest) -> StoreError {
        match error {
            CallError::TooLong { limit } => StoreError::TooLarge {
                store: self.name(),
                digest: *digest,
                limit: limit as u64,
            },
            error => StoreError::Unavailable {
                store: self.name(),
                reason: error.to_string(),
            },
        }
    }

    fn refused(&self, problem: &Problem, call: &Call, digest: &Digest) -> StoreError {
        let (store, digest) = (self.name(), *digest);
        match problem.code.as_str() {
            code::BLOB_NOT_FOUND => StoreError::NotFound { store, digest },
            code::DIGEST_MISMATCH => StoreError::WrongDigest {
                store,
                expected: digest,
                got: Digest::of(&call.body),
            },
            code::BODY_TOO_LARGE => StoreError::TooLarge {
                store,
                digest,
                limit: problem
                    .values
                    .get("limit")
                    .and_then(serde_json::Value::as_u64)
                    .unwrap_or(MAX_STORED_MANIFEST),
            },
            // What nodes say when the body broke off on its way.
            code::BAD_REQUEST => StoreError::Unavailable {
                store,
                reason: problem.to_string(),
            },
            _ => StoreError::Denied {
                store,
                digest,
                reason: problem.to_string(),
            },
        }
    }
}

impl BlobStore for NodeBlobStore {
    fn name(&self) -> String {
        self.node.endpoint().to_string()
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), StoreError> {
        // A node refuses it before it reads it, and the connection may break before its answer is read.
        if bytes.len() as u64 > MAX_STORED_MANIFEST {
            return Err(StoreError::TooLarge {
                store: self.name(),
                digest: *digest,
                limit: MAX_STORED_MANIFEST,
            });
        }
        let call = self.call(Method::PUT, digest, bytes);
        self.ask(&call, digest).await.map(|_| ())
    }

    async fn get(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let call = self.call(Method::GET, digest, Bytes::new());
        Ok(self.ask(&call, digest).await?.body)
    }

    async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        let call = self.call(Method::HEAD, digest, Bytes::new());
        match self.ask(&call, digest).await {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
