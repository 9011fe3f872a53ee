//! Evidence against validators: what proves an offence, what it costs, and that it counts once.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::{Digest, domain};
use cairn_runtime::evidence::{
    CommitVote, CommitVoteBody, Evidence, EvidenceBytes, Header, SignedHeader, Timeout,
    TimeoutBody, Vote, VoteBody,
};
use cairn_runtime::*;
use chain::*;

fn vote(chain: &Chain, signer: &Actor, (epoch, round): (u64, u64), voter: u16, block: u8) -> Vote {
    let body = VoteBody {
        chain_id: chain.chain_id,
        epoch,
        round,
        block_id: Digest::new([block; 32]),
    };
    let signature = signer.key.sign(domain::VOTE, &body).unwrap();
    Vote {
        body,
        voter,
        signature,
    }
}

/// Two votes of the validator with index 1.
fn two_votes(chain: &Chain, signer: &Actor, place: (u64, u64)) -> Evidence {
    Evidence::Vote {
        first: vote(chain, signer, place, 1, 1),
        second: vote(chain, signer, place, 1, 2),
    }
}

fn submit(evidence: &Evidence) -> Vec<Operation> {
    vec![Operation::SubmitEvidence {
        evidence: evidence.encode(),
    }]
}

fn header(chain: &Chain, parent: u8) -> Header {
    Header {
        chain_id: chain.chain_id,
        epoch: 0,
        round: 7,
        height: 5,
        parent: Digest::new([parent; 32]),
        parent_round: 6,
        timestamp_ms: 1,
        proposer: actor(21).id.0,
        payload_root: Digest::ZERO,
        state_root: Digest::ZERO,
        receipts_root: Digest::ZERO,
        history_root: Digest::ZERO,
        validators_hash: Digest::ZERO,
        next_validators_hash: Digest::ZERO,
    }
}

/// One evidence of each phase against the validator with index 1, whose consensus key is that of seed 21.
fn each_phase(chain: &Chain) -> Vec<Evidence> {
    let key = actor(21).key;
    let signed_header = |parent| {
        let header = header(chain, parent);
        let signature = key.sign(domain::PROPOSAL, &header.id()).unwrap();
        Box::new(SignedHeader { header, signature })
    };
    let commit = |height| {
        let body = CommitVoteBody {
            chain_id: chain.chain_id,
            epoch: 0,
            round: 7,
            height,
            block_id: Digest::ZERO,
        };
        let signature = key.sign(domain::COMMIT, &body).unwrap();
        CommitVote {
            body,
            voter: 1,
            signature,
        }
    };
    let timeout = |high_qc_round| {
        let body = TimeoutBody {
            chain_id: chain.chain_id,
            epoch: 0,
            round: 7,
            high_qc_round,
        };
        let signature = key.sign(domain::TIMEOUT, &body).unwrap();
        Timeout {
            body,
            voter: 1,
            signature,
        }
    };
    vec![
        Evidence::Proposal {
            offender: 1,
            first: signed_header(1),
            second: signed_header(2),
        },
        two_votes(chain, &actor(21), (0, 7)),
        Evidence::CommitVote {
            first: commit(5),
            second: commit(6),
        },
        Evidence::Timeout {
            first: timeout(5),
            second: timeout(6),
        },
    ]
}

#[test]
fn equivocation_in_any_phase_burns_a_tenth_and_jails_from_the_next_epoch() {
    let validator = actor(21).id;
    let (chain, ..) = governed();
    for evidence in each_phase(&chain) {
        // Anybody may report: here an account without any role.
        let (mut chain, _, operators) = governed();
        let (events, next) = chain.applied(&operators[0], submit(&evidence));
        assert_eq!(
            events,
            [Event::EquivocationPunished {
                validator,
                epoch: 0,
                burned: 10
            }]
        );
        let next = next.unwrap();
        assert!(next.iter().all(|record| record.id != validator));
        let state = chain.state();
        assert_eq!(query::stake(&state, validator).unwrap().unwrap().bonded, 90);
        assert_eq!(query::stake_supply(&state).unwrap().burned, 10);
        let entry = query::validator_entry(&state, validator).unwrap().unwrap();
        assert_eq!(entry.standing, Standing::Jailed);
        assert_eq!(
            query::offences(&state, validator).unwrap(),
            [Offence {
                validator,
                epoch: 0,
                round: 7,
                burned: 10,
                reporter: operators[0].id,
                height: 1
            }]
        );
    }
}

