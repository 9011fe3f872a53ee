//! Accounts.

use super::{
    extract::{self, At, InPath, InQuery, Paging},
    problem::ApiProblem,
    registry::next,
    state::ApiState,
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{AccountView, Answer, Page, code, schema};
use cairn_runtime::query;

/// Accounts in order of admission.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses((status = 200, description = "The accounts", body = Page<schema::Account>))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InQuery(paging): InQuery<Paging>,
) -> Result<Response<Body>, ApiProblem> {
    let (from, limit) = paging.range()?;
    state
        .page(None, move |_, snapshot| {
            let count = query::account_count(snapshot.state())?;
            let items = query::accounts(snapshot.state(), from, limit as u64)?;
            let next = next(from, items.len(), count);
            Ok((items, next))
        })
        .await
}

/// One account with its keys, roles and nonces.
#[utoipa::path(
    get, path = "/v1/accounts/{id}", tag = "accounts",
    params(
        ("id" = String, Path, description = "The account's id, hexadecimal"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The account", body = Answer<AccountView>),
        (status = 404, description = "No such account", body = cairn_api::Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::account(&id)?;
    state
        .answer(at.at_height, move |shared, snapshot| {
            let ledger = snapshot.state();
            let account = query::account(ledger, id)?.ok_or_else(|| {
                ApiProblem::not_found(code::ACCOUNT_NOT_FOUND, format_args!("account {id}"))
            })?;
            let mut keys = Vec::new();
            for index in 0..account.keys {
                keys.extend(query::account_key(ledger, id, index)?);
            }
            let nonce = query::nonce(ledger, id)?;
            let pending = shared.node.pending_nonce(&id);
            Ok(AccountView {
                roles: query::roles(ledger, id)?,
                pending_nonce: pending.map_or(nonce, |pending| pending.max(nonce)),
                account,
                nonce,
                keys,
            })
        })
        .await
}

/// What a signing key is or was for. A key is for one thing, for ever, so this finds the account of a rotated key.
#[utoipa::path(
    get, path = "/v1/keys/{fingerprint}", tag = "accounts",
    params(
        ("fingerprint" = String, Path, description = "SHA-256 of the public key, sha256:<hex>"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "Its use", body = Answer<schema::KeyUse>),
        (status = 404, description = "It was never in use", body = cairn_api::Problem),
    )
)]
pub(super) async fn key(
    State(state): State<ApiState>,
    InPath(fingerprint): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let fingerprint = extract::digest(&fingerprint)?;
    state
        .answer(at.at_height, move |_, snapshot| {
            query::key_use(snapshot.state(), &fingerprint)?.ok_or_else(|| {
                let what = format!("signing key {}", fingerprint.reference());
                ApiProblem::not_found(code::KEY_NOT_FOUND, what)
            })
        })
        .await
}
