//! Proof bundles about lists of the state: complete ones, and pages of those that are too long for one bundle.

use super::{
    extract::{InPath, InQuery},
    problem::ApiProblem,
    proofs::{Since, bundle, prove, unhex},
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
use cairn_runtime::{List, MAX_STATE_KEY_BYTES};
use serde::Deserialize;

/// Most entries of a list in one proof.
const MAX_LIST_ENTRIES: u64 = 1_000;

/// Most bytes of the entries of a page that has more than one.
const PAGE_BYTES: usize = 8 << 20;

/// `?from=&at_height=&since_epoch=`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    from: Option<u64>,
    at_height: Option<u64>,
    #[serde(default)]
    since_epoch: u64,
}

/// Proves a list complete: how many entries it has, and each of them. With `from`, proves a page of it: how many entries
/// it has, and those from this one on that fit.
#[utoipa::path(
    get, path = "/v1/proofs/lists/{list}", tag = "proofs",
    params(
        ("list" = String, Path, description = "Borsh of the ledger's List, lowercase hexadecimal"),
        ("from" = Option<u64>, Query, description = "Ordinal of the first entry of a page; without it, the complete list"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
        ("since_epoch" = Option<u64>, Query, description = "Epoch that the reader knows the validators of: the bundle begins there; default 0, genesis"),
    ),
    responses(
        (status = 200, description = "A bundle", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "The list has no such entry", body = cairn_api::Problem),
        (status = 422, description = "More than 1,000 entries, or than a bundle holds: ask for pages", body = cairn_api::Problem),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InPath(list): InPath<String>,
    InQuery(part): InQuery<Part>,
) -> Result<Response<Body>, ApiProblem> {
    let list: List = codec::decode(&unhex(&list)?, MAX_STATE_KEY_BYTES)
        .map_err(|error| ApiProblem::bad_request(format!("not the name of a list: {error}")))?;
    let since = Since {
        since_epoch: part.since_epoch,
    };
    state
        .read(part.at_height, move |_, snapshot| {
            let claim = match part.from {
                None => Claim::List(whole(snapshot, list)?),
                Some(from) => Claim::ListPage {
                    from,
                    page: page(snapshot, list, from)?,
                },
            };
            bundle(snapshot.store(), claim, snapshot.header().clone(), since)
        })
        .await
}

fn whole(snapshot: &Snapshot, list: List) -> Result<ListProof, ApiProblem> {
    let (mut proof, count) = counted(snapshot, list)?;
    if count > MAX_LIST_ENTRIES {
        return Err(list_too_long(count));
    }
    let mut bytes = 0;
    for ordinal in 0..count {
        let (entry, length) = entry(snapshot, &proof.list, ordinal)?;
        // Not after all of them are in memory.
        bytes += length;
        if bytes > PAGE_BYTES {
            return Err(list_too_long(count));
        }
        proof.entries.push(entry);
    }
    Ok(proof)
}

fn page(snapshot: &Snapshot, list: List, from: u64) -> Result<ListProof, ApiProblem> {
    let (mut proof, count) = counted(snapshot, list)?;
    if from > 0 && from >= count {
        let detail = format!("the list has {count} entries, there is none with the ordinal {from}");
        return Err(ApiProblem::bad_request(detail)
            .with("entries", count)
            .with("from", from));
    }
    let mut bytes = 0;
    for ordinal in from..count.min(from.saturating_add(MAX_LIST_ENTRIES)) {
        let (entry, length) = entry(snapshot, &proof.list, ordinal)?;
        bytes += length;
        if bytes > PAGE_BYTES && ordinal > from {
            break;
        }
        proof.entries.push(entry);
    }
    Ok(proof)
}

/// What says how many entries a list has, none of them yet, and how many there are.
fn counted(snapshot: &Snapshot, list: List) -> Result<(ListProof, u64), ApiProblem> {
    let (count, proof) = prove(snapshot, &list.count_key())?;
    let entries = list.count(count.as_deref())?;
    let proof = ListProof {
        list,
        count,
        proof,
        entries: Vec::new(),
    };
    Ok((proof, entries))
}

/// An entry, and the bytes that it takes in a bundle.
fn entry(snapshot: &Snapshot, list: &List, ordinal: u64) -> Result<(ListEntry, usize), ApiProblem> {
    let key = list.entry_key(ordinal);
    let (value, proof) = prove(snapshot, &key)?;
    let value = value.ok_or_else(|| ApiProblem::internal(format_args!("{key:?} is missing")))?;
    let entry = ListEntry { value, proof };
    let length = borsh::object_length(&entry).map_err(ApiProblem::internal)?;
    Ok((entry, length))
}

fn list_too_long(entries: u64) -> ApiProblem {
    ApiProblem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        code::LIST_TOO_LONG,
        format!(
            "the list has {entries} entries, a proof has at most {MAX_LIST_ENTRIES} and {PAGE_BYTES} bytes; \
             ask for pages with from="
        ),
    )
    .with("entries", entries)
    .with("limit", MAX_LIST_ENTRIES)
}
