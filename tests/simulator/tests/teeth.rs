//! The simulator finds every mutation of the rules. Needs the feature `mutations`.
#![cfg(feature = "mutations")]

use cairn_consensus::mutation::Mutation;
use cairn_simulator::mutants;

/// Each was found within 150 seeds when this was written. More are tried, in case something else has changed what a seed
/// stands for.
const MOST: u64 = 5_000;

#[test]
fn every_mutation_is_found() {
    for mutation in Mutation::ALL {
        let found = mutants::hunt(mutation, 1, MOST);
        assert!(found.is_some(), "{mutation:?} is not found");
    }
}

#[test]
fn a_violation_is_shown_with_what_led_to_it() {
    use cairn_simulator::{plan::Plan, run, trace::Trace};
    let found = mutants::hunt(Mutation::PersistLast, 1, 100).map(|found| found.seed);
    let plan = Plan::random(found.unwrap_or(1));
    cairn_consensus::mutation::set(Some(Mutation::PersistLast));
    let outcome = run::run_traced(plan, Trace::last(20));
    cairn_consensus::mutation::set(None);
    assert!(outcome.text.contains("VIOLATION"), "{}", outcome.text);
}
