//! The mempool: what it takes, in which order it offers, what it lets go.

#![allow(clippy::unwrap_used)]

use cairn_crypto::{Digest, Seed, SigningKey, domain};
use cairn_node::mempool::{Mempool, MempoolError, MempoolLimits, PooledTransaction};
use cairn_runtime::{
    AccountId, ChainParams, Operation, SignedTransaction, Transaction, VerifiedTransaction,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

const ACCOUNTS: usize = 4;
const NONCES: u64 = 12;

fn make(account: usize, nonce: u64, expires_at_height: u64, text: &str) -> PooledTransaction {
    let seed = Seed::from_bytes(&[u8::try_from(account).unwrap() + 1; 32]).unwrap();
    let key = SigningKey::from_seed(&seed).unwrap();
    let transaction = Transaction {
        chain_id: Digest::ZERO,
        sender: AccountId::of(key.public_key()),
        key_index: 0,
        nonce,
        expires_at_height,
        ops: vec![Operation::CreateNamespace {
            namespace: text.to_owned(),
        }],
    };
    let signature = key.sign(domain::TX, &transaction).unwrap();
    let signed = SignedTransaction {
        transaction,
        signature,
    };
    let verified =
        VerifiedTransaction::verify_decoded(signed, key.public_key(), &ChainParams::default());
    Arc::new(verified.unwrap())
}

/// Signing is slow: every account's transactions are made once.
fn transaction(account: usize, nonce: u64) -> PooledTransaction {
    static MADE: OnceLock<BTreeMap<(usize, u64), PooledTransaction>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        (0..ACCOUNTS)
            .flat_map(|account| (0..NONCES).map(move |nonce| (account, nonce)))
            .map(|(account, nonce)| ((account, nonce), make(account, nonce, 100 + nonce, "space")))
            .collect()
    });
    Arc::clone(&made[&(account, nonce)])
}

fn account(index: usize) -> AccountId {
    transaction(index, 0).signed().transaction.sender
}

fn select(mempool: &Mempool, count: usize, bytes: usize, next: u64) -> Vec<PooledTransaction> {
    mempool
        .select(count, bytes, |_| Ok::<_, Infallible>(next))
        .unwrap()
}

#[test]
fn the_same_bytes_twice_are_one_transaction() {
    let mempool = Mempool::new(MempoolLimits::default());
    assert!(mempool.insert(transaction(0, 0), 0).unwrap());
    assert!(!mempool.insert(transaction(0, 0), 0).unwrap());
    assert_eq!(mempool.len(), 1);
}

#[test]
fn a_second_transaction_with_a_nonce_that_waits_is_refused_and_the_first_is_named() {
    let mempool = Mempool::new(MempoolLimits::default());
    let first = transaction(0, 3);
    mempool.insert(Arc::clone(&first), 0).unwrap();
    let error = mempool.insert(make(0, 3, 100, "other"), 0).unwrap_err();
    assert_eq!(
        error,
        MempoolError::NonceTaken {
            account: account(0),
            nonce: 3,
            waiting: first.tx_hash()
        }
    );
}

#[test]
fn every_limit_refuses_with_its_values_and_room_made_by_finality_is_used_again() {
    let limits = MempoolLimits {
        transactions: 3,
        per_account: 2,
        ..MempoolLimits::default()
    };
    let mempool = Mempool::new(limits);
    mempool.insert(transaction(0, 0), 0).unwrap();
    mempool.insert(transaction(0, 1), 0).unwrap();
    assert!(matches!(
        mempool.insert(transaction(0, 2), 0),
        Err(MempoolError::AccountFull { waiting: 2, .. })
    ));
    mempool.insert(transaction(1, 0), 0).unwrap();
    assert!(matches!(
        mempool.insert(transaction(2, 0), 0),
        Err(MempoolError::Full {
            transactions: 3,
            ..
        })
    ));
    mempool.settle(&[(account(0), 2)], 1);
    assert_eq!(mempool.len(), 1);
    mempool.insert(transaction(2, 0), 0).unwrap();

    let bytes = transaction(0, 0).size();
    let small = Mempool::new(MempoolLimits {
        bytes,
        ..MempoolLimits::default()
    });
    small.insert(transaction(0, 0), 0).unwrap();
    assert!(matches!(
        small.insert(transaction(1, 0), 0),
        Err(MempoolError::Full { .. })
    ));
}

