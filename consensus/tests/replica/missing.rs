//! Blocks, payloads and certificates that come late, in the wrong order, or never.

use super::fixture::*;
use cairn_consensus::{
    Admission, Block, BlockId, BlockRejection, Certificate, Effect, Execution, Header, Height,
    Input, Message, Params, Replica, Round, Timer,
};
use cairn_crypto::Digest;
use std::sync::Arc;

fn executed(
    replica: &mut Replica,
    id: BlockId,
    result: Result<Execution, BlockRejection>,
) -> Vec<Effect> {
    replica.step(NOW, Input::Executed { id, result })
}

fn payload_missing(replica: &mut Replica, id: BlockId) -> Vec<Effect> {
    executed(replica, id, Err(BlockRejection::PayloadUnavailable))
}

fn missing_timer(replica: &mut Replica, id: BlockId) -> Vec<Effect> {
    replica.step(NOW, Input::Timer(Timer::Missing { id }))
}

/// How long until a block or its payload is looked for again, if it is.
fn wait_for(effects: &[Effect], block: BlockId) -> Option<u64> {
    effects.iter().find_map(|effect| match effect {
        Effect::SetTimer {
            timer: Timer::Missing { id },
            after_ms,
        } if *id == block => Some(*after_ms),
        _ => None,
    })
}

fn is_fetched(effects: &[Effect], block: BlockId) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::FetchBlock { id, .. } if *id == block))
}

fn behind(effects: &[Effect]) -> Option<Height> {
    effects.iter().find_map(|effect| match effect {
        Effect::Behind { height, .. } => Some(*height),
        _ => None,
    })
}

fn sync(replica: &mut Replica, headers: &[Header]) -> Vec<Effect> {
    let header = headers.last().unwrap().clone();
    let cert = Arc::new(finality_cert(&header));
    let history = history(headers);
    replica.step(
        NOW,
        Input::Synced {
            header,
            cert,
            validators: committee().validators.clone(),
            recent: headers.to_vec(),
            history,
        },
    )
}

#[test]
fn what_waited_for_a_synced_block_is_executed_and_becomes_final() {
    let mut replica = follower();
    let headers = chain(&replica, 3);
    for header in &headers {
        tell(&mut replica, proposal(header.clone()));
    }
    tell(&mut replica, final_message(&headers[2]));
    // The first block's payload never came: its children wait for its state.
    let effects = sync(&mut replica, &headers[..1]);
    assert_eq!(executions(&effects), [headers[1].id()]);
    let effects = executed(&mut replica, headers[1].id(), Ok(execution()));
    assert_eq!(executions(&effects), [headers[2].id()]);
    let effects = executed(&mut replica, headers[2].id(), Ok(execution()));
    assert_eq!(finalized(&effects), [3]);
}

#[test]
fn a_certificate_whose_block_is_missing_hides_no_lower_one() {
    let mut replica = follower();
    let headers = chain(&replica, 5);
    tell(&mut replica, proposal(headers[0].clone()));
    tell(&mut replica, final_message(&headers[4]));
    let lower = final_message(&headers[0]);
    assert_eq!(
        replica.admit(&lower),
        Admission::Verify(committee().validators.clone())
    );
    assert!(finalized(&tell(&mut replica, lower)).is_empty());
    let effects = executed(&mut replica, headers[0].id(), Ok(execution()));
    assert_eq!(finalized(&effects), [1]);
    assert_eq!(
        replica.round(),
        Round(6),
        "the higher one still says how far the others are"
    );
}

#[test]
fn of_many_waiting_certificates_the_highest_and_the_lowest_are_kept() {
    let mut replica = follower();
    let headers = chain(&replica, 12);
    for header in &headers {
        tell(&mut replica, final_message(header));
    }
    for header in &headers {
        tell(&mut replica, proposal(header.clone()));
    }
    let mut reached = Vec::new();
    for header in &headers {
        reached.extend(finalized(&executed(
            &mut replica,
            header.id(),
            Ok(execution()),
        )));
    }
    assert_eq!(reached, [1, 2, 3, 4, 5, 6, 7, 12]);
}

#[test]
fn an_orphan_that_is_given_up_takes_its_question_along() {
    let mut replica = follower();
    let headers = chain(&replica, 2);
    let unknown = BlockId(Digest::of(b"nobody has this"));
    let round = Round(20);
    let leader = replica.leader(round);
    let orphan = Header {
        round,
        parent: unknown,
        parent_round: Round(19),
        proposer: committee().validators.get(leader).unwrap().id,
        ..headers[1].clone()
    };
    let effects = tell(&mut replica, proposal(orphan));
    assert!(wait_for(&effects, unknown).is_some());
    assert!(is_fetched(&missing_timer(&mut replica, unknown), unknown));
    // Another block of that height is final.
    sync(&mut replica, &headers);
    assert!(missing_timer(&mut replica, unknown).is_empty());
}

#[test]
fn a_fetched_block_that_builds_on_the_future_is_forgotten() {
    let mut replica = follower();
    let headers = chain(&replica, 3);
    let unknown = BlockId(Digest::of(b"nobody has this"));
    let bad = Header {
        parent: unknown,
        parent_round: Round(u64::MAX),
        ..headers[1].clone()
    };
    let child = Header {
        parent: bad.id(),
        ..headers[2].clone()
    };
    tell(&mut replica, proposal(child));
    assert!(is_fetched(&missing_timer(&mut replica, bad.id()), bad.id()));
    let id = bad.id();
    let block = Block {
        header: bad,
        payload: vec![],
    };
    let effects = replica.step(NOW, Input::BlockFetched(block));
    assert_eq!(wait_for(&effects, unknown), None);
    assert!(!is_fetched(&missing_timer(&mut replica, unknown), unknown));
    assert!(!is_fetched(&missing_timer(&mut replica, id), id));
}

