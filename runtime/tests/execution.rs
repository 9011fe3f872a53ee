//! What a block does to the state: receipts, atomicity, nonces, and what makes a block invalid.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::tree::{Borrowed, StateAt};
use cairn_runtime::*;
use chain::*;

/// An admin with every role and the namespace acme with the model acme/bert, and a reader.
fn begin() -> (Chain, Actor, Actor) {
    let (admin, reader) = (actor(1), actor(2));
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(
        &[(&admin, roles.to_vec()), (&reader, vec![])],
        &[("acme", &admin)],
    );
    let mut chain = Chain::new(&genesis);
    chain.must(&admin, vec![register("acme/bert")]);
    (chain, admin, reader)
}

#[test]
fn a_failed_transaction_changes_nothing_but_its_nonce_and_leaves_a_receipt() {
    let (chain, admin, _) = begin();
    let transaction = chain.signed(
        &admin,
        0,
        vec![
            create("one"),
            publish("acme/bert@1.0.0", "a"),
            register("nowhere/x"),
            create("two"),
        ],
    );
    let (results, executed) = chain.execute(std::slice::from_ref(&transaction));
    let error = TransactionError::UnknownNamespace {
        namespace: "nowhere".into(),
    };
    let outcome = Outcome::Failed {
        operation: 2,
        error,
    };
    assert_eq!(results, [Ok(outcome.clone())]);
    assert_eq!(
        executed.receipts,
        [Receipt {
            tx_hash: transaction.tx_hash(),
            outcome
        }]
    );
    assert_eq!(executed.receipts_root, receipts_root(&executed.receipts));
    let nonce = StateKey::Nonce(admin.id).encode();
    assert_eq!(
        executed.diff.into_iter().collect::<Vec<_>>(),
        [(nonce, Some(borsh::to_vec(&2u64).unwrap()))]
    );
}

#[test]
fn transactions_of_one_block_see_what_their_predecessors_did() {
    let (mut chain, admin, _) = begin();
    let block = [
        chain.signed(&admin, 0, vec![create("new")]),
        chain.signed(&admin, 1, vec![register("new/model")]),
        chain.signed(&admin, 2, vec![publish("new/model@1.0.0", "x")]),
        chain.signed(&admin, 3, vec![create("new")]),
    ];
    let results = chain.commit(&block);
    assert!(
        results[..3]
            .iter()
            .all(|result| matches!(result, Ok(Outcome::Applied(_))))
    );
    assert!(matches!(
        results[3],
        Ok(Outcome::Failed {
            error: TransactionError::NamespaceExists { .. },
            ..
        })
    ));
    assert_eq!(query::nonce(&chain.state(), admin.id).unwrap(), 5);
}

#[test]
fn each_fault_of_admission_is_typed_and_leaves_the_block_as_it_was() {
    let (mut chain, admin, reader) = begin();
    while chain.height < 20 {
        chain.commit(&[]);
    }
    let height = chain.height + 1;
    let ops = || vec![create("x")];
    let base = chain.transaction(&admin, 1, ops());
    let other_chain = Digest::of(b"another chain");
    let stranger = actor(9);
    let cases: Vec<(Transaction, AdmissionError)> = vec![
        (
            Transaction {
                chain_id: other_chain,
                ..base.clone()
            },
            AdmissionError::WrongChain {
                expected: chain.chain_id,
                got: other_chain,
            },
        ),
        (
            Transaction {
                nonce: 0,
                ..base.clone()
            },
            AdmissionError::NonceMismatch {
                expected: 1,
                got: 0,
            },
        ),
        (
            Transaction {
                nonce: 2,
                ..base.clone()
            },
            AdmissionError::NonceMismatch {
                expected: 1,
                got: 2,
            },
        ),
        (
            Transaction {
                key_index: 1,
                ..base.clone()
            },
            AdmissionError::UnknownKey {
                account: admin.id,
                key_index: 1,
            },
        ),
        (
            Transaction {
                sender: stranger.id,
                ..base.clone()
            },
            AdmissionError::UnknownAccount {
                account: stranger.id,
            },
        ),
        (
            Transaction {
                sender: reader.id,
                nonce: 0,
                ..base.clone()
            },
            AdmissionError::BadSignature {
                account: reader.id,
                key_index: 0,
            },
        ),
        (
            Transaction {
                expires_at_height: height - 1,
                ..base.clone()
            },
            AdmissionError::Expired {
                expires_at: height - 1,
                height,
            },
        ),
        (
            Transaction {
                expires_at_height: height + 1_001,
                ..base.clone()
            },
            AdmissionError::ExpiryTooFar {
                expires_at: height + 1_001,
                height,
                limit: 1_000,
            },
        ),
    ];
    for (transaction, expected) in cases {
        // The signature is the admin's and is good, whoever the transaction says its sender is.
        let faulty = chain.verified(&admin, transaction);
        let (results, executed) = chain.execute(&[faulty]);
        assert_eq!(results, [Err(expected)]);
        assert!(executed.diff.is_empty() && executed.receipts.is_empty());
    }
    for expires_at_height in [height, height + 1_000] {
        let edge = Transaction {
            expires_at_height,
            ..base.clone()
        };
        let (results, _) = chain.execute(&[chain.verified(&admin, edge)]);
        assert!(matches!(results[0], Ok(Outcome::Applied(_))));
    }
}

