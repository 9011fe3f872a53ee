//! S0 to S3.

use super::case::*;
use crate::committee::{Committee, chain_id};
use cairn_consensus::{
    Block, Epoch, FinalityCert, HeaderMismatch, Height, ParentCert, Round, SafetyError,
    SafetyRecord, SafetyRules, SignerSet, TimeoutCert, payload_root,
};
use cairn_crypto::Digest;
use std::sync::Arc;

#[test]
fn s0_nothing_is_signed_for_another_epoch() {
    for epoch in [0, 2] {
        let mut safety = with_record(SafetyRecord::genesis(Epoch(1)));
        let error = SafetyError::Epoch {
            record: Epoch(1),
            got: Epoch(epoch),
        };
        let mut case = case(1, 0);
        case.header.epoch = Epoch(epoch);
        case.place.epoch = Epoch(epoch);
        assert_eq!(case.vote(&mut safety), Err(error.clone()));
        let certificate = quorum_cert(&case.header);
        assert_eq!(
            safety.commit_vote(&case.header, None, &certificate),
            Err(error.clone())
        );
        assert_eq!(safety.timeout(Epoch(epoch), Round(1)), Err(error.clone()));
        let (header, payload) = (case.header, vec![]);
        let block = Arc::new(Block { header, payload });
        assert_eq!(safety.propose(block, None), Err(error));
        assert_eq!(safety.record(), &SafetyRecord::genesis(Epoch(1)));
    }
}

#[test]
fn s1_one_vote_a_round_and_none_below() {
    let mut safety = safety();
    case(5, 4).vote(&mut safety).unwrap();
    assert_eq!(safety.record().last_voted_round, Round(5));

    let again = safety.record().last_vote.clone();
    case(5, 4).vote(&mut safety).unwrap();
    assert_eq!(
        safety.record().last_vote,
        again,
        "the same vote, signature included"
    );

    let mut other = case(5, 4);
    other.header.timestamp_ms += 1;
    for refused in [other, case(4, 3), case(1, 0)] {
        assert_eq!(
            refused.vote(&mut safety),
            Err(SafetyError::AlreadyVoted {
                round: refused.header.round,
                last_voted_round: Round(5)
            })
        );
    }
    case(6, 5).vote(&mut safety).unwrap();
}

#[test]
fn s2_a_vote_needs_the_parents_certificate() {
    let mut case = case(5, 4);
    let mut stranger = committee().genesis.clone();
    stranger.round = Round(4);
    case.parent = ParentCert::Quorum(quorum_cert(&stranger));
    assert_eq!(
        case.vote(&mut safety()),
        Err(SafetyError::ParentNotCertified {
            parent: case.header.parent,
            certified: stranger.id()
        })
    );
}

#[test]
fn s2_rounds_in_between_need_a_timeout_certificate() {
    let not_consecutive = Err(SafetyError::NotConsecutive {
        round: Round(7),
        parent_round: Round(4),
    });
    let too_low = |claimed| {
        Err(SafetyError::ParentTooLow {
            parent_round: Round(4),
            claimed: Round(claimed),
        })
    };
    let table = [
        (Some(timeout_cert(6, [4, 3, 0])), Ok(())),
        (Some(timeout_cert(6, [0, 0, 0])), Ok(())),
        (None, not_consecutive.clone()),
        (Some(timeout_cert(5, [4, 4, 4])), not_consecutive.clone()),
        (Some(timeout_cert(7, [4, 4, 4])), not_consecutive),
        (Some(timeout_cert(6, [0, 5, 0])), too_low(5)),
        (Some(timeout_cert(6, [4, 4, 5])), too_low(5)),
    ];
    for (certificate, expected) in table {
        let mut case = case(7, 4);
        case.timeout_cert = certificate;
        assert_eq!(case.vote(&mut safety()), expected);
    }
}

