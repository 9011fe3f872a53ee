//! S4 to S6, epochs, and the record.

use super::case::*;
use crate::committee::chain_id;
use cairn_consensus::{
    Block, Epoch, LocalSafety, Round, SafetyError, SafetyRecord, SafetyRules, Signer,
    ValidatorIndex,
};
use cairn_crypto::Digest;
use std::sync::Arc;

#[test]
fn s4_a_commit_vote_needs_the_blocks_certificate() {
    let (mine, other) = (case(5, 4).header, case(6, 4).header);
    assert_eq!(
        safety().commit_vote(&mine, None, &quorum_cert(&other)),
        Err(SafetyError::NotCertified {
            block: mine.id(),
            certified: other.id()
        })
    );
    let mut safety = safety();
    let vote = safety
        .commit_vote(&mine, None, &quorum_cert(&mine))
        .unwrap();
    assert_eq!((vote.height, vote.block_id), (mine.height, mine.id()));
    assert_eq!(
        safety.record().high_qc_round(),
        Round(5),
        "every later timeout must report the certificate"
    );
    assert_eq!(
        safety
            .commit_vote(&mine, None, &quorum_cert(&mine))
            .unwrap(),
        vote
    );
}

#[test]
fn s4_a_commit_vote_for_a_suffix_block_is_one_for_the_block_that_ends_the_epoch() {
    let mut end = case(5, 4).header;
    end.next_validators_hash = Digest::of(b"another set");
    let mut suffix = end.clone();
    (suffix.round, suffix.parent, suffix.parent_round) = (Round(6), end.id(), Round(5));
    let certificate = quorum_cert(&suffix);
    let vote = safety()
        .commit_vote(&suffix, Some(&end), &certificate)
        .unwrap();
    assert_eq!(
        (vote.round, vote.height, vote.block_id),
        (Round(6), end.height, end.id())
    );

    let changes: [Change; 5] = [
        |end, _| end.epoch = Epoch(1),
        |end, _| end.height = end.height.next(),
        |end, _| end.round = Round(6),
        |end, other| end.state_root = other,
        |end, _| end.next_validators_hash = end.validators_hash,
    ];
    for change in changes {
        let mut wrong = end.clone();
        change(&mut wrong, Digest::of(b"something else"));
        let expected = SafetyError::NotSuffix {
            block: suffix.id(),
            end: wrong.id(),
        };
        let got = safety().commit_vote(&suffix, Some(&wrong), &certificate);
        assert_eq!(got, Err(expected));
    }
    let mut safety = safety();
    safety.timeout(Epoch(0), Round(6)).unwrap();
    let got = safety.commit_vote(&suffix, Some(&end), &certificate);
    assert!(
        matches!(got, Err(SafetyError::RoundGivenUp { .. })),
        "S4 looks at the round of the suffix block"
    );
}

#[test]
fn s0_a_later_epoch_begins_with_a_record_of_its_own_and_none_comes_back() {
    let mut safety = safety();
    case(5, 4).vote(&mut safety).unwrap();
    let record = safety.record().clone();
    let signer: Arc<dyn Signer> = Arc::new(committee().keys[2].clone());
    let role = Some((ValidatorIndex(2), signer));
    safety
        .begin_epoch(SafetyRecord::genesis(Epoch(1)), role.clone())
        .unwrap();
    assert_eq!(safety.record(), &SafetyRecord::genesis(Epoch(1)));
    assert_eq!(
        safety.timeout(Epoch(1), Round(1)).unwrap().voter,
        ValidatorIndex(2)
    );
    for epoch in [0, 1] {
        let error = SafetyError::Epoch {
            record: Epoch(1),
            got: Epoch(epoch),
        };
        let again = SafetyRecord {
            epoch: Epoch(epoch),
            ..record.clone()
        };
        assert_eq!(safety.begin_epoch(again, role.clone()), Err(error));
    }
}

