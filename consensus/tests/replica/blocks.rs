//! Proposals, blocks, execution and finality.

use super::fixture::*;
use cairn_consensus::{
    Block, BlockRejection, Effect, Execution, Header, HeaderMismatch, Input, Message, Proposal,
    Refusal, Round, Statement, Timer, ValidatorIndex,
};
use cairn_crypto::Digest;
use std::sync::Arc;

#[test]
fn a_good_proposal_is_executed_then_voted_for_after_the_write() {
    let mut replica = follower();
    let header = first_header(&replica);
    let effects = tell(&mut replica, proposal(header.clone()));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Execute { block } if block.header == header))
    );
    assert!(broadcasts(&effects).is_empty(), "execute before you vote");

    let executed = Input::Executed {
        id: header.id(),
        result: Ok(execution()),
    };
    let effects = replica.step(NOW, executed);
    let Effect::Persist { record, blocks } = &effects[0] else {
        panic!("the write comes first: {effects:?}");
    };
    assert_eq!(record.last_voted_round, Round(1));
    assert_eq!(
        blocks[0].header, header,
        "the block goes to disk in the same write"
    );
    assert!(
        matches!(broadcasts(&effects)[..], [Message::Vote(vote)] if vote.block_id == header.id())
    );
}

#[test]
fn a_quorum_of_votes_enters_the_next_round_and_is_commit_voted() {
    let mut replica = follower();
    let header = first_header(&replica);
    tell(&mut replica, proposal(header.clone()));
    let mut sent = Vec::new();
    for voter in others(&replica) {
        sent.extend(tell(&mut replica, vote(&header, voter)));
    }
    assert_eq!(replica.round(), Round(2));
    assert_eq!(replica.high_qc_round(), Round(1));
    assert!(
        matches!(broadcasts(&sent)[..], [Message::CommitVote(vote)] if vote.block_id == header.id())
    );
}

#[test]
fn votes_that_come_before_the_block_count_and_the_block_is_fetched() {
    let mut replica = follower();
    let header = first_header(&replica);
    for voter in others(&replica) {
        tell(&mut replica, vote(&header, voter));
    }
    assert_eq!(replica.round(), Round(2));
    let missing = Input::Timer(Timer::Missing { id: header.id() });
    let effects = replica.step(NOW + 50, missing);
    assert!(effects.iter().any(
        |effect| matches!(effect, Effect::FetchBlock { id, from } if *id == header.id() && from.len() == 3)
    ));
    let stranger = Block {
        header: Header {
            timestamp_ms: 1,
            ..header.clone()
        },
        payload: vec![],
    };
    assert!(
        replica.step(NOW, Input::BlockFetched(stranger)).is_empty(),
        "only what was asked for"
    );
    let block = Block {
        header,
        payload: vec![],
    };
    let effects = replica.step(NOW, Input::BlockFetched(block));
    assert!(matches!(broadcasts(&effects)[..], [Message::CommitVote(_)]));
}

#[test]
fn finality_waits_for_execution() {
    let mut replica = follower();
    let header = first_header(&replica);
    tell(&mut replica, proposal(header.clone()));
    let mut effects = Vec::new();
    for voter in others(&replica) {
        effects.extend(tell(&mut replica, commit_vote(&header, voter)));
    }
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Finalize { .. }))
    );
    let executed = Input::Executed {
        id: header.id(),
        result: Ok(execution()),
    };
    let effects = replica.step(NOW, executed);
    assert!(effects.iter().any(
        |effect| matches!(effect, Effect::Finalize { blocks, cert, .. } if blocks.len() == 1 && cert.block_id == header.id())
    ));
    assert_eq!(replica.final_height(), header.height);
}

#[test]
fn a_certified_block_with_other_roots_stops_the_host() {
    let mut replica = follower();
    let header = first_header(&replica);
    tell(&mut replica, proposal(header.clone()));
    for voter in others(&replica) {
        tell(&mut replica, vote(&header, voter));
    }
    let result = Ok(Execution {
        state_root: Digest::of(b"another state"),
        ..execution()
    });
    let effects = replica.step(
        NOW,
        Input::Executed {
            id: header.id(),
            result,
        },
    );
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Diverged { .. }))
    );
}

#[test]
fn a_certified_block_whose_payload_was_missing_is_executed_again() {
    let mut replica = follower();
    let header = first_header(&replica);
    let id = header.id();
    tell(&mut replica, proposal(header.clone()));
    let result = Err(BlockRejection::PayloadUnavailable);
    let effects = replica.step(NOW, Input::Executed { id, result });
    assert!(matches!(
        refusal(&effects),
        Some(Refusal::Block(BlockRejection::PayloadUnavailable))
    ));
    for voter in others(&replica) {
        tell(&mut replica, vote(&header, voter));
    }
    let effects = replica.step(NOW + 50, Input::Timer(Timer::Missing { id }));
    assert!(matches!(&effects[..], [Effect::Execute { .. }, ..]));
}

#[test]
fn wrong_headers_are_refused_before_execution() {
    let changes: [fn(&mut Header); 4] = [
        |header| header.height = header.height.next(),
        |header| header.history_root = Digest::ZERO,
        |header| header.validators_hash = Digest::ZERO,
        |header| header.timestamp_ms = 1,
    ];
    for change in changes {
        let mut replica = follower();
        let mut header = first_header(&replica);
        change(&mut header);
        let effects = tell(&mut replica, proposal(header));
        assert!(matches!(
            refusal(&effects),
            Some(Refusal::Block(BlockRejection::Header(_)))
        ));
        assert!(
            !effects
                .iter()
                .any(|effect| matches!(effect, Effect::Execute { .. }))
        );
    }
}

#[test]
fn a_block_from_the_future_gets_no_vote() {
    let mut replica = follower();
    let mut header = first_header(&replica);
    header.timestamp_ms = NOW + 2_001;
    tell(&mut replica, proposal(header.clone()));
    let result = Ok(execution());
    let effects = replica.step(
        NOW,
        Input::Executed {
            id: header.id(),
            result,
        },
    );
    assert!(broadcasts(&effects).is_empty());
    let Some(Refusal::Safety(error)) = refusal(&effects) else {
        panic!("refused: {effects:?}");
    };
    let latest = NOW + 2_000;
    assert_eq!(
        *error,
        HeaderMismatch::TimestampAhead {
            latest,
            got: latest + 1
        }
        .into()
    );
}

#[test]
fn only_the_leader_is_heard_as_a_proposer() {
    let mut replica = follower();
    let mut header = first_header(&replica);
    let pretender = (replica.leader(Round(1)).0 + 2) % 4;
    header.proposer = committee()
        .validators
        .get(ValidatorIndex(pretender))
        .unwrap()
        .id;
    let block = Block {
        header,
        payload: vec![],
    };
    let message = Message::Proposal(Proposal {
        signature: block
            .id()
            .sign(&committee().keys[usize::from(pretender)])
            .unwrap(),
        block: Arc::new(block),
        timeout_cert: None,
    });
    assert!(tell(&mut replica, message).is_empty());
}