#[test]
fn s2_a_timeout_certificate_of_another_epoch_excuses_nothing() {
    let mut certificate = TimeoutCert::clone(&timeout_cert(6, [0, 0, 0]));
    certificate.epoch = Epoch(1);
    let mut case = case(7, 4);
    case.timeout_cert = Some(Arc::new(certificate));
    let got = case.vote(&mut safety());
    assert!(matches!(got, Err(SafetyError::NotConsecutive { .. })));
}

#[test]
fn s2_the_root_needs_no_certificate_and_a_final_parent_has_one() {
    case(1, 0).vote(&mut safety()).unwrap();
    let mut case = case(5, 4);
    case.parent = ParentCert::Finality(Arc::new(FinalityCert {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(4),
        height: Height(4),
        block_id: case.header.parent,
        signers: SignerSet::new(4),
        signatures: vec![],
    }));
    case.vote(&mut safety()).unwrap();
}

#[test]
fn s3_every_field_is_compared() {
    let other = Digest::of(b"something else");
    let changes: [(&str, Change); 10] = [
        ("chain_id", |header, other| header.chain_id = other),
        ("height", |header, _| header.height = Height(99)),
        ("parent_round", |header, _| header.parent_round = Round(3)),
        ("proposer", |header, other| header.proposer = other),
        ("history_root", |header, other| header.history_root = other),
        ("validators_hash", |header, other| {
            header.validators_hash = other
        }),
        ("next_validators_hash", |header, other| {
            header.next_validators_hash = other
        }),
        ("state_root", |header, other| header.state_root = other),
        ("receipts_root", |header, other| {
            header.receipts_root = other
        }),
        ("timestamp", |header, _| header.timestamp_ms = 10_000),
    ];
    case(5, 4).vote(&mut safety()).unwrap();
    for (field, change) in changes {
        let mut case = case(5, 4);
        change(&mut case.header, other);
        let mut safety = safety();
        let error = case.vote(&mut safety).unwrap_err();
        let SafetyError::Header(mismatch) = &error else {
            panic!("{field}: {error}");
        };
        assert!(mismatch.to_string().contains(field), "{field}: {mismatch}");
        assert_eq!(safety.record(), &SafetyRecord::genesis(Epoch(0)), "{field}");
    }
}

#[test]
fn s3_a_round_is_above_its_parents() {
    let mut case = case(4, 4);
    case.timeout_cert = Some(timeout_cert(3, [0, 0, 0]));
    assert_eq!(
        case.vote(&mut safety()),
        Err(SafetyError::Header(HeaderMismatch::RoundNotAboveParent {
            round: Round(4),
            parent_round: Round(4)
        }))
    );
}

#[test]
fn s3_a_timestamp_may_be_as_late_as_the_clock_allows() {
    for (latest, allowed) in [(10_500, true), (10_499, false)] {
        let mut case = case(5, 4);
        case.latest_timestamp_ms = latest;
        assert_eq!(case.vote(&mut safety()).is_ok(), allowed);
    }
}

#[test]
fn s3_the_validator_set_is_the_one_that_execution_gave() {
    let next = Committee::new(5).validators;
    let mut case = case(5, 4);
    case.header.next_validators_hash = next.hash();
    assert!(matches!(
        case.vote(&mut safety()),
        Err(SafetyError::Header(HeaderMismatch::Digest {
            field: "next_validators_hash",
            ..
        }))
    ));
    case.execution.next_validators = Some(next);
    case.vote(&mut safety()).unwrap();
}

#[test]
fn s3_a_suffix_block_is_empty() {
    let mut case = case(5, 4);
    case.place.payload_root = Some(payload_root(&[]));
    case.vote(&mut safety()).unwrap();
    case.header.payload_root = payload_root(&[Digest::of(b"transaction")]);
    assert!(matches!(
        case.vote(&mut safety()),
        Err(SafetyError::Header(HeaderMismatch::Digest {
            field: "payload_root",
            ..
        }))
    ));
}
