//! Validators, and the epochs in which they decide.

use super::{
    extract::{self, At, InPath, InQuery, Paging},
    problem::ApiProblem,
    registry::next,
    snapshot::Snapshot,
    state::ApiState,
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{
    Answer, KeyPairView, MemberView, Page, ValidatorSetView, ValidatorView, code, schema,
};
use cairn_runtime::{
    AccountId, CurrentEpoch, EpochMember, EpochRecord, ValidatorEntry, query, quorum_power,
};

/// The validators that decide on the next block, in the order of the validator set.
#[utoipa::path(
    get, path = "/v1/validators", tag = "validators",
    params(("at_height" = Option<u64>, Query, description = "A final height, default the last")),
    responses((status = 200, description = "The set in force", body = Answer<ValidatorSetView>))
)]
pub(super) async fn in_force(
    State(state): State<ApiState>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    state
        .answer(at.at_height, |_, snapshot| {
            let ledger = snapshot.state();
            let current = query::current_epoch(ledger)?;
            let set = present(snapshot, current)?;
            let mut validators = Vec::with_capacity(set.members.len());
            for member in &set.members {
                let entry = query::validator_entry(ledger, member.id)?
                    .ok_or_else(|| no_validator(member.id))?;
                validators.push(view(snapshot, entry, Some(member))?);
            }
            let total_power = set.total_power();
            Ok(ValidatorSetView {
                epoch: current.epoch,
                first_height: current.first_height,
                change_pending: current.change_pending,
                total_power,
                quorum_power: quorum_power(total_power),
                validators,
            })
        })
        .await
}

/// All validators that there ever were, in order of joining.
#[utoipa::path(
    get, path = "/v1/validators/registry", tag = "validators",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses((status = 200, description = "The validators", body = Page<ValidatorView>))
)]
pub(super) async fn registry(
    State(state): State<ApiState>,
    InQuery(paging): InQuery<Paging>,
) -> Result<Response<Body>, ApiProblem> {
    let (from, limit) = paging.range()?;
    state
        .page(None, move |_, snapshot| {
            let ledger = snapshot.state();
            let count = query::validator_entry_count(ledger)?;
            let entries = query::validator_entries(ledger, from, limit as u64)?;
            let next = next(from, entries.len(), count);
            let set = present(snapshot, query::current_epoch(ledger)?)?;
            let views: Result<Vec<_>, _> = entries
                .into_iter()
                .map(|entry| {
                    let member = set.members.iter().find(|member| member.id == entry.id);
                    view(snapshot, entry, member)
                })
                .collect();
            Ok((views?, next))
        })
        .await
}

/// One validator.
#[utoipa::path(
    get, path = "/v1/validators/{id}", tag = "validators",
    params(
        ("id" = String, Path, description = "The validator's id, hexadecimal"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The validator", body = Answer<ValidatorView>),
        (status = 404, description = "No such validator", body = cairn_api::Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(id): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let id = extract::account(&id)?;
    state
        .answer(at.at_height, move |_, snapshot| {
            let ledger = snapshot.state();
            let entry = query::validator_entry(ledger, id)?.ok_or_else(|| no_validator(id))?;
            let set = present(snapshot, query::current_epoch(ledger)?)?;
            let member = set.members.iter().find(|member| member.id == id);
            view(snapshot, entry, member)
        })
        .await
}

/// Who decided in an epoch.
#[utoipa::path(
    get, path = "/v1/epochs/{number}", tag = "validators",
    params(
        ("number" = String, Path, description = "From 0, or `latest`"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The epoch", body = Answer<schema::EpochRecord>),
        (status = 404, description = "No such epoch, or not begun yet", body = cairn_api::Problem),
    )
)]
pub(super) async fn epoch(
    State(state): State<ApiState>,
    InPath(number): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let number = match number.as_str() {
        "latest" => None,
        digits => Some(extract::number(digits)?),
    };
    state
        .answer(at.at_height, move |_, snapshot| {
            let ledger = snapshot.state();
            match number {
                None => present(snapshot, query::current_epoch(ledger)?),
                Some(number) => query::epoch(ledger, number)?.ok_or_else(|| {
                    ApiProblem::not_found(code::EPOCH_NOT_FOUND, format_args!("epoch {number}"))
                }),
            }
        })
        .await
}

/// The set that decides on the block after the snapshot's.
fn present(snapshot: &Snapshot, current: CurrentEpoch) -> Result<EpochRecord, ApiProblem> {
    let record = query::epoch(snapshot.state(), current.epoch)?;
    record.ok_or_else(|| {
        ApiProblem::internal(format_args!(
            "epoch {} is in force and has no record",
            current.epoch
        ))
    })
}

fn view(
    snapshot: &Snapshot,
    entry: ValidatorEntry,
    member: Option<&EpochMember>,
) -> Result<ValidatorView, ApiProblem> {
    let ledger = snapshot.state();
    let (_, now_ms) = snapshot.position();
    let member = match member {
        Some(member) => Some(MemberView {
            power: member.power,
            keys: keys(snapshot, entry.id, member.key_index)?,
        }),
        None => None,
    };
    let stake = query::stake(ledger, entry.id)?.unwrap_or_default();
    Ok(ValidatorView {
        member,
        newest_keys: keys(snapshot, entry.id, entry.keys.saturating_sub(1))?,
        stake: stake.at(now_ms),
        offences: query::offences(ledger, entry.id)?,
        validator: entry,
    })
}

fn keys(snapshot: &Snapshot, id: AccountId, index: u32) -> Result<KeyPairView, ApiProblem> {
    let pair = query::validator_keys(snapshot.state(), id, index)?;
    let pair = pair.ok_or_else(|| {
        ApiProblem::internal(format_args!("validator {id} has no key pair {index}"))
    })?;
    Ok(KeyPairView {
        index,
        consensus: pair.consensus_key.fingerprint(),
        transport: pair.transport_key.fingerprint(),
    })
}

fn no_validator(id: AccountId) -> ApiProblem {
    ApiProblem::not_found(code::VALIDATOR_NOT_FOUND, format_args!("validator {id}"))
}

/// Voting power of a set, and of those of it that are in a list.
pub(super) fn power_of(snapshot: &Snapshot, among: &[AccountId]) -> Result<(u64, u64), ApiProblem> {
    let record = present(snapshot, query::current_epoch(snapshot.state())?)?;
    let named = record
        .members
        .iter()
        .filter(|member| among.contains(&member.id));
    let power = named.fold(0, |sum: u64, member| sum.saturating_add(member.power));
    Ok((power, record.total_power()))
}
