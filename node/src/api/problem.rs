//! Errors as answers.

use crate::handle::SubmitError;
use crate::mempool::MempoolError;
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use cairn_api::{PROBLEM_JSON, Problem, code};
use cairn_artifacts::{ErrorKind, StoreError};
use cairn_runtime::{AdmissionError, StateError};
use cairn_storage::StorageError;
use serde_json::Value;
use std::fmt::Display;

/// A [`Problem`] on its way to a client. Boxed: it is large, and almost never there.
#[derive(Debug)]
pub(super) struct ApiProblem(pub(super) Box<Problem>);

impl ApiProblem {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(status.as_u16(), code, detail)))
    }

    pub(super) fn with(self, name: &str, value: impl Into<Value>) -> Self {
        Self(Box::new(self.0.with(name, value)))
    }

    pub(super) fn not_found(code: &str, what: impl Display) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code,
            format!("there is no {what} at this height"),
        )
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, detail)
    }

    /// More at one time, or in a time, than there may be.
    pub(super) fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code::RATE_LIMITED, detail)
    }

    /// The node's own fault. The cause goes to the log: it may name files and disks.
    pub(super) fn internal(cause: impl Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::INTERNAL,
            "the node failed to answer; ask another node, and tell the operator to look at the log",
        )
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response<Body> {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = serde_json::to_vec(&self.0)
            .expect("a struct of strings, numbers and JSON values is always JSON");
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<AdmissionError> for ApiProblem {
    fn from(error: AdmissionError) -> Self {
        if let AdmissionError::Unavailable { .. } = error {
            return Self::internal(error);
        }
        let mut problem = Problem::new(error.http_status(), error.code(), error.to_string());
        // The error is tagged with its code, which the problem carries already.
        if let Ok(Value::Object(mut values)) = serde_json::to_value(&error) {
            values.remove("code");
            problem.values = values;
        }
        Self(Box::new(problem))
    }
}

impl From<SubmitError> for ApiProblem {
    fn from(error: SubmitError) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match error {
            SubmitError::Admission(error) => error.into(),
            SubmitError::Mempool(error) => error.into(),
            syncing @ SubmitError::Syncing { .. } => {
                Self::new(unavailable, code::NODE_SYNCING, syncing.to_string())
            }
            internal @ SubmitError::Internal(..) => Self::internal(internal),
        }
    }
}

impl From<MempoolError> for ApiProblem {
    fn from(error: MempoolError) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let (code, detail) = (error.code(), error.to_string());
        match error {
            MempoolError::Full { .. } => Self::new(unavailable, code, detail),
            MempoolError::AccountFull { account, waiting } => Self::new(unavailable, code, detail)
                .with("account", account.to_string())
                .with("waiting", waiting),
            MempoolError::NonceTaken {
                account,
                nonce,
                waiting,
            } => Self::new(StatusCode::CONFLICT, code, detail)
                .with("account", account.to_string())
                .with("nonce", nonce)
                .with("waiting", waiting.reference()),
        }
    }
}

impl From<StateError> for ApiProblem {
    fn from(error: StateError) -> Self {
        Self::internal(error)
    }
}

impl From<StorageError> for ApiProblem {
    fn from(error: StorageError) -> Self {
        if let StorageError::NotHere { height } = error {
            let detail = error.to_string();
            return Self::new(StatusCode::NOT_FOUND, code::HEIGHT_NOT_AVAILABLE, detail)
                .with("height", height.0);
        }
        Self::internal(error)
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound { digest, .. } => Self::new(
                StatusCode::NOT_FOUND,
                code::BLOB_NOT_FOUND,
                format!(
                    "this node does not hold blob {}; ask another node",
                    digest.reference()
                ),
            ),
            StoreError::TooLarge { digest, limit, .. } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                code::BODY_TOO_LARGE,
                format!("blob {} has more than {limit} bytes", digest.reference()),
            )
            .with("limit", *limit),
            _ if error.kind() == ErrorKind::NotAllowed => Self::new(
                StatusCode::FORBIDDEN,
                code::NOT_ALLOWED,
                "the blob store refused access",
            ),
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::Digest;
    use futures::executor::block_on;
    use http_body_util::BodyExt;
    use serde_json::json;

    fn parts(problem: ApiProblem) -> (StatusCode, String, Value) {
        let response = problem.into_response();
        let status = response.status();
        let kind = response.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .to_owned();
        let body = block_on(response.into_body().collect()).unwrap().to_bytes();
        (status, kind, serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn a_problem_has_the_members_of_rfc_9457_and_a_code() {
        let problem = ApiProblem::not_found(code::MODEL_NOT_FOUND, "model acme/bert");
        let (status, kind, body) = parts(problem);
        assert_eq!(
            (status.as_u16(), kind.as_str()),
            (404, "application/problem+json")
        );
        assert_eq!(
            body,
            json!({
                "type": "urn:cairn:problem:model_not_found",
                "title": "model not found",
                "status": 404,
                "detail": "there is no model acme/bert at this height",
                "code": "model_not_found",
            })
        );
    }

    #[test]
    fn an_admission_error_keeps_its_code_status_and_values() {
        let error = AdmissionError::NonceMismatch {
            expected: 7,
            got: 5,
        };
        let (status, _, body) = parts(error.clone().into());
        assert_eq!(status.as_u16(), error.http_status());
        assert_eq!(body["code"], error.code());
        assert_eq!(body["values"], json!({ "expected": 7, "got": 5 }));
        assert_eq!(body["detail"], error.to_string());
    }

    #[test]
    fn the_cause_of_an_internal_error_stays_in_the_node() {
        let error = StateError::Unreadable {
            height: 3,
            reason: "/secret/disk".to_owned(),
        };
        let (status, _, body) = parts(error.into());
        assert_eq!(status.as_u16(), 500);
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("secret"));
    }

    #[test]
    fn a_missing_blob_is_not_found_and_one_too_large_is_413() {
        let (store, digest) = ("disk".to_owned(), Digest::ZERO);
        let missing = StoreError::NotFound {
            store: store.clone(),
            digest,
        };
        assert_eq!(parts(missing.into()).0.as_u16(), 404);
        let (status, _, body) = parts(
            StoreError::TooLarge {
                store,
                digest,
                limit: 9,
            }
            .into(),
        );
        assert_eq!(
            (status.as_u16(), &body["values"]["limit"]),
            (413, &json!(9))
        );
    }

    #[test]
    fn a_refusal_for_want_of_a_token_says_which_kind_is_wanted() {
        let problem = ApiProblem::new(StatusCode::UNAUTHORIZED, code::TOKEN_MISSING, "x");
        assert_eq!(
            problem.into_response().headers()[header::WWW_AUTHENTICATE],
            "Bearer"
        );
    }
}
