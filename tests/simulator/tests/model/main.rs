//! Small networks explored to the end with the Stateright model checker, on the replica's own `step`.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod adversary;
mod machine;
mod model;

use cairn_consensus::{Epoch, Round, leader};
use cairn_simulator::committee::Committee;
use model::{Bounded, Bounds};
use stateright::{Checker, Model};

fn four() -> Committee {
    Committee::new(vec![(0..4).map(|member| (member, 1)).collect()])
}

fn leader_of(round: u64) -> usize {
    usize::from(leader(&four().ledger.schedule[0], Epoch(0), Round(round)).0)
}

fn limit() -> usize {
    std::env::var("LIMIT").map_or(usize::MAX, |text| text.parse().unwrap())
}

fn explore(name: &str, model: Bounded) {
    let checker = model
        .checker()
        .target_state_count(limit())
        .spawn_bfs()
        .join();
    println!(
        "{name}: {} states, {} of them different, depth {}, {} machines",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        checker.model().machines()
    );
    checker.assert_properties();
}

#[test]
fn four_honest_replicas_in_one_round() {
    let bounds = Bounds {
        last_round: 1,
        most_timers: 4,
        most_crashes: 0,
        commits_arrive: false,
    };
    explore("four honest, one round", Bounded::new(four(), None, bounds));
}

#[test]
fn an_adversary_that_leads_round_one() {
    let bounds = Bounds {
        last_round: 1,
        most_timers: 3,
        most_crashes: 0,
        commits_arrive: false,
    };
    let bad = leader_of(1);
    explore("adversary leads, one round", Bounded::new(four(), Some(bad), bounds));
}

#[test]
fn an_adversary_that_leads_and_a_crash() {
    let bounds = Bounds {
        last_round: 1,
        most_timers: 1,
        most_crashes: 1,
        commits_arrive: false,
    };
    let bad = leader_of(1);
    explore("adversary leads, a crash", Bounded::new(four(), Some(bad), bounds));
}

#[test]
fn an_adversary_that_leads_round_one_of_two() {
    let bounds = Bounds {
        last_round: 2,
        most_timers: 2,
        most_crashes: 0,
        commits_arrive: false,
    };
    let bad = leader_of(1);
    explore("adversary leads, two rounds", Bounded::new(four(), Some(bad), bounds));
}
