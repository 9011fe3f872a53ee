//! What is said about namespaces and models once they exist: policies, aliases, tags, transfers.

use super::{
    extract::{self, At, InPath, InQuery, PagingAt},
    problem::ApiProblem,
    registry::{find_model, find_version, no_namespace},
    state::ApiState,
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{Answer, Page, code, schema};
use cairn_runtime::{Subject, query};

/// Policies of a namespace, oldest first: the last is in force. Empty where the default holds.
#[utoipa::path(
    get, path = "/v1/namespaces/{ns}/policies", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The policies", body = Page<schema::PolicyRecord>),
        (status = 404, description = "No such namespace", body = cairn_api::Problem),
    )
)]
pub(super) async fn policies(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .list(paging, move |snapshot, from, limit| {
            let state = snapshot.state();
            query::namespace(state, &name)?.ok_or_else(|| no_namespace(&name))?;
            let items = query::policies(state, &name, from, limit)?;
            Ok((items, query::policy_count(state, &name)?))
        })
        .await
}

/// Aliases that a model ever had, in order of their first setting; a deleted one points at nothing.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/aliases", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The aliases", body = Page<schema::Alias>),
        (status = 404, description = "No such model", body = cairn_api::Problem),
    )
)]
pub(super) async fn aliases(
    State(state): State<ApiState>,
    InPath((namespace, name)): InPath<(String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let name = extract::model(namespace, name);
    state
        .list(paging, move |snapshot, from, limit| {
            find_model(snapshot, &name)?;
            let items = query::aliases(snapshot.state(), &name, from, limit)?;
            Ok((items, query::alias_count(snapshot.state(), &name)?))
        })
        .await
}

/// Where an alias points; nowhere once it was deleted.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/aliases/{alias}", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("alias" = String, Path, description = "Alias"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The alias", body = Answer<schema::Alias>),
        (status = 404, description = "No such alias, ever", body = cairn_api::Problem),
    )
)]
pub(super) async fn alias(
    State(state): State<ApiState>,
    InPath((namespace, name, alias)): InPath<(String, String, String)>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let name = extract::model(namespace, name);
    state
        .answer(at.at_height, move |_, snapshot| {
            find_model(snapshot, &name)?;
            query::alias(snapshot.state(), &name, &alias)?.ok_or_else(|| {
                let what = format!("alias {alias} of {name}");
                ApiProblem::not_found(code::ALIAS_NOT_FOUND, what)
            })
        })
        .await
}

/// Tags that a model ever had, in order of their first setting; a deleted one has no value.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/tags", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The tags", body = Page<schema::Tag>),
        (status = 404, description = "No such model", body = cairn_api::Problem),
    )
)]
pub(super) async fn model_tags(
    State(state): State<ApiState>,
    InPath((namespace, name)): InPath<(String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    tags(
        state,
        Subject::Model(extract::model(namespace, name)),
        paging,
    )
    .await
}

/// Tags that a version ever had, in order of their first setting; a deleted one has no value.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/tags", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The tags", body = Page<schema::Tag>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn version_tags(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    tags(state, Subject::Version(id), paging).await
}

async fn tags(
    state: ApiState,
    subject: Subject,
    paging: PagingAt,
) -> Result<Response<Body>, ApiProblem> {
    state
        .list(paging, move |snapshot, from, limit| {
            match &subject {
                Subject::Model(name) => find_model(snapshot, name).map(|_| ())?,
                Subject::Version(id) => find_version(snapshot, id).map(|_| ())?,
            }
            let items = query::tags(snapshot.state(), &subject, from, limit)?;
            Ok((items, query::tag_count(snapshot.state(), &subject)?))
        })
        .await
}

/// The last offer of a model to another account, and what became of it.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/transfer", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The offer", body = Answer<schema::Transfer>),
        (status = 404, description = "It was never offered", body = cairn_api::Problem),
    )
)]
pub(super) async fn transfer(
    State(state): State<ApiState>,
    InPath((namespace, name)): InPath<(String, String)>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let name = extract::model(namespace, name);
    state
        .answer(at.at_height, move |_, snapshot| {
            find_model(snapshot, &name)?;
            query::transfer(snapshot.state(), &name)?.ok_or_else(|| {
                ApiProblem::not_found(code::TRANSFER_NOT_FOUND, format!("offer of {name}"))
            })
        })
        .await
}
