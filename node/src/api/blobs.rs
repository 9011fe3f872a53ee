//! Blobs: the encrypted chunks and stored manifests of models, by their digest.

use super::{
    auth::{Access, authorize},
    extract::{self, InPath, InQuery},
    places::Place,
    problem::ApiProblem,
    quota,
    sending::Sending,
    state::ApiState,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use cairn_api::{Answer, BlobUsage, OCTET_STREAM, code};
use cairn_artifacts::{BlobStore, CHUNK_SIZE, DiskStore, MAX_STORED_MANIFEST, StoreError};
use cairn_crypto::Digest;
use cairn_runtime::AccountId;
use futures::StreamExt;
use serde::Deserialize;
use std::{ops::Range, time::Instant};

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
    let account = authorize(&state, &headers, Access::ReadBlobs).await?;
    let place = place(&state, account).await?;
    let read = state.node.blobs().get(&digest);
    let bytes = measured(&state, "get", read).await?;
    let length = bytes.len() as u64;
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
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
    let sending = Sending::new(part, place, state.limits.blob_timeout());
    let mut response = Response::new(Body::new(sending));
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
    let length = measured(&state, "has", store.len(&digest)).await?;
    let length = length.ok_or_else(|| {
        ApiProblem::from(StoreError::NotFound {
            store: store.name(),
            digest,
        })
    })?;
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &digest);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Longest blob that is read, and thrown away, before it is refused for want of quota: a chunk, but not every manifest.
const READ_BEFORE_REFUSING: u64 = 2 * CHUNK_SIZE as u64;

/// `?namespace=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Putting {
    namespace: Option<String>,
}

/// Adds a blob. Nothing is kept unless the bytes have the digest.
#[utoipa::path(
    put, path = "/v1/blobs/{digest}", tag = "blobs",
    params(
        ("digest" = String, Path, description = "sha256:<hex>"),
        ("namespace" = Option<String>, Query, description = "For whose model it is; needed where there are quotas"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "At most 64 MiB"),
    responses(
        (status = 200, description = "It was here"),
        (status = 201, description = "It is here now, on disk"),
        (status = 401, description = "No valid token", body = cairn_api::Problem),
        (status = 403, description = "The account may not publish, or the namespace's quota is used up", body = cairn_api::Problem),
        (status = 413, description = "Too long", body = cairn_api::Problem),
        (status = 422, description = "Other bytes than the digest says", body = cairn_api::Problem),
        (status = 507, description = "The node's disk is nearly full", body = cairn_api::Problem),
    ),
    security(("token" = []))
)]
pub(super) async fn put(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    InQuery(putting): InQuery<Putting>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiProblem> {
    let digest = extract::digest(&digest)?;
    extract::check_length(&headers, MAX_STORED_MANIFEST)?;
    let account = authorize(&state, &headers, Access::WriteBlobs).await?;
    let length = extract::length(&headers).unwrap_or(MAX_STORED_MANIFEST);
    let namespace = putting.namespace.as_deref();
    let reserved = match quota::reserve(&state, account, namespace, digest, length).await {
        Ok(reserved) => reserved,
        Err(problem) => {
            // A client that is still sending would see a broken connection instead of the answer.
            if length <= READ_BEFORE_REFUSING {
                drain(body).await?;
            }
            return Err(problem);
        }
    };
    let place = place(&state, account).await?;
    // In a task of its own: a client that goes away must not part what is on disk from what is counted.
    let task = tokio::spawn(async move {
        let _place = place;
        let store = state.node.blobs();
        let begun = Instant::now();
        let received = receive(store, &digest, &headers, body, state.limits.min_free_bytes).await;
        let outcome = match &received {
            Ok(_) => "ok",
            Err(problem) => outcome_of(&problem.0.code),
        };
        state.node.observe_blobs("put", outcome, begun.elapsed());
        let received = received?;
        let size = store.len(&digest).await?.unwrap_or(length);
        if let Some(reserved) = reserved {
            reserved.keep(size);
        }
        state.usage.arrived(&digest, size);
        Ok(received)
    });
    task.await.map_err(ApiProblem::internal)?
}

/// Bytes of blobs that this node keeps for a namespace, and how many it may keep. What is counted for the first time
/// takes a while.
#[utoipa::path(
    get, path = "/v1/namespaces/{ns}/blobs", tag = "blobs",
    params(("ns" = String, Path, description = "Namespace")),
    responses(
        (status = 200, description = "What it has here", body = Answer<BlobUsage>),
        (status = 401, description = "No valid token", body = cairn_api::Problem),
        (status = 404, description = "No such namespace", body = cairn_api::Problem),
    ),
    security(("token" = []))
)]
pub(super) async fn usage(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    headers: HeaderMap,
) -> Result<Response<Body>, ApiProblem> {
    authorize(&state, &headers, Access::ReadBlobs).await?;
    let usage = quota::usage(&state, &name).await?;
    state.answer(None, move |_, _| Ok(usage)).await
}

