//! What a replica holds when somebody sends it more than there is any use for.

use super::fixture::*;
use crate::committee::{chain_id, index_of};
use cairn_consensus::{
    Admission, Block, BlockId, Certificate, DropReason, Effect, Epoch, Header, Height, Input,
    Message, Params, Proposal, Replica, Round, Statement, Timer, VoteBody,
};
use cairn_crypto::Digest;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

const WINDOW: u64 = 32;

/// Takes a message as a host does: nothing is checked that admission refuses.
fn receive(replica: &mut Replica, message: Message, checked: &mut u64) -> Vec<Effect> {
    match replica.admit(&message) {
        Admission::Verify(_) => {
            *checked += 1;
            tell(replica, message)
        }
        Admission::OtherEpoch(epoch) => {
            let from = peer(3);
            replica.step(NOW, Input::OtherEpoch { epoch, from })
        }
        Admission::Drop(_) => Vec::new(),
    }
}

fn vote_for(round: u64, block: &str, voter: usize) -> Message {
    let body = VoteBody {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(round),
        block_id: BlockId(Digest::of(block.as_bytes())),
    };
    let key = &committee().keys[voter];
    Message::Vote(body.into_vote(index_of(voter), key).unwrap())
}

#[test]
fn one_voter_has_one_voice_a_phase_and_round_in_the_window() {
    let mut replica = follower();
    let mut checked = 0;
    for round in 1..=100 {
        for block in ["one", "two", "three"] {
            receive(&mut replica, vote_for(round, block, 3), &mut checked);
        }
        receive(&mut replica, timeout(round, 0, 3), &mut checked);
    }
    let rounds = WINDOW + 1;
    assert_eq!(replica.held().voices as u64, 2 * rounds);
    // Two of three votes a round in the window: the second is evidence. Timeouts far ahead tell that somebody is.
    assert_eq!(checked, 2 * rounds + 100);
    let far = vote_for(2 + WINDOW, "one", 3);
    let drop = Admission::Drop(DropReason::TooFarAhead);
    assert_eq!(replica.admit(&far), drop);
}

#[test]
fn proposals_on_blocks_that_nobody_has_are_bounded() {
    let mut replica = follower();
    let mut checked = 0;
    let mut fetched = 0;
    for round in 1..=200 {
        for lie in 0..5u64 {
            let round = Round(round);
            let leader = replica.leader(round);
            let header = Header {
                round,
                height: Height(2 + lie),
                parent: BlockId(Digest::of(&(round.0 * 10 + lie).to_le_bytes())),
                parent_round: round.previous(),
                proposer: committee().validators.get(leader).unwrap().id,
                ..first_header(&replica)
            };
            let effects = receive(&mut replica, proposal(header), &mut checked);
            fetched += effects
                .iter()
                .filter(|effect| {
                    matches!(
                        effect,
                        Effect::SetTimer {
                            timer: Timer::Missing { .. },
                            ..
                        }
                    )
                })
                .count();
        }
    }
    let held = replica.held();
    assert!(held.proposals as u64 <= WINDOW + 1, "{held:?}");
    assert!(held.orphans as u64 <= 2 * WINDOW, "{held:?}");
    assert!(held.wanted as u64 <= 2 * WINDOW, "{held:?}");
    assert!(fetched as u64 <= 2 * (WINDOW + 1));
}

#[test]
fn only_the_leader_takes_a_place_for_a_proposal() {
    let mut replica = follower();
    for node in 0..4 {
        let header = Header {
            proposer: peer(node),
            timestamp_ms: NOW + node as u64,
            ..first_header(&replica)
        };
        let block = Block {
            header,
            payload: vec![],
        };
        let message = Message::Proposal(Proposal {
            signature: block.id().sign(&committee().keys[node]).unwrap(),
            block: Arc::new(block),
            timeout_cert: None,
        });
        tell(&mut replica, message);
    }
    assert_eq!(replica.held().proposals, 1);
}

#[test]
fn strangers_do_not_fill_the_memory_of_questions() {
    let mut replica = replica(0);
    for stranger in 0..10_000u64 {
        let from = Digest::of(&stranger.to_le_bytes());
        let epoch = Epoch(3);
        replica.step(NOW, Input::OtherEpoch { epoch, from });
    }
    assert!(replica.held().peers <= 4 * 1024, "{:?}", replica.held());
}

#[test]
fn certificates_of_rounds_long_past_are_forgotten() {
    let params = Params {
        round_window: 4,
        ..Params::default()
    };
    let mut replica = replica_with(0, &params);
    let headers = chain(&replica, 40);
    for header in &headers {
        let certificate = Certificate::Quorum(Arc::new(quorum_cert(header)));
        tell(&mut replica, Message::Certificate(certificate));
    }
    let held = replica.held();
    assert!(held.quorum_certs <= 6, "{held:?}");
    assert_eq!(replica.high_qc_round(), Round(40));
}

#[test]
fn a_long_branch_that_is_certified_and_not_final_is_fetched_whole() {
    let mut replica = replica(1);
    let headers = chain(&replica, 40);
    let blocks: BTreeMap<BlockId, &Header> = headers.iter().map(|it| (it.id(), it)).collect();
    let last = &headers[39];
    let certificate = Certificate::Quorum(Arc::new(quorum_cert(last)));
    let mut open = VecDeque::from(tell(&mut replica, Message::Certificate(certificate)));
    let mut run = Vec::new();
    while let Some(effect) = open.pop_front() {
        let input = match effect {
            Effect::SetTimer {
                timer: timer @ Timer::Missing { .. },
                ..
            } => Input::Timer(timer),
            Effect::FetchBlock { id, from } => {
                assert!(!from.is_empty());
                Input::BlockFetched(Block {
                    header: blocks[&id].clone(),
                    payload: vec![],
                })
            }
            Effect::Execute { block } => {
                run.push(block.header.height.0);
                Input::Executed {
                    id: block.id(),
                    result: Ok(execution()),
                }
            }
            Effect::Behind { .. } => panic!("nothing of it is final"),
            _ => continue,
        };
        open.extend(replica.step(NOW, input));
    }
    assert_eq!(run, (1..=40).collect::<Vec<_>>());
}
