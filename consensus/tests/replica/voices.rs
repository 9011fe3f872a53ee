//! Admission, evidence, the leader's turn, timeouts and catching up.

use super::fixture::*;
use cairn_consensus::{
    Admission, BuiltBlock, Certificate, DropReason, Effect, Epoch, Evidence, Header, Input,
    Message, Params, Round, Status, Timer,
};
use cairn_crypto::Digest;

#[test]
fn two_contents_are_evidence_once_and_two_signatures_are_not() {
    let mut replica = follower();
    let header = first_header(&replica);
    let other = Header {
        timestamp_ms: NOW + 1,
        ..header.clone()
    };
    let pairs = [
        (proposal(header.clone()), proposal(other.clone())),
        (vote(&header, 3), vote(&other, 3)),
        (commit_vote(&header, 3), commit_vote(&other, 3)),
        (timeout(9, 3, 3), timeout(9, 4, 3)),
    ];
    for (first, second) in pairs {
        let evidence = |effects: Vec<Effect>| -> Vec<Evidence> {
            effects
                .into_iter()
                .filter_map(|effect| match effect {
                    Effect::Evidence(evidence) => Some(*evidence),
                    _ => None,
                })
                .collect()
        };
        assert!(evidence(tell(&mut replica, first.clone())).is_empty());
        assert!(evidence(tell(&mut replica, first)).is_empty());
        assert_eq!(
            replica.admit(&second),
            Admission::Verify(committee().validators.clone()),
            "evidence is worth checking"
        );
        assert_eq!(evidence(tell(&mut replica, second.clone())).len(), 1);
        assert!(evidence(tell(&mut replica, second)).is_empty());
    }
}

#[test]
fn what_is_not_new_is_dropped_before_its_signature_is_checked() {
    let mut replica = follower();
    let header = first_header(&replica);
    let drop = |reason| Admission::Drop(reason);
    let far = Header {
        round: Round(1 + Params::default().round_window + 1),
        ..header.clone()
    };
    assert_eq!(replica.admit(&vote(&far, 3)), drop(DropReason::TooFarAhead));
    let abroad = Header {
        epoch: Epoch(1),
        ..header.clone()
    };
    assert_eq!(
        replica.admit(&vote(&abroad, 3)),
        Admission::OtherEpoch(Epoch(1))
    );

    let voters = others(&replica);
    for message in [proposal(header.clone()), vote(&header, voters[0])] {
        assert_eq!(
            replica.admit(&message),
            Admission::Verify(committee().validators.clone())
        );
        tell(&mut replica, message.clone());
        assert_eq!(replica.admit(&message), drop(DropReason::Duplicate));
    }
    tell(&mut replica, vote(&header, voters[1]));
    tell(&mut replica, vote(&header, voters[2]));
    let mine = usize::from(replica.me().unwrap().0);
    assert_eq!(
        replica.admit(&vote(&header, mine)),
        drop(DropReason::QuorumReached)
    );
}

#[test]
fn a_leader_with_transactions_builds_proposes_and_votes() {
    let leader = usize::from(replica(0).leader(Round(1)).0);
    let mut replica = replica(leader);
    let effects = replica.step(NOW, Input::Work(true));
    let Some(Effect::Build {
        round,
        parent,
        timestamp_ms,
        allow_empty: false,
    }) = effects
        .iter()
        .find(|effect| matches!(effect, Effect::Build { .. }))
    else {
        panic!("asks for a block: {effects:?}");
    };
    assert_eq!(
        (*round, *parent, *timestamp_ms),
        (Round(1), committee().genesis.id(), NOW)
    );
    let built = |block| Input::Built {
        round: Round(1),
        parent: committee().genesis.id(),
        block,
    };
    assert!(broadcasts(&replica.step(NOW, built(None))).is_empty());
    let again = replica.step(NOW, Input::Work(true));
    assert!(
        again
            .iter()
            .any(|effect| matches!(effect, Effect::Build { .. }))
    );
    let effects = replica.step(
        NOW,
        built(Some(BuiltBlock {
            payload: vec![Digest::of(b"transaction")],
            execution: execution(),
        })),
    );
    assert!(matches!(&effects[0], Effect::Persist { blocks, .. } if blocks.len() == 1));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Adopt { .. }))
    );
    assert!(matches!(
        broadcasts(&effects)[..],
        [Message::Proposal(_), Message::Vote(_)]
    ));
}

#[test]
fn work_that_is_announced_while_the_host_looks_has_it_look_again() {
    let leader = usize::from(replica(0).leader(Round(1)).0);
    let mut replica = replica(leader);
    let is_asked = |effects: Vec<Effect>| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Build { .. }))
    };
    let nothing = || Input::Built {
        round: Round(1),
        parent: committee().genesis.id(),
        block: None,
    };
    assert!(is_asked(replica.step(NOW, Input::Work(true))));
    assert!(!is_asked(replica.step(NOW, Input::Work(true))));
    assert!(is_asked(replica.step(NOW, nothing())));
    assert!(!is_asked(replica.step(NOW, nothing())));
    assert!(is_asked(replica.step(NOW, Input::Work(true))));
}

