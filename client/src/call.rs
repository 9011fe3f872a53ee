//! One request to one node, and its answer, within limits of time and size.

use crate::CallError;
use crate::connection::{Connection, Node, Taken};
use crate::token::Bearer;
use bytes::{Bytes, BytesMut};
use cairn_api::{EVENT_STREAM, EventCursor, LAST_EVENT_ID, PROBLEM_JSON, Problem, code};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// Most bytes of a JSON answer: a page of 100 full blocks has about half of it.
pub(crate) const MAX_JSON: usize = 32 << 20;
/// Most bytes of a problem document.
const MAX_PROBLEM: usize = 256 << 10;
/// Time for an answer that is not waited for; nodes give themselves ten seconds.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(15);

/// A request, without the node that it goes to. All of them may be repeated: reads, transactions (by
/// hash) and blobs (by digest).
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: Bytes,
    /// Shown on every connection anew: a token is for one node.
    pub(crate) bearer: Option<Bearer>,
    /// Most bytes of the answer.
    pub(crate) max_bytes: usize,
    /// Time for the answer.
    pub(crate) limit: Duration,
}

impl Call {
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            body: Bytes::new(),
            bearer: None,
            max_bytes: MAX_JSON,
            limit: CALL_LIMIT,
        }
    }

    /// Method and path, for messages.
    pub(crate) fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn malformed(&self, reason: impl ToString) -> CallError {
        CallError::Malformed {
            route: self.route(),
            reason: reason.to_string(),
        }
    }

    /// Reads an answer in JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, CallError> {
        serde_json::from_slice(&reply.body).map_err(|error| self.malformed(error))
    }
}

/// The answer of a node that did as it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// A call that came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This node could not answer; another one may.
    Node(CallError),
    /// The node understood and refused; another one would refuse, too.
    Refused(Box<Problem>),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Node(error)
    }
}

impl Node {
    /// Makes a call, on an idle connection if there is one. If that turns out to be closed, the call is made again
    /// on a new one.
    pub(crate) async fn call(&self, call: &Call) -> Result<Reply, Failure> {
        let taken = self.take().await?;
        let used = taken.used;
        match self.call_on(taken, call).await {
            Err(Failure::Node(CallError::Http(_))) if used => {
                let fresh = self.connect().await?;
                self.call_on(fresh, call).await
            }
            result => result,
        }
    }

    async fn call_on(&self, taken: Taken, call: &Call) -> Result<Reply, Failure> {
        let mut connection = taken.connection;
        let exchange = self.exchange(&mut connection, call);
        let (status, kind, body) = timeout(call.limit, exchange)
            .await
            .unwrap_or(Err(CallError::Timeout { limit: call.limit }))?;
        self.keep(connection);
        judge(call, status, kind.as_deref(), body)
    }

    /// Opens a stream of events on a connection of its own, which has to be kept for as long as the stream is read.
    pub(crate) async fn stream(
        &self,
        path: &str,
        after: Option<EventCursor>,
    ) -> Result<(Connection, Incoming), Failure> {
        let call = Call::get(path.to_owned());
        let mut connection = self.connect().await?.connection;
        let mut request = Request::builder()
            .method(&call.method)
            .uri(&call.path)
            .header(HOST, self.endpoint().authority())
            .header(ACCEPT, EVENT_STREAM);
        if let Some(cursor) = after {
            request = request.header(LAST_EVENT_ID, cursor.to_string());
        }
        let request = request.body(Full::new(Bytes::new()));
        let request = request.map_err(CallError::Request)?;
        let response = timeout(call.limit, connection.send(request))
            .await
            .map_err(|_| CallError::Timeout { limit: call.limit })?
            .map_err(CallError::Http)?;
        if response.status().is_success() {
            return Ok((connection, response.into_body()));
        }
        let status = response.status();
        let kind = content_type(&response);
        let body = timeout(call.limit, whole(response, MAX_PROBLEM))
            .await
            .map_err(|_| CallError::Timeout { limit: call.limit })??;
        match judge(&call, status, kind.as_deref(), body) {
            Err(failure) => Err(failure),
            Ok(_) => Err(call.malformed(format!("status {status}")).into()),
        }
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        call: &Call,
    ) -> Result<(StatusCode, Option<String>, Bytes), CallError> {
        let mut request = Request::builder()
            .method(&call.method)
            .uri(&call.path)
            .header(HOST, self.endpoint().authority());
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, cairn_api::OCTET_STREAM);
        }
        if let Some(bearer) = &call.bearer {
            request = request.header(AUTHORIZATION, bearer.header(connection.peer())?);
        }
        let request = request.body(Full::new(call.body.clone()))?;
        let response = connection.send(request).await?;
        let status = response.status();
        let kind = content_type(&response);
        let max_bytes = if status.is_success() {
            call.max_bytes
        } else {
            MAX_PROBLEM
        };
        let body = if call.method == Method::HEAD {
            Bytes::new()
        } else {
            whole(response, max_bytes).await?
        };
        Ok((status, kind, body))
    }
}

fn content_type(response: &Response<Incoming>) -> Option<String> {
    let kind = response.headers().get(CONTENT_TYPE)?;
    kind.to_str().ok().map(str::to_owned)
}

/// The whole body, if it has at most `limit` bytes.
async fn whole(response: Response<Incoming>, limit: usize) -> Result<Bytes, CallError> {
    let mut body = response.into_body();
    let declared = body.size_hint().lower();
    if declared > limit as u64 {
        return Err(CallError::TooLong { limit });
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(CallError::TooLong { limit });
        }
        if first.is_empty() && rest.is_empty() {
            // Most answers are one piece, which is not copied.
            first = data;
            continue;
        }
        if rest.is_empty() {
            // What is declared was compared with the limit above.
            rest.reserve(usize::try_from(declared).unwrap_or(0));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

fn judge(
    call: &Call,
    status: StatusCode,
    kind: Option<&str>,
    body: Bytes,
) -> Result<Reply, Failure> {
    if status.is_success() {
        return Ok(Reply { status, body });
    }
    let problem = if call.method == Method::HEAD {
        without_body(status)
    } else if kind.is_some_and(|kind| kind.starts_with(PROBLEM_JSON)) {
        serde_json::from_slice::<Problem>(&body).map_err(|error| call.malformed(error))?
    } else {
        let reason = format!("status {status} without a problem document");
        return Err(call.malformed(reason).into());
    };
    let waited = problem.code == code::WAIT_TIMEOUT;
    let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let problem = Box::new(problem);
    if passing && !waited {
        Err(CallError::Unavailable(problem).into())
    } else {
        Err(Failure::Refused(problem))
    }
}

/// An answer to HEAD has no body; its status says all that is to be known.
fn without_body(status: StatusCode) -> Problem {
    let code = match status {
        StatusCode::NOT_FOUND => code::BLOB_NOT_FOUND,
        StatusCode::UNAUTHORIZED => code::TOKEN_INVALID,
        StatusCode::FORBIDDEN => code::NOT_ALLOWED,
        StatusCode::TOO_MANY_REQUESTS => code::RATE_LIMITED,
        status if status.is_server_error() => code::INTERNAL,
        _ => code::BAD_REQUEST,
    };
    let detail = format!("the node answered with status {status}");
    Problem::new(status.as_u16(), code, detail)
}
