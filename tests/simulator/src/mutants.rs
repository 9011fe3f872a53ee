//! Replicas that break one rule each: every one must be found.

use crate::checks::Violation;
use crate::plan::Plan;
use crate::{run, twins};
use cairn_consensus::mutation::{self, Mutation};

/// How a mutation was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed, or the scenario of Twins.
    pub seed: u64,
    /// How many were tried.
    pub tried: u64,
    /// What gave it away.
    pub violation: Violation,
}

/// Runs seeds from `first` on, at most `most`, with a rule broken in every replica, until something goes wrong.
#[must_use]
pub fn hunt(mutation: Mutation, first: u64, most: u64) -> Option<Found> {
    search(mutation, most, |tried| {
        (first + tried, Plan::random(first + tried))
    })
}

/// Runs Twins scenarios, at most `most` of them spread over all, until something goes wrong.
#[must_use]
pub fn hunt_twins(mutation: Mutation, most: u64) -> Option<Found> {
    let stride = (twins::scenarios() / most.max(1)).max(1) | 1;
    search(mutation, most, |tried| {
        let scenario = tried * stride % twins::scenarios();
        (scenario, twins::plan(scenario))
    })
}

fn search(mutation: Mutation, most: u64, plan: impl Fn(u64) -> (u64, Plan)) -> Option<Found> {
    mutation::set(Some(mutation));
    let found = (0..most).find_map(|tried| {
        let (seed, plan) = plan(tried);
        let violation = run::run(plan).violation?;
        Some(Found {
            seed,
            tried: tried + 1,
            violation,
        })
    });
    mutation::set(None);
    found
}
