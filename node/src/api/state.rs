//! What the handlers share, and how they read.

use super::{
    ApiLimits,
    event_blocks::BlockEvents,
    extract::PagingAt,
    latest::LatestVersions,
    limiter::Limiter,
    openapi,
    places::Places,
    problem::ApiProblem,
    quota::{BlobLimits, Usage},
    recent::Recent,
    registry::next,
    snapshot::{FinalBlock, Snapshot},
};
use crate::handle::NodeHandle;
use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
};
use bytes::Bytes;
use cairn_api::{Answer, HEIGHT_HEADER, OCTET_STREAM, Page, time::rfc3339, token};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// Shared by all requests; a clone is another handle.
#[derive(Clone)]
pub(super) struct ApiState(Arc<Shared>);

/// See [`ApiState`].
pub(super) struct Shared {
    pub(super) node: NodeHandle,
    pub(super) limits: ApiLimits,
    pub(super) limiter: Limiter,
    /// What access tokens for this node name.
    pub(super) audience: String,
    pub(super) latest: LatestVersions,
    /// Final blocks, as [`Shared::final_block`] gives them.
    recent: Recent<FinalBlock>,
    /// The events of final blocks, as [`Shared::events_from`] gives them.
    pub(super) recent_events: Recent<BlockEvents>,
    /// Places for streams of events.
    pub(super) streams: Arc<Semaphore>,
    /// Says `true` when the node stops.
    pub(super) stop: watch::Receiver<bool>,
    /// Places for blobs on their way.
    pub(super) blobs: Places,
    /// Bytes of blobs of each namespace.
    pub(super) usage: Usage,
    /// The genesis document, as JSON.
    pub(super) genesis: Bytes,
    /// The OpenAPI document, as JSON.
    pub(super) openapi: Bytes,
    reads: Arc<Semaphore>,
}

impl std::ops::Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// The final block at `height` with its receipts, `None` when there is none yet.
    pub(super) fn final_block(&self, height: u64) -> Result<Option<Arc<FinalBlock>>, ApiProblem> {
        let read = || FinalBlock::read(self.node.store(), height);
        self.recent.get(height, read)
    }
}

/// The value of a page: its items, and the next cursor.
pub(super) type Items<T> = (Vec<T>, Option<String>);

impl ApiState {
    pub(super) fn new(
        node: NodeHandle,
        limits: ApiLimits,
        blob_limits: BlobLimits,
        genesis: String,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(Shared {
            limiter: Limiter::new(&limits),
            audience: token::audience(&node.chain_id(), &node.transport_key().fingerprint()),
            latest: LatestVersions::default(),
            recent: Recent::default(),
            recent_events: Recent::default(),
            streams: Arc::new(Semaphore::new(limits.max_event_streams)),
            stop,
            blobs: Places::new(
                limits.max_concurrent_blobs,
                limits.max_concurrent_blobs_per_account,
            ),
            usage: Usage::new(blob_limits),
            genesis: Bytes::from(genesis),
            openapi: openapi::document(),
            reads: Arc::new(Semaphore::new(limits.max_concurrent_reads)),
            node,
            limits,
        }))
    }

    /// Runs `work` on a snapshot of the last final block (or of `at`), on a thread that may wait for the
    /// disk. Its place is held until the work is done, even when the client is gone before.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        at: Option<u64>,
        work: impl FnOnce(&Shared, &Snapshot) -> Result<T, ApiProblem> + Send + 'static,
    ) -> Result<T, ApiProblem> {
        let place = Arc::clone(&self.reads)
            .acquire_owned()
            .await
            .map_err(ApiProblem::internal)?;
        let state = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&state, &Snapshot::at(state.node.store(), at)?)
        });
        done.await.map_err(ApiProblem::internal)?
    }

    /// Answers with one value.
    pub(super) async fn answer<T: Serialize>(
        &self,
        at: Option<u64>,
        work: impl FnOnce(&Shared, &Snapshot) -> Result<T, ApiProblem> + Send + 'static,
    ) -> Result<Response<Body>, ApiProblem> {
        self.read(at, |shared, snapshot| {
            let data = work(shared, snapshot)?;
            let (height, time) = snapshot.position();
            json(
                height,
                &Answer {
                    height,
                    time: rfc3339(time),
                    data,
                },
            )
        })
        .await
    }

    /// Answers with a page.
    pub(super) async fn page<T: Serialize>(
        &self,
        at: Option<u64>,
        work: impl FnOnce(&Shared, &Snapshot) -> Result<Items<T>, ApiProblem> + Send + 'static,
    ) -> Result<Response<Body>, ApiProblem> {
        self.read(at, |shared, snapshot| {
            let (items, next) = work(shared, snapshot)?;
            let (height, time) = snapshot.position();
            json(
                height,
                &Page {
                    height,
                    time: rfc3339(time),
                    items,
                    next,
                },
            )
        })
        .await
    }

    /// Answers with a page of a list. `read` gives the entries from an ordinal on, at most so many, and how many the
    /// list has in all.
    pub(super) async fn list<T: Serialize>(
        &self,
        paging: PagingAt,
        read: impl FnOnce(&Snapshot, u64, u64) -> Result<(Vec<T>, u64), ApiProblem> + Send + 'static,
    ) -> Result<Response<Body>, ApiProblem> {
        let (from, limit) = paging.range()?;
        self.page(paging.at_height, move |_, snapshot| {
            let (items, count) = read(snapshot, from, limit as u64)?;
            let next = next(from, items.len(), count);
            Ok((items, next))
        })
        .await
    }

    /// Answers with a value that names its height itself.
    pub(super) async fn json<T: Serialize>(
        &self,
        work: impl FnOnce(&Shared, &Snapshot) -> Result<T, ApiProblem> + Send + 'static,
    ) -> Result<Response<Body>, ApiProblem> {
        self.read(None, |shared, snapshot| {
            let value = work(shared, snapshot)?;
            json(snapshot.position().0, &value)
        })
        .await
    }
}

fn json<T: Serialize>(height: u64, value: &T) -> Result<Response<Body>, ApiProblem> {
    let bytes = serde_json::to_vec(value).map_err(ApiProblem::internal)?;
    Ok(with_height(height, "application/json", bytes.into()))
}

/// An answer in bytes.
pub(super) fn binary(height: u64, bytes: Vec<u8>) -> Response<Body> {
    with_height(height, OCTET_STREAM, bytes.into())
}

/// An answer that is the same at every height.
pub(super) fn fixed_json(bytes: &Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes.clone()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn with_height(height: u64, kind: &'static str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(HEIGHT_HEADER, HeaderValue::from(height));
    response
}
