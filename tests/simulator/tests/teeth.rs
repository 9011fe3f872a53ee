//! The simulator finds every mutation of the rules. Needs the feature `mutations`.
#![cfg(feature = "mutations")]

use cairn_consensus::mutation::Mutation;
use cairn_simulator::mutants;

/// Seeds near which each was found before; a few more are tried from there on, in case something else changed what a
/// seed stands for.
const NEAR: [(Mutation, u64); 15] = [
    (Mutation::DropS1, 1),
    (Mutation::DropS2, 1),
    (Mutation::AcceptAnyTimeoutCert, 1),
    (Mutation::IgnoreExecution, 1),
    (Mutation::DropS4, 1),
    (Mutation::CommitWithoutQc, 1),
    (Mutation::StaleHighQc, 1),
    (Mutation::TimeoutsBelow, 8_700),
    (Mutation::DropS0, 1),
    (Mutation::PersistLast, 1),
    (Mutation::SmallQuorum, 1),
    (Mutation::CountVoteTwice, 2_400),
    (Mutation::SuffixFinal, 1),
    (Mutation::FinalizeWithoutAncestors, 1),
    (Mutation::CountUnbackedClaims, 1),
];

#[test]
fn every_mutation_is_found() {
    for mutation in Mutation::ALL {
        let near = NEAR.iter().find(|(known, _)| *known == mutation);
        let first = near.map_or(1, |(_, seed)| *seed);
        let found = mutants::hunt(mutation, first, 20_000);
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
