//! How a version stands: withdrawal and certification, where it comes from, who may read it.

use super::{
    extract::{self, At, InPath, InQuery, PagingAt},
    problem::ApiProblem,
    registry::find_version,
    snapshot::Snapshot,
    state::ApiState,
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{
    Answer, CertificationView, Direction, EventView, LineageView, MAX_LINEAGE_DEPTH,
    MAX_LINEAGE_EDGES, Page, ProvenanceView, StandingView, schema,
};
use cairn_crypto::Digest;
use cairn_runtime::query::WalkLimits;
use cairn_runtime::{VersionId, query};
use serde::{Deserialize, Serialize};

/// Whether a version is withdrawn and how far it is certified: which checks its namespace requires, who found them
/// passed, and whose certification is missing.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/standing", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "How it stands", body = Answer<StandingView>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn standing(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    state
        .answer(at.at_height, move |_, snapshot| standing_of(snapshot, &id))
        .await
}

fn standing_of(snapshot: &Snapshot, id: &VersionId) -> Result<StandingView, ApiProblem> {
    let state = snapshot.state();
    let version = find_version(snapshot, id)?;
    let (_, now_ms) = snapshot.position();
    let (policy_revision, policy) = match query::policy(state, &id.model.namespace)? {
        Some(record) => (record.revision, record.policy),
        None => (0, cairn_runtime::NamespacePolicy::default()),
    };
    let made = query::certifications(state, id, 0, u64::MAX)?;
    let checks = StandingView::checks(&policy, version.owner, &made, now_ms);
    let yanked = query::yank(state, id)?;
    Ok(StandingView {
        certified: yanked.is_none() && checks.iter().all(|check| check.met),
        deprecated: query::deprecation(state, id)?,
        yanked,
        policy_revision,
        policy,
        checks,
        certifications: made.len() as u64,
        data_key: query::data_key(state, id)?,
    })
}

/// A list that belongs to a version: what reads a page of it, and how many entries it has.
async fn list_of<T: Serialize>(
    state: ApiState,
    id: VersionId,
    paging: PagingAt,
    read: impl FnOnce(&Snapshot, &VersionId, u64, u64) -> Result<(Vec<T>, u64), ApiProblem>
    + Send
    + 'static,
) -> Result<Response<Body>, ApiProblem> {
    state
        .list(paging, move |snapshot, from, limit| {
            find_version(snapshot, &id)?;
            read(snapshot, &id, from, limit)
        })
        .await
}

/// Certifications of a version, oldest first, revoked ones included.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/certifications", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The certifications", body = Page<CertificationView>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn certifications(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    list_of(state, id, paging, |snapshot, id, from, limit| {
        let made = query::certifications(snapshot.state(), id, from, limit)?;
        let (_, now_ms) = snapshot.position();
        let views = (from..)
            .zip(made)
            .map(|(number, made)| CertificationView::new(number, made, now_ms));
        let count = query::certification_count(snapshot.state(), id)?;
        Ok((views.collect(), count))
    })
    .await
}

/// Readers that a version was ever granted to, each with its sealed data key, revoked ones included.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/grants", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The grants", body = Page<schema::Grant>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn grants(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    list_of(state, id, paging, |snapshot, id, from, limit| {
        let items = query::grants(snapshot.state(), id, from, limit)?;
        Ok((items, query::grant_count(snapshot.state(), id)?))
    })
    .await
}

/// The last request of each account that ever asked for access to a version.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/access-requests", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The requests", body = Page<schema::AccessRequest>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn access_requests(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    list_of(state, id, paging, |snapshot, id, from, limit| {
        let items = query::access_requests(snapshot.state(), id, from, limit)?;
        Ok((items, query::access_request_count(snapshot.state(), id)?))
    })
    .await
}

