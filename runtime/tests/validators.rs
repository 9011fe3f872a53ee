//! The validator set: epochs, stake, and what is refused.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_runtime::*;
use chain::*;

fn ids(set: &[ValidatorRecord]) -> Vec<AccountId> {
    set.iter().map(|validator| validator.id).collect()
}

fn seeds(seeds: &[u8]) -> Vec<AccountId> {
    seeds.iter().map(|seed| actor(*seed).id).collect()
}

fn unbond(seed: u8, amount: u64) -> Operation {
    Operation::Unbond {
        validator: actor(seed).id,
        amount,
    }
}

fn bond(seed: u8, amount: u64) -> Operation {
    Operation::Bond {
        validator: actor(seed).id,
        amount,
    }
}

fn stake(chain: &Chain, seed: u8) -> Stake {
    query::stake(&chain.state(), actor(seed).id)
        .unwrap()
        .unwrap()
}

#[test]
fn a_decided_change_takes_effect_at_the_end_of_its_block() {
    let (mut chain, _, operators) = governed();
    let add = add_validator(&chain, 30, 70, &operators[3]);
    let next = decide(&mut chain, &operators, add).unwrap();
    assert_eq!(ids(&next), seeds(&[20, 21, 22, 23, 30]));
    assert_eq!(next[4].power, 70);
    assert_eq!(query::validators(&chain.state()).unwrap(), next);
    let current = query::current_epoch(&chain.state()).unwrap();
    assert_eq!(
        current,
        CurrentEpoch {
            epoch: 1,
            first_height: chain.height + 1,
            change_pending: false
        }
    );
    // Blocks without changes do not end the epoch.
    let height = chain.height;
    assert_eq!(chain.advance_to(height + 5), Vec::<u64>::new());
    // The epoch before stays readable.
    let before = query::epoch(&chain.state(), 0).unwrap().unwrap();
    assert_eq!(before.members.len(), 4);
}

#[test]
fn several_changes_of_one_block_are_one_change_of_epoch() {
    let (mut chain, _, operators) = governed();
    let block: Vec<_> = (0..3u8)
        .map(|i| chain.signed(&operators[usize::from(i)], 0, vec![unbond(20 + i, 10)]))
        .collect();
    let (_, executed) = chain.execute(&block);
    let next = executed.next_validators.clone().unwrap();
    chain.commit_diff(&executed.diff);
    let powers: Vec<_> = next.iter().map(|validator| validator.power).collect();
    assert_eq!(powers, [90, 90, 90, 100]);
    assert_eq!(query::current_epoch(&chain.state()).unwrap().epoch, 1);
}

#[test]
fn the_set_changes_at_most_once_in_min_epoch_blocks() {
    let (mut chain, _, operators) = governed_with(|genesis| genesis.params.min_epoch_blocks = 4);
    // Epoch 0 is blocks 1 to 4 at least.
    chain.must(&operators[0], vec![unbond(20, 10)]);
    assert!(query::current_epoch(&chain.state()).unwrap().change_pending);
    assert_eq!(query::validators(&chain.state()).unwrap()[0].power, 100);
    assert_eq!(chain.advance_to(10), [4]);
    assert_eq!(query::validators(&chain.state()).unwrap()[0].power, 90);
    // Blocks 5 to 10 were quiet: the next change takes effect at once, the one after waits.
    let (_, next) = chain.applied(&operators[0], vec![unbond(20, 10)]);
    assert!(next.is_some());
    let (_, next) = chain.applied(&operators[0], vec![unbond(20, 10)]);
    assert!(next.is_none());
    assert_eq!(chain.advance_to(20), [15]);
}

