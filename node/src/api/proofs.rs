//! Proof bundles: what an auditor checks offline, without trusting this node.

use super::{
    extract::{self, InPath, InQuery},
    problem::ApiProblem,
    snapshot::{Snapshot, not_here},
    state::{ApiState, binary},
};
use crate::epochs::{self, EpochError};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode},
};
use cairn_api::{CLAIM_ABSENT, CLAIM_HEADER, code};
use cairn_audit::{Bundle, BundleError, Claim, EpochChain, History, MAX_BUNDLE_BYTES};
use cairn_consensus::{Epoch, Header, Height};
use cairn_runtime::{StateKey, tree};
use cairn_storage::Store;
use serde::Deserialize;

/// Most bytes of a page of epoch changes that has more than one.
const PAGE_BYTES: usize = 8 << 20;

/// `?since_epoch=`: the epoch that the reader knows the validators of.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    #[serde(default)]
    pub(super) since_epoch: u64,
}

/// `?at_height=&since_epoch=`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtSince {
    at_height: Option<u64>,
    #[serde(default)]
    since_epoch: u64,
}

impl AtSince {
    fn since(self) -> Since {
        Since {
            since_epoch: self.since_epoch,
        }
    }
}

/// `?from=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pages {
    #[serde(default)]
    from: u64,
}

/// Proves the record of a version, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/versions/{ns}/{name}/{version}", tag = "proofs",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses((status = 200, description = "A bundle; header `cairn-claim: absent` when it proves absence",
        body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn version(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
    InQuery(since): InQuery<Since>,
) -> Result<Response<Body>, ApiProblem> {
    record(
        &state,
        StateKey::Version(extract::version(namespace, name, version)),
        since,
    )
    .await
}

