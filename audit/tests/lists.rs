//! A list is proved with its count and every entry; one too few, one too many, or one in another's place is refused.
//! A grant that was revoked is no access.
#![allow(clippy::unwrap_used)]

mod ledger;

use cairn_audit::{AuditError, Claim, ListProof, Summary, verify};
use cairn_runtime::{List, StateKey};
use ledger::{Ledger, model, secret};
use std::sync::LazyLock;

static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::new(4));

fn check(proof: ListProof) -> Result<Summary, AuditError> {
    let bundle = LEDGER.bundle(Claim::List(proof));
    verify(&bundle, &LEDGER.anchor(), None, None).map(|verified| verified.claim)
}

#[test]
fn a_complete_list_says_its_entries_in_order() {
    let Summary::List { list, entries } = check(LEDGER.list(List::Events(model()))).unwrap() else {
        panic!("a list")
    };
    assert_eq!(list, List::Events(model()));
    let keys: Vec<_> = (0..2u64)
        .map(|at| hex::encode(StateKey::EventAt(model(), at).encode()))
        .collect();
    let found: Vec<_> = entries.into_iter().map(|entry| entry.key_hex).collect();
    assert_eq!(found, keys);
}

#[test]
fn an_empty_list_is_proved_by_the_absence_of_its_count() {
    let proof = LEDGER.list(List::Rekeys(secret()));
    assert_eq!((proof.count.as_ref(), proof.entries.len()), (None, 0));
    check(proof).unwrap();
}

#[test]
fn a_list_with_an_entry_left_out_or_added_is_incomplete() {
    let whole = LEDGER.list(List::Events(model()));
    let mut short = whole.clone();
    short.entries.pop();
    let mut long = whole.clone();
    long.entries.push(whole.entries[1].clone());
    for (proof, got) in [(short, 1), (long, 3)] {
        assert!(matches!(
            check(proof),
            Err(AuditError::Incomplete { expected: 2, got: found, .. }) if found == got
        ));
    }
}

#[test]
fn an_entry_in_anothers_place_or_another_count_is_refused() {
    let mut swapped = LEDGER.list(List::Events(model()));
    swapped.entries.swap(0, 1);
    assert!(matches!(check(swapped), Err(AuditError::State { .. })));
    // The count of another list, with entries that fit it.
    let mut other = LEDGER.list(List::Models("acme".to_owned()));
    other.list = List::Namespaces;
    assert!(matches!(check(other), Err(AuditError::State { .. })));
    let mut hidden = LEDGER.list(List::Models("acme".to_owned()));
    hidden.count = None;
    hidden.entries.clear();
    assert!(matches!(check(hidden), Err(AuditError::State { .. })));
}

#[test]
fn a_revoked_grant_is_a_record_and_never_a_claim_of_access() {
    let key = StateKey::Grant(secret(), LEDGER.admin);
    let Claim::Record { value, proof, .. } = LEDGER.state(key) else {
        panic!("a revoked grant is a record like any other")
    };
    let claim = Claim::Grant {
        id: secret(),
        reader: LEDGER.admin,
        value: borsh::from_slice(&value).unwrap(),
        proof,
    };
    let refused = verify(&LEDGER.bundle(claim), &LEDGER.anchor(), None, None);
    assert!(matches!(
        refused,
        Err(AuditError::AccessRevoked { reader, since: 1, .. }) if reader == LEDGER.admin
    ));
}
