//! Keys of accounts: rotation, revocation, age; and suspension. What an account may no longer sign makes a block
//! invalid.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::{Digest, domain};
use cairn_runtime::*;
use chain::*;

/// Account `holder` with the keys of another seed, as its key `key_index`.
fn successor(holder: &Actor, seed: u8) -> Actor {
    Actor {
        id: holder.id,
        ..actor(seed)
    }
}

fn rotation(chain: &Chain, to: &Actor, key_index: u32) -> Operation {
    let claim = Possession {
        chain_id: chain.chain_id,
        account: to.id,
        key_index,
        signing_key: to.key.public_key().clone(),
        encryption_key: to.encryption_key.clone(),
    };
    Operation::RotateKeys {
        signing_key: claim.signing_key.clone(),
        encryption_key: claim.encryption_key.clone(),
        possession: to.key.sign(domain::POSSESSION, &claim).unwrap(),
    }
}

/// A transaction of one operation, signed with the sender's key `key_index`.
fn signed_with(
    chain: &Chain,
    sender: &Actor,
    key_index: u32,
    op: Operation,
) -> VerifiedTransaction {
    let nonce = query::nonce(&chain.state(), sender.id).unwrap();
    let transaction = Transaction {
        key_index,
        ..chain.transaction(sender, nonce, vec![op])
    };
    chain.verified(sender, transaction)
}

fn begin() -> (Chain, Actor, Actor) {
    let (admin, user) = (actor(1), actor(2));
    let roles = vec![(Role::Admin, Scope::Chain), (Role::Registrar, Scope::Chain)];
    let genesis = genesis(
        &[(&admin, roles.clone()), (&user, roles[1..].to_vec())],
        &[],
    );
    (Chain::new(&genesis), admin, user)
}

#[test]
fn rotated_keys_sign_from_the_next_block_and_the_old_ones_no_more() {
    let (mut chain, _, user) = begin();
    let new = successor(&user, 50);
    let rotate = rotation(&chain, &new, 1);
    // The old key signs to the end of the block.
    let block = [
        chain.signed(&user, 0, vec![rotate]),
        chain.signed(&user, 1, vec![create("same-block")]),
    ];
    let results = chain.commit(&block);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Ok(Outcome::Applied(_))))
    );

    let old = signed_with(&chain, &user, 0, create("late"));
    let (results, _) = chain.execute(&[old]);
    assert_eq!(
        results,
        [Err(AdmissionError::KeyNotValid {
            account: user.id,
            key_index: 0,
            valid_from: 0,
            valid_until: Some(2),
            height: 2
        })]
    );
    let by_new = signed_with(&chain, &new, 1, create("new"));
    let (results, _) = chain.execute(&[by_new]);
    assert!(matches!(results[0], Ok(Outcome::Applied(_))));

    // An auditor reads the heights between which each was valid.
    let state = chain.state();
    let keys = [0, 1].map(|index| query::account_key(&state, user.id, index).unwrap().unwrap());
    assert_eq!((keys[0].valid_from, keys[0].valid_until), (0, Some(2)));
    assert_eq!((keys[1].valid_from, keys[1].valid_until), (2, None));
    assert_eq!(keys[1].valid_from_ms, 1_000);
    assert_eq!(query::account(&state, user.id).unwrap().unwrap().keys, 2);
}

#[test]
fn a_rotation_proves_possession_of_a_key_that_was_never_used() {
    let (mut chain, admin, user) = begin();
    let new = successor(&user, 50);
    let failure = |chain: &Chain, op| chain.failure(&user, vec![op]).code();

    // For another index, another account or another chain.
    assert_eq!(failure(&chain, rotation(&chain, &new, 2)), "bad_possession");
    let others = rotation(&chain, &successor(&admin, 50), 1);
    assert_eq!(failure(&chain, others), "bad_possession");
    let mut elsewhere = Chain::new(&genesis(
        &[(&admin, vec![(Role::Admin, Scope::Chain)])],
        &[],
    ));
    elsewhere.chain_id = Digest::of(b"another chain");
    assert_eq!(
        failure(&chain, rotation(&elsewhere, &new, 1)),
        "bad_possession"
    );
    // Somebody else's key, and its own present and former ones.
    assert_eq!(
        failure(&chain, rotation(&chain, &successor(&user, 1), 1)),
        "key_in_use"
    );
    let own = Actor {
        encryption_key: encryption_key(60),
        ..user.clone()
    };
    assert_eq!(failure(&chain, rotation(&chain, &own, 1)), "key_in_use");
    let half = Actor {
        encryption_key: user.encryption_key.clone(),
        ..new.clone()
    };
    assert_eq!(
        failure(&chain, rotation(&chain, &half, 1)),
        "same_encryption_key"
    );

    let rotate = rotation(&chain, &new, 1);
    chain.must(&user, vec![rotate]);
    // An account cannot be admitted under a key that an account has rotated to.
    assert_eq!(
        chain
            .failure(&admin, vec![actor(50).admission(chain.chain_id)])
            .code(),
        "key_in_use"
    );
}

