//! Proposals: who may make and approve them, when they pass, and what they do.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_runtime::*;
use chain::*;

fn set(name: &str, value: u64) -> Action {
    Action::SetParameter {
        name: name.into(),
        value,
    }
}

const APPROVE: Operation = Operation::Approve { proposal: 0 };

#[test]
fn a_proposal_passes_with_a_quorum_of_voting_power_and_not_before() {
    // Powers 100, 100, 100, 99: a quorum is 399 - 132 = 267.
    let (mut chain, _, operators) = governed_with(|genesis| genesis.validators[3].power = 99);
    let op = propose(&chain, set("max_parents", 7));
    let (events, _) = chain.applied(&operators[0], vec![op]);
    assert_eq!(
        events,
        [
            Event::ProposalMade {
                proposal: 0,
                proposer: operators[0].id
            },
            Event::ProposalApproved {
                proposal: 0,
                validators: vec![actor(20).id]
            },
        ]
    );
    chain.must(&operators[1], vec![APPROVE]);
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 64);
    let (events, _) = chain.applied(&operators[3], vec![APPROVE]);
    assert_eq!(events.last(), Some(&Event::ProposalPassed { proposal: 0 }));
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 7);
    let proposal = query::proposal(&chain.state(), 0).unwrap().unwrap();
    assert_eq!(proposal.passed_at, Some(3));
    assert_eq!(proposal.approvals, [20, 21, 23].map(|seed| actor(seed).id));
    assert_eq!(
        chain.failure(&operators[2], vec![APPROVE]),
        GovernanceError::ProposalPassed {
            proposal: 0,
            height: 3
        }
        .into()
    );
}

#[test]
fn an_account_that_operates_several_validators_approves_with_all_of_their_power() {
    let (mut chain, _, operators) = governed_with(|genesis| {
        for validator in &mut genesis.validators[..3] {
            validator.operator = actor(2).id;
        }
    });
    let op = propose(&chain, set("max_parents", 7));
    chain.must(&operators[0], vec![op]);
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 7);
}

#[test]
fn admins_propose_but_only_operators_of_validators_in_force_approve() {
    let (mut chain, admin, operators) = governed();
    let op = propose(&chain, set("max_parents", 7));
    let (events, _) = chain.applied(&admin, vec![op.clone()]);
    assert_eq!(events.len(), 1);
    assert!(matches!(
        chain.failure(&admin, vec![APPROVE]),
        TransactionError::NotAllowed { .. }
    ));
    // Removed: no more proposing, no more approving.
    let validator = actor(23).id;
    decide(
        &mut chain,
        &operators,
        Action::RemoveValidator { validator },
    );
    assert_eq!(
        chain.failure(&operators[3], vec![op]).code(),
        "missing_role"
    );
    assert_eq!(
        chain.failure(&operators[3], vec![APPROVE]).code(),
        "not_allowed"
    );
}

#[test]
fn approvals_count_once_and_only_while_the_validator_is_in_the_set() {
    let (mut chain, _, operators) = governed();
    let op = propose(&chain, set("max_parents", 7));
    chain.must(&operators[3], vec![op]);
    assert_eq!(
        chain.failure(&operators[3], vec![APPROVE]),
        GovernanceError::AlreadyApproved {
            proposal: 0,
            account: operators[3].id
        }
        .into()
    );
    let validator = actor(23).id;
    decide(
        &mut chain,
        &operators,
        Action::RemoveValidator { validator },
    );
    // Three are left, of whom all three are a quorum: 300 - 99 = 201.
    chain.must(&operators[0], vec![APPROVE]);
    chain.must(&operators[1], vec![APPROVE]);
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 64);
    chain.must(&operators[2], vec![APPROVE]);
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 7);
}

#[test]
fn approvals_that_are_enough_since_the_set_shrank_decide_when_one_of_them_is_repeated() {
    let (mut chain, _, operators) = governed();
    let op = propose(&chain, set("max_parents", 7));
    chain.must(&operators[0], vec![op]);
    chain.must(&operators[1], vec![APPROVE]);
    // 200 of 400 are no quorum, 200 of 201 are one.
    let (third, fourth) = (actor(22).id, actor(23).id);
    let burn = Action::BurnStake {
        validator: third,
        amount: 99,
    };
    decide(&mut chain, &operators, burn);
    let remove = Action::RemoveValidator { validator: fourth };
    decide(&mut chain, &operators, remove);
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 64);
    chain.must(&operators[1], vec![APPROVE]);
    assert_eq!(query::params(&chain.state()).unwrap().max_parents, 7);
}