/// Times an operation on the store.
async fn measured<T>(
    state: &ApiState,
    operation: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let begun = Instant::now();
    let result = work.await;
    let outcome = cairn_artifacts::outcome(&result);
    (state.node).observe_blobs(operation, outcome, begun.elapsed());
    result
}

/// How a put ended, in the words of [`cairn_artifacts::outcome`].
fn outcome_of(code: &str) -> &'static str {
    match code {
        code::DIGEST_MISMATCH => "wrong_bytes",
        code::BODY_TOO_LARGE | code::INSUFFICIENT_STORAGE => "refused",
        // The body broke off on its way.
        code::BAD_REQUEST => "unavailable",
        _ => "failed",
    }
}

/// Keeps a blob, if it is not here or the copy that is here is damaged: of another length (one that has lost its
/// content otherwise is moved aside when it is read).
async fn receive(
    store: &DiskStore,
    digest: &Digest,
    headers: &HeaderMap,
    body: Body,
    reserve: u64,
) -> Result<StatusCode, ApiProblem> {
    let length = extract::length(headers);
    let here = store.len(digest).await?;
    if here.is_some() && here == length {
        drain(body).await?;
        return Ok(StatusCode::OK);
    }
    check_space(
        store.free_space().await?,
        length.unwrap_or(MAX_STORED_MANIFEST),
        reserve,
    )?;
    match store
        .put_stream(digest, MAX_STORED_MANIFEST, body.into_data_stream())
        .await
    {
        Ok(_) => Ok(StatusCode::CREATED),
        Err(StoreError::WrongDigest { expected, got, .. }) => Err(ApiProblem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            code::DIGEST_MISMATCH,
            format!(
                "the bytes have the digest {}, not {}",
                got.reference(),
                expected.reference()
            ),
        )
        .with("expected", expected.reference())
        .with("got", got.reference())),
        Err(StoreError::Unavailable { reason, .. }) => Err(ApiProblem::bad_request(reason)),
        Err(error) => Err(error.into()),
    }
}

/// Publishers fill the disk of every validator; before they fill it up, and with it that of the database, they
/// are refused.
fn check_space(free: u64, length: u64, reserve: u64) -> Result<(), ApiProblem> {
    if free.saturating_sub(length) >= reserve {
        return Ok(());
    }
    Err(ApiProblem::new(
        StatusCode::INSUFFICIENT_STORAGE,
        code::INSUFFICIENT_STORAGE,
        "this node's disk is nearly full; use another node, and tell the operator",
    ))
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

async fn place(state: &ApiState, account: AccountId) -> Result<Place, ApiProblem> {
    (state.blobs.take(account).await).map_err(ApiProblem::internal)
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
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
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
    if range.start < range.end {
        Ok(Some(range))
    } else {
        Err(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn send(
        store: &DiskStore,
        bytes: &'static [u8],
        reserve: u64,
    ) -> Result<StatusCode, (u16, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        let digest = Digest::of(b"the blob");
        let received = receive(store, &digest, &headers, Body::from(bytes), reserve).await;
        received.map_err(|problem| (problem.0.status, problem.0.code))
    }

    #[tokio::test]
    async fn a_copy_of_another_length_is_replaced_and_a_sound_one_never_by_other_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path()).unwrap();
        assert_eq!(send(&store, b"the blob", 0).await, Ok(StatusCode::CREATED));
        assert_eq!(send(&store, b"the blob", 0).await, Ok(StatusCode::OK));
        let wrong = Err((422, code::DIGEST_MISMATCH.to_owned()));
        assert_eq!(send(&store, b"other bytes", 0).await, wrong);

        let digest = Digest::of(b"the blob");
        let name = digest.to_string();
        let place = folder.path().join(&name[..2]).join(&name);
        std::fs::write(&place, b"the bl").unwrap();
        assert_eq!(send(&store, b"the blob", 0).await, Ok(StatusCode::CREATED));
        // Of the same length and damaged: found out by reading.
        std::fs::write(&place, b"the glob").unwrap();
        assert!(store.get(&digest).await.is_err());
        assert_eq!(send(&store, b"the blob", 0).await, Ok(StatusCode::CREATED));
        assert_eq!(store.get(&digest).await.unwrap(), &b"the blob"[..]);
    }

    #[tokio::test]
    async fn a_disk_that_is_nearly_full_takes_no_more_blobs_and_still_says_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path()).unwrap();
        let full = Err((507, code::INSUFFICIENT_STORAGE.to_owned()));
        assert_eq!(send(&store, b"the blob", u64::MAX).await, full);
        assert_eq!(store.len(&Digest::of(b"the blob")).await.unwrap(), None);
        send(&store, b"the blob", 0).await.unwrap();
        assert_eq!(
            send(&store, b"the blob", u64::MAX).await,
            Ok(StatusCode::OK)
        );
    }

    #[test]
    fn the_reserve_stays_free_after_the_blob_too() {
        assert!(check_space(110, 10, 100).is_ok());
        assert!(check_space(109, 10, 100).is_err());
        assert!(check_space(5, 10, 0).is_ok());
        assert!(check_space(5, 10, 1).is_err());
    }

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