#[test]
fn f_plus_one_timeouts_make_a_replica_join_and_a_quorum_ends_the_round() {
    let mut replica = follower();
    let voters = others(&replica);
    assert!(broadcasts(&tell(&mut replica, timeout(1, 0, voters[0]))).is_empty());
    let effects = tell(&mut replica, timeout(1, 0, voters[1]));
    assert!(matches!(effects[0], Effect::Persist { .. }));
    assert!(matches!(
        broadcasts(&effects)[..],
        [Message::Timeout { .. }]
    ));
    // Two others and this one are a quorum of three.
    assert_eq!(replica.round(), Round(2));
    assert_eq!(replica.record().high_tc_round(), Round(1));
}

#[test]
fn a_claim_that_nobody_can_show_does_not_count() {
    let mut replica = follower();
    let voters = others(&replica);
    let effects = tell(&mut replica, timeout(3, 2, voters[0]));
    assert!(
        effects.iter().any(|effect| matches!(
            effect,
            Effect::Send {
                message: Message::Status(_),
                ..
            }
        )),
        "asks for what is claimed: {effects:?}"
    );
    tell(&mut replica, timeout(3, 2, voters[1]));
    tell(&mut replica, timeout(3, 2, voters[2]));
    assert_eq!(replica.round(), Round(1), "the claims are not covered");
    let header = Header {
        round: Round(2),
        ..first_header(&replica)
    };
    for voter in voters {
        tell(&mut replica, vote(&header, voter));
    }
    assert_eq!(replica.round(), Round(4), "covered now, the timeouts count");
}

#[test]
fn timeouts_of_a_later_round_count_once_their_claims_are_covered() {
    let mut replica = follower();
    let header = first_header(&replica);
    let voters = others(&replica);
    for voter in &voters {
        tell(&mut replica, timeout(3, 1, *voter));
    }
    assert_eq!(replica.round(), Round(1), "the claims are not covered");
    for voter in voters {
        tell(&mut replica, vote(&header, voter));
    }
    assert_eq!(
        replica.round(),
        Round(4),
        "the certificate of round 1 covers the claims made in round 3"
    );
    assert_eq!(replica.record().high_tc_round(), Round(3));
}

#[test]
fn whoever_is_behind_is_answered_with_certificates() {
    let mut replica = follower();
    let header = first_header(&replica);
    tell(&mut replica, proposal(header.clone()));
    for voter in others(&replica) {
        tell(&mut replica, vote(&header, voter));
    }
    let behind = Message::Status(Status {
        epoch: Epoch(0),
        round: Round(1),
        high_qc_round: Round(0),
        final_height: committee().genesis.height,
    });
    let effects = tell(&mut replica, behind.clone());
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Send {
            to,
            message: Message::Certificate(Certificate::Quorum(_))
        } if *to == peer(3)
    )));
    assert!(tell(&mut replica, behind).is_empty(), "answers are limited");
    let request = Message::QuorumCertRequest {
        block_id: header.id(),
    };
    let effects = tell(&mut replica, request);
    assert!(matches!(
        &effects[..],
        [Effect::Send {
            message: Message::Certificate(_),
            ..
        }]
    ));
}

#[test]
fn the_round_timer_is_armed_by_work_and_stale_ones_do_nothing() {
    let mut replica = follower();
    let effects = replica.step(NOW, Input::Work(true));
    let Some(Effect::SetTimer {
        timer,
        after_ms: 1_000,
    }) = effects.first().cloned()
    else {
        panic!("a round timer: {effects:?}");
    };
    replica.step(NOW, Input::Work(false));
    assert!(
        replica.step(NOW + 1_000, Input::Timer(timer)).is_empty(),
        "at rest again"
    );
    let effects = replica.step(NOW, Input::Work(true));
    let Some(Effect::SetTimer { timer, .. }) = effects.first().cloned() else {
        panic!("a round timer: {effects:?}");
    };
    let effects = replica.step(NOW + 1_000, Input::Timer(timer));
    assert!(matches!(
        broadcasts(&effects)[..],
        [Message::Timeout { .. }]
    ));
    assert!(matches!(
        effects.last(),
        Some(Effect::SetTimer {
            timer: Timer::Round { .. },
            ..
        })
    ));
}

#[test]
fn timeouts_grow_by_a_fifth_up_to_six_times() {
    let params = Params::default();
    let table = [
        (0, 1_000),
        (1, 1_200),
        (2, 1_440),
        (3, 1_728),
        (9, 5_155),
        (10, 6_000),
        (1_000, 6_000),
    ];
    for (failed, expected) in table {
        assert_eq!(
            params.timeout_ms(failed),
            expected,
            "after {failed} failed rounds"
        );
    }
}
