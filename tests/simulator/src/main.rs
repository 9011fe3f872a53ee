//! `simulate`: runs simulated networks by the thousand, and one of them for a close look.
#![forbid(unsafe_code)]

mod campaign;

use cairn_simulator::plan::Plan;
use cairn_simulator::run::{self, Outcome};
use cairn_simulator::trace::Trace;
use cairn_simulator::{sweep, twins};
use campaign::Campaign;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Networks of replicas under seeded faults, on a virtual clock, checked after every event.
///
/// A seed that fails is printed with the command that replays it.
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Start at a seed that the clock gives, in place of --first.
    #[arg(long, conflicts_with = "first")]
    fresh: bool,
    /// Stop after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Run this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Print what happens, with --seed, --scenario or --point.
    #[arg(long)]
    trace: bool,
    /// Break this rule in every replica.
    #[cfg(feature = "mutations")]
    #[arg(long, value_parser = mutation)]
    mutation: Option<cairn_consensus::mutation::Mutation>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One member doubled, the network divided anew in every round: all divisions.
    Twins {
        /// How many scenarios; all by default.
        #[arg(long)]
        scenarios: Option<u64>,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// Run this one alone.
        #[arg(long)]
        scenario: Option<u64>,
    },
    /// A crash at every write, sync and message of one node.
    CrashPoints {
        /// How many networks to sweep.
        #[arg(long, default_value_t = 20)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// Run the crash at this point of the network --first alone.
        #[arg(long)]
        point: Option<u64>,
    },
    /// Rounds a second of four replicas on one core, without faults.
    Speed,
    /// Every mutation of the rules, until it is found.
    #[cfg(feature = "mutations")]
    Mutations {
        /// Most seeds to try for each.
        #[arg(long, default_value_t = 5_000)]
        most: u64,
    },
}

#[cfg(feature = "mutations")]
fn mutation(name: &str) -> Result<cairn_consensus::mutation::Mutation, String> {
    let all = cairn_consensus::mutation::Mutation::ALL;
    let named = |mutation: &_| format!("{mutation:?}").eq_ignore_ascii_case(name);
    all.into_iter().find(named).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|it| format!("{it:?}")).collect();
        format!("one of {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A panic of a replica is reported as a violation, with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(feature = "mutations")]
    cairn_consensus::mutation::set(options.mutation);
    match options.command {
        None => seeds(&options),
        Some(Command::Twins {
            scenarios,
            first,
            scenario,
        }) => match scenario {
            Some(scenario) => one(twins::plan(scenario), options.trace),
            None => Campaign {
                what: "scenarios",
                first,
                count: scenarios.unwrap_or(twins::scenarios() - first),
                deadline: deadline(&options),
                jobs: options.jobs,
                replay: |scenario| format!("simulate twins --scenario {scenario} --trace"),
            }
            .run(|scenario, trace| run::run_traced(twins::plan(scenario), trace)),
        },
        Some(Command::CrashPoints {
            seeds,
            first,
            point,
        }) => match point {
            Some(point) => one(sweep::plan(first, Some(point)), options.trace),
            None => crash_points(&options, first, seeds),
        },
        Some(Command::Speed) => speed(),
        #[cfg(feature = "mutations")]
        Some(Command::Mutations { most }) => mutations(most),
    }
}

fn deadline(options: &Options) -> Option<Instant> {
    let seconds = options.seconds?;
    Instant::now().checked_add(Duration::from_secs(seconds))
}

fn seeds(options: &Options) -> ExitCode {
    if let Some(seed) = options.seed {
        return one(Plan::random(seed), options.trace);
    }
    let first = if options.fresh {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // Far from the seeds that are run every time.
        since.map_or(0, |since| since.as_secs()) << 20
    } else {
        options.first
    };
    Campaign {
        what: "seeds",
        first,
        count: options.seeds,
        deadline: deadline(options),
        jobs: options.jobs,
        replay: |seed| format!("simulate --seed {seed} --trace"),
    }
    .run(|seed, trace| run::run_traced(Plan::random(seed), trace))
}

/// One run, for a close look.
fn one(plan: Plan, trace: bool) -> ExitCode {
    let trace = if trace { Trace::Print } else { Trace::Off };
    if let Trace::Print = trace {
        println!("{plan:#?}");
    }
    let outcome = run::run_traced(plan, trace);
    println!("{}", outcome.figures);
    report(&outcome)
}

fn report(outcome: &Outcome) -> ExitCode {
    match &outcome.violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            println!("FAILED: {violation}");
            ExitCode::FAILURE
        }
    }
}

/// Counts the points of each network, then crashes at each.
fn crash_points(options: &Options, first: u64, seeds: u64) -> ExitCode {
    let mut points = Vec::new();
    for seed in first..first.saturating_add(seeds) {
        let outcome = run::run(sweep::plan(seed, None));
        if outcome.violation.is_some() {
            println!("network {seed} without a crash:");
            return report(&outcome);
        }
        points.extend((1..=outcome.points).map(|point| (seed, point)));
    }
    let place = |index: u64| usize::try_from(index).ok().and_then(|at| points.get(at));
    Campaign {
        what: "crash points",
        first: 0,
        count: points.len() as u64,
        deadline: deadline(options),
        jobs: options.jobs,
        replay: |index| match place(index) {
            Some((seed, point)) => {
                format!("simulate --trace crash-points --first {seed} --point {point}")
            }
            None => String::new(),
        },
    }
    .run(|index, trace| {
        let (seed, point) = place(index).copied().unwrap_or((first, 1));
        run::run_traced(sweep::plan(seed, Some(point)), trace)
    })
}

fn speed() -> ExitCode {
    let mut plan = Plan::calm(1, 4);
    plan.fault_ms = 120_000;
    plan.delay_ms = (1, 3);
    plan.transaction_ms = Some(6);
    let began = Instant::now();
    let outcome = run::run(plan);
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", outcome.figures);
    #[allow(clippy::cast_precision_loss)]
    let (rounds, steps) = (outcome.figures.rounds as f64, outcome.figures.steps as f64);
    println!(
        "{:.0} rounds and {:.0} steps a second",
        rounds / seconds,
        steps / seconds
    );
    report(&outcome)
}

#[cfg(feature = "mutations")]
fn mutations(most: u64) -> ExitCode {
    use cairn_simulator::mutants;
    let mut missed = 0;
    println!("| mutation | seeds | found by | Twins scenarios |");
    println!("|---|---|---|---|");
    for mutation in cairn_consensus::mutation::Mutation::ALL {
        let twins = mutants::hunt_twins(mutation, most.min(2_000));
        let twins = twins.map_or("-".to_owned(), |found| found.tried.to_string());
        match mutants::hunt(mutation, 1, most) {
            Some(found) => println!(
                "| `{mutation:?}` | {} | {} | {twins} |",
                found.tried, found.violation
            ),
            None => {
                missed += 1;
                println!("| `{mutation:?}` | not in {most} | | {twins} |");
            }
        }
    }
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