#[test]
fn only_so_many_blocks_are_wanted_and_the_latest_are() {
    let params = Params {
        round_window: 2,
        ..Params::default()
    };
    let mut replica = replica_with(0, &params);
    let headers = chain(&replica, 6);
    for header in &headers {
        let certificate = Certificate::Quorum(Arc::new(quorum_cert(header)));
        tell(&mut replica, Message::Certificate(certificate));
    }
    let fetched: Vec<u64> = headers
        .iter()
        .filter(|header| is_fetched(&missing_timer(&mut replica, header.id()), header.id()))
        .map(|header| header.height.0)
        .collect();
    assert_eq!(
        fetched,
        [5, 6],
        "those of rounds long past come with what stands on them"
    );
}

#[test]
fn a_payload_that_comes_within_the_round_is_voted_for() {
    let mut replica = follower();
    let header = first_header(&replica);
    let id = header.id();
    tell(&mut replica, proposal(header));
    let effects = payload_missing(&mut replica, id);
    assert!(refusal(&effects).is_some());
    assert_eq!(wait_for(&effects, id), Some(50));
    for wait in [100, 200, 400, 800, 1_000, 1_000] {
        assert_eq!(executions(&missing_timer(&mut replica, id)), [id]);
        let effects = payload_missing(&mut replica, id);
        assert_eq!(wait_for(&effects, id), Some(wait), "waits double");
        assert!(refusal(&effects).is_none(), "said once");
    }
    assert_eq!(executions(&missing_timer(&mut replica, id)), [id]);
    assert!(
        executions(&missing_timer(&mut replica, id)).is_empty(),
        "one attempt a timer"
    );
    let effects = executed(&mut replica, id, Ok(execution()));
    assert!(matches!(broadcasts(&effects)[..], [Message::Vote(vote)] if vote.block_id == id));
}

#[test]
fn a_payload_is_not_looked_for_in_a_round_that_is_given_up() {
    let mut replica = follower();
    let header = first_header(&replica);
    let id = header.id();
    tell(&mut replica, proposal(header));
    payload_missing(&mut replica, id);
    for voter in &others(&replica)[..2] {
        tell(&mut replica, timeout(1, 0, *voter));
    }
    assert!(executions(&missing_timer(&mut replica, id)).is_empty());
}

#[test]
fn a_payload_that_was_missing_before_its_round_is_looked_for_when_the_round_begins() {
    let mut replica = follower();
    let headers = chain(&replica, 2);
    for header in &headers {
        tell(&mut replica, proposal(header.clone()));
    }
    executed(&mut replica, headers[0].id(), Ok(execution()));
    let early = headers[1].id();
    let effects = payload_missing(&mut replica, early);
    assert_eq!(wait_for(&effects, early), None);
    let mut effects = Vec::new();
    for voter in others(&replica) {
        effects.extend(tell(&mut replica, vote(&headers[0], voter)));
    }
    assert_eq!(replica.round(), Round(2));
    assert_eq!(wait_for(&effects, early), Some(50));
}

#[test]
fn a_certificate_has_the_missing_payloads_of_ancestors_looked_for() {
    let mut replica = follower();
    let headers = chain(&replica, 3);
    for header in &headers {
        tell(&mut replica, proposal(header.clone()));
    }
    payload_missing(&mut replica, headers[0].id());
    let effects = tell(&mut replica, final_message(&headers[2]));
    let lowest = headers[0].id();
    assert_eq!(wait_for(&effects, lowest), Some(50));
    assert_eq!(executions(&missing_timer(&mut replica, lowest)), [lowest]);
}

#[test]
fn a_height_that_a_peer_names_is_worth_a_question_and_no_more() {
    let mut replica = follower();
    let voter = others(&replica)[0];
    let lie = |replica: &mut Replica, now, height| {
        let Message::Timeout { timeout, .. } = timeout(1, 0, voter) else {
            panic!("a timeout");
        };
        let final_height = Height(height);
        let message = verified(Message::Timeout {
            timeout,
            final_height,
        });
        replica.step(now, Input::Message(message, peer(3)))
    };
    let effects = lie(&mut replica, NOW, u64::MAX - 1);
    assert!(matches!(
        &effects[..],
        [Effect::Send {
            message: Message::Status(_),
            ..
        }]
    ));
    assert!(lie(&mut replica, NOW, u64::MAX).is_empty());

    // A certificate says how far ahead others are, whatever was claimed before; claims have it
    // repeated, once an interval.
    let certified = Header {
        height: Height(40),
        round: Round(40),
        ..first_header(&replica)
    };
    let effects = tell(&mut replica, final_message(&certified));
    assert_eq!(behind(&effects), Some(Height(40)));
    assert_eq!(behind(&lie(&mut replica, NOW + 999, u64::MAX)), None);
    let effects = lie(&mut replica, NOW + 1_000, u64::MAX);
    assert_eq!(behind(&effects), Some(Height(40)));
    assert_eq!(behind(&lie(&mut replica, NOW + 1_001, u64::MAX)), None);
}

#[test]
fn a_header_far_ahead_is_worth_a_question_and_no_more() {
    let mut replica = follower();
    let far = Header {
        height: Height(u64::MAX),
        parent: BlockId(Digest::of(b"nobody has this")),
        ..first_header(&replica)
    };
    let effects = tell(&mut replica, proposal(far));
    assert_eq!(behind(&effects), None);
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Send {
            message: Message::Status(_),
            ..
        }
    )));
}