#[test]
fn a_change_that_changes_nothing_ends_no_epoch() {
    let (mut chain, _, operators) = governed_with(|genesis| genesis.params.unbonding_ms = 0);
    chain.must(&operators[0], vec![unbond(20, 10)]);
    // What was unbonded has matured, and comes and goes in one block.
    let block = [
        chain.signed(&operators[0], 0, vec![bond(20, 10)]),
        chain.signed(&operators[0], 1, vec![unbond(20, 10)]),
    ];
    let (results, executed) = chain.execute(&block);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Ok(Outcome::Applied(_))))
    );
    assert_eq!(executed.next_validators, None);
    chain.commit_diff(&executed.diff);
    assert!(!query::current_epoch(&chain.state()).unwrap().change_pending);
}

#[test]
fn a_validator_rotates_its_keys_without_leaving_the_set() {
    let (mut chain, _, operators) = governed();
    let rotate = rotate_validator(&chain, 21, &operators[1], 31);
    assert_eq!(
        chain.failure(&operators[0], vec![rotate.clone()]).code(),
        "not_allowed"
    );
    // The keys' proof names the operator and the index.
    for wrong in [
        rotate_validator(&chain, 21, &operators[0], 31),
        rotate_validator(&chain, 29, &operators[1], 31),
    ] {
        let Operation::RotateValidatorKeys {
            consensus_key,
            transport_key,
            possession,
            ..
        } = wrong
        else {
            unreachable!()
        };
        let wrong = Operation::RotateValidatorKeys {
            validator: actor(21).id,
            consensus_key,
            transport_key,
            possession,
        };
        assert_eq!(
            chain.failure(&operators[1], vec![wrong]).code(),
            "bad_key_proof"
        );
    }
    let (_, next) = chain.applied(&operators[1], vec![rotate]);
    let next = next.unwrap();
    assert_eq!(ids(&next), seeds(&[20, 21, 22, 23]));
    assert_eq!(&next[1].consensus_key, actor(31).key.public_key());
    assert_eq!(&next[1].transport_key, actor(131).key.public_key());
    let members = |epoch| {
        query::epoch(&chain.state(), epoch)
            .unwrap()
            .unwrap()
            .members
    };
    assert_eq!((members(0)[1].key_index, members(1)[1].key_index), (0, 1));
    // Old keys never come back, and nobody else's are taken.
    for used in [21, 20] {
        let again = rotate_validator(&chain, 21, &operators[1], used);
        assert_eq!(
            chain.failure(&operators[1], vec![again]).code(),
            "key_in_use"
        );
    }
}

#[test]
fn what_leaves_too_few_validators_is_refused() {
    let (mut chain, _, operators) = governed();
    let remove = |seed| Action::RemoveValidator {
        validator: actor(seed).id,
    };
    let next = decide(&mut chain, &operators, remove(23)).unwrap();
    assert_eq!(ids(&next), seeds(&[20, 21, 22]));
    let too_few = TransactionError::from(ValidatorError::TooFewValidators {
        left: 2,
        minimum: 3,
    });
    assert_eq!(chain.failure(&operators[0], vec![unbond(20, 100)]), too_few);
    // A decision that cannot be carried out fails with the approval that would decide it.
    let op = propose(&chain, remove(22));
    chain.must(&operators[0], vec![op]);
    chain.must(&operators[1], vec![Operation::Approve { proposal: 1 }]);
    let approve = vec![Operation::Approve { proposal: 1 }];
    assert_eq!(chain.failure(&operators[2], approve), too_few);
    assert_eq!(
        query::proposal(&chain.state(), 1)
            .unwrap()
            .unwrap()
            .passed_at,
        None
    );
    // Two that would each do, in one block: the second is refused.
    let add = add_validator(&chain, 30, 70, &operators[0]);
    let op = propose(&chain, add);
    chain.must(&operators[0], vec![op]);
    for operator in &operators[1..3] {
        chain.must(operator, vec![Operation::Approve { proposal: 2 }]);
    }
    let block = [
        chain.signed(&operators[0], 0, vec![unbond(20, 100)]),
        chain.signed(&operators[1], 0, vec![unbond(21, 100)]),
    ];
    let (results, executed) = chain.execute(&block);
    assert!(matches!(results[0], Ok(Outcome::Applied(_))));
    assert!(matches!(&results[1], Ok(Outcome::Failed { error, .. }) if *error == too_few));
    assert_eq!(
        ids(&executed.next_validators.unwrap()),
        seeds(&[21, 22, 30])
    );
}