/// The data keys of a version that replaced one another, oldest first; the last is in force.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/rekeys", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The later data keys", body = Page<schema::Rekey>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn rekeys(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    list_of(state, id, paging, |snapshot, id, from, limit| {
        let items = query::rekeys(snapshot.state(), id, from, limit)?;
        Ok((items, query::rekey_count(snapshot.state(), id)?))
    })
    .await
}

/// Steps of provenance that name the model hash of a version, oldest first.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/events", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The steps", body = Page<ProvenanceView>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn version_events(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    state
        .list(paging, move |snapshot, from, limit| {
            let digest = find_version(snapshot, &id)?.model_hash;
            steps(snapshot, &digest, from, limit)
        })
        .await
}

/// Steps of provenance that name a digest as input or output, oldest first.
#[utoipa::path(
    get, path = "/v1/digests/{digest}/events", tag = "registry",
    params(
        ("digest" = String, Path, description = "sha256:<hex>: a model hash, or of a dataset, a configuration, a report"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses((status = 200, description = "The steps", body = Page<ProvenanceView>))
)]
pub(super) async fn digest_events(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let digest = extract::digest(&digest)?;
    state
        .list(paging, move |snapshot, from, limit| {
            steps(snapshot, &digest, from, limit)
        })
        .await
}

fn steps(
    snapshot: &Snapshot,
    digest: &Digest,
    from: u64,
    limit: u64,
) -> Result<(Vec<ProvenanceView>, u64), ApiProblem> {
    let found = query::digest_events(snapshot.state(), digest, from, limit)?;
    let count = query::digest_event_count(snapshot.state(), digest)?;
    let view = |(place, event)| ProvenanceView {
        place,
        event: EventView::from(event),
    };
    Ok((found.into_iter().map(view).collect(), count))
}

/// Versions that derive directly from what has a digest: a model hash, or a dataset's.
#[utoipa::path(
    get, path = "/v1/digests/{digest}/children", tag = "registry",
    params(
        ("digest" = String, Path, description = "sha256:<hex>"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses((status = 200, description = "The versions", body = Page<schema::Child>))
)]
pub(super) async fn children(
    State(state): State<ApiState>,
    InPath(digest): InPath<String>,
    InQuery(paging): InQuery<PagingAt>,
) -> Result<Response<Body>, ApiProblem> {
    let digest = extract::digest(&digest)?;
    state
        .list(paging, move |snapshot, from, limit| {
            let items = query::children(snapshot.state(), &digest, from, limit)?;
            Ok((items, query::child_count(snapshot.state(), &digest)?))
        })
        .await
}

/// `?direction=&depth=&at_height=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Walk {
    #[serde(default)]
    direction: Direction,
    depth: Option<u32>,
    at_height: Option<u64>,
}

/// What a version derives from, or what derives from it, directly or not, nearest first: at most 64 steps away and
/// 1,000 edges, and whether that is all.
#[utoipa::path(
    get, path = "/v1/models/{ns}/{name}/versions/{version}/lineage", tag = "registry",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("direction" = Option<Direction>, Query, description = "Default `up`"),
        ("depth" = Option<u32>, Query, description = "Most steps away, at most and by default 64"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The lineage", body = Answer<LineageView>),
        (status = 404, description = "No such version", body = cairn_api::Problem),
    )
)]
pub(super) async fn lineage(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(walk): InQuery<Walk>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    let limits = WalkLimits {
        depth: walk.depth.unwrap_or(u32::MAX).min(MAX_LINEAGE_DEPTH),
        edges: MAX_LINEAGE_EDGES,
    };
    state
        .answer(walk.at_height, move |_, snapshot| {
            find_version(snapshot, &id)?;
            let found = match walk.direction {
                Direction::Up => query::ancestors(snapshot.state(), &id, limits)?,
                Direction::Down => query::descendants(snapshot.state(), &id, limits)?,
            };
            Ok(LineageView {
                version: id,
                direction: walk.direction,
                edges: found.edges,
                complete: found.complete,
            })
        })
        .await
}
