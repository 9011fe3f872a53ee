//! Blobs: the encrypted chunks and stored manifests of models, by their digest.

use super::{
    auth::{Access, authorize},
    extract::{self, InPath},
    problem::ApiProblem,
    state::ApiState,
};
use axum::{
    body::{Body, HttpBody},
    extract::State,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use cairn_api::{OCTET_STREAM, code};
use cairn_artifacts::{BlobStore, MAX_STORED_MANIFEST, StoreError};
use cairn_crypto::Digest;
use futures::StreamExt;
use hyper::body::{Frame, SizeHint};
use std::{
    convert::Infallible,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};
use tokio::sync::OwnedSemaphorePermit;

/// A blob, whole or a range of it. Its digest was checked before the first byte is sent.
#[utoipa::path(
    get, path = "/v1/blobs/{digest}", tag = "blobs",
    params(
        ("digest" = String, Path, description = "sha256:<hex>"),
        ("range" = Option<String>, Header, description = "One range of bytes (RFC 9110 section 14)"),
    ),
    responses(
        (status = 200, description = "The blob", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "No valid token", body = cairn_api::Problem),
        (status = 404, description = "Not on this node", body = cairn_api::Problem),
        (status = 416, description = "Outside the blob", body = cairn_api::Problem),
    ),
    security(("token" = []))
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, ApiProblem> {
    let digest = extract::digest(&digest)?;
    authorize(&state, &headers, Access::ReadBlobs).await?;
    let place = place(&state).await?;
    let started = Instant::now();
    let bytes = state.node.blobs().get(&digest).await?;
    state.node.observe_retrieval(started.elapsed().as_secs_f64());

    let length = bytes.len() as u64;
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.map_or(Ok(None), |text| parse_range(text, length));
    let Ok(range) = range else {
        return Err(ApiProblem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            code::RANGE_NOT_SATISFIABLE,
            format!("blob {} has {length} bytes", digest.reference()),
        )
        .with("length", length));
    };
    let (status, part) = match &range {
        None => (StatusCode::OK, bytes),
        Some(range) => {
            // The blob is in memory, so its length and every range in it fit.
            let part = range.start as usize..range.end as usize;
            (StatusCode::PARTIAL_CONTENT, bytes.slice(part))
        }
    };
    let mut response = Response::new(Body::new(Held { bytes: part, _place: place }));
    *response.status_mut() = status;
    describe(response.headers_mut(), &digest);
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        let value = HeaderValue::try_from(text).map_err(ApiProblem::internal)?;
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    Ok(response)
}

/// Whether a blob is here, and its length.
#[utoipa::path(
    head, path = "/v1/blobs/{digest}", tag = "blobs",
    params(("digest" = String, Path, description = "sha256:<hex>")),
    responses(
        (status = 200, description = "Here; content-length is its length"),
        (status = 401, description = "No valid token"),
        (status = 404, description = "Not on this node"),
    ),
    security(("token" = []))
)]
pub(super) async fn head(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, ApiProblem> {
    let digest = extract::digest(&digest)?;
    authorize(&state, &headers, Access::ReadBlobs).await?;
    let store = state.node.blobs();
    let length = store.len(&digest).await?.ok_or_else(|| {
        ApiProblem::from(StoreError::NotFound { store: store.name(), digest })
    })?;
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &digest);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Adds a blob. Nothing is kept unless the bytes have the digest.
#[utoipa::path(
    put, path = "/v1/blobs/{digest}", tag = "blobs",
    params(("digest" = String, Path, description = "sha256:<hex>")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "At most 64 MiB"),
    responses(
        (status = 200, description = "It was here"),
        (status = 201, description = "It is here now, on disk"),
        (status = 401, description = "No valid token", body = cairn_api::Problem),
        (status = 403, description = "The account may not publish", body = cairn_api::Problem),
        (status = 413, description = "Too long", body = cairn_api::Problem),
        (status = 422, description = "Other bytes than the digest says", body = cairn_api::Problem),
    ),
    security(("token" = []))
)]
pub(super) async fn put(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiProblem> {
    let digest = extract::digest(&digest)?;
    extract::check_length(&headers, MAX_STORED_MANIFEST)?;
    authorize(&state, &headers, Access::WriteBlobs).await?;
    let _place = place(&state).await?;
    let store = state.node.blobs();
    if store.len(&digest).await?.is_some() {
        drain(body).await?;
        return Ok(StatusCode::OK);
    }
    match store.put_stream(&digest, MAX_STORED_MANIFEST, body.into_data_stream()).await {
        Ok(_) => Ok(StatusCode::CREATED),
        Err(StoreError::WrongDigest { expected, got, .. }) => Err(ApiProblem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            code::DIGEST_MISMATCH,
            format!("the bytes have the digest {}, not {}", got.reference(), expected.reference()),
        )
        .with("expected", expected.reference())
        .with("got", got.reference())),
        Err(StoreError::Unavailable { reason, .. }) => Err(ApiProblem::bad_request(reason)),
        Err(error) => Err(error.into()),
    }
}

/// Reads what nobody needs, so that the connection can be used again.
async fn drain(body: Body) -> Result<(), ApiProblem> {
    let (mut pieces, mut length) = (body.into_data_stream(), 0_u64);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| ApiProblem::bad_request(error.to_string()))?;
        length = length.saturating_add(piece.len() as u64);
        if length > MAX_STORED_MANIFEST {
            return Err(extract::too_large(MAX_STORED_MANIFEST));
        }
    }
    Ok(())
}

async fn place(state: &ApiState) -> Result<OwnedSemaphorePermit, ApiProblem> {
    Arc::clone(&state.blobs).acquire_owned().await.map_err(ApiProblem::internal)
}

fn describe(headers: &mut HeaderMap, digest: &Digest) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OCTET_STREAM));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Hexadecimal digits in quotes are always a header value.
    if let Ok(tag) = HeaderValue::try_from(format!("\"{digest}\"")) {
        headers.insert(header::ETAG, tag);
    }
}

/// The one range that a `Range` header asks for; `None` when it is to be ignored (another unit, several
/// ranges, not understood: RFC 9110 section 14.2).
///
/// # Errors
/// When it lies outside the blob.
fn parse_range(text: &str, length: u64) -> Result<Option<Range<u64>>, ()> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => match number(suffix) {
            Some(wanted) => length.saturating_sub(wanted)..length,
            None => return Ok(None),
        },
        (first, "") => match number(first) {
            Some(first) => first..length,
            None => return Ok(None),
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            _ => return Ok(None),
        },
    };
    if range.start < range.end { Ok(Some(range)) } else { Err(()) }
}

/// How much of a blob is handed to the connection at a time.
const PIECE: usize = 256 * 1_024;

/// A blob on its way; its place is free again when it is sent.
struct Held {
    bytes: Bytes,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.bytes.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn one_range_is_served_and_everything_else_ignored_or_refused() {
        let cases = [
            ("bytes=0-3", Ok(Some(0..4))),
            ("bytes=4-", Ok(Some(4..10))),
            ("bytes=-3", Ok(Some(7..10))),
            ("bytes=-99", Ok(Some(0..10))),
            ("bytes=9-99", Ok(Some(9..10))),
            ("bytes=10-", Err(())),
            ("bytes=10-12", Err(())),
            ("bytes=-0", Err(())),
            ("bytes=3-2", Ok(None)),
            ("bytes=0-1,3-4", Ok(None)),
            ("bytes=", Ok(None)),
            ("bytes=-", Ok(None)),
            ("items=0-1", Ok(None)),
            ("bytes=0-18446744073709551615", Ok(Some(0..10))),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Err(()));
    }
}
