//! A share of what `simulate` runs: enough to notice at once that something broke.

use cairn_simulator::plan::Plan;
use cairn_simulator::{run, sweep, twins};

#[test]
fn two_hundred_seeds_are_clean() {
    for seed in 1..=200 {
        let outcome = run::run(Plan::random(seed));
        assert_eq!(outcome.violation, None, "simulate --seed {seed} --trace");
    }
}

/// Seeds that once found something.
#[test]
fn seeds_that_found_something_are_clean() {
    for seed in [1837, 4950, 6586, 8528, 9321, 12430, 1_882_607_671_327_135] {
        let outcome = run::run(Plan::random(seed));
        assert_eq!(outcome.violation, None, "simulate --seed {seed} --trace");
    }
}

#[test]
fn a_thousand_twins_scenarios_are_clean() {
    let stride = twins::scenarios() / 1_000;
    for scenario in (0..1_000).map(|it| it * stride + it % stride) {
        let outcome = run::run(twins::plan(scenario));
        let replay = format!("simulate --trace twins --scenario {scenario}");
        assert_eq!(outcome.violation, None, "{replay}");
    }
}

#[test]
fn a_crash_at_every_point_of_one_network_is_clean() {
    let points = run::run(sweep::plan(1, None)).points;
    assert!(points > 50, "{points} points");
    for point in 1..=points {
        let outcome = run::run(sweep::plan(1, Some(point)));
        let replay = format!("simulate --trace crash-points --first 1 --point {point}");
        assert_eq!(outcome.violation, None, "{replay}");
    }
}
