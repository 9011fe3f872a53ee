//! Many runs, on some threads, with their figures and their failures.

use cairn_simulator::figures::Figures;
use cairn_simulator::run::Outcome;
use cairn_simulator::trace::Trace;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Failures that are reported with their last lines; the campaign ends then.
const MOST_FAILURES: usize = 5;

/// Lines of a failing run that are printed.
const LINES: usize = 40;

/// Runs numbered from `first` on.
pub(crate) struct Campaign<R> {
    pub(crate) what: &'static str,
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) deadline: Option<Instant>,
    pub(crate) jobs: usize,
    /// The command that replays a run.
    pub(crate) replay: R,
}

#[derive(Default)]
struct Tally {
    figures: Figures,
    done: u64,
    most_rounds: u64,
    failures: Vec<(u64, String)>,
}

impl<R: Fn(u64) -> String + Sync> Campaign<R> {
    /// Runs them all, or until the time is over or too many have failed.
    pub(crate) fn run(self, run: impl Fn(u64, Trace) -> Outcome + Sync) -> ExitCode {
        let began = Instant::now();
        let next = AtomicU64::new(0);
        let tally = Mutex::new(Tally::default());
        #[cfg(feature = "mutations")]
        let mutation = cairn_consensus::mutation::current();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    #[cfg(feature = "mutations")]
                    cairn_consensus::mutation::set(mutation);
                    while self.step(&next, &tally, &run) {}
                });
            }
        });
        let tally = tally
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        println!("{}", tally.figures);
        println!(
            "{} {} from {} on in {:.1} s on {} threads; at most {} rounds to the goal after the faults",
            tally.done,
            self.what,
            self.first,
            began.elapsed().as_secs_f64(),
            self.jobs.max(1),
            tally.most_rounds
        );
        if tally.failures.is_empty() {
            println!("all clean");
            return ExitCode::SUCCESS;
        }
        for (run, violation) in &tally.failures {
            println!("FAILED: {violation}\n  replay: {}", (self.replay)(*run));
        }
        ExitCode::FAILURE
    }

    /// One run; false when there is no more to do.
    fn step(
        &self,
        next: &AtomicU64,
        tally: &Mutex<Tally>,
        run: &(impl Fn(u64, Trace) -> Outcome + Sync),
    ) -> bool {
        let over = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        let index = next.fetch_add(1, Ordering::Relaxed);
        if over || index >= self.count {
            return false;
        }
        let number = self.first.saturating_add(index);
        let outcome = run(number, Trace::Off);
        if let Some(violation) = &outcome.violation {
            // The same again, for its last lines.
            let text = run(number, Trace::last(LINES)).text;
            println!(
                "{text}FAILED: {violation}\n  replay: {}\n",
                (self.replay)(number)
            );
        }
        let mut tally = tally
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        tally.figures.add(&outcome.figures);
        tally.done += 1;
        tally.most_rounds = tally.most_rounds.max(outcome.rounds_to_goal);
        if let Some(violation) = outcome.violation {
            tally.failures.push((number, violation.to_string()));
        }
        if tally.done.is_multiple_of(10_000) {
            println!("{} {} done", tally.done, self.what);
        }
        tally.failures.len() < MOST_FAILURES
    }
}
