//! The table of routes, and what is done around each of them: limits, the time, the measurement.

use super::{
    accounts, assurance, blobs, blocks, catalogue, events, limiter::Refused, list_proofs, openapi,
    problem::ApiProblem, proofs, proposals, ranges, registry, search, state::ApiState, status,
    transactions, validators,
};
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use cairn_api::code;
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

/// Who asks. The server puts it into each request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// How many routes there are, for the test that all of them are described.
#[cfg(test)]
pub(super) const ROUTES: usize = 55;

/// Every route of the API.
pub(super) fn router(state: ApiState) -> Router {
    let (short, wait, blob) = (
        state.limits.request_timeout(),
        state.limits.wait_timeout(),
        state.limits.blob_timeout(),
    );
    let version = "/v1/models/{ns}/{name}/versions/{version}";
    let table: Vec<(&'static str, Duration, MethodRouter<ApiState>)> = vec![
        ("/v1/transactions", wait, post(transactions::submit)),
        ("/v1/transactions/{hash}", short, get(transactions::show)),
        ("/v1/blocks", short, get(blocks::list)),
        ("/v1/blocks/{block}", short, get(blocks::show)),
        ("/v1/namespaces", short, get(registry::namespaces)),
        ("/v1/namespaces/{ns}", short, get(registry::namespace)),
        ("/v1/namespaces/{ns}/blobs", blob, get(blobs::usage)),
        ("/v1/models", short, get(registry::models)),
        ("/v1/models/{ns}/{name}", short, get(registry::model)),
        (
            "/v1/models/{ns}/{name}/versions",
            short,
            get(registry::versions),
        ),
        (version, short, get(registry::version)),
        (
            "/v1/models/{ns}/{name}/events",
            short,
            get(registry::events),
        ),
        (
            "/v1/namespaces/{ns}/policies",
            short,
            get(catalogue::policies),
        ),
        (
            "/v1/models/{ns}/{name}/aliases",
            short,
            get(catalogue::aliases),
        ),
        (
            "/v1/models/{ns}/{name}/aliases/{alias}",
            short,
            get(catalogue::alias),
        ),
        (
            "/v1/models/{ns}/{name}/tags",
            short,
            get(catalogue::model_tags),
        ),
        (
            "/v1/models/{ns}/{name}/transfer",
            short,
            get(catalogue::transfer),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/tags",
            short,
            get(catalogue::version_tags),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/standing",
            short,
            get(assurance::standing),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/certifications",
            short,
            get(assurance::certifications),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/lineage",
            short,
            get(assurance::lineage),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/events",
            short,
            get(assurance::version_events),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/access-requests",
            short,
            get(assurance::access_requests),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/rekeys",
            short,
            get(assurance::rekeys),
        ),
        (
            "/v1/models/{ns}/{name}/versions/{version}/grants",
            short,
            get(assurance::grants),
        ),
        (
            "/v1/digests/{digest}/events",
            short,
            get(assurance::digest_events),
        ),
        (
            "/v1/digests/{digest}/children",
            short,
            get(assurance::children),
        ),
        ("/v1/search", short, get(search::search)),
        ("/v1/events", short, get(events::stream)),
        ("/v1/proofs/records/{key}", short, get(proofs::by_key)),
        ("/v1/proofs/lists/{list}", short, get(list_proofs::list)),
        (
            "/v1/models/{ns}/{name}/versions/{version}/grants/{account}",
            short,
            get(registry::grant),
        ),
        ("/v1/digests/{digest}", short, get(registry::digest)),
        ("/v1/accounts", short, get(accounts::list)),
        ("/v1/accounts/{id}", short, get(accounts::show)),
        ("/v1/keys/{fingerprint}", short, get(accounts::key)),
        ("/v1/validators", short, get(validators::in_force)),
        ("/v1/validators/registry", short, get(validators::registry)),
        ("/v1/validators/{id}", short, get(validators::show)),
        ("/v1/epochs/{number}", short, get(validators::epoch)),
        ("/v1/proposals", short, get(proposals::list)),
        ("/v1/proposals/{number}", short, get(proposals::show)),
        ("/v1/params", short, get(status::params)),
        (
            "/v1/proofs/versions/{ns}/{name}/{version}",
            short,
            get(proofs::version),
        ),
        ("/v1/proofs/accounts/{id}", short, get(proofs::account)),
        ("/v1/proofs/keys/{id}/{index}", short, get(proofs::key)),
        (
            "/v1/proofs/grants/{ns}/{name}/{version}/{account}",
            short,
            get(proofs::grant),
        ),
        (
            "/v1/proofs/transactions/{hash}",
            short,
            get(proofs::transaction),
        ),
        ("/v1/proofs/blocks/{height}", short, get(proofs::block)),
        ("/v1/proofs/epochs", short, get(proofs::epochs)),
        ("/v1/proofs/range", short, get(ranges::show)),
        ("/v1/genesis", short, get(status::genesis)),
        ("/v1/status", short, get(status::status)),
        (
            "/v1/blobs/{digest}",
            blob,
            get(blobs::show).head(blobs::head).put(blobs::put),
        ),
        ("/openapi.json", short, get(openapi::show)),
    ];
    let mut router = Router::new();
    for (path, limit, methods) in table {
        let around = Around {
            state: state.clone(),
            path,
            limit,
        };
        let methods = methods.fallback(other_method);
        router = router.route(path, methods.layer(from_fn_with_state(around, handle)));
    }
    let around = Around {
        state: state.clone(),
        path: "none",
        limit: short,
    };
    let nothing = get(no_route)
        .fallback(no_route)
        .layer(from_fn_with_state(around, handle));
    router
        .fallback_service(nothing.with_state(state.clone()))
        .with_state(state)
}