#[test]
fn a_second_rotation_waits_for_the_first_to_take_effect() {
    let (chain, _, user) = begin();
    let first = rotation(&chain, &successor(&user, 50), 1);
    let second = rotation(&chain, &successor(&user, 51), 2);
    let block = [
        chain.signed(&user, 0, vec![first]),
        chain.signed(&user, 1, vec![second]),
    ];
    let (results, _) = chain.execute(&block);
    assert!(matches!(results[0], Ok(Outcome::Applied(_))));
    assert!(matches!(
        results[1],
        Ok(Outcome::Failed {
            error: TransactionError::KeyNotValid {
                key_index: 1,
                valid_from: 2,
                ..
            },
            ..
        })
    ));
}

#[test]
fn rotation_and_revocation_stand_alone_in_a_transaction() {
    let (chain, _, user) = begin();
    let revoke = Operation::RevokeKey {
        account: user.id,
        key_index: 0,
        from_height: 5,
    };
    for op in [rotation(&chain, &successor(&user, 50), 1), revoke] {
        let name = op.kind().name().to_owned();
        for ops in [vec![op.clone(), create("x")], vec![create("x"), op]] {
            let signed = chain.transaction(&user, 0, ops).sign(&user.key).unwrap();
            let refused =
                VerifiedTransaction::verify(&signed.encode(), user.key.public_key(), &chain.params);
            assert_eq!(
                refused.unwrap_err(),
                AdmissionError::NotAlone {
                    operation: name.clone(),
                    got: 2
                }
            );
        }
    }
}

#[test]
fn a_key_that_is_too_old_signs_nothing_but_its_rotation() {
    let (mut chain, admin, user) = begin();
    let mut genesis = genesis(
        &[(&admin, vec![(Role::Admin, Scope::Chain)]), (&user, vec![])],
        &[],
    );
    genesis.params.max_key_age_ms = 5_000;
    chain.tree = Chain::new(&genesis).tree;
    // Block h has time 1,000 h ms here: a key of time 0 is 5,000 ms old at height 5.
    chain.advance_to(4);
    assert!(matches!(
        chain
            .execute(&[chain.signed(&user, 0, vec![create("x")])])
            .0[0],
        Ok(Outcome::Failed { .. })
    ));
    chain.advance_to(5);
    let (results, _) = chain.execute(&[chain.signed(&user, 0, vec![create("x")])]);
    let expired = AdmissionError::KeyExpired {
        account: user.id,
        key_index: 0,
        recorded_ms: 0,
        max_age_ms: 5_000,
        now_ms: 6_000,
    };
    assert_eq!(results, [Err(expired.clone())]);
    // The pool says the same.
    let signed = chain
        .transaction(&user, 0, vec![create("x")])
        .sign(&user.key)
        .unwrap();
    let params = &genesis.params;
    assert_eq!(
        admit(&chain.state(), &chain.next(), &signed, params, 16),
        Err(expired)
    );

    let new = successor(&user, 50);
    let rotate = rotation(&chain, &new, 1);
    chain.must(&user, vec![rotate]);
    let by_new = signed_with(&chain, &new, 1, create("x"));
    assert!(chain.execute(&[by_new]).0[0].is_ok());
}

