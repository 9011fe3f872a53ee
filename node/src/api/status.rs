//! The node's own view, and what every account of the chain may know about it.

use super::{
    extract::{At, InQuery},
    problem::ApiProblem,
    state::{ApiState, fixed_json},
};
use axum::{Json, body::Body, extract::State, http::Response};
use cairn_api::{Answer, Status, schema};
use cairn_runtime::query;

/// How the node is. Its own word, not proved.
#[utoipa::path(
    get, path = "/v1/status", tag = "network",
    responses((status = 200, description = "The node's view", body = Status))
)]
pub(super) async fn status(State(state): State<ApiState>) -> Json<Status> {
    Json(state.node.status())
}

/// The genesis document of the chain. A client that trusts nobody has its own copy.
#[utoipa::path(
    get, path = "/v1/genesis", tag = "network",
    responses((status = 200, description = "The genesis document", body = Object))
)]
pub(super) async fn genesis(State(state): State<ApiState>) -> Response<Body> {
    fixed_json(&state.genesis)
}

/// The limits of the chain.
#[utoipa::path(
    get, path = "/v1/params", tag = "network",
    params(("at_height" = Option<u64>, Query, description = "A final height, default the last")),
    responses((status = 200, description = "The limits", body = Answer<schema::ChainParams>))
)]
pub(super) async fn params(
    State(state): State<ApiState>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .answer(at.at_height, |_, snapshot| {
            Ok(query::params(snapshot.state())?)
        })
        .await
}
