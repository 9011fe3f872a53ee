//! Final blocks.

use super::{
    extract::{self, InPath, InQuery},
    problem::ApiProblem,
    snapshot::Snapshot,
    state::{ApiState, Shared},
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{BlockView, CertificateView, Page, code, time::rfc3339};
use cairn_consensus::{BlockId, Height};
use serde::Deserialize;

/// `?from=&limit=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    #[serde(default)]
    from: u64,
    limit: Option<usize>,
}

/// One block.
#[utoipa::path(
    get, path = "/v1/blocks/{block}", tag = "blocks",
    params(("block" = String, Path, description = "A height, sha256:<hex> of the block's id, or `latest`")),
    responses(
        (status = 200, description = "The block", body = BlockView),
        (status = 404, description = "Not final, or not there", body = cairn_api::Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(block): InPath<String>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .json(move |shared, snapshot| {
            let missing = || {
                ApiProblem::not_found(code::BLOCK_NOT_FOUND, format_args!("final block {block}"))
            };
            let height = match block.as_str() {
                "latest" => snapshot.position().0,
                text => match text.parse() {
                    Ok(height) => height,
                    Err(_) => {
                        let id = BlockId(extract::digest(text)?);
                        snapshot.store().height_of(&id)?.ok_or_else(missing)?.0
                    }
                },
            };
            view(shared, snapshot, height)?.ok_or_else(missing)
        })
        .await
}

/// Blocks by height, upwards.
#[utoipa::path(
    get, path = "/v1/blocks", tag = "blocks",
    params(
        ("from" = Option<u64>, Query, description = "First height, default 0"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses((status = 200, description = "The blocks", body = Page<BlockView>))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InQuery(listing): InQuery<Listing>,
) -> Result<Response<Body>, ApiProblem> {
    let limit = extract::page_size(listing.limit) as u64;
    state
        .page(None, move |shared, snapshot| {
            let end = listing
                .from
                .saturating_add(limit)
                .min(snapshot.position().0 + 1);
            let mut items = Vec::new();
            for height in listing.from..end {
                items.extend(view(shared, snapshot, height)?);
            }
            let more = end <= snapshot.position().0 && !items.is_empty();
            Ok((items, more.then(|| end.to_string())))
        })
        .await
}

fn view(
    shared: &Shared,
    snapshot: &Snapshot,
    height: u64,
) -> Result<Option<BlockView>, ApiProblem> {
    if height > snapshot.position().0 {
        return Ok(None);
    }
    let Some(block) = shared.recent.get(snapshot.store(), height)? else {
        return Ok(None);
    };
    let certificate = snapshot.store().certificate(Height(height))?;
    Ok(Some(BlockView {
        id: block.id,
        time: rfc3339(block.header.timestamp_ms),
        header: block.header.clone(),
        transactions: block
            .receipts
            .iter()
            .map(|receipt| receipt.tx_hash)
            .collect(),
        certificate: certificate.map(|certificate| CertificateView {
            round: certificate.round.0,
            signers: certificate.signers.iter().map(|signer| signer.0).collect(),
        }),
    }))
}
