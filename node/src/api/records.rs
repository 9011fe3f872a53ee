//! Proofs of any record and of any list of the ledger, named by their Borsh bytes.

use super::{
    extract::{InPath, InQuery},
    problem::ApiProblem,
    proofs::{self, Since},
    snapshot::Snapshot,
    state::ApiState,
};
use axum::{
    body::Body,
    extract::State,
    http::{Response, StatusCode},
};
use cairn_api::code;
use cairn_audit::{Claim, ListEntry, ListProof};
use cairn_crypto::codec;
use cairn_runtime::{List, MAX_STATE_KEY_BYTES, StateKey};
use serde::Deserialize;

/// `?at_height=&since_epoch=`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moment {
    at_height: Option<u64>,
    #[serde(default)]
    since_epoch: u64,
}

impl Moment {
    fn since(self) -> Since {
        Since {
            since_epoch: self.since_epoch,
        }
    }
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
    InQuery(moment): InQuery<Moment>,
) -> Result<Response<Body>, ApiProblem> {
    let key = StateKey::decode(&unhex(&key)?)
        .map_err(|error| ApiProblem::bad_request(format!("not the key of a record: {error}")))?;
    proofs::record_at(&state, key, moment.at_height, moment.since()).await
}

/// Most entries of a list in one proof.
const MAX_LIST_ENTRIES: u64 = 1_000;

/// Proves a list complete: how many entries it has, and each of them.
#[utoipa::path(
    get, path = "/v1/proofs/lists/{list}", tag = "proofs",
    params(
        ("list" = String, Path, description = "Borsh of the ledger's List, lowercase hexadecimal"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 422, description = "More than 1,000 entries", body = cairn_api::Problem),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InPath(list): InPath<String>,
    InQuery(moment): InQuery<Moment>,
) -> Result<Response<Body>, ApiProblem> {
    let list: List = codec::decode(&unhex(&list)?, MAX_STATE_KEY_BYTES)
        .map_err(|error| ApiProblem::bad_request(format!("not the name of a list: {error}")))?;
    state
        .read(moment.at_height, move |_, snapshot| {
            let claim = Claim::List(list_proof(snapshot, list)?);
            let header = snapshot.header().clone();
            proofs::bundle(snapshot.store(), claim, header, moment.since())
        })
        .await
}

fn list_proof(snapshot: &Snapshot, list: List) -> Result<ListProof, ApiProblem> {
    let (count, proof) = proofs::prove(snapshot, &list.count_key())?;
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
        let (value, proof) = proofs::prove(snapshot, &key)?;
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