#[test]
fn a_proposal_that_has_expired_is_never_approved() {
    let (mut chain, _, operators) = governed();
    let propose = |expires_at_height| Operation::Propose {
        action: Box::new(set("max_parents", 7)),
        expires_at_height,
    };
    for expires_at_height in [0, 200_002] {
        assert_eq!(
            chain.failure(&operators[0], vec![propose(expires_at_height)]),
            GovernanceError::WrongExpiry {
                expires_at_height,
                earliest: 1,
                latest: 200_001
            }
            .into()
        );
    }
    chain.must(&operators[0], vec![propose(3)]);
    chain.advance_to(2);
    chain.must(&operators[1], vec![APPROVE]);
    assert_eq!(
        chain.failure(&operators[2], vec![APPROVE]),
        GovernanceError::ProposalExpired {
            proposal: 0,
            expires_at: 3,
            height: 4
        }
        .into()
    );
    assert_eq!(
        chain
            .failure(&operators[2], vec![Operation::Approve { proposal: 1 }])
            .code(),
        "unknown_proposal"
    );
}

/// Proposes, lets two approve, and returns the error of the third approval.
fn refusal(action: Action) -> TransactionError {
    let (mut chain, _, operators) = governed();
    let op = propose(&chain, action);
    chain.must(&operators[0], vec![op]);
    chain.must(&operators[1], vec![APPROVE]);
    chain.failure(&operators[2], vec![APPROVE])
}

#[test]
fn parameters_that_no_chain_can_run_with_or_that_break_a_promise_are_refused() {
    for (name, value) in [
        ("max_operations", 0),
        ("max_metadata_bytes", 70_000),
        ("equivocation_burn_bp", 10_001),
        ("max_transaction_bytes", 20_000),
        ("max_proposal_blocks", 99),
        ("min_validators", 2),
    ] {
        assert_eq!(
            refusal(set(name, value)).code(),
            "parameter_refused",
            "{name}"
        );
    }
    assert_eq!(refusal(set("max_nothing", 1)).code(), "unknown_parameter");
    assert_eq!(
        refusal(set("min_validators", 5)),
        ValidatorError::TooFewValidators {
            left: 4,
            minimum: 5
        }
        .into()
    );
}

#[test]
fn a_parameter_holds_from_the_next_block_on() {
    let (mut chain, _, operators) = governed();
    let op = propose(&chain, set("max_account_transactions_per_block", 1));
    chain.must(&operators[0], vec![op]);
    chain.must(&operators[1], vec![APPROVE]);
    let two = |chain: &Chain, op: &Operation| {
        [
            chain.signed(&operators[2], 0, vec![op.clone()]),
            chain.signed(&operators[2], 1, vec![op.clone()]),
        ]
    };
    let results = chain.commit(&two(&chain, &APPROVE));
    assert!(results.iter().all(Result::is_ok));
    let (results, _) = chain.execute(&two(&chain, &APPROVE));
    assert!(matches!(
        results[1],
        Err(AdmissionError::QuotaExceeded { limit: 1, .. })
    ));
}

#[test]
fn validators_are_added_with_proof_of_their_keys_by_an_operator_that_exists() {
    let (chain, _, operators) = governed();
    let good = add_validator(&chain, 30, 70, &operators[0]);
    let change = |edit: &dyn Fn(&mut AccountId, &mut u64, &mut Box<ValidatorKeyProof>)| {
        let mut action = good.clone();
        let Action::AddValidator {
            operator,
            stake,
            possession,
            ..
        } = &mut action
        else {
            unreachable!()
        };
        edit(operator, stake, possession);
        refusal(action).code()
    };
    // The keys signed for another operator.
    assert_eq!(
        change(&|operator, _, _| *operator = actor(3).id),
        "bad_key_proof"
    );
    assert_eq!(
        change(&|_, _, proof| {
            let proof = proof.as_mut();
            std::mem::swap(
                &mut proof.consensus_signature,
                &mut proof.transport_signature,
            );
        }),
        "bad_key_proof"
    );
    assert_eq!(
        change(&|_, stake, _| *stake = u64::MAX - 399),
        "supply_exceeded"
    );
    assert_eq!(
        refusal(add_validator(&chain, 30, 70, &actor(77))).code(),
        "unknown_account"
    );
    assert_eq!(
        refusal(add_validator(&chain, 20, 70, &operators[0])).code(),
        "key_in_use"
    );
    let mut same_name = good.clone();
    if let Action::AddValidator { name, .. } = &mut same_name {
        *name = query::validators(&chain.state()).unwrap()[2].name.clone();
    }
    assert_eq!(refusal(same_name).code(), "validator_name_taken");
}

