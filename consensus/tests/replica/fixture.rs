//! A replica of four at the start of the chain, and what others may say to it.

use crate::committee::{Committee, chain_id, index_of};
use cairn_consensus::{
    Block, BlockId, Certificate, CommitVote, CommitVoteBody, Effect, Epoch, Execution,
    FinalityCert, Header, Input, Message, Params, Proposal, QuorumCert, Recovery, Refusal, Replica,
    Round, SafetyRecord, Statement, TimeoutBody, ValidatorId, Verified, Vote, VoteBody, leader,
    payload_root,
};
use cairn_crypto::{Digest, merkle};
use std::sync::{Arc, OnceLock};

pub const NOW: u64 = 50_000;

pub fn committee() -> &'static Committee {
    static COMMITTEE: OnceLock<Committee> = OnceLock::new();
    COMMITTEE.get_or_init(|| Committee::new(4))
}

pub fn replica(index: usize) -> Replica {
    replica_with(index, &Params::default())
}

pub fn replica_with(index: usize, params: &Params) -> Replica {
    let recovery = Recovery {
        final_header: committee().genesis.clone(),
        final_cert: None,
        validators: committee().validators.clone(),
        recent: vec![committee().genesis.clone()],
        history: committee().genesis_history(),
        record: SafetyRecord::genesis(Epoch(0)),
        pending: vec![],
    };
    let config = committee().config(index, params);
    Replica::recover(config, recovery, NOW).0
}

/// A replica that does not lead round 1.
pub fn follower() -> Replica {
    let leader = usize::from(replica(0).leader(Round(1)).0);
    replica((leader + 1) % 4)
}

pub fn execution() -> Execution {
    Execution {
        state_root: Digest::of(b"state 1"),
        receipts_root: merkle::root(&[]),
        validators_hash: committee().validators.hash(),
        next_validators: None,
    }
}

/// The first block as its leader would build it.
pub fn first_header(replica: &Replica) -> Header {
    let genesis = &committee().genesis;
    let leader = replica.leader(Round(1));
    Header {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(1),
        height: genesis.height.next(),
        parent: genesis.id(),
        parent_round: Round(0),
        timestamp_ms: NOW,
        proposer: committee().validators.get(leader).unwrap().id,
        payload_root: payload_root(&[]),
        state_root: execution().state_root,
        receipts_root: execution().receipts_root,
        history_root: committee().genesis_history().root(),
        validators_hash: committee().validators.hash(),
        next_validators_hash: committee().validators.hash(),
    }
}

/// The first `n` blocks if no round fails: one a round.
pub fn chain(replica: &Replica, n: usize) -> Vec<Header> {
    let mut headers = vec![first_header(replica)];
    while let Some(parent) = headers.last().filter(|_| headers.len() < n) {
        let round = parent.round.next();
        let header = Header {
            round,
            height: parent.height.next(),
            parent: parent.id(),
            parent_round: parent.round,
            timestamp_ms: parent.timestamp_ms + 1,
            proposer: committee()
                .validators
                .get(replica.leader(round))
                .unwrap()
                .id,
            history_root: history(&headers).root(),
            ..parent.clone()
        };
        headers.push(header);
    }
    headers
}

/// The history after genesis and these blocks.
pub fn history(headers: &[Header]) -> merkle::Frontier {
    let mut history = committee().genesis_history();
    for header in headers {
        history.push(merkle::leaf_hash(header.id().0.as_bytes()));
    }
    history
}

pub fn quorum_cert(header: &Header) -> QuorumCert {
    let body = VoteBody::of(header, header.id());
    let votes: Vec<Vote> = (0..3)
        .map(|voter| {
            body.into_vote(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .collect();
    QuorumCert::from_votes(body, &votes, &committee().validators).unwrap()
}

pub fn finality_cert(header: &Header) -> FinalityCert {
    let body = CommitVoteBody::of(header, header.id());
    let votes: Vec<CommitVote> = (0..3)
        .map(|voter| {
            let key = &committee().keys[voter];
            body.into_commit_vote(index_of(voter), key).unwrap()
        })
        .collect();
    FinalityCert::from_commit_votes(body, &votes, &committee().validators).unwrap()
}

pub fn final_message(header: &Header) -> Message {
    Message::Certificate(Certificate::Finality(Arc::new(finality_cert(header))))
}

pub fn proposal(header: Header) -> Message {
    let leader = usize::from(leader(&committee().validators, Epoch(0), header.round).0);
    let block = Block {
        header,
        payload: vec![],
    };
    Message::Proposal(Proposal {
        signature: block.id().sign(&committee().keys[leader]).unwrap(),
        block: Arc::new(block),
        timeout_cert: None,
    })
}

pub fn verified(message: Message) -> Verified<Message> {
    message
        .verify(&committee().validators, &chain_id())
        .unwrap()
}

pub fn peer(node: usize) -> ValidatorId {
    committee().id(node)
}

pub fn tell(replica: &mut Replica, message: Message) -> Vec<Effect> {
    replica.step(NOW, Input::Message(verified(message), peer(3)))
}

pub fn vote(header: &Header, voter: usize) -> Message {
    let body = VoteBody::of(header, header.id());
    Message::Vote(
        body.into_vote(index_of(voter), &committee().keys[voter])
            .unwrap(),
    )
}

pub fn commit_vote(header: &Header, voter: usize) -> Message {
    let body = CommitVoteBody::of(header, header.id());
    let key = &committee().keys[voter];
    Message::CommitVote(body.into_commit_vote(index_of(voter), key).unwrap())
}

pub fn timeout(round: u64, claim: u64, voter: usize) -> Message {
    let body = TimeoutBody {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(round),
        high_qc_round: Round(claim),
    };
    Message::Timeout {
        timeout: body
            .into_timeout(index_of(voter), &committee().keys[voter])
            .unwrap(),
        final_height: committee().genesis.height,
    }
}

pub fn broadcasts(effects: &[Effect]) -> Vec<&Message> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Broadcast(message) => Some(message),
            _ => None,
        })
        .collect()
}

pub fn refusal(effects: &[Effect]) -> Option<&Refusal> {
    effects.iter().find_map(|effect| match effect {
        Effect::Refused { reason, .. } => Some(reason),
        _ => None,
    })
}

/// The blocks that the host is to execute.
pub fn executions(effects: &[Effect]) -> Vec<BlockId> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Execute { block } => Some(block.id()),
            _ => None,
        })
        .collect()
}

/// The heights that became final.
pub fn finalized(effects: &[Effect]) -> Vec<u64> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Finalize { cert, .. } => Some(cert.height.0),
            _ => None,
        })
        .collect()
}

pub fn others(replica: &Replica) -> Vec<usize> {
    (0..4)
        .filter(|node| Some(index_of(*node)) != replica.me())
        .collect()
}
