//! What networks do in chosen situations.
#![allow(clippy::unwrap_used)]

use cairn_simulator::behaviour::Kind;
use cairn_simulator::plan::{Faults, Plan};
use cairn_simulator::run::{run, run_traced};
use cairn_simulator::simulation::Simulation;
use cairn_simulator::trace::Trace;

fn started(plan: Plan) -> Simulation {
    let mut simulation = Simulation::new(plan, Trace::Off);
    simulation.faulty = false;
    simulation.start().unwrap();
    simulation
}

/// Asserts that so many more blocks become final everywhere within so many milliseconds.
fn progress(simulation: &mut Simulation, blocks: u64, within_ms: u64) {
    let goal = simulation.highest_final() + blocks;
    let end = simulation.elapsed() + within_ms;
    let done = simulation.run_until(end, |simulation| simulation.lowest_final() >= goal);
    let heights: Vec<u64> = simulation
        .nodes
        .iter()
        .map(|it| it.final_height())
        .collect();
    assert!(done.unwrap(), "wanted {goal}, final heights {heights:?}");
}

#[test]
fn a_quiet_network_fails_no_round_and_accuses_nobody() {
    let mut plan = Plan::calm(1, 4);
    plan.delay_ms = (10, 10);
    let mut simulation = started(plan);
    // A round is two delays, the execution and the leader's look at its transactions.
    progress(&mut simulation, 200, 200 * 60);
    for node in &simulation.nodes {
        assert_eq!(node.replica.as_ref().unwrap().failed_rounds(), 0);
    }
    assert_eq!(simulation.figures.evidence, 0);
}

#[test]
fn the_round_timer_rests_without_work_and_heartbeats_go_on() {
    let mut plan = Plan::calm(7, 4);
    plan.transaction_ms = None;
    let mut simulation = started(plan);
    simulation.run_for(1_000).unwrap();
    let (height, steps) = (simulation.highest_final(), simulation.figures.steps);
    simulation.run_for(60_000).unwrap();
    let blocks = simulation.highest_final() - height;
    assert!(
        (5..=7).contains(&blocks),
        "one every ten seconds, got {blocks}"
    );
    let steps = simulation.figures.steps - steps;
    assert!(steps < 600, "{steps} steps");
    let round = simulation.nodes[0].replica.as_ref().unwrap().round().0;
    let height = simulation.highest_final();
    assert!(
        round <= height + 1,
        "round {round} at height {height}: none is given up"
    );
}

#[test]
fn a_single_validator_is_a_network() {
    progress(&mut started(Plan::calm(1, 1)), 20, 30_000);
}

#[test]
fn thirty_two_lose_ten_and_go_on() {
    let mut plan = Plan::calm(32, 32);
    plan.absent = (0..10).map(|node| node * 3).collect();
    progress(&mut started(plan), 10, 120_000);
}

#[test]
fn thirty_two_lose_eleven_and_nothing_becomes_final() {
    let mut plan = Plan::calm(33, 32);
    plan.absent = (0..11).map(|node| node * 2).collect();
    let mut simulation = started(plan);
    simulation.run_for(10_000).unwrap();
    assert_eq!(simulation.highest_final(), 0);
}

#[test]
fn unequal_powers_decide_by_power() {
    let mut plan = Plan::calm(5, 8);
    // f = 10 of W = 31: the heaviest alone.
    plan.seats = vec![
        (0..8)
            .map(|it| (it, if it == 0 { 10 } else { 3 }))
            .collect(),
    ];
    plan.absent = vec![0];
    progress(&mut started(plan), 10, 120_000);
}

#[test]
fn a_full_power_loss_loses_nothing() {
    for seed in 1..=8 {
        let mut simulation = started(Plan::calm(seed, 4));
        for pause in 0..5 {
            simulation.run_for(50 + seed * 37 + pause * 211).unwrap();
            for node in 0..4 {
                simulation.crash(node, "with all others").unwrap();
            }
            simulation.run_for(6_000).unwrap();
        }
        progress(&mut simulation, 10, 60_000);
    }
}

