//! Submitting transactions, and what became of them.

use super::{
    extract::{self, InPath, InQuery},
    problem::ApiProblem,
    snapshot::Snapshot,
    state::{ApiState, Shared},
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, StatusCode},
    response::IntoResponse,
};
use cairn_api::{
    MAX_TRANSACTION_BODY, State as Progress, Submitted, SubmittedStatus, TransactionStatus, Wait,
    code,
};
use cairn_crypto::Digest;
use serde::Deserialize;
use std::time::Duration;

/// `?wait=&timeout_s=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    #[serde(default)]
    wait: Wait,
    #[serde(default = "default_timeout")]
    timeout_s: u64,
}

fn default_timeout() -> u64 {
    30
}

/// Submits a signed transaction; the same bytes again are no second transaction.
#[utoipa::path(
    post, path = "/v1/transactions", tag = "transactions",
    params(
        ("wait" = Option<Wait>, Query, description = "Answer at once, or when the transaction is final"),
        ("timeout_s" = Option<u64>, Query, description = "Longest wait for finality, default 30"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "Borsh of a SignedTransaction, at most 73,728 bytes"),
    responses(
        (status = 200, description = "Final", body = TransactionStatus),
        (status = 202, description = "Accepted, on its way to all validators", body = Submitted),
        (status = 504, description = "Not final in time; it goes on", body = cairn_api::Problem),
        (status = "4XX", description = "Not admitted", body = cairn_api::Problem),
        (status = "5XX", description = "Full, syncing or failed", body = cairn_api::Problem),
    )
)]
pub(super) async fn submit(
    State(state): State<ApiState>,
    InQuery(submission): InQuery<Submission>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiProblem> {
    let bytes = extract::body(&headers, body, MAX_TRANSACTION_BODY).await?;
    let tx_hash = state.node.submit(bytes).await?;
    if submission.wait == Wait::Accepted {
        let accepted = Submitted {
            tx_hash,
            status: SubmittedStatus::Accepted,
        };
        return Ok((StatusCode::ACCEPTED, Json(accepted)).into_response());
    }
    let seconds = submission.timeout_s.min(state.limits.max_wait_s);
    match state.node.wait_final(tx_hash, Duration::from_secs(seconds)).await {
        Some(_) => state.json(move |shared, snapshot| status(shared, snapshot, tx_hash)).await,
        None => Err(ApiProblem::new(
            StatusCode::GATEWAY_TIMEOUT,
            code::WAIT_TIMEOUT,
            format!(
                "transaction {} was accepted and is not final after {seconds} s; it goes on, ask for it by its hash",
                tx_hash.reference()
            ),
        )
        .with("tx_hash", tx_hash.reference())
        .with("timeout_s", seconds)),
    }
}

/// How far a transaction is, and its receipt.
#[utoipa::path(
    get, path = "/v1/transactions/{hash}", tag = "transactions",
    params(("hash" = String, Path, description = "sha256:<hex>, the transaction's name")),
    responses(
        (status = 200, description = "Pending or final", body = TransactionStatus),
        (status = 404, description = "Not known to this node", body = cairn_api::Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(hash): InPath<String>,
) -> Result<Response<Body>, ApiProblem> {
    let tx_hash = extract::digest(&hash)?;
    state
        .json(move |shared, snapshot| status(shared, snapshot, tx_hash))
        .await
}

fn status(
    shared: &Shared,
    snapshot: &Snapshot,
    tx_hash: Digest,
) -> Result<TransactionStatus, ApiProblem> {
    // The mempool first: a transaction that becomes final meanwhile is found in the store.
    let pending = shared.node.is_pending(&tx_hash);
    let store = snapshot.store();
    let Some((height, index)) = store.transaction_location(&tx_hash)? else {
        if !pending {
            return Err(ApiProblem::not_found(
                code::TRANSACTION_NOT_FOUND,
                format_args!("transaction {} known to this node", tx_hash.reference()),
            ));
        }
        let status = Progress::Pending;
        return Ok(TransactionStatus {
            tx_hash,
            status,
            height: None,
            index: None,
            block_id: None,
            receipt: None,
        });
    };
    let block = shared.final_block(height.0)?;
    let found = block.as_ref().and_then(|block| {
        let receipt = usize::try_from(index)
            .ok()
            .and_then(|index| block.receipts.get(index))?;
        Some((block.id, receipt.clone()))
    });
    let (block_id, receipt) = found.ok_or_else(|| {
        ApiProblem::internal(format_args!("block {height} has no receipt {index}"))
    })?;
    Ok(TransactionStatus {
        tx_hash,
        status: Progress::Final,
        height: Some(height.0),
        index: Some(index),
        block_id: Some(block_id),
        receipt: Some(receipt),
    })
}
