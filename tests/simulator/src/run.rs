//! Running a plan to its end.

use crate::checks::Violation;
use crate::figures::Figures;
use crate::plan::Plan;
use crate::signing::Scheme;
use crate::simulation::Simulation;
use crate::trace::Trace;
use crate::twins;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many rounds the goal may take after the faults have ended: each honest leader in a row of rounds gets a block
/// through, and less than a third of the leaders is not honest.
pub const ROUNDS_PER_BLOCK: u64 = 6;

/// Rounds on top, in which everybody finds out where the others are.
pub const ROUNDS_TO_MEET: u64 = 40;

/// Simulated milliseconds that the goal may take.
pub const MS_FOR_GOAL: u64 = 600_000;

/// Simulated milliseconds that everybody else may take after the first has reached the goal.
pub const MS_TO_CATCH_UP: u64 = 30_000;

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What went wrong first.
    pub violation: Option<Violation>,
    /// What happened.
    pub figures: Figures,
    /// The last lines, if they were kept.
    pub text: String,
    /// Rounds that the goal took after the faults had ended.
    pub rounds_to_goal: u64,
    /// Writes, syncs and messages of instance 0 while faults lasted.
    pub points: u64,
}

/// Runs a plan.
#[must_use]
pub fn run(plan: Plan) -> Outcome {
    run_traced(plan, Trace::Off)
}

/// Runs a plan, with a record of what happens.
#[must_use]
pub fn run_traced(plan: Plan, trace: Trace) -> Outcome {
    let seed = plan.seed;
    let mut simulation = Simulation::new(plan, trace);
    let (mut rounds_to_goal, mut points) = (0, 0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        play(&mut simulation, &mut rounds_to_goal, &mut points)
    }));
    let violation = match result {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(violation),
        Err(payload) => Some(Violation::Panicked {
            message: panic_message(payload.as_ref()),
        }),
    };
    if let Some(violation) = &violation {
        simulation.line(|| format!("VIOLATION: {violation}"));
    }
    let mut figures = std::mem::take(&mut simulation.figures);
    figures.runs = 1;
    figures.real_signatures = u64::from(simulation.plan.scheme == Scheme::MlDsa87);
    figures.byzantine_runs =
        u64::from(!simulation.plan.byzantine.is_empty() || !simulation.plan.twins.is_empty());
    figures.rounds = simulation.rounds();
    figures.final_blocks = simulation.checks.final_height();
    figures.epochs = simulation.checks.final_epoch() as u64;
    figures.virtual_ms = simulation.elapsed();
    figures.checks = simulation.checks.count;
    Outcome {
        seed,
        violation,
        figures,
        text: simulation.trace.text(),
        rounds_to_goal,
        points,
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}

/// Faults, then their end, then progress.
fn play(
    simulation: &mut Simulation,
    rounds_to_goal: &mut u64,
    points: &mut u64,
) -> Result<(), Violation> {
    simulation.start()?;
    if simulation.plan.partitions.is_some() {
        twins::play_divided(simulation)?;
    } else {
        simulation.run_until(simulation.plan.fault_ms, |_| false)?;
    }
    *points = simulation.nodes[0].points;
    simulation.heal()?;
    let (from, since, began) = (
        simulation.highest_final(),
        simulation.rounds(),
        simulation.elapsed(),
    );
    let wanted = simulation.plan.goal;
    let goal = from + wanted;
    let most_rounds = ROUNDS_TO_MEET + wanted * ROUNDS_PER_BLOCK;
    let mut reached = simulation.run_until(began + MS_FOR_GOAL, |simulation| {
        simulation.rounds() > since + most_rounds || simulation.highest_final() >= goal
    })?;
    *rounds_to_goal = simulation.rounds() - since;
    if reached && simulation.highest_final() >= goal {
        let end = simulation.elapsed() + MS_TO_CATCH_UP;
        reached = simulation.run_until(end, |simulation| simulation.lowest_final() >= goal)?;
    }
    for node in 0..simulation.nodes.len() {
        simulation.sync(node, usize::MAX)?;
    }
    if reached && simulation.lowest_final() >= goal {
        return Ok(());
    }
    Err(Violation::Stalled {
        blocks: simulation.lowest_final().saturating_sub(from),
        wanted,
        rounds: simulation.rounds() - since,
        ms: simulation.elapsed() - began,
        places: places(simulation),
    })
}

fn places(simulation: &Simulation) -> String {
    let places: Vec<String> = simulation
        .nodes
        .iter()
        .enumerate()
        .map(|(node, it)| match &it.replica {
            None => format!("{node}: down"),
            Some(replica) => {
                let status = replica.status();
                format!(
                    "{node}{}: e{} r{} qc{} h{}",
                    if it.is_byzantine() { " (bad)" } else { "" },
                    status.epoch,
                    status.round,
                    status.high_qc_round,
                    status.final_height
                )
            }
        })
        .collect();
    places.join(", ")
}