#[test]
fn places_beyond_the_end_of_a_smaller_set_are_empty() {
    let (mut chain, _, operators) = governed();
    let remove = Action::RemoveValidator {
        validator: actor(20).id,
    };
    decide(&mut chain, &operators, remove);
    let state = chain.state();
    assert_eq!(query::validators(&state).unwrap().len(), 3);
    assert_eq!(state.get(&StateKey::Validator(3)).unwrap(), None);
}

#[test]
fn unbonded_stake_is_free_after_the_unbonding_time_and_not_before() {
    let (mut chain, _, operators) = governed_with(|genesis| genesis.params.unbonding_ms = 3_000);
    chain.must(&operators[0], vec![unbond(20, 40)]);
    // Block h has time 1,000 h ms.
    assert_eq!(
        stake(&chain, 20),
        Stake {
            bonded: 60,
            free: 0,
            unbonding: vec![Unbonding {
                amount: 40,
                matures_at_ms: 4_000
            }]
        }
    );
    chain.advance_to(2);
    assert_eq!(
        chain.failure(&operators[0], vec![bond(20, 1)]),
        ValidatorError::NotEnoughStake {
            validator: actor(20).id,
            kind: "free".into(),
            available: 0,
            amount: 1
        }
        .into()
    );
    chain.advance_to(3);
    let (_, next) = chain.applied(&operators[0], vec![bond(20, 15)]);
    assert_eq!(next.unwrap()[0].power, 75);
    assert_eq!(
        stake(&chain, 20),
        Stake {
            bonded: 75,
            free: 25,
            unbonding: vec![]
        }
    );
}

#[test]
fn stake_moves_only_by_its_operator_and_only_what_there_is() {
    let (chain, admin, operators) = governed();
    for op in [unbond(20, 1), bond(20, 1)] {
        for other in [&admin, &operators[1]] {
            assert_eq!(chain.failure(other, vec![op.clone()]).code(), "not_allowed");
        }
    }
    let failure = |op| chain.failure(&operators[0], vec![op]).code();
    assert_eq!(failure(unbond(20, 101)), "not_enough_stake");
    assert_eq!(failure(unbond(20, 0)), "zero_amount");
    assert_eq!(failure(bond(20, 1)), "not_enough_stake");
    assert_eq!(failure(bond(99, 1)), "unknown_validator");
}

#[test]
fn stake_on_its_way_out_is_kept_in_a_bounded_number_of_parts() {
    let (mut chain, _, operators) = governed();
    chain.must(&operators[0], vec![unbond(20, 1); 64]);
    assert_eq!(
        chain.failure(&operators[0], vec![unbond(20, 1)]),
        ValidatorError::TooManyUnbondings {
            validator: actor(20).id,
            limit: 64
        }
        .into()
    );
}

#[test]
fn a_removed_validator_gets_its_stake_back_and_can_be_reinstated() {
    let (mut chain, _, operators) = governed_with(|genesis| genesis.params.unbonding_ms = 1_000);
    let validator = actor(23).id;
    decide(
        &mut chain,
        &operators,
        Action::RemoveValidator { validator },
    );
    assert_eq!(stake(&chain, 23).at_stake(), 100);
    assert_eq!(stake(&chain, 23).bonded, 0);
    assert_eq!(
        chain.failure(&operators[3], vec![bond(23, 100)]).code(),
        "wrong_standing"
    );
    let next = decide(
        &mut chain,
        &operators,
        Action::ReinstateValidator { validator },
    );
    assert_eq!(next, None);
    let (_, next) = chain.applied(&operators[3], vec![bond(23, 100)]);
    assert_eq!(ids(&next.unwrap()), seeds(&[20, 21, 22, 23]));
}
