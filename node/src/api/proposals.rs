//! Proposals of governance.

use super::{
    extract::{self, At, InPath, InQuery, Paging},
    problem::ApiProblem,
    registry::next,
    snapshot::Snapshot,
    state::ApiState,
    validators::power_of,
};
use axum::{body::Body, extract::State, http::Response};
use cairn_api::{Answer, Page, ProposalState, ProposalView, code};
use cairn_runtime::{Proposal, query, quorum_power};

/// Proposals, oldest first.
#[utoipa::path(
    get, path = "/v1/proposals", tag = "validators",
    params(
        ("cursor" = Option<String>, Query, description = "`next` of the page before, or a number to begin with"),
        ("limit" = Option<usize>, Query, description = "Most items, at most and by default 100"),
    ),
    responses((status = 200, description = "The proposals", body = Page<ProposalView>))
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    InQuery(paging): InQuery<Paging>,
) -> Result<Response<Body>, ApiProblem> {
    let (from, limit) = paging.range()?;
    state
        .page(None, move |_, snapshot| {
            let count = query::proposal_count(snapshot.state())?;
            let proposals = query::proposals(snapshot.state(), from, limit as u64)?;
            let next = next(from, proposals.len(), count);
            let views: Result<Vec<_>, _> = proposals
                .into_iter()
                .map(|proposal| view(snapshot, proposal))
                .collect();
            Ok((views?, next))
        })
        .await
}

/// One proposal, with the voting power that approved it.
#[utoipa::path(
    get, path = "/v1/proposals/{number}", tag = "validators",
    params(
        ("number" = u64, Path, description = "The proposal's number, from 0"),
        ("at_height" = Option<u64>, Query, description = "A final height, default the last"),
    ),
    responses(
        (status = 200, description = "The proposal", body = Answer<ProposalView>),
        (status = 404, description = "No such proposal", body = cairn_api::Problem),
    )
)]
pub(super) async fn show(
    State(state): State<ApiState>,
    InPath(number): InPath<String>,
    InQuery(at): InQuery<At>,
) -> Result<Response<Body>, ApiProblem> {
    let number = extract::number(&number)?;
    state
        .answer(at.at_height, move |_, snapshot| {
            let proposal = query::proposal(snapshot.state(), number)?.ok_or_else(|| {
                ApiProblem::not_found(code::PROPOSAL_NOT_FOUND, format_args!("proposal {number}"))
            })?;
            view(snapshot, proposal)
        })
        .await
}

fn view(snapshot: &Snapshot, proposal: Proposal) -> Result<ProposalView, ApiProblem> {
    let (approving_power, total) = power_of(snapshot, &proposal.approvals)?;
    Ok(ProposalView {
        state: state_of(&proposal, snapshot.position().0),
        approving_power,
        quorum_power: quorum_power(total),
        proposal,
    })
}

/// How far a proposal is for whoever would approve it in the block after `height`.
fn state_of(proposal: &Proposal, height: u64) -> ProposalState {
    if proposal.passed_at.is_some() {
        ProposalState::Passed
    } else if proposal.expires_at_height <= height {
        ProposalState::Expired
    } else {
        ProposalState::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::{AccountId, Action};

    #[test]
    fn a_proposal_is_open_while_the_next_block_can_approve_it() {
        let proposer = AccountId(Digest::ZERO);
        let open = Proposal {
            id: 0,
            proposer,
            action: Action::GrantAdmin { account: proposer },
            proposed_at: 1,
            expires_at_height: 10,
            approvals: Vec::new(),
            passed_at: None,
        };
        assert_eq!(state_of(&open, 9), ProposalState::Open);
        assert_eq!(state_of(&open, 10), ProposalState::Expired);
        let passed = Proposal {
            passed_at: Some(4),
            ..open
        };
        assert_eq!(state_of(&passed, 99), ProposalState::Passed);
    }
}