/// One route, as the code around its handler knows it.
#[derive(Clone)]
struct Around {
    state: ApiState,
    path: &'static str,
    limit: Duration,
}

async fn handle(State(around): State<Around>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let peer = request.extensions().get::<Peer>().copied();
    let admitted = match peer {
        Some(Peer(address)) => around.state.limiter.request(address, started),
        None => {
            return ApiProblem::internal("a request came without its peer's address")
                .into_response();
        }
    };
    let response = match admitted {
        Ok(_guard) => match tokio::time::timeout(around.limit, next.run(request)).await {
            Ok(response) => response,
            Err(_) => too_slow(around.limit).into_response(),
        },
        Err(refused) => rate_limited(refused).into_response(),
    };
    let seconds = started.elapsed().as_secs_f64();
    around
        .state
        .node
        .observe_api(around.path, response.status().as_u16(), seconds);
    response
}

fn too_slow(limit: Duration) -> ApiProblem {
    let seconds = limit.as_secs();
    ApiProblem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        code::REQUEST_TIMEOUT,
        format!("the request took longer than {seconds} s; ask again, or another node"),
    )
}

pub(super) fn rate_limited(refused: Refused) -> ApiProblem {
    let detail = match refused {
        Refused::Connections { limit } => format!("at most {limit} connections of one address"),
        Refused::Concurrent { limit } => {
            format!("at most {limit} requests of one address at one time; wait for an answer")
        }
        Refused::Streams { limit } => {
            format!("at most {limit} streams of events of one address; ask another node")
        }
        Refused::Rate { per_second } => {
            format!(
                "at most {per_second} requests per second of one address; send them more slowly"
            )
        }
    };
    ApiProblem::too_many(detail)
}

async fn other_method() -> ApiProblem {
    let detail = "this route has no such method; /openapi.json lists what it has";
    ApiProblem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        code::METHOD_NOT_ALLOWED,
        detail,
    )
}

async fn no_route() -> ApiProblem {
    let detail = "there is no such route; /openapi.json lists those that there are";
    ApiProblem::new(StatusCode::NOT_FOUND, code::ROUTE_NOT_FOUND, detail)
}