#[test]
fn a_validator_without_stake_is_in_the_registry_and_in_the_set_once_it_has_bonded() {
    let (mut chain, _, operators) = governed();
    let mut join = add_validator(&chain, 30, 70, &operators[0]);
    if let Action::AddValidator { stake, .. } = &mut join {
        *stake = 0;
    }
    decide(&mut chain, &operators, join);
    let validator = actor(30).id;
    let entry = query::validator_entry(&chain.state(), validator).unwrap();
    assert_eq!(entry.unwrap().standing, Standing::Active);
    assert_eq!(query::validators(&chain.state()).unwrap().len(), 4);
    let amount = 5;
    decide(
        &mut chain,
        &operators,
        Action::IssueStake { validator, amount },
    );
    chain.must(&operators[0], vec![Operation::Bond { validator, amount }]);
    let set = query::validators(&chain.state()).unwrap();
    assert_eq!((set[4].id, set[4].power), (validator, 5));
}

#[test]
fn governance_issues_and_burns_stake() {
    let (mut chain, _, operators) = governed();
    let validator = actor(20).id;
    let issue = Action::IssueStake {
        validator,
        amount: 50,
    };
    assert_eq!(decide(&mut chain, &operators, issue), None);
    let bond = Operation::Bond {
        validator,
        amount: 50,
    };
    let (_, next) = chain.applied(&operators[0], vec![bond]);
    assert_eq!(next.unwrap()[0].power, 150);
    let burn = Action::BurnStake {
        validator,
        amount: 30,
    };
    let next = decide(&mut chain, &operators, burn).unwrap();
    assert_eq!(next[0].power, 120);
    assert_eq!(
        query::stake_supply(&chain.state()).unwrap(),
        StakeSupply {
            issued: 450,
            burned: 30
        }
    );
}

#[test]
fn governance_makes_and_unmakes_admins_even_the_last() {
    let (mut chain, admin, operators) = governed();
    let account = operators[3].id;
    decide(&mut chain, &operators, Action::GrantAdmin { account });
    chain.must(&operators[3], vec![actor(60).admission(chain.chain_id)]);
    for account in [account, admin.id] {
        decide(&mut chain, &operators, Action::RevokeAdmin { account });
    }
    for former in [&admin, &operators[3]] {
        let admission = actor(61).admission(chain.chain_id);
        assert_eq!(
            chain.failure(former, vec![admission]).code(),
            "missing_role"
        );
    }
}

#[test]
fn a_new_operator_takes_over_at_once() {
    let (mut chain, _, operators) = governed();
    let (validator, operator) = (actor(20).id, operators[1].id);
    let handed_over = Action::SetOperator {
        validator,
        operator,
    };
    assert_eq!(decide(&mut chain, &operators, handed_over), None);
    assert_eq!(
        query::validators(&chain.state()).unwrap()[0].operator,
        operator
    );
    assert_eq!(
        query::operates(&chain.state(), operator).unwrap(),
        [actor(21).id, validator]
    );
    let unbond = Operation::Unbond {
        validator,
        amount: 1,
    };
    assert_eq!(
        chain.failure(&operators[0], vec![unbond.clone()]).code(),
        "not_allowed"
    );
    chain.must(&operators[1], vec![unbond]);
}

#[test]
fn upgrades_are_ahead_and_in_order() {
    let (mut chain, _, operators) = governed();
    let upgrade = |version: &str, height| Action::ScheduleUpgrade {
        version: version.into(),
        height,
    };
    assert_eq!(refusal(upgrade("1.0", 50)).code(), "invalid_version");
    assert_eq!(refusal(upgrade("1.0.0", 3)).code(), "upgrade_not_ahead");
    decide(&mut chain, &operators, upgrade("1.1.0", 50));
    decide(&mut chain, &operators, upgrade("1.2.0", 51));
    let decided = query::upgrades(&chain.state()).unwrap();
    assert_eq!(decided.len(), 2);
    assert_eq!((decided[1].height, decided[1].proposal), (51, 1));
}
