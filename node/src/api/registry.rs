//! Namespaces, models, versions, events and grants.

use super::{
    extract::{self, At, InPath, InQuery, Paging, PagingAt, bad_cursor, page_size, parse_cursor},
    problem::ApiProblem,
    snapshot::Snapshot,
    state::{ApiState, Items, Shared},
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{Answer, EventView, ModelView, Page, VersionView, code, schema};
use cairn_runtime::{Model, ModelName, Version, VersionId, query};
use serde::Deserialize;

/// The cursor after a page of `read` items that began at `from`, in a list of `count`.
pub(super) fn next(from: u64, read: usize, count: u64) -> Option<String> {
    let end = from.saturating_add(read as u64);
    (read > 0 && end < count).then(|| end.to_string())
}

/// Namespaces in order of creation.
#[utoipa::path(
    get, path = "/v1/namespaces", tag = "registry",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses((status = 200, description = "The namespaces", body = Page<schema::Namespace>))
)]
pub(super) async fn namespaces(
    State(state): State<ApiState>,
    InQuery(paging): InQuery<Paging>,
) -> Result<Response<Body>, ApiProblem> {
    let (from, limit) = paging.range()?;
    state
        .page(None, move |_, snapshot| {
            let count = query::namespace_count(snapshot.state())?;
            let items = query::namespaces(snapshot.state(), from, limit as u64)?;
            let next = next(from, items.len(), count);
            Ok((items, next))
        })
        .await
}

/// One namespace.
#[utoipa::path(
    get, path = "/v1/namespaces/{ns}", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The namespace", body = Answer<schema::Namespace>),
        (status = 404, description = "No such namespace", body = cairn_api::Problem),
    )
)]
pub(super) async fn namespace(
    State(state): State<ApiState>,
    InPath(name): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .answer(at.at_height, move |_, snapshot| {
            query::namespace(snapshot.state(), &name)?.ok_or_else(|| no_namespace(&name))
        })
        .await
}

pub(super) fn no_namespace(name: &str) -> ApiProblem {
    ApiProblem::not_found(code::NAMESPACE_NOT_FOUND, format_args!("namespace {name}"))
}

/// `?namespace=&cursor=&limit=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelListing {
    namespace: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Models in order of registration, of one namespace or of all of them, one after the other.
#[utoipa::path(
    get, path = "/v1/models", tag = "registry",
    params(
        ("namespace" = Option<String>, Query, description = "Only this namespace"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses(
        (status = 200, description = "The models", body = Page<ModelView>),
        (status = 404, description = "No such namespace", body = cairn_api::Problem),
    )
)]
pub(super) async fn models(
    State(state): State<ApiState>,
    InQuery(listing): InQuery<ModelListing>,
) -> Result<Response<Body>, ApiProblem> {
    let limit = page_size(listing.limit);
    state
        .page(None, move |shared, snapshot| {
            let cursor = listing.cursor.as_deref();
            let (models, next) = match &listing.namespace {
                Some(name) => models_of(snapshot, name, cursor, limit)?,
                None => models_of_all(snapshot, cursor, limit)?,
            };
            let views: Result<Vec<_>, _> = models
                .into_iter()
                .map(|model| model_view(shared, snapshot, model))
                .collect();
            Ok((views?, next))
        })
        .await
}

fn models_of(
    snapshot: &Snapshot,
    name: &str,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Items<Model>, ApiProblem> {
    let from = cursor.map_or(Ok(0), parse_cursor)?;
    let namespace = query::namespace(snapshot.state(), name)?.ok_or_else(|| no_namespace(name))?;
    let models = query::models(snapshot.state(), name, from, limit as u64)?;
    let next = next(from, models.len(), namespace.models);
    Ok((models, next))
}

/// How many namespaces one page looks into: many of them may be empty.
const NAMESPACES_PER_PAGE: u64 = 1_000;

/// The cursor is `<ordinal of the namespace>.<ordinal of the model>`.
fn models_of_all(
    snapshot: &Snapshot,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Items<Model>, ApiProblem> {
    let (first, mut from) = match cursor {
        None => (0, 0),
        Some(text) => {
            let (namespace, model) = text.split_once('.').ok_or_else(|| bad_cursor(text))?;
            (parse_cursor(namespace)?, parse_cursor(model)?)
        }
    };
    let state = snapshot.state();
    let count = query::namespace_count(state)?;
    let mut items: Vec<Model> = Vec::new();
    let end = count.min(first.saturating_add(NAMESPACES_PER_PAGE));
    for ordinal in first..end {
        for namespace in query::namespaces(state, ordinal, 1)? {
            let wanted = limit - items.len();
            let models = query::models(state, &namespace.name, from, wanted as u64)?;
            let reached = from.saturating_add(models.len() as u64);
            items.extend(models);
            if reached < namespace.models {
                return Ok((items, Some(format!("{ordinal}.{reached}"))));
            }
        }
        from = 0;
        if items.len() == limit {
            let next = ordinal + 1;
            return Ok((items, (next < count).then(|| format!("{next}.0"))));
        }
    }
    Ok((items, (end < count).then(|| format!("{end}.0"))))
}

fn model_view(shared: &Shared, snapshot: &Snapshot, model: Model) -> Result<ModelView, ApiProblem> {
    let latest = shared.latest.get(snapshot.state(), &model)?;
    Ok(ModelView { model, latest })
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The model", body = Answer<ModelView>),
        (status = 404, description = "No such model", body = cairn_api::Problem),
    )
)]
pub(super) async fn model(
    State(state): State<ApiState>,
    InPath((namespace, name)): InPath<(String, String)>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let name = extract::model(namespace, name);
    state
        .answer(at.at_height, move |shared, snapshot| {
            model_view(shared, snapshot, find_model(snapshot, &name)?)
        })
        .await
}

