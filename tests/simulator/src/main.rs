//! `simulate`.
use cairn_simulator::{figures::Figures, plan::Plan, run, trace::Trace};
fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().unwrap().parse().unwrap();
    let count: u64 = args.next().unwrap().parse().unwrap();
    let trace = args.next().is_some();
    if from == 0 {
        let mut plan = Plan::calm(1, 4);
        plan.fault_ms = count;
        plan.transaction_ms = 1;
        let started = std::time::Instant::now();
        let outcome = run::run(plan);
        println!("{}{:?}\n{:?}", outcome.figures, outcome.violation, started.elapsed());
        return;
    }
    let mut all = Figures::default();
    let started = std::time::Instant::now();
    let mut most = 0;
    for seed in from..from + count {
        let outcome = run::run_traced(Plan::random(seed), if trace { Trace::Print } else { Trace::Off });
        all.add(&outcome.figures);
        most = most.max(outcome.rounds_to_goal);
        if let Some(v) = outcome.violation {
            println!("seed {seed}: {v}");
        }
    }
    println!("{all}\nmost rounds to goal {most}\n{:?}", started.elapsed());
}
