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

fn check_claim(claim: Claim) -> Result<Summary, AuditError> {
    verify(&LEDGER.bundle(claim), &LEDGER.anchor(), None, None).map(|verified| verified.claim)
}

#[test]
fn pages_that_follow_one_another_say_what_the_complete_list_says() {
    let list = || List::Events(model());
    let Summary::List { entries: whole, .. } = check(LEDGER.list(list())).unwrap() else {
        panic!("a list")
    };
    for ends in [&[0, 2][..], &[0, 1, 2]] {
        let mut pieced = Vec::new();
        for bounds in ends.windows(2) {
            let part = bounds[0]..bounds[1];
            let expected = (list(), 2, part.start);
            let Summary::ListPage {
                list,
                count,
                from,
                entries,
            } = check_claim(LEDGER.page(list(), part)).unwrap()
            else {
                panic!("a page")
            };
            assert_eq!((list, count, from), expected);
            pieced.extend(entries);
        }
        assert_eq!(pieced, whole);
    }
    let none = check_claim(LEDGER.page(List::Rekeys(secret()), 0..0)).unwrap();
    assert!(matches!(
        none,
        Summary::ListPage { count: 0, from: 0, entries, .. } if entries.is_empty()
    ));
}

#[test]
fn a_page_of_nothing_or_of_entries_elsewhere_is_refused() {
    let page = |ordinals: std::ops::Range<u64>| match LEDGER.page(List::Events(model()), ordinals) {
        Claim::ListPage { from, page } => (from, page),
        _ => unreachable!(),
    };
    let (_, last) = page(1..2);
    let (_, all) = page(0..2);
    for (from, page, got) in [
        (0, page(0..0).1, 0),
        (2, page(2..2).1, 0),
        (2, last.clone(), 1),
        (1, all.clone(), 2),
        (u64::MAX, last.clone(), 1),
    ] {
        let refused = check_claim(Claim::ListPage { from, page });
        let expected = matches!(
            refused,
            Err(AuditError::Page { count: 2, from: told, got: entries, .. })
                if told == from && entries == got
        );
        assert!(expected, "{from}, {got}: {refused:?}");
    }
    // An entry of another place, and the same entry twice.
    let (from, page) = (0, last.clone());
    let moved = check_claim(Claim::ListPage { from, page });
    assert!(matches!(moved, Err(AuditError::State { .. })), "{moved:?}");
    let mut twice = all;
    twice.entries[0] = last.entries[0].clone();
    let twice = check_claim(Claim::ListPage {
        from: 0,
        page: twice,
    });
    assert!(matches!(twice, Err(AuditError::State { .. })), "{twice:?}");
    let mut beyond = LEDGER.list(List::Rekeys(secret()));
    beyond.entries = last.entries;
    let beyond = check_claim(Claim::ListPage {
        from: 0,
        page: beyond,
    });
    assert!(matches!(beyond, Err(AuditError::Page { count: 0, .. })));
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
