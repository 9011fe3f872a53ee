//! Proof bundles: what an auditor checks offline, without trusting this node.

use super::{
    extract::{self, At, InPath, InQuery},
    problem::ApiProblem,
    snapshot::Snapshot,
    state::{ApiState, binary},
};
use crate::epochs;
use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, Response, StatusCode},
};
use cairn_api::{CLAIM_ABSENT, CLAIM_HEADER, code};
use cairn_audit::{Bundle, Claim, History, ListEntry, ListProof};
use cairn_consensus::{Header, Height};
use cairn_crypto::codec;
use cairn_runtime::{List, MAX_STATE_KEY_BYTES, StateKey, tree};
use cairn_storage::Store;

/// Proves the record of a version, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/versions/{ns}/{name}/{version}", tag = "proofs",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
    ),
    responses((status = 200, description = "A bundle; header `cairn-claim: absent` when it proves absence",
        body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn version(
    State(state): State<ApiState>,
    InPath((namespace, name, version)): InPath<(String, String, String)>,
) -> Result<Response<Body>, ApiProblem> {
    record(
        &state,
        StateKey::Version(extract::version(namespace, name, version)),
    )
    .await
}

/// Proves the record of an account, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/accounts/{id}", tag = "proofs",
    params(("id" = String, Path, description = "The account's id, hexadecimal")),
    responses((status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn account(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
) -> Result<Response<Body>, ApiProblem> {
    record(&state, StateKey::Account(extract::account(&id)?)).await
}

/// Proves a pair of keys of an account, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/keys/{id}/{index}", tag = "proofs",
    params(
        ("id" = String, Path, description = "The account's id, hexadecimal"),
        ("index" = u32, Path, description = "Index of the key"),
    ),
    responses((status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn key(
    State(state): State<ApiState>,
    InPath((id, index)): InPath<(String, u32)>,
) -> Result<Response<Body>, ApiProblem> {
    record(&state, StateKey::AccountKey(extract::account(&id)?, index)).await
}

/// Proves a grant, with its sealed data key, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/grants/{ns}/{name}/{version}/{account}", tag = "proofs",
    params(
        ("ns" = String, Path, description = "Namespace"),
        ("name" = String, Path, description = "Model"),
        ("version" = String, Path, description = "SemVer"),
        ("account" = String, Path, description = "The reader's id, hexadecimal"),
    ),
    responses((status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn grant(
    State(state): State<ApiState>,
    InPath((namespace, name, version, reader)): InPath<(String, String, String, String)>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::version(namespace, name, version);
    record(&state, StateKey::Grant(id, extract::account(&reader)?)).await
}

/// Proves that a transaction is final, and what came of it.
#[utoipa::path(
    get, path = "/v1/proofs/transactions/{hash}", tag = "proofs",
    params(("hash" = String, Path, description = "sha256:<hex>, the transaction's name")),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "Not final here", body = cairn_api::Problem),
    )
)]
pub(super) async fn transaction(
    State(state): State<ApiState>,
    InPath(hash): InPath<String>,
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
            bundle(store, claim, block.header.clone())
        })
        .await
}

/// Proves that a block is final.
#[utoipa::path(
    get, path = "/v1/proofs/blocks/{height}", tag = "proofs",
    params(("height" = u64, Path, description = "Height of the block")),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "Not final", body = cairn_api::Problem),
    )
)]
pub(super) async fn block(
    State(state): State<ApiState>,
    InPath(height): InPath<u64>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .read(None, move |_, snapshot| {
            let header = snapshot.store().header(Height(height))?.ok_or_else(|| {
                let what = format!("final block {height}");
                ApiProblem::not_found(code::BLOCK_NOT_FOUND, what)
            })?;
            bundle(snapshot.store(), Claim::Block, header)
        })
        .await
}