pub(super) fn find_model(snapshot: &Snapshot, name: &ModelName) -> Result<Model, ApiProblem> {
    query::model(snapshot.state(), name)?
        .ok_or_else(|| ApiProblem::not_found(code::MODEL_NOT_FOUND, format_args!("model {name}")))
}

/// Versions of a model in order of publication.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The versions", body = Page<VersionView>),
        (status = 404, description = "No such model", body = cairn_api::Problem),
    )
)]
pub(super) async fn versions(
    State(state): State<ApiState>,
    InPath((namespace, name)): InPath<(String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let name = extract::model(namespace, name);
    state
        .list(paging, move |snapshot, from, limit| {
            let count = find_model(snapshot, &name)?.versions;
            let versions = query::versions(snapshot.state(), &name, from, limit)?;
            Ok((versions.into_iter().map(VersionView::from).collect(), count))
        })
        .await
}

/// One version.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The version", body = Answer<VersionView>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn version(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    state
        .answer(at.at_height, move |_, snapshot| {
            find_version(snapshot, &id).map(VersionView::from)
        })
        .await
}

pub(super) fn find_version(snapshot: &Snapshot, id: &VersionId) -> Result<Version, ApiProblem> {
    query::version(snapshot.state(), id)?
        .ok_or_else(|| ApiProblem::not_found(code::VERSION_NOT_FOUND, format_args!("version {id}")))
}

/// What happened to a model, oldest first.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/events", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The events", body = Page<EventView>),
        (status = 404, description = "No such model", body = cairn_api::Problem),
    )
)]
pub(super) async fn events(
    State(state): State<ApiState>,
    InPath((namespace, name)): InPath<(String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let name = extract::model(namespace, name);
    state
        .list(paging, move |snapshot, from, limit| {
            let count = find_model(snapshot, &name)?.events;
            let events = query::events(snapshot.state(), &name, from, limit)?;
            Ok((events.into_iter().map(EventView::from).collect(), count))
        })
        .await
}

/// A version's data key for one reader, sealed to the reader.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/grants/{account}", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("account" = String, Path, description = "The reader's id, hexadecimal"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The grant", body = Answer<schema::Grant>),
        (status = 404, description = "No such grant", body = cairn_api::Problem),
    )
)]
pub(super) async fn grant(
    State(state): State<ApiState>,
    InPath((namespace, name, version, reader)): InPath<(String, String, String, String)>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    let reader = extract::account(&reader)?;
    state
        .answer(at.at_height, move |_, snapshot| {
            query::grant(snapshot.state(), &id, reader)?.ok_or_else(|| {
                let what = format_args!("grant of {id} to account {reader}").to_string();
                ApiProblem::not_found(code::GRANT_NOT_FOUND, what)
            })
        })
        .await
}

/// Which versions hold a `model_hash`, one a namespace, earliest first.
#[utoipa::path(
    get, path = "/v1/digests/{digest}", tag = "registry",
    params(
        ("digest" = String, Path, description = "sha256:<hex>"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The versions", body = Answer<Vec<schema::VersionId>>),
        (status = 404, description = "No version holds it", body = cairn_api::Problem),
    )
)]
pub(super) async fn digest(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let digest = extract::digest(&digest)?;
    state
        .answer(at.at_height, move |_, snapshot| {
            let found = query::resolve(snapshot.state(), &digest)?;
            if found.is_empty() {
                let what = format!("version with model hash {}", digest.reference());
                return Err(ApiProblem::not_found(code::VERSION_NOT_FOUND, what));
            }
            Ok(found)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn a_page_that_ends_the_list_has_no_next() {
        assert_eq!(next(0, 10, 11).as_deref(), Some("10"));
        assert_eq!(next(10, 1, 11), None);
        assert_eq!(next(50, 0, 11), None);
        assert_eq!(next(0, 0, 0), None);
    }
}
