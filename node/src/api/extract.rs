//! Path, query and body of a request; what is wrong with them is a problem.

use super::problem::ApiProblem;
use axum::{
    body::Body,
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use cairn_api::{MAX_PAGE, code};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, ModelName, VersionId};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::{Deserialize, de::DeserializeOwned};

/// The parts of the path.
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let Path(value) = path.map_err(|error| ApiProblem::bad_request(error.body_text()))?;
        Ok(Self(value))
    }
}

/// The query string; unknown parameters are errors.
pub(super) struct InQuery<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(value) = query.map_err(|error| ApiProblem::bad_request(error.body_text()))?;
        Ok(Self(value))
    }
}

/// `?at_height=`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    pub(super) at_height: Option<u64>,
}

/// `?cursor=&limit=`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<usize>,
}

/// `?cursor=&limit=&at_height=`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PagingAt {
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) at_height: Option<u64>,
}

impl PagingAt {
    /// As [`Paging::range`].
    pub(super) fn range(&self) -> Result<(u64, usize), ApiProblem> {
        range(self.cursor.as_deref(), self.limit)
    }
}

impl Paging {
    /// The first ordinal of the page, and how many items it may have.
    pub(super) fn range(&self) -> Result<(u64, usize), ApiProblem> {
        range(self.cursor.as_deref(), self.limit)
    }
}

fn range(cursor: Option<&str>, limit: Option<usize>) -> Result<(u64, usize), ApiProblem> {
    Ok((cursor.map_or(Ok(0), parse_cursor)?, page_size(limit)))
}

/// How many items a page may have.
pub(super) fn page_size(limit: Option<usize>) -> usize {
    limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE)
}

/// A cursor of a list with ordinals.
pub(super) fn parse_cursor(cursor: &str) -> Result<u64, ApiProblem> {
    cursor.parse().map_err(|_| bad_cursor(cursor))
}

pub(super) fn bad_cursor(cursor: &str) -> ApiProblem {
    let shown: String = cursor.chars().take(40).collect();
    ApiProblem::bad_request(format!(
        "{shown:?} is not a cursor; take `next` of the page before"
    ))
}

/// A digest in the path.
pub(super) fn digest(text: &str) -> Result<Digest, ApiProblem> {
    text.parse()
        .map_err(|error: cairn_crypto::ParseDigestError| ApiProblem::bad_request(error.to_string()))
}

/// An account in the path.
pub(super) fn account(text: &str) -> Result<AccountId, ApiProblem> {
    digest(text).map(AccountId)
}

/// A number in the path.
pub(super) fn number(text: &str) -> Result<u64, ApiProblem> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        ApiProblem::bad_request(format!("{shown:?} is not a number"))
    })
}

/// A model in the path. A name that breaks the rules is in no registry, so it is not found.
pub(super) fn model(namespace: String, name: String) -> ModelName {
    ModelName { namespace, name }
}

/// A version in the path.
pub(super) fn version(namespace: String, name: String, version: String) -> VersionId {
    VersionId {
        model: model(namespace, name),
        version,
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn body(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, ApiProblem> {
    check_length(headers, limit as u64)?;
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit as u64)),
        Err(error) => Err(ApiProblem::bad_request(format!(
            "the body broke off: {error}"
        ))),
    }
}

/// Refuses by its declared length what would be refused later anyway.
pub(super) fn check_length(headers: &HeaderMap, limit: u64) -> Result<(), ApiProblem> {
    match length(headers) {
        Some(length) if length > limit => Err(too_large(limit).with("length", length)),
        _ => Ok(()),
    }
}

/// The declared length of a body.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    length.parse().ok()
}

pub(super) fn too_large(limit: u64) -> ApiProblem {
    ApiProblem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        code::BODY_TOO_LARGE,
        format!("the body has more than {limit} bytes"),
    )
    .with("limit", limit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::executor::block_on;

    #[test]
    fn a_page_begins_at_its_cursor_and_its_size_is_cut() {
        let paging = |cursor: Option<&str>, limit| Paging {
            cursor: cursor.map(str::to_owned),
            limit,
        };
        assert_eq!(paging(None, None).range().unwrap(), (0, MAX_PAGE));
        assert_eq!(paging(Some("7"), Some(3)).range().unwrap(), (7, 3));
        assert_eq!(paging(Some("7"), Some(0)).range().unwrap(), (7, 1));
        assert_eq!(
            paging(None, Some(usize::MAX)).range().unwrap(),
            (0, MAX_PAGE)
        );
        for wrong in ["", "-1", "x", "18446744073709551616"] {
            assert_eq!(
                paging(Some(wrong), None).range().unwrap_err().0.code,
                code::BAD_REQUEST
            );
        }
    }

    #[test]
    fn a_body_is_read_up_to_its_limit_with_and_without_a_declared_length() {
        let read = |declared: Option<&str>, bytes: &'static [u8]| {
            let mut headers = HeaderMap::new();
            if let Some(length) = declared {
                headers.insert(header::CONTENT_LENGTH, length.parse().unwrap());
            }
            block_on(body(&headers, Body::from(bytes), 4)).map_err(|problem| problem.0.code)
        };
        assert_eq!(read(None, b"four").unwrap(), "four");
        assert_eq!(read(None, b"fives").unwrap_err(), code::BODY_TOO_LARGE);
        assert_eq!(read(Some("5"), b"").unwrap_err(), code::BODY_TOO_LARGE);
    }
}