#[test]
fn size_and_number_of_operations_are_limited_before_anything_is_verified() {
    let (chain, admin, _) = begin();
    let params = &chain.params;
    let key = admin.key.public_key();
    let sign = |ops| {
        let transaction = chain.transaction(&admin, 1, ops);
        transaction.sign(&admin.key).unwrap()
    };
    let verify =
        |signed: SignedTransaction| VerifiedTransaction::verify(&signed.encode(), key, params);
    assert!(matches!(
        verify(sign(vec![])),
        Err(AdmissionError::NoOperations)
    ));
    assert!(verify(sign(vec![create("x"); 64])).is_ok());
    assert_eq!(
        verify(sign(vec![create("x"); 65])).unwrap_err(),
        AdmissionError::TooManyOperations { got: 65, limit: 64 }
    );
    let large = sign(vec![create(&"x".repeat(65_000))]);
    let bytes = large.encode().len() as u64;
    assert_eq!(
        verify(large).unwrap_err(),
        AdmissionError::TooLarge {
            bytes,
            limit: 65_536
        }
    );
    let mut altered = sign(vec![create("x")]);
    altered.transaction.nonce = 2;
    assert_eq!(
        verify(altered).unwrap_err(),
        AdmissionError::BadSignature {
            account: admin.id,
            key_index: 0
        }
    );
}

#[test]
fn a_block_refuses_what_a_looser_limit_let_pass() {
    let admin = actor(1);
    let mut genesis = genesis(&[(&admin, vec![(Role::Admin, Scope::Chain)])], &[]);
    genesis.params.max_transaction_bytes = 4_800;
    genesis.params.max_operations = 1;
    genesis.params.max_metadata_bytes = 100;
    let mut chain = Chain::new(&genesis);
    chain.params = ChainParams::default();
    let two = chain.signed(&admin, 0, vec![create("x"); 2]);
    let large = chain.signed(&admin, 0, vec![create(&"x".repeat(500))]);
    let bytes = large.size() as u64;
    let (results, _) = chain.execute(&[two, large]);
    assert_eq!(
        results,
        [
            Err(AdmissionError::TooManyOperations { got: 2, limit: 1 }),
            Err(AdmissionError::TooLarge {
                bytes,
                limit: 4_800
            }),
        ]
    );
}

#[test]
fn a_replayed_transaction_is_refused_in_the_same_block_and_later() {
    let (mut chain, admin, _) = begin();
    let transaction = chain.signed(&admin, 0, vec![create("x")]);
    let replayed = Err(AdmissionError::NonceMismatch {
        expected: 2,
        got: 1,
    });
    let results = chain.commit(&[transaction.clone(), transaction.clone()]);
    assert!(results[0].is_ok());
    assert_eq!(results[1], replayed);
    assert_eq!(chain.commit(&[transaction]), [replayed]);
}

