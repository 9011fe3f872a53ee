//! One request to DynamoDB: JSON over HTTP, signed, tried again where that may help.

use super::{DynamoAddress, DynamoLimits};
use crate::CatalogueError;
use futures::StreamExt;
use http::{Method, Request, StatusCode, header};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector, HttpRequestBody, ReqwestConnector};
use serde_json::Value;
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// The version of the protocol, before the name of what is asked for.
const TARGET: &str = "DynamoDB_20120810";
/// Longest answer that is read, bytes: DynamoDB's own limit is 16 MiB.
const MAX_ANSWER: usize = 24 << 20;
/// Before a request is sent again; each time three times as long.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends requests.
pub(super) struct Client {
    name: String,
    http: HttpClient,
    credentials: AwsCredentialProvider,
    endpoint: String,
    region: String,
    limits: DynamoLimits,
}

/// A request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The service says why.
    Said {
        /// Its name for the kind of error.
        kind: String,
        /// Its words.
        message: String,
        /// Whether trying again may help.
        again: bool,
    },
    /// There was no answer, or none that makes sense.
    Unanswered(String),
    /// There are no credentials to sign with.
    Unsigned(String),
}

impl Client {
    pub(super) fn new(
        address: &DynamoAddress,
        credentials: Option<(&str, &Zeroizing<String>)>,
        limits: DynamoLimits,
    ) -> Result<Self, CatalogueError> {
        let default = || format!("https://dynamodb.{}.amazonaws.com", address.region);
        let endpoint = address.endpoint.clone().unwrap_or_else(default);
        // Without the endpoint, which may have a password by mistake, until that is known.
        let refused = |reason: String| CatalogueError::Settings {
            catalogue: format!("table {}", address.table),
            reason,
        };
        let url = Url::parse(&endpoint).map_err(|error| refused(error.to_string()))?;
        let more = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if more {
            let reason = "its endpoint has more than https://host:port; credentials belong in the environment";
            return Err(refused(reason.to_owned()));
        }
        let name = format!("table {} at {endpoint}", address.table);
        let unusable = |reason: String| CatalogueError::Settings {
            catalogue: name.clone(),
            reason,
        };
        let plain = url.scheme() == "http";
        if !plain && url.scheme() != "https" || !["", "/"].contains(&url.path()) {
            return Err(unusable("its endpoint is no https://host:port".to_owned()));
        }
        let options = ClientOptions::new()
            .with_connect_timeout(limits.connect)
            .with_timeout(limits.answer)
            .with_allow_http(plain);
        // S3's client finds credentials wherever Amazon's tools look; nothing else of it is used.
        let mut builder = match credentials {
            None => AmazonS3Builder::from_env(),
            Some((id, secret)) => AmazonS3Builder::new()
                .with_access_key_id(id)
                .with_secret_access_key(secret.as_str()),
        };
        builder = builder
            .with_bucket_name("none")
            .with_region(&address.region);
        let found = builder
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let http = ReqwestConnector::default().connect(&options);
        Ok(Self {
            http: http.map_err(|error| unusable(error.to_string()))?,
            credentials: found.credentials().clone(),
            endpoint: url.to_string(),
            region: address.region.clone(),
            limits,
            name,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a request until there is an answer, as often as the limits allow. Every request that is sent may be
    /// repeated.
    pub(super) async fn call(&self, action: &'static str, body: &Value) -> Result<Value, Failure> {
        let body = body.to_string();
        let mut pause = PAUSE;
        for _ in 1..self.limits.attempts {
            match self.once(action, &body).await {
                Err(Failure::Unanswered(reason)) => {
                    tracing::debug!(self.name, action, reason, "trying again");
                }
                Err(Failure::Said { kind, again, .. }) if again => {
                    tracing::debug!(self.name, action, kind, "trying again");
                }
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause *= 3;
        }
        self.once(action, &body).await
    }

    async fn once(&self, action: &'static str, body: &str) -> Result<Value, Failure> {
        let unsigned = |error: &dyn std::fmt::Display| Failure::Unsigned(error.to_string());
        let credential = self.credentials.get_credential().await;
        let credential = credential.map_err(|error| unsigned(&error))?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("{TARGET}.{action}"))
            .body(HttpRequestBody::from(body.to_owned()))
            .map_err(|error| unsigned(&error))?;
        AwsAuthorizer::new(&credential, "dynamodb", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| unsigned(&error))?;
        let unanswered = |error: &dyn std::error::Error| {
            // The outermost of these errors says nothing; the innermost says what happened.
            let mut reason = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                reason = format!("{reason}: {inner}");
                cause = inner.source();
            }
            Failure::Unanswered(reason)
        };
        let answer = self.http.execute(request).await;
        let (head, body) = answer.map_err(|error| unanswered(&error))?.into_parts();
        let mut pieces = body.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| unanswered(&error))?);
            if bytes.len() > MAX_ANSWER {
                let reason = format!("its answer has more than {MAX_ANSWER} bytes");
                return Err(Failure::Unanswered(reason));
            }
        }
        let value: Result<Value, _> = serde_json::from_slice(&bytes);
        if head.status == StatusCode::OK {
            return value.map_err(|error| unanswered(&error));
        }
        Err(said(head.status, &value.unwrap_or_default()))
    }

    /// What a failure means for whoever asked.
    pub(super) fn error(&self, failure: Failure) -> CatalogueError {
        let catalogue = self.name.clone();
        match failure {
            Failure::Said {
                kind,
                message,
                again: true,
            } => CatalogueError::Unavailable {
                catalogue,
                reason: format!("{kind} {message}"),
            },
            Failure::Said { kind, message, .. } => CatalogueError::Refused {
                catalogue,
                reason: format!("{kind} {message}"),
            },
            Failure::Unanswered(reason) => CatalogueError::Unavailable { catalogue, reason },
            Failure::Unsigned(reason) => CatalogueError::Refused { catalogue, reason },
        }
    }
}

/// What an error of the service says, with a bounded part of its words.
fn said(status: StatusCode, body: &Value) -> Failure {
    let text = |name: &str| {
        let text = body[name].as_str().unwrap_or_default();
        crate::entry::beginning(text, 300)
    };
    let named = text("__type");
    let kind = named
        .rsplit_once('#')
        .map_or(named.as_str(), |(_, kind)| kind);
    let message = match text("message") {
        lower if !lower.is_empty() => lower,
        _ => text("Message"),
    };
    let busy = [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
        "LimitExceededException",
    ];
    Failure::Said {
        again: status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || busy.contains(&kind),
        kind: if kind.is_empty() {
            status.to_string()
        } else {
            kind.to_owned()
        },
        message,
    }
}
