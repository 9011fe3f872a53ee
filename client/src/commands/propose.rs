//! Making and approving a proposal, for every command that does.

use super::{Context, FinalView};
use crate::exit::Failure;
use cairn_client::{Final, Session};
use cairn_runtime::{Action, Event, Operation, Outcome};
use serde::Serialize;

/// A proposal after the transaction that made or approved it.
#[derive(Serialize)]
struct Decided {
    /// Its number; `None` only if the receipt, which is proved, does not say it.
    proposal: Option<u64>,
    /// Whether it passed by this transaction.
    passed: bool,
    #[serde(flatten)]
    transaction: FinalView,
}

/// Proposes an action until `expires_in` blocks from now, by default as long as the chain allows.
pub(super) async fn propose(
    context: &Context,
    session: &Session,
    action: Action,
    expires_in: Option<u64>,
) -> Result<(), Failure> {
    let params = session.client().params().await?;
    let life = expires_in.unwrap_or(params.data.max_proposal_blocks);
    let proposal = Operation::Propose {
        action: Box::new(action),
        expires_at_height: params.height.saturating_add(life),
    };
    decide(context, session, proposal, "made").await
}

/// Approves a proposal.
pub(super) async fn approve(context: &Context, number: u64) -> Result<(), Failure> {
    let session = context.session().await?;
    let approval = Operation::Approve { proposal: number };
    decide(context, &session, approval, "approved").await
}

async fn decide(
    context: &Context,
    session: &Session,
    operation: Operation,
    done: &str,
) -> Result<(), Failure> {
    let decided = decided(session.transact(vec![operation]).await?);
    context.output().result(&decided, || {
        let number = decided
            .proposal
            .map_or_else(String::new, |number| format!(" {number}"));
        let passed = if decided.passed {
            "; it passed and is carried out"
        } else {
            "; it needs further approvals"
        };
        let line = format!("proposal{number} {done}{passed}");
        decided.transaction.text(&line)
    })
}

fn decided(transaction: Final) -> Decided {
    let events = match &transaction.receipt.outcome {
        Outcome::Applied(events) => events.as_slice(),
        Outcome::Failed { .. } => &[],
    };
    let number = events.iter().find_map(|event| match event {
        Event::ProposalMade { proposal, .. }
        | Event::ProposalApproved { proposal, .. }
        | Event::ProposalPassed { proposal } => Some(*proposal),
        _ => None,
    });
    let passed = |event: &Event| matches!(event, Event::ProposalPassed { .. });
    Decided {
        proposal: number,
        passed: events.iter().any(passed),
        transaction: transaction.into(),
    }
}
