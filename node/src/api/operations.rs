//! Health and metrics, for operators, on a listener of their own without TLS.

use super::server::stopped;
use crate::handle::NodeHandle;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

/// Prometheus, a supervisor and a few people.
const MAX_CONNECTIONS: usize = 64;

/// Longest that a connection may be idle, and longest that one lives altogether.
const IDLE: Duration = Duration::from_secs(60);
const LIFETIME: Duration = Duration::from_secs(3_600);

/// After a failure to accept, the pause before the next attempt.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until the node stops.
pub(super) async fn serve(
    node: NodeHandle,
    listener: TcpListener,
    mut shutdown: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let socket = tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    tracing::warn!(%error, "the operators' listener cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let node = node.clone();
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(move |request: Request<Incoming>| {
                let response = respond(&node, request.method(), request.uri().path());
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(socket), service);
            // What goes wrong on it is the operator's own connection; there is nobody to tell.
            let _ = timeout(LIFETIME, connection).await;
        });
    }
    connections.shutdown().await;
}

fn respond(node: &NodeHandle, method: &Method, path: &str) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD\n".to_owned(),
        );
    }
    match path {
        "/health/live" => text(StatusCode::OK, "live\n".to_owned()),
        "/health/ready" => match node.ready() {
            Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
            Err(why) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: {why}\n"),
            ),
        },
        "/metrics" => {
            let mut response = text(StatusCode::OK, node.metrics_text());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "/health/live, /health/ready, /metrics\n".to_owned(),
        ),
    }
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
