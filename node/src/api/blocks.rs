//! Final blocks.

use super::{
    extract::{self, InPath, InQuery},
    problem::ApiProblem,
    snapshot::{Snapshot, not_here},
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
            let last = snapshot.position().0;
            match view(shared, snapshot, height)? {
                None if height <= last => Err(not_here(height, last)),
                block => block.ok_or_else(missing),
            }
        })
        .await
}

/// Blocks by height, upwards. A page is shorter where blocks have many transactions.
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
            let end = page_end(listing.from, end, |height| {
                let payload = snapshot.store().payload(Height(height))?;
                Ok::<_, ApiProblem>(payload.map_or(0, |payload| payload.len()))
            })?;
            let mut items = Vec::new();
            for height in listing.from..end {
                items.extend(view(shared, snapshot, height)?);
            }
            if items.is_empty() && listing.from < end {
                return Err(not_here(listing.from, snapshot.position().0));
            }
            let more = end <= snapshot.position().0 && !items.is_empty();
            Ok((items, more.then(|| end.to_string())))
        })
        .await
}

/// Most transactions of the blocks of one page, if it has more than one block. Their names are in the receipts,
/// which are long; a payload is short, and says how many there are.
const PAGE_TRANSACTIONS: usize = 2_000;

/// Where a page ends that begins at `from` and goes to `end` at most.
fn page_end<E>(
    from: u64,
    end: u64,
    mut transactions: impl FnMut(u64) -> Result<usize, E>,
) -> Result<u64, E> {
    let mut sum = 0_usize;
    for height in from..end {
        sum = sum.saturating_add(transactions(height)?);
        if sum > PAGE_TRANSACTIONS && height > from {
            return Ok(height);
        }
    }
    Ok(end)
}

fn view(
    shared: &Shared,
    snapshot: &Snapshot,
    height: u64,
) -> Result<Option<BlockView>, ApiProblem> {
    if height > snapshot.position().0 {
        return Ok(None);
    }
    let Some(block) = shared.final_block(height)? else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn a_page_ends_before_it_has_too_many_transactions_but_never_at_its_beginning() {
        let end = |from, each: usize| page_end(from, 100, |_| Ok::<_, Infallible>(each));
        assert_eq!(end(0, 0), Ok(100));
        assert_eq!(end(0, PAGE_TRANSACTIONS / 100), Ok(100));
        assert_eq!(end(0, PAGE_TRANSACTIONS / 50), Ok(50));
        assert_eq!(end(7, PAGE_TRANSACTIONS), Ok(8));
        assert_eq!(end(7, usize::MAX), Ok(8));
        assert_eq!(end(100, 1), Ok(100));
        // What the page will not have is not read either.
        let mut asked = 0;
        let end = page_end(0, 100, |_| {
            asked += 1;
            Ok::<_, Infallible>(PAGE_TRANSACTIONS)
        });
        assert_eq!((end, asked), (Ok(1), 2));
    }
}