/// Proves the record of an account, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/accounts/{id}", tag = "proofs",
    params(
        ("id" = String, Path, description = "The account's id, hexadecimal"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses((status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn account(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(since): InQuery<Since>,
) -> Result<Response<Body>, ApiProblem> {
    record(&state, StateKey::Account(extract::account(&id)?), since).await
}

/// Proves a pair of keys of an account, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/keys/{id}/{index}", tag = "proofs",
    params(
        ("id" = String, Path, description = "The account's id, hexadecimal"),
        ("index" = u32, Path, description = "Index of the key"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses((status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn key(
    State(state): State<ApiState>,
    InPath((id, index)): InPath<(String, u32)>,
    InQuery(since): InQuery<Since>,
) -> Result<Response<Body>, ApiProblem> {
    record(
        &state,
        StateKey::AccountKey(extract::account(&id)?, index),
        since,
    )
    .await
}

/// Proves a grant, with its sealed data key, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/grants/{ns}/{name}/{version}/{account}", tag = "proofs",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("account" = String, Path, description = "The reader's id, hexadecimal"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses((status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn grant(
    State(state): State<ApiState>,
    InPath((namespace, name, version, reader)): InPath<(String, String, String, String)>,
    InQuery(since): InQuery<Since>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    record(
        &state,
        StateKey::Grant(id, extract::account(&reader)?),
        since,
    )
    .await
}

/// Proves that a transaction is final, and what came of it.
#[utoipa::path(
    get, path = "/v1/proofs/transactions/{hash}", tag = "proofs",
    params(
        ("hash" = String, Path, description = "sha256:<hex>, the transaction's name"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "Not final here", body = cairn_api::Problem),
    )
)]
pub(super) async fn transaction(
    State(state): State<ApiState>,
    InPath(hash): InPath<String>,
    InQuery(since): InQuery<Since>,
) -> Result<Response<Body>, ApiProblem> {
    let tx_hash = extract::digest(&hash)?;
    state
        .read(None, move |shared, snapshot| {
            let store = snapshot.store();
            let (height, index) = store.transaction_location(&tx_hash)?.ok_or_else(|| {
                let what = format_args!("final transaction {}", tx_hash.reference()).to_string();
                ApiProblem::not_found(code::TRANSACTION_NOT_FOUND, what)
            })?;
            let damaged = || ApiProblem::internal(format_args!("block {height} is not complete"));
            let block = shared.final_block(height.0)?.ok_or_else(damaged)?;
            let payload = store.payload(height)?.ok_or_else(damaged)?;
            let place = usize::try_from(index).ok();
            let signed_hash = place
                .and_then(|place| payload.get(place))
                .ok_or_else(damaged)?;
            let bytes = store.transaction(signed_hash)?.ok_or_else(damaged)?;
            let claim = Claim::transaction(bytes, u64::from(index), &payload, &block.receipts)
                .ok_or_else(damaged)?;
            bundle(store, claim, block.header.clone(), since)
        })
        .await
}

/// Proves that a block is final.
#[utoipa::path(
    get, path = "/v1/proofs/blocks/{height}", tag = "proofs",
    params(
        ("height" = u64, Path, description = "Height of the block"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "Not final", body = cairn_api::Problem),
    )
)]
pub(super) async fn block(
    State(state): State<ApiState>,
    InPath(height): InPath<u64>,
    InQuery(since): InQuery<Since>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .read(None, move |_, snapshot| {
            let last = snapshot.position().0;
            let header = snapshot.store().header(Height(height))?;
            let header = header.ok_or_else(|| not_here(height, last))?;
            bundle(snapshot.store(), Claim::Block, header, since)
        })
        .await
}

/// Tells which epochs ended from one on, each with the validators of the next and the certificate that says so. A page
/// holds as many as fit 8 MiB, and one in any case; it is empty when the epoch has not ended.
#[utoipa::path(
    get, path = "/v1/proofs/epochs", tag = "proofs",
    params(("from" = Option<u64>, Query, description = "First epoch, default 0")),
    responses(
        (status = 200, description = "A page of epoch changes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 503, description = "The epoch has not begun here", body = cairn_api::Problem),
    )
)]
pub(super) async fn epochs(
    State(state): State<ApiState>,
    InQuery(pages): InQuery<Pages>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .read(None, move |_, snapshot| {
            let store = snapshot.store();
            begun(store, Epoch(pages.from))?;
            let header = snapshot.header();
            let changes = epochs::changes(store, Epoch(pages.from), header.epoch, PAGE_BYTES);
            let page = EpochChain {
                chain_id: header.chain_id,
                changes: changes.map_err(epoch_problem)?,
            };
            let bytes = page.encode().map_err(ApiProblem::internal)?;
            Ok(binary(header.height.0, bytes))
        })
        .await
}

/// Proves any record of the state by its key, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/records/{key}", tag = "proofs",
    params(
        ("key" = String, Path, description = "Borsh of the ledger's StateKey, lowercase hexadecimal: `key_hex` of an audit"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses((status = 200, description = "A bundle; header `cairn-claim: absent` when it proves absence",
        body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn by_key(
    State(state): State<ApiState>,
    InPath(key): InPath<String>,
    InQuery(at): InQuery<AtSince>,
) -> Result<Response<Body>, ApiProblem> {
    let key = StateKey::decode(&unhex(&key)?)
        .map_err(|error| ApiProblem::bad_request(format!("not the key of a record: {error}")))?;
    record_at(&state, key, at.at_height, at.since()).await
}

/// Bytes in hexadecimal, as a part of the path.
pub(super) fn unhex(text: &str) -> Result<Vec<u8>, ApiProblem> {
    hex::decode(text).map_err(|error| ApiProblem::bad_request(format!("not hexadecimal: {error}")))
}

async fn record(
    state: &ApiState,
    key: StateKey,
    since: Since,
) -> Result<Response<Body>, ApiProblem> {
    record_at(state, key, None, since).await
}

async fn record_at(
    state: &ApiState,
    key: StateKey,
    at_height: Option<u64>,
    since: Since,
) -> Result<Response<Body>, ApiProblem> {
    state
        .read(at_height, move |_, snapshot| {
            let (value, proof) = prove(snapshot, &key)?;
            let claim = Claim::state(key, value, proof).map_err(ApiProblem::internal)?;
            bundle(snapshot.store(), claim, snapshot.header().clone(), since)
        })
        .await
}

pub(super) fn prove(
    snapshot: &Snapshot,
    key: &StateKey,
) -> Result<(Option<Vec<u8>>, cairn_runtime::StateProof), ApiProblem> {
    let state = snapshot.state();
    tree::prove(state.reader(), state.height(), key).map_err(ApiProblem::internal)
}

/// The bundle of a claim about the block of `header`, with the block's own certificate, or with the
/// next one above it and the path from there; of the epoch that the reader knows, or a later one.
pub(super) fn bundle(
    store: &Store,
    claim: Claim,
    header: Header,
    since: Since,
) -> Result<Response<Body>, ApiProblem> {
    let height = header.height;
    let absent = matches!(claim, Claim::Absent { .. });
    let since = Epoch(since.since_epoch);
    let lowest = height.max(begun(store, since)?);
    let Some((certified, certificate)) = store.certificate_at_or_after(lowest)? else {
        return Err(ApiProblem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code::HEIGHT_NOT_AVAILABLE,
            format!("this node has no certificate for block {lowest} yet; ask again in a moment"),
        )
        .with("height", lowest.0));
    };
    let later = store.lone_header(certified)?.ok_or_else(|| {
        ApiProblem::internal(format_args!(
            "block {certified} has a certificate and no header"
        ))
    })?;
    let epochs = epochs::changes(store, since, later.epoch, MAX_BUNDLE_BYTES);
    let epochs = epochs.map_err(epoch_problem)?;
    if since.0 + (epochs.len() as u64) < later.epoch.0 {
        return Err(too_long());
    }
    let mut bundle = if certified == height {
        Bundle::new(claim, header, certificate)
    } else {
        let path = store.history_proof(height, certified.0)?;
        Bundle::with_history(
            claim,
            header,
            History {
                header: later,
                path,
            },
            certificate,
        )
    };
    bundle.epochs = epochs;
    let bytes = match bundle.encode() {
        Err(BundleError::TooLong { .. }) => return Err(too_long()),
        encoded => encoded.map_err(ApiProblem::internal)?,
    };
    let mut response = binary(height.0, bytes);
    if absent {
        response
            .headers_mut()
            .insert(CLAIM_HEADER, HeaderValue::from_static(CLAIM_ABSENT));
    }
    Ok(response)
}

/// Height of the first block of an epoch.
fn begun(store: &Store, epoch: Epoch) -> Result<Height, ApiProblem> {
    if let Some(height) = epochs::first_height(store, epoch).map_err(epoch_problem)? {
        return Ok(height);
    }
    let detail = format!("epoch {epoch} has not begun here; ask again later, or another node");
    Err(ApiProblem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        code::HEIGHT_NOT_AVAILABLE,
        detail,
    )
    .with("epoch", epoch.0))
}

/// The certificate of an epoch's last block comes shortly after the block.
fn epoch_problem(error: EpochError) -> ApiProblem {
    match error {
        EpochError::Missing { height, .. } => ApiProblem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code::HEIGHT_NOT_AVAILABLE,
            error.to_string(),
        )
        .with("height", height.0),
        error => ApiProblem::internal(error),
    }
}

fn too_long() -> ApiProblem {
    ApiProblem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        code::BUNDLE_TOO_LONG,
        "too many epochs ended since the one that the bundle would begin in: follow /v1/proofs/epochs and begin it later with since_epoch",
    )
    .with("limit", MAX_BUNDLE_BYTES)
}
