//! Validators that break the rules, each in one way, with their own valid keys.

use cairn_consensus::{
    Block, CommitVoteBody, Message, Proposal, Round, Statement, TimeoutBody, ValidatorIndex,
    VoteBody,
};
use cairn_crypto::SigningKey;
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
    /// Claims certificates that do not exist when it times out.
    LiesAboutHighQc,
}

/// What goes out instead of `message`: to even and to odd indices.
pub fn outgoing(
    behaviour: Behaviour,
    message: Message,
    key: &SigningKey,
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
        (
            Behaviour::LiesAboutHighQc,
            Message::Timeout {
                timeout,
                final_height,
            },
        ) => {
            let lie = TimeoutBody {
                high_qc_round: Round(timeout.round.0 - 1),
                ..timeout.body()
            };
            let message = Message::Timeout {
                timeout: lie.into_timeout(timeout.voter, key).unwrap(),
                final_height,
            };
            (Some(message.clone()), Some(message))
        }
        (_, message) => (Some(message.clone()), Some(message)),
    }
}

/// The same proposal a millisecond later.
pub fn contradicting(proposal: &Proposal, key: &SigningKey) -> Proposal {
    let mut block = Block::clone(&proposal.block);
    block.header.timestamp_ms += 1;
    Proposal {
        signature: block.id().sign(key).unwrap(),
        block: Arc::new(block),
        timeout_cert: proposal.timeout_cert.clone(),
    }
}

/// What a validator that votes for everything says to a proposal.
pub fn blind_votes(proposal: &Proposal, voter: ValidatorIndex, key: &SigningKey) -> [Message; 2] {
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