#[test]
fn everything_that_is_no_proof_is_refused() {
    let (chain, admin, _) = governed();
    let offender = actor(21);
    let failure = |evidence: &Evidence| chain.failure(&admin, submit(evidence)).code();
    let good = || [1, 2].map(|block| vote(&chain, &offender, (0, 7), 1, block));
    let votes = |change: &dyn Fn(&mut [Vote; 2])| {
        let mut halves = good();
        change(&mut halves);
        let [first, second] = halves;
        failure(&Evidence::Vote { first, second })
    };
    // The same content twice, be it with two signatures.
    assert_eq!(
        votes(&|halves| halves[1] = vote(&chain, &offender, (0, 7), 1, 1)),
        "no_offence"
    );
    // Two rounds, two epochs, two voters.
    for (place, voter) in [((0, 8), 1), ((1, 7), 1), ((0, 7), 2)] {
        assert_eq!(
            votes(&|halves| halves[1] = vote(&chain, &offender, place, voter, 2)),
            "no_offence"
        );
    }
    // Another chain.
    assert_eq!(
        votes(&|halves| {
            for half in halves {
                half.body.chain_id = Digest::of(b"another chain");
            }
        }),
        "no_offence"
    );
    // A signature of somebody else, on either half.
    for half in [0, 1] {
        assert_eq!(
            votes(&|halves| {
                let block = half as u8 + 1;
                halves[half] = vote(&chain, &actor(20), (0, 7), 1, block);
            }),
            "bad_evidence_signature"
        );
    }
    // Nobody there.
    for (place, voter) in [((0, 7), 4), ((1, 7), 1), ((u64::MAX, 7), 1)] {
        let evidence = Evidence::Vote {
            first: vote(&chain, &offender, place, voter, 1),
            second: vote(&chain, &offender, place, voter, 2),
        };
        assert_eq!(failure(&evidence), "unknown_member");
    }
    let mut bytes = two_votes(&chain, &offender, (0, 7)).encode().0;
    bytes.push(0);
    for bytes in [vec![], vec![9], bytes] {
        let evidence = EvidenceBytes(bytes);
        let op = vec![Operation::SubmitEvidence { evidence }];
        assert_eq!(chain.failure(&admin, op).code(), "malformed_evidence");
    }
}

#[test]
fn an_epoch_is_punished_once() {
    let (mut chain, admin, _) = governed();
    let offender = actor(21);
    chain.must(&admin, submit(&two_votes(&chain, &offender, (0, 7))));
    assert_eq!(
        chain.failure(&admin, submit(&two_votes(&chain, &offender, (0, 8)))),
        ValidatorError::OffenceCounted {
            validator: offender.id,
            epoch: 0,
            height: 1
        }
        .into()
    );
}

#[test]
fn evidence_is_judged_by_the_keys_and_the_order_of_its_epoch() {
    let (mut chain, admin, operators) = governed();
    let rotate = rotate_validator(&chain, 21, &operators[1], 31);
    chain.must(&operators[1], vec![rotate]);
    let remove = Action::RemoveValidator {
        validator: actor(20).id,
    };
    decide(&mut chain, &operators, remove);
    // Index 1 was 21 with its first key in epoch 0, 21 with its second in epoch 1, and is 22 in epoch 2.
    let code = |chain: &Chain, signer, epoch| {
        chain
            .failure(
                &admin,
                submit(&two_votes(chain, &actor(signer), (epoch, 7))),
            )
            .code()
    };
    assert_eq!(code(&chain, 31, 0), "bad_evidence_signature");
    assert_eq!(code(&chain, 21, 1), "bad_evidence_signature");
    assert_eq!(code(&chain, 31, 2), "bad_evidence_signature");
    for (signer, epoch, validator) in [(21, 0, 21), (31, 1, 21), (22, 2, 22)] {
        let evidence = two_votes(&chain, &actor(signer), (epoch, 7));
        chain.must(&admin, submit(&evidence));
        assert!(
            query::offence(&chain.state(), actor(validator).id, epoch)
                .unwrap()
                .is_some()
        );
    }
}

