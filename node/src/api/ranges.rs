//! Whole blocks, for exports: transactions and receipts as the headers commit to them.

use super::{
    extract::InQuery,
    problem::ApiProblem,
    snapshot::not_here,
    state::{ApiState, Shared, binary},
};
use axum::{body::Body, extract::State, http::Response};
use cairn_audit::export::{ExportBlock, ExportRecord, ExportTransaction};
use cairn_consensus::Height;
use cairn_runtime::{ModelName, Outcome, Receipt};
use serde::Deserialize;

/// Most bytes of an answer that has more than one block.
const PAGE_BYTES: usize = 8 << 20;

/// `?from=&to=&model=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Range {
    from: u64,
    to: u64,
    model: Option<String>,
}

/// The blocks from a height on, as records of an export: as many as fit 8 MiB, and one in any case.
#[utoipa::path(
    get, path = "/v1/proofs/range", tag = "proofs",
    params(
        ("from" = u64, Query, description = "First height"),
        ("to" = u64, Query, description = "Last height; the answer may end before it"),
        ("model" = Option<String>, Query, description = "namespace/name: transactions without an effect on it are given by their hash"),
    ),
    responses(
        (status = 200, description = "Records of an export", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "The first block is not here", body = cairn_api::Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InQuery(range): InQuery<Range>,
) -> Result<Response<Body>, ApiProblem> {
    let model = range.model.as_deref().map(model_name).transpose()?;
    state
        .read(None, move |shared, snapshot| {
            let last = snapshot.position().0;
            let mut bytes = Vec::new();
            for height in range.from..=range.to.min(last) {
                let Some(block) = block(shared, height, model.as_ref())? else {
                    break;
                };
                let begun = bytes.len();
                let record = ExportRecord::Block(block);
                record.write(&mut bytes).map_err(ApiProblem::internal)?;
                if bytes.len() > PAGE_BYTES && begun > 0 {
                    bytes.truncate(begun);
                    break;
                }
            }
            if bytes.is_empty() {
                return Err(not_here(range.from, last));
            }
            Ok(binary(last, bytes))
        })
        .await
}

fn model_name(text: &str) -> Result<ModelName, ApiProblem> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(200).collect();
        ApiProblem::bad_request(format!("{shown:?} is not namespace/name"))
    })
}

fn block(
    shared: &Shared,
    height: u64,
    model: Option<&ModelName>,
) -> Result<Option<ExportBlock>, ApiProblem> {
    let store = shared.node.store();
    let (Some(block), Some(payload)) =
        (shared.final_block(height)?, store.payload(Height(height))?)
    else {
        return Ok(None);
    };
    let damaged = || ApiProblem::internal(format_args!("block {height} is not complete"));
    let mut transactions = Vec::with_capacity(payload.len());
    for (index, hash) in payload.into_iter().enumerate() {
        let receipt = block.receipts.get(index).ok_or_else(damaged)?;
        transactions.push(if model.is_none_or(|model| concerns(receipt, model)) {
            let bytes = store.transaction(&hash)?.ok_or_else(damaged)?;
            ExportTransaction::Whole(bytes)
        } else {
            ExportTransaction::Hash(hash)
        });
    }
    Ok(Some(ExportBlock {
        header: block.header.clone(),
        transactions,
        receipts: block.receipts.clone(),
    }))
}

/// Whether a transaction had an effect on a model.
fn concerns(receipt: &Receipt, model: &ModelName) -> bool {
    match &receipt.outcome {
        Outcome::Applied(events) => events.iter().any(|event| event.model() == Some(model)),
        Outcome::Failed { .. } => false,
    }
}