#[test]
fn s4_no_commit_vote_for_a_round_that_was_given_up() {
    let header = case(5, 4).header;
    for (given_up, allowed) in [(4, true), (5, false), (6, false)] {
        let mut safety = safety();
        safety.timeout(Epoch(0), Round(given_up)).unwrap();
        let expected = Err(SafetyError::RoundGivenUp {
            round: Round(5),
            highest_timeout_round: Round(given_up),
        });
        let got = safety.commit_vote(&header, None, &quorum_cert(&header));
        if allowed {
            assert!(got.is_ok());
        } else {
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn s5_one_timeout_a_round_and_none_below() {
    let mut safety = safety();
    let first = safety.timeout(Epoch(0), Round(5)).unwrap();
    assert_eq!(first.high_qc_round, Round(0));
    safety.observe_quorum(&quorum_cert(&case(4, 3).header));
    assert_eq!(
        safety.timeout(Epoch(0), Round(5)).unwrap(),
        first,
        "sent again identically, whatever became known since"
    );
    assert_eq!(
        safety.timeout(Epoch(0), Round(4)),
        Err(SafetyError::AlreadyTimedOut {
            round: Round(4),
            highest_timeout_round: Round(5)
        })
    );
    assert_eq!(
        safety.timeout(Epoch(0), Round(6)).unwrap().high_qc_round,
        Round(4)
    );
}

#[test]
fn s5_a_timeout_ends_voting_in_its_round() {
    let mut safety = safety();
    safety.timeout(Epoch(0), Round(5)).unwrap();
    assert_eq!(safety.record().last_voted_round, Round(5));
    assert!(matches!(
        case(5, 4).vote(&mut safety),
        Err(SafetyError::AlreadyVoted { .. })
    ));
    let mut later = with_record(SafetyRecord {
        last_voted_round: Round(9),
        ..SafetyRecord::genesis(Epoch(0))
    });
    later.timeout(Epoch(0), Round(5)).unwrap();
    assert_eq!(later.record().last_voted_round, Round(9), "never lowered");
}

#[test]
fn s5_a_certified_round_is_not_given_up() {
    let mut safety = safety();
    safety.observe_quorum(&quorum_cert(&case(5, 4).header));
    assert_eq!(
        safety.timeout(Epoch(0), Round(5)),
        Err(SafetyError::RoundCertified {
            round: Round(5),
            high_qc_round: Round(5)
        })
    );
    assert_eq!(
        safety.timeout(Epoch(0), Round(6)).unwrap().high_qc_round,
        Round(5)
    );
}

#[test]
fn s6_one_proposal_a_round_and_none_below() {
    let mut safety = safety();
    let block = |round, timestamp_ms| {
        let mut header = case(round, round - 1).header;
        header.timestamp_ms = timestamp_ms;
        let payload = vec![];
        Arc::new(Block { header, payload })
    };
    safety.propose(block(5, 1), None).unwrap();
    for refused in [block(5, 2), block(5, 1), block(4, 1)] {
        let round = refused.header.round;
        assert_eq!(
            safety.propose(refused, None),
            Err(SafetyError::AlreadyProposed {
                round,
                last_proposed_round: Round(5)
            })
        );
    }
    safety.propose(block(6, 1), None).unwrap();
}

#[test]
fn certificates_only_ever_rise() {
    let mut safety = safety();
    assert!(safety.observe_quorum(&quorum_cert(&case(5, 4).header)));
    assert!(!safety.observe_quorum(&quorum_cert(&case(4, 3).header)));
    assert_eq!(safety.record().high_qc_round(), Round(5));
    assert!(safety.observe_timeout(&timeout_cert(6, [5, 0, 0])));
    assert!(!safety.observe_timeout(&timeout_cert(4, [3, 0, 0])));
    assert_eq!(safety.record().high_tc_round(), Round(6));
}

#[test]
fn an_observer_keeps_certificates_and_signs_nothing() {
    let mut safety = LocalSafety::new(chain_id(), None, SafetyRecord::genesis(Epoch(0)));
    assert!(safety.observe_quorum(&quorum_cert(&case(5, 4).header)));
    assert_eq!(
        safety.timeout(Epoch(0), Round(9)),
        Err(SafetyError::Observer)
    );
    assert_eq!(case(6, 5).vote(&mut safety), Err(SafetyError::Observer));
}

#[test]
fn the_restart_round_is_above_every_certificate_and_not_below_a_round_given_up() {
    let mut safety = safety();
    assert_eq!(safety.record().restart_round(), Round(1));
    safety.observe_quorum(&quorum_cert(&case(5, 4).header));
    assert_eq!(safety.record().restart_round(), Round(6));
    safety.observe_timeout(&timeout_cert(8, [5, 5, 5]));
    assert_eq!(safety.record().restart_round(), Round(9));
    safety.timeout(Epoch(0), Round(12)).unwrap();
    assert_eq!(safety.record().restart_round(), Round(12));
}

#[test]
fn a_record_survives_its_encoding() {
    let mut safety = safety();
    case(5, 4).vote(&mut safety).unwrap();
    safety.timeout(Epoch(0), Round(6)).unwrap();
    safety.observe_timeout(&timeout_cert(6, [4, 4, 4]));
    let header = case(7, 4).header;
    safety
        .commit_vote(&header, None, &quorum_cert(&header))
        .unwrap();
    let payload = vec![];
    let block = Arc::new(Block { header, payload });
    let excuse = Some(timeout_cert(6, [4, 4, 4]));
    safety.propose(block, excuse).unwrap();
    let bytes = borsh::to_vec(safety.record()).unwrap();
    let decoded: SafetyRecord = borsh::from_slice(&bytes).unwrap();
    assert_eq!(&decoded, safety.record());
}
