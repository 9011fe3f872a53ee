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

fn explore(name: &str, model: Bounded) {
    let checker = model.checker().spawn_bfs().join();
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
    explore(
        "four honest, one round",
        Bounded::new(four(), None, None, bounds),
    );
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
    explore(
        "adversary leads, one round",
        Bounded::new(four(), Some(bad), None, bounds),
    );
}

#[test]
fn three_of_four_in_two_rounds() {
    let bounds = Bounds {
        last_round: 2,
        most_timers: 2,
        most_crashes: 0,
        commits_arrive: false,
    };
    let silent = leader_of(3);
    let model = Bounded::new(four(), None, Some(silent), bounds);
    explore("three of four, two rounds", model);
}

#[test]
fn three_of_four_and_a_crash() {
    let bounds = Bounds {
        last_round: 2,
        most_timers: 1,
        most_crashes: 1,
        commits_arrive: false,
    };
    let silent = leader_of(3);
    let model = Bounded::new(four(), None, Some(silent), bounds);
    explore("three of four, a crash", model);
}

/// Four members in two epochs, in another order in the second.
fn two_epochs() -> Committee {
    let first = (0..4).map(|member| (member, 1)).collect();
    let second = (0..4).map(|place| ((place + 1) % 4, 1)).collect();
    Committee::new(vec![first, second])
}

/// A member that leads neither of the first rounds.
fn bystander() -> usize {
    let committee = two_epochs();
    let leads = |epoch: usize, round| {
        let set = &committee.ledger.schedule[epoch];
        let seat = leader(set, Epoch(epoch as u64), Round(round));
        committee.seats[epoch][usize::from(seat.0)].0
    };
    let leaders = [leads(0, 1), leads(0, 2), leads(1, 1)];
    (0..4).find(|member| !leaders.contains(member)).unwrap()
}

#[test]
fn two_epochs_with_an_adversary() {
    let bounds = Bounds {
        last_round: 1,
        most_timers: 0,
        most_crashes: 0,
        commits_arrive: true,
    };
    let model = Bounded::new(two_epochs(), Some(bystander()), None, bounds);
    explore("two epochs, an adversary", model);
}

#[test]
fn two_epochs_of_two_rounds() {
    let bounds = Bounds {
        last_round: 2,
        most_timers: 1,
        most_crashes: 0,
        commits_arrive: true,
    };
    let model = Bounded::new(two_epochs(), None, Some(bystander()), bounds);
    explore("two epochs, two rounds each", model);
}