#[test]
fn a_node_that_was_away_for_long_catches_up_over_epochs() {
    for seed in 1..=3 {
        let mut plan = Plan::calm(seed, 5);
        plan.seats = (0..8)
            .map(|epoch| (0..5).map(|it| ((it + epoch) % 5, 1)).collect())
            .collect();
        plan.epoch_ms = Some(3_000);
        let mut simulation = started(plan);
        for other in 0..4 {
            simulation.network.set_cut(4, other, true);
            simulation.network.set_cut(other, 4, true);
        }
        simulation.run_for(60_000).unwrap();
        assert!(simulation.checks.final_epoch() > 3);
        assert_eq!(simulation.nodes[4].final_height(), 0);
        simulation.heal().unwrap();
        progress(&mut simulation, 10, 60_000);
    }
}

#[test]
fn who_has_no_seat_follows_and_says_nothing_that_is_signed() {
    let mut plan = Plan::calm(4, 5);
    plan.seats = vec![(0..4).map(|it| (it, 1)).collect()];
    plan.loss = 20;
    let mut simulation = started(plan);
    simulation.run_for(20_000).unwrap();
    simulation.heal().unwrap();
    progress(&mut simulation, 10, 60_000);
    simulation.run_for(1_000).unwrap();
    let behind = simulation.highest_final() - simulation.nodes[4].final_height();
    assert!(behind <= 3, "it is {behind} blocks behind");
    let record = simulation.nodes[4].disk.record();
    assert!(record.last_vote.is_none() && record.last_timeout.is_none());
}

#[test]
fn an_equivocating_proposer_is_accused() {
    for seed in 1..=6 {
        let mut plan = Plan::calm(seed, 4);
        plan.byzantine.insert(1, vec![Kind::Equivocator]);
        plan.fault_ms = 10_000;
        let mut simulation = started(plan);
        simulation.run_for(20_000).unwrap();
        assert!(simulation.checks.accused().contains(&1));
    }
}

#[test]
fn liars_in_a_row_do_not_poison_timeouts() {
    for seed in 1..=20 {
        let mut plan = Plan::calm(seed, 7);
        for member in [2, 5] {
            plan.byzantine.insert(member, vec![Kind::HighQcLiar]);
        }
        plan.loss = 100;
        plan.fault_ms = 10_000;
        assert_eq!(run(plan).violation, None, "seed {seed}");
    }
}

/// Final blocks in so many seconds, after the first twenty.
fn blocks_without(n: usize, stopped: usize, seconds: u64) -> u64 {
    let mut plan = Plan::calm(9, n);
    plan.absent = (0..stopped).map(|node| node * 3).collect();
    plan.delay_ms = (20, 40);
    plan.transaction_ms = Some(20);
    let mut simulation = started(plan);
    simulation.run_for(20_000).unwrap();
    let learned = simulation.highest_final();
    simulation.run_for(seconds * 1_000).unwrap();
    simulation.highest_final() - learned
}

#[test]
fn stopped_leaders_are_passed_over() {
    // Long enough for them to be tried again.
    let (all, without) = (blocks_without(10, 0, 240), blocks_without(10, 3, 240));
    assert!(
        without * 100 >= all * 80,
        "three of ten stopped: {without} of {all}"
    );
    let (all, without) = (blocks_without(32, 0, 15), blocks_without(32, 10, 15));
    assert!(
        without * 100 >= all * 80,
        "ten of 32 stopped: {without} of {all}"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [11, 40, 100] {
        let outcome = || {
            let outcome = run_traced(Plan::random(seed), Trace::last(10_000));
            (outcome.figures, outcome.text)
        };
        assert_eq!(outcome(), outcome(), "seed {seed}");
    }
}

#[test]
fn crashes_at_every_point_of_a_busy_network_are_survived_at_once_too() {
    let mut plan = Plan::calm(3, 4);
    plan.fault_ms = 20_000;
    plan.faults = Faults {
        crash: 30,
        max_down: 4,
        ..Faults::default()
    };
    let outcome = run(plan);
    assert_eq!(outcome.violation, None);
    let figures = outcome.figures;
    for (crashes, place) in [
        (figures.crash_before_write, "before a write"),
        (figures.crash_before_sync, "before a sync"),
        (figures.crash_after_sync, "after a sync"),
        (figures.crash_between_sends, "before a send"),
    ] {
        assert!(crashes > 0, "no crash {place}");
    }
}