#[test]
fn a_block_has_room_for_so_many_transactions_bytes_and_transactions_of_one_account() {
    let (one, two) = (actor(1), actor(2));
    let mut genesis = genesis(
        &[(&one, vec![(Role::Admin, Scope::Chain)]), (&two, vec![])],
        &[],
    );
    genesis.params.max_account_transactions_per_block = 2;
    genesis.params.max_block_transactions = 3;
    let chain = Chain::new(&genesis);
    let block = [
        chain.signed(&one, 0, vec![create("a")]),
        chain.signed(&one, 1, vec![create("b")]),
        chain.signed(&one, 2, vec![create("c")]),
        chain.signed(&two, 0, vec![create("d")]),
        chain.signed(&two, 1, vec![create("e")]),
    ];
    let (results, _) = chain.execute(&block);
    assert_eq!(
        results[2],
        Err(AdmissionError::QuotaExceeded {
            account: one.id,
            limit: 2
        })
    );
    assert!(results[3].is_ok());
    assert_eq!(results[4], Err(AdmissionError::BlockFull { limit: 3 }));

    genesis.params.max_transaction_bytes = 5_000;
    genesis.params.max_metadata_bytes = 100;
    genesis.params.max_block_bytes = 9_000;
    let chain = Chain::new(&genesis);
    let block = [
        chain.signed(&one, 0, vec![create("a")]),
        chain.signed(&one, 1, vec![create("b")]),
    ];
    let bytes = (block[0].size() + block[1].size()) as u64;
    let (results, _) = chain.execute(&block);
    assert_eq!(
        results[1],
        Err(AdmissionError::BlockTooLarge {
            bytes,
            limit: 9_000
        })
    );
}

#[test]
fn a_transaction_verified_under_another_key_counts_only_under_the_senders() {
    let (chain, admin, reader) = begin();
    // The reader's signature under the admin's name: its own key verifies it, the admin's does not.
    let transaction = chain.transaction(&admin, 1, vec![create("x")]);
    let forged = chain.verified(&reader, transaction);
    assert_eq!(forged.key(), reader.key.public_key().fingerprint());
    let (results, _) = chain.execute(&[forged]);
    assert_eq!(
        results,
        [Err(AdmissionError::BadSignature {
            account: admin.id,
            key_index: 0
        })]
    );
}

#[test]
fn hashes_of_a_verified_transaction_are_those_of_the_transaction() {
    let (chain, admin, _) = begin();
    let verified = chain.signed(&admin, 0, vec![create("x")]);
    assert_eq!(verified.tx_hash(), verified.signed().transaction.hash());
    assert_eq!(verified.signed_hash(), verified.signed().signed_hash());
    assert_eq!(verified.encoded().as_ref(), verified.signed().encode());
}

#[test]
fn the_pool_admits_nonces_within_its_window_and_names_every_fault() {
    let (chain, admin, _) = begin();
    let admit = |transaction: Transaction| {
        let signed = transaction.sign(&admin.key).unwrap();
        admit(&chain.state(), &chain.next(), &signed, &chain.params, 16)
    };
    let with_nonce = |nonce| chain.transaction(&admin, nonce, vec![create("x")]);
    assert_eq!(
        admit(with_nonce(0)),
        Err(AdmissionError::NonceMismatch {
            expected: 1,
            got: 0
        })
    );
    for nonce in [1, 17] {
        assert_eq!(
            admit(with_nonce(nonce)).as_ref(),
            Ok(admin.key.public_key())
        );
    }
    assert_eq!(
        admit(with_nonce(18)),
        Err(AdmissionError::NonceTooFar {
            expected: 1,
            got: 18,
            window: 16
        })
    );
    let base = with_nonce(1);
    let stranger = Transaction {
        sender: actor(9).id,
        nonce: 0,
        ..base.clone()
    };
    let no_key = Transaction {
        key_index: 7,
        ..base.clone()
    };
    let expired = Transaction {
        expires_at_height: 0,
        ..base
    };
    for (transaction, code) in [
        (stranger, "unknown_account"),
        (no_key, "unknown_key"),
        (expired, "expired"),
    ] {
        assert_eq!(admit(transaction).unwrap_err().code(), code);
    }
    let unreadable = admit_at_missing_height(&chain, &admin);
    assert_eq!(unreadable.code(), "unknown_account");
}

/// A state that has no records at all.
fn admit_at_missing_height(chain: &Chain, admin: &Actor) -> AdmissionError {
    let empty = tree::MemoryTree::new();
    let state = StateAt::new(Borrowed(&empty), 0);
    let signed = chain
        .transaction(admin, 0, vec![create("x")])
        .sign(&admin.key)
        .unwrap();
    admit(&state, &chain.next(), &signed, &chain.params, 16).unwrap_err()
}
