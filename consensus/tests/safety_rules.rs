//! The safety rules, by number. Each table begins with a case that is allowed and changes one thing.
#![allow(clippy::unwrap_used)]

mod simulator;

use cairn_consensus::{
    Block, Epoch, Execution, FinalityCert, Grounds, Header, HeaderMismatch, Height, LocalSafety,
    ParentCert, Place, QuorumCert, Round, SafetyError, SafetyRecord, SafetyRules, Signer,
    SignerSet, TimeoutBody, TimeoutCert, ValidatorIndex, VoteBody, payload_root,
};
use cairn_crypto::Digest;
use simulator::committee::{Committee, chain_id, index_of};
use std::sync::{Arc, OnceLock};

fn committee() -> &'static Committee {
    static COMMITTEE: OnceLock<Committee> = OnceLock::new();
    COMMITTEE.get_or_init(|| Committee::new(4))
}

fn safety() -> LocalSafety {
    with_record(SafetyRecord::genesis(Epoch(0)))
}

fn with_record(record: SafetyRecord) -> LocalSafety {
    let signer: Arc<dyn Signer> = Arc::new(committee().keys[0].clone());
    let signer = (ValidatorIndex(0), signer);
    LocalSafety::new(chain_id(), Some(signer), record)
}

fn quorum_cert(header: &Header) -> Arc<QuorumCert> {
    let body = VoteBody::of(header, header.id());
    let votes: Vec<_> = (0..3)
        .map(|voter| {
            body.into_vote(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .collect();
    Arc::new(QuorumCert::from_votes(body, &votes, &committee().validators).unwrap())
}

fn timeout_cert(round: u64, claims: [u64; 3]) -> Arc<TimeoutCert> {
    let timeouts: Vec<_> = (0..3)
        .map(|voter| {
            let body = TimeoutBody {
                chain_id: chain_id(),
                epoch: Epoch(0),
                round: Round(round),
                high_qc_round: Round(claims[voter]),
            };
            body.into_timeout(index_of(voter), &committee().keys[voter])
                .unwrap()
        })
        .collect();
    Arc::new(TimeoutCert::from_timeouts(Round(round), &timeouts, &committee().validators).unwrap())
}

/// A block and all that S2 and S3 look at, all of it right.
#[derive(Clone)]
struct Case {
    header: Header,
    parent: ParentCert,
    timeout_cert: Option<Arc<TimeoutCert>>,
    place: Place,
    execution: Execution,
    latest_timestamp_ms: u64,
}

/// A block of `round` on a parent certified in `parent_round`.
fn case(round: u64, parent_round: u64) -> Case {
    let validators_hash = committee().validators.hash();
    let mut parent = committee().genesis.clone();
    parent.round = Round(parent_round);
    parent.height = Height(parent_round);
    parent.timestamp_ms = 10_000;
    let header = Header {
        chain_id: chain_id(),
        epoch: Epoch(0),
        round: Round(round),
        height: parent.height.next(),
        parent: parent.id(),
        parent_round: Round(parent_round),
        timestamp_ms: 10_500,
        proposer: Digest::of(b"leader"),
        payload_root: payload_root(&[]),
        state_root: Digest::of(b"state"),
        receipts_root: Digest::of(b"receipts"),
        history_root: Digest::of(b"history"),
        validators_hash,
        next_validators_hash: validators_hash,
    };
    Case {
        place: Place {
            chain_id: header.chain_id,
            epoch: header.epoch,
            height: header.height,
            parent_round: header.parent_round,
            parent_timestamp_ms: parent.timestamp_ms,
            proposer: header.proposer,
            history_root: header.history_root,
            validators_hash,
            payload_root: None,
        },
        execution: Execution {
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            validators_hash,
            next_validators: None,
        },
        parent: if parent_round == 0 {
            ParentCert::Root(parent.id())
        } else {
            ParentCert::Quorum(quorum_cert(&parent))
        },
        timeout_cert: None,
        latest_timestamp_ms: 12_000,
        header,
    }
}

impl Case {
    fn vote(&self, safety: &mut LocalSafety) -> Result<(), SafetyError> {
        let grounds = Grounds {
            parent: &self.parent,
            timeout_cert: self.timeout_cert.as_deref(),
            place: &self.place,
            execution: &self.execution,
            latest_timestamp_ms: self.latest_timestamp_ms,
        };
        let id = self.header.id();
        let vote = safety.vote(&self.header, &grounds)?;
        assert_eq!(vote.body(), VoteBody::of(&self.header, id));
        assert_eq!(safety.record().last_vote.as_ref(), Some(&vote));
        Ok(())
    }
}

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

type Change = fn(&mut Header, Digest);

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
