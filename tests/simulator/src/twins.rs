//! Twins: one member has two instances with one key, each keeping the rules by itself, and the network is divided anew
//! in every round. All divisions of a small network are tried, one after the other.
//!
//! After Bano et al., "Twins: BFT Systems Made Robust" (OPODIS 2021): equivocation, amnesia and lost state all arise
//! from two honest instances that do not know of each other.

use crate::checks::Violation;
use crate::network::RoundPartitions;
use crate::plan::Plan;
use crate::simulation::Simulation;

/// Members of the network. One of them is faulty, so that four are the fewest that tolerate it.
pub const MEMBERS: usize = 4;

/// Rounds whose divisions are enumerated.
pub const ROUNDS: usize = 4;

/// Divisions of the five instances into at most two groups.
const DIVISIONS: u64 = 1 << MEMBERS;

/// How many scenarios there are: who is doubled, and how each round is divided.
#[must_use]
pub fn scenarios() -> u64 {
    let rounds = u32::try_from(ROUNDS).unwrap_or(u32::MAX);
    MEMBERS as u64 * DIVISIONS.pow(rounds)
}

/// One of them, from 0 on.
#[must_use]
pub fn plan(scenario: u64) -> Plan {
    let doubled = usize::try_from(scenario % MEMBERS as u64).unwrap_or(0);
    let mut rest = scenario / MEMBERS as u64;
    let mut groups = Vec::new();
    for _ in 0..ROUNDS {
        let division = rest % DIVISIONS;
        rest /= DIVISIONS;
        // The first instance names its group 0.
        let group = |instance: usize| match instance {
            0 => 0,
            _ => u8::from(division >> (instance - 1) & 1 == 1),
        };
        groups.push((0..=MEMBERS).map(group).collect());
    }
    let mut plan = Plan::calm(scenario, MEMBERS);
    plan.twins = vec![doubled];
    plan.partitions = Some(RoundPartitions { groups });
    plan.transaction_ms = Some(100);
    plan.fault_ms = 20_000;
    plan.goal = 3;
    plan.group_commit_ms = vec![None; MEMBERS + 1];
    plan
}

/// The divided rounds, until every honest instance is past them.
///
/// # Errors
/// What went wrong.
pub(crate) fn play_divided(simulation: &mut Simulation) -> Result<(), Violation> {
    let end = simulation.plan.fault_ms;
    simulation.run_until(end, |simulation| {
        simulation.nodes.iter().all(|node| {
            let replica = node.replica.as_ref();
            replica.is_some_and(|replica| replica.round().0 > ROUNDS as u64)
        })
    })?;
    Ok(())
}
