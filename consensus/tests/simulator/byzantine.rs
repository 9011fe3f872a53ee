//! Validators that break the rules, each in one way, with their own valid keys.

use cairn_consensus::{
    Block, CommitVoteBody, Message, Proposal, Round, Signer, Statement, TimeoutBody,
    ValidatorIndex, VoteBody,
};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// Follows without a key.
    Observes,
    /// Says nothing at all.
    Silent,
    /// Proposes two blocks in a round, each to one half.
    Equivocates,
    /// Votes and commit-votes for every proposal that it sees, without looking.
    VotesForAll,
    /// Proposes nothing, and times out of rounds before their time, each time with the claim that the
    /// round before was certified.
    LiesAboutHighQc,
}

/// What goes out instead of `message`: to even and to odd indices.
pub fn outgoing(
    behaviour: Behaviour,
    message: Message,
    key: &dyn Signer,
) -> (Option<Message>, Option<Message>) {
    match (behaviour, message) {
        (Behaviour::Silent, _) => (None, None),
        (Behaviour::Equivocates, Message::Proposal(proposal)) => {
            let other = contradicting(&proposal, key);
            (
                Some(Message::Proposal(proposal)),
                Some(Message::Proposal(other)),
            )
        }
        (Behaviour::LiesAboutHighQc, Message::Proposal(_) | Message::Timeout { .. }) => {
            (None, None)
        }
        (_, message) => (Some(message.clone()), Some(message)),
    }
}

/// What a liar about certificates says instead of a timeout: it gives up the next rounds as well, where
/// its claims are the first to be counted.
pub fn lies(message: &Message, key: &dyn Signer) -> Vec<Message> {
    let Message::Timeout {
        timeout,
        final_height,
    } = message
    else {
        return Vec::new();
    };
    (timeout.round.0..timeout.round.0 + 5)
        .map(|round| {
            let lie = TimeoutBody {
                round: Round(round),
                high_qc_round: Round(round - 1),
                ..timeout.body()
            };
            Message::Timeout {
                timeout: lie.into_timeout(timeout.voter, key).unwrap(),
                final_height: *final_height,
            }
        })
        .collect()
}

/// The same proposal a millisecond later.
pub fn contradicting(proposal: &Proposal, key: &dyn Signer) -> Proposal {
    let mut block = Block::clone(&proposal.block);
    block.header.timestamp_ms += 1;
    Proposal {
        signature: block.id().sign(key).unwrap(),
        block: Arc::new(block),
        timeout_cert: proposal.timeout_cert.clone(),
    }
}

/// What a validator that votes for everything says to a proposal.
pub fn blind_votes(proposal: &Proposal, voter: ValidatorIndex, key: &dyn Signer) -> [Message; 2] {
    let (header, id) = (&proposal.block.header, proposal.block.id());
    [
        Message::Vote(VoteBody::of(header, id).into_vote(voter, key).unwrap()),
        Message::CommitVote(
            CommitVoteBody::of(header, id)
                .into_commit_vote(voter, key)
                .unwrap(),
        ),
    ]
}