/// Proves any record of the state by its key, or that there is none.
#[utoipa::path(
    get, path = "/v1/proofs/records/{key}", tag = "proofs",
    params(
        ("key" = String, Path, description = "Borsh of the ledger's StateKey, lowercase hexadecimal: `key_hex` of an audit"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses((status = 200, description = "A bundle; header `cairn-claim: absent` when it proves absence",
        body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(super) async fn by_key(
    State(state): State<ApiState>,
    InPath(key): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let key = StateKey::decode(&unhex(&key)?)
        .map_err(|error| ApiProblem::bad_request(format!("not the key of a record: {error}")))?;
    record_at(&state, key, at.at_height).await
}

/// Most entries of a list in one proof.
const MAX_LIST_ENTRIES: u64 = 1_000;

/// Proves a list complete: how many entries it has, and each of them.
#[utoipa::path(
    get, path = "/v1/proofs/lists/{list}", tag = "proofs",
    params(
        ("list" = String, Path, description = "Borsh of the ledger's List, lowercase hexadecimal"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 422, description = "More than 1,000 entries", body = cairn_api::Problem),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InPath(list): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let list: List = codec::decode(&unhex(&list)?, MAX_STATE_KEY_BYTES)
        .map_err(|error| ApiProblem::bad_request(format!("not the name of a list: {error}")))?;
    state
        .read(at.at_height, move |_, snapshot| {
            let claim = Claim::List(list_proof(snapshot, list)?);
            bundle(snapshot.store(), claim, snapshot.header().clone())
        })
        .await
}

fn list_proof(snapshot: &Snapshot, list: List) -> Result<ListProof, ApiProblem> {
    let (count, proof) = prove(snapshot, &list.count_key())?;
    let entries = list.count(count.as_deref())?;
    if entries > MAX_LIST_ENTRIES {
        return Err(ApiProblem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            code::LIST_TOO_LONG,
            format!(
                "the list has {entries} entries, a proof has at most {MAX_LIST_ENTRIES}; prove its records one by one"
            ),
        )
        .with("entries", entries)
        .with("limit", MAX_LIST_ENTRIES));
    }
    let entry = |ordinal| {
        let key = list.entry_key(ordinal);
        let (value, proof) = prove(snapshot, &key)?;
        let value =
            value.ok_or_else(|| ApiProblem::internal(format_args!("{key:?} is missing")))?;
        Ok(ListEntry { value, proof })
    };
    let entries = (0..entries).map(entry).collect::<Result<_, ApiProblem>>()?;
    Ok(ListProof {
        list,
        count,
        proof,
        entries,
    })
}

/// Bytes in hexadecimal, as a part of the path.
fn unhex(text: &str) -> Result<Vec<u8>, ApiProblem> {
    hex::decode(text).map_err(|error| ApiProblem::bad_request(format!("not hexadecimal: {error}")))
}

async fn record(state: &ApiState, key: StateKey) -> Result<Response<Body>, ApiProblem> {
    record_at(state, key, None).await
}

async fn record_at(
    state: &ApiState,
    key: StateKey,
    at_height: Option<u64>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .read(at_height, move |_, snapshot| {
            let (value, proof) = prove(snapshot, &key)?;
            let claim = Claim::state(key, value, proof).map_err(ApiProblem::internal)?;
            bundle(snapshot.store(), claim, snapshot.header().clone())
        })
        .await
}

fn prove(
    snapshot: &Snapshot,
    key: &StateKey,
) -> Result<(Option<Vec<u8>>, cairn_runtime::StateProof), ApiProblem> {
    let state = snapshot.state();
    tree::prove(state.reader(), state.height(), key).map_err(ApiProblem::internal)
}

/// The bundle of a claim about the block of `header`, with the block's own certificate, or with the
/// next one above it and the path from there.
fn bundle(store: &Store, claim: Claim, header: Header) -> Result<Response<Body>, ApiProblem> {
    let height = header.height;
    let absent = matches!(claim, Claim::Absent { .. });
    let Some((certified, certificate)) = store.certificate_at_or_after(height)? else {
        return Err(ApiProblem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            code::HEIGHT_NOT_AVAILABLE,
            format!("this node has no certificate for block {height} yet; ask again in a moment"),
        )
        .with("height", height.0));
    };
    let later = store.lone_header(certified)?.ok_or_else(|| {
        ApiProblem::internal(format_args!(
            "block {certified} has a certificate and no header"
        ))
    })?;
    let epochs = epochs::changes_before(store, later.epoch).map_err(ApiProblem::internal)?;
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
    let mut response = binary(height.0, bundle.encode().map_err(ApiProblem::internal)?);
    if absent {
        response
            .headers_mut()
            .insert(CLAIM_HEADER, HeaderValue::from_static(CLAIM_ABSENT));
    }
    Ok(response)
}