#[test]
fn a_key_is_revoked_from_a_height_and_never_backwards() {
    let (mut chain, admin, user) = begin();
    let revoke = |account: &Actor, key_index, from_height| Operation::RevokeKey {
        account: account.id,
        key_index,
        from_height,
    };
    for from_height in [0, 1] {
        assert_eq!(
            chain.failure(&user, vec![revoke(&user, 0, from_height)]),
            KeyError::RevokedBackwards {
                height: 1,
                from_height
            }
            .into()
        );
    }
    assert_eq!(
        chain.failure(&user, vec![revoke(&user, 1, 9)]).code(),
        "unknown_key"
    );
    // Another account may not, an admin may.
    assert_eq!(
        chain.failure(&user, vec![revoke(&admin, 0, 9)]).code(),
        "missing_role"
    );
    chain.must(&admin, vec![revoke(&user, 0, 5)]);
    // Earlier still is possible, later is not.
    assert_eq!(
        chain.failure(&user, vec![revoke(&user, 0, 6)]),
        KeyError::KeyEnded {
            account: user.id,
            key_index: 0,
            valid_until: 5,
            from_height: 6
        }
        .into()
    );
    chain.must(&user, vec![revoke(&user, 0, 4)]);
    let (results, _) = chain.execute(&[chain.signed(&user, 0, vec![create("x")])]);
    assert!(matches!(results[0], Ok(Outcome::Applied(_))));
    chain.advance_to(3);
    let (results, _) = chain.execute(&[chain.signed(&user, 0, vec![create("x")])]);
    assert!(matches!(
        results[0],
        Err(AdmissionError::KeyNotValid {
            valid_until: Some(4),
            height: 4,
            ..
        })
    ));
}

#[test]
fn a_suspended_account_signs_nothing_until_it_is_reinstated() {
    let (mut chain, admin, user) = begin();
    let suspend = |account: &Actor| Operation::SuspendAccount {
        account: account.id,
        reason: "left the company".into(),
    };
    let reinstate = Operation::ReinstateAccount {
        account: user.id,
        reason: "came back".into(),
    };
    assert_eq!(
        chain.failure(&admin, vec![suspend(&admin)]).code(),
        "own_suspension"
    );
    assert_eq!(
        chain.failure(&admin, vec![reinstate.clone()]).code(),
        "not_suspended"
    );
    // It holds for the rest of the same block, too.
    let block = [
        chain.signed(&admin, 0, vec![suspend(&user)]),
        chain.signed(&user, 0, vec![create("x")]),
    ];
    let results = chain.commit(&block);
    let refused = Err(AdmissionError::AccountSuspended {
        account: user.id,
        since: 1,
    });
    assert_eq!(results[1], refused);
    let signed = chain
        .transaction(&user, 0, vec![create("x")])
        .sign(&user.key)
        .unwrap();
    let pool = admit(&chain.state(), &chain.next(), &signed, &chain.params, 16);
    assert_eq!(pool.map(|_| ()), refused.clone().map(|_: Outcome| ()));
    // Not even a rotation of its keys.
    let rotate = rotation(&chain, &successor(&user, 50), 1);
    let (results, _) = chain.execute(&[chain.signed(&user, 0, vec![rotate])]);
    assert_eq!(results, [refused]);
    assert_eq!(
        chain.failure(&admin, vec![suspend(&user)]).code(),
        "account_suspended"
    );

    chain.must(&admin, vec![reinstate]);
    chain.must(&user, vec![create("x")]);
}

#[test]
fn an_admin_has_no_power_over_the_accounts_of_operators() {
    let (mut chain, admin, operators) = governed();
    let account = operators[0].id;
    let protected = TransactionError::from(KeyError::OperatorProtected {
        account,
        validator: actor(20).id,
    });
    let ops = [
        Operation::SuspendAccount {
            account,
            reason: String::new(),
        },
        Operation::RevokeKey {
            account,
            key_index: 0,
            from_height: 50,
        },
    ];
    for op in &ops {
        assert_eq!(chain.failure(&admin, vec![op.clone()]), protected);
    }
    // Once governance has given the validator to somebody else, the admin may.
    let handed_over = Action::SetOperator {
        validator: actor(20).id,
        operator: operators[1].id,
    };
    decide(&mut chain, &operators, handed_over);
    for op in ops {
        chain.must(&admin, vec![op]);
    }
}
