//! A crash at every write, sync and message of one node, one after the other.

use crate::plan::Plan;
use crate::random::Random;

/// The scenario of a sweep: four nodes on a network that loses and delays, and nothing else. `crash_at` is the point of
/// node 0 at which it crashes; none counts the points.
#[must_use]
pub fn plan(seed: u64, crash_at: Option<u64>) -> Plan {
    let mut random = Random::new(seed, 9);
    let mut plan = Plan::calm(seed, 4);
    plan.fault_ms = random.between(400, 3_000);
    plan.delay_ms = (1, random.between(2, 80));
    plan.loss = random.weighted(&[(1, 0), (1, 50), (1, 150)]);
    plan.hold = random.weighted(&[(1, 0), (1, 100)]);
    plan.max_hold_ms = 1_500;
    plan.transaction_ms = Some(random.between(10, 100));
    let gathers = random.chance(500);
    plan.group_commit_ms = (0..4).map(|_| gathers.then_some(7)).collect();
    plan.crash_at = crash_at.map(|point| (0, point));
    plan
}