#[test]
fn stake_on_its_way_out_burns_too_and_an_offence_without_stake_still_jails() {
    let (mut chain, admin, operators) = governed_with(|genesis| {
        genesis.params.unbonding_ms = 3_000;
    });
    let validator = actor(21).id;
    let unbond = Operation::Unbond {
        validator,
        amount: 100,
    };
    chain.must(&operators[1], vec![unbond]);
    let evidence = two_votes(&chain, &actor(21), (0, 7));
    let (results, executed) = chain.execute(&[chain.signed(&admin, 0, submit(&evidence))]);
    assert!(matches!(results[0], Ok(Outcome::Applied(_))));
    drop(executed);
    chain.advance_to(3);
    let (events, _) = chain.applied(&admin, submit(&evidence));
    let punished = Event::EquivocationPunished {
        validator,
        epoch: 0,
        burned: 0,
    };
    assert_eq!(events, [punished]);
    let entry = query::validator_entry(&chain.state(), validator).unwrap();
    assert_eq!(entry.unwrap().standing, Standing::Jailed);
    assert_eq!(query::stake_supply(&chain.state()).unwrap().burned, 0);
}

#[test]
fn the_last_unit_stays_where_the_set_is_at_its_minimum_so_that_it_can_still_change() {
    let validator = actor(21).id;
    for (power, share_bp) in [(1, 1_000), (100, 10_000)] {
        let (mut chain, admin, _) = governed_with(|genesis| {
            genesis.validators[1].power = power;
            genesis.params.min_validators = 4;
            genesis.params.equivocation_burn_bp = share_bp;
        });
        let evidence = two_votes(&chain, &actor(21), (0, 7));
        let (events, _) = chain.applied(&admin, submit(&evidence));
        let punished = Event::EquivocationPunished {
            validator,
            epoch: 0,
            burned: power - 1,
        };
        assert_eq!(events, [punished]);
        let state = chain.state();
        assert_eq!(query::stake(&state, validator).unwrap().unwrap().bonded, 1);
        let entry = query::validator_entry(&state, validator).unwrap();
        assert_eq!(entry.unwrap().standing, Standing::Jailed);
        assert_eq!(query::validators(&state).unwrap().len(), 4);
        assert!(!query::current_epoch(&state).unwrap().change_pending);
    }
}

#[test]
fn the_share_is_rounded_up_so_that_small_stakes_do_not_go_free() {
    let (mut chain, admin, _) = governed_with(|genesis| genesis.validators[1].power = 1);
    let evidence = two_votes(&chain, &actor(21), (0, 7));
    chain.must(&admin, submit(&evidence));
    assert_eq!(query::stake_supply(&chain.state()).unwrap().burned, 1);
}

#[test]
fn the_jailed_stay_in_the_set_while_too_few_would_be_left_and_leave_when_somebody_joins() {
    let (mut chain, admin, operators) = governed_with(|genesis| genesis.params.min_validators = 4);
    let validator = actor(21).id;
    let (_, next) = chain.applied(&admin, submit(&two_votes(&chain, &actor(21), (0, 7))));
    // Still there, with what is left of its stake.
    let next = next.unwrap();
    assert_eq!((next[1].id, next[1].power), (validator, 90));
    let add = add_validator(&chain, 30, 100, &operators[1]);
    let next = decide(&mut chain, &operators, add).unwrap();
    assert_eq!(next.len(), 4);
    assert!(next.iter().all(|record| record.id != validator));
    // Governance may let it back in.
    let next = decide(
        &mut chain,
        &operators,
        Action::ReinstateValidator { validator },
    )
    .unwrap();
    assert_eq!(next.len(), 5);
}