#[test]
fn a_payload_is_whole_or_says_what_is_missing() {
    let mempool = Mempool::new(MempoolLimits::default());
    mempool.insert(transaction(0, 0), 0).unwrap();
    let hash = transaction(0, 0).signed_hash();
    let missing = transaction(1, 0).signed_hash();
    assert_eq!(mempool.payload(&[hash]).unwrap().len(), 1);
    assert_eq!(mempool.payload(&[hash, missing]).unwrap_err(), [missing]);
}

#[test]
fn a_transaction_after_a_gap_is_no_work_until_the_gap_is_filled() {
    let mempool = Mempool::new(MempoolLimits::default());
    mempool.insert(transaction(0, 1), 0).unwrap();
    assert!(!mempool.has_work());
    mempool.insert(transaction(0, 0), 0).unwrap();
    assert!(mempool.has_work());
    mempool.settle(&[(account(0), 1)], 1);
    assert!(mempool.has_work(), "the second one is next now");
    mempool.settle(&[(account(0), 2)], 2);
    assert!(!mempool.has_work());
    mempool.insert(transaction(0, 5), 5).unwrap();
    assert!(mempool.has_work(), "the state expects 5");
}

#[test]
fn an_expired_transaction_goes_when_its_last_height_is_final() {
    let mempool = Mempool::new(MempoolLimits::default());
    mempool.insert(transaction(0, 0), 0).unwrap(); // expires at 100
    mempool.insert(transaction(1, 1), 0).unwrap(); // expires at 101
    mempool.settle(&[], 100);
    assert_eq!(mempool.len(), 1);
    assert!(mempool.contains(&transaction(1, 1).tx_hash()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the order of arrival: a selection has each account's transactions from the expected
    /// nonce on and without gaps, within the limits, and nothing that could be in it is left out
    /// when there is room.
    #[test]
    fn a_selection_is_gap_free_in_order_and_complete(
        arrivals in Just(
            (0..ACCOUNTS).flat_map(|account| (0..NONCES).map(move |nonce| (account, nonce))).collect::<Vec<_>>()
        ).prop_shuffle(),
        held in 1..(ACCOUNTS * NONCES as usize),
        next in 0..3_u64,
        count in 1..60_usize,
    ) {
        let mempool = Mempool::new(MempoolLimits::default());
        for (account, nonce) in &arrivals[..held] {
            mempool.insert(transaction(*account, *nonce), 0).unwrap();
        }
        let selected = select(&mempool, count, usize::MAX, next);
        prop_assert!(selected.len() <= count);
        let mut expected = [next; ACCOUNTS];
        for transaction in &selected {
            let body = &transaction.signed().transaction;
            let index = (0..ACCOUNTS).find(|index| account(*index) == body.sender).unwrap();
            prop_assert_eq!(body.nonce, expected[index]);
            expected[index] += 1;
        }
        if selected.len() < count {
            for (index, next) in expected.iter().enumerate() {
                prop_assert!(!arrivals[..held].contains(&(index, *next)), "account {index} could go on at {next}");
            }
        }
    }

    #[test]
    fn a_selection_keeps_within_its_bytes(held in 1..20_usize, room in 0..60_000_usize) {
        let mempool = Mempool::new(MempoolLimits::default());
        for number in 0..held {
            mempool.insert(transaction(number % ACCOUNTS, (number / ACCOUNTS) as u64), 0).unwrap();
        }
        let selected = select(&mempool, usize::MAX, room, 0);
        let bytes: usize = selected.iter().map(|transaction| transaction.size()).sum();
        prop_assert!(bytes <= room);
    }
}
