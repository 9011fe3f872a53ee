//! The queue of events, and what each of them does. One thread, one order: the same plan gives the same run.

use crate::block_ids;
use crate::checks::{Checks, Violation};
use crate::clock::Clock;
use crate::committee::Committee;
use crate::delivery::Parcel;
use crate::figures::Figures;
use crate::network::Network;
use crate::node::Node;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::Trace;
use cairn_consensus::{Input, Params, Timer};
use cairn_crypto::Digest;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::sync::Arc;

/// When the simulation begins, in milliseconds since the Unix epoch.
const BEGINNING: u64 = 1_000_000;

/// Something that happens at some time.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message arrives.
    Deliver {
        to: usize,
        from: usize,
        parcel: Rc<Parcel>,
    },
    /// A timer fires.
    Timer {
        node: usize,
        life: u64,
        timer: Timer,
    },
    /// A host has an answer for its replica.
    Answer {
        node: usize,
        life: u64,
        input: Box<Input>,
    },
    /// Gathered writes go to disk.
    Flush { node: usize, life: u64 },
    /// A node starts.
    Start { node: usize },
    /// A client sends a transaction to everybody.
    Transaction,
    /// Somebody wants another validator set.
    SetChange,
    /// A transaction comes late.
    Arrive { node: usize, transaction: Digest },
    /// The faults change.
    Weather,
}

/// In order of time, then of scheduling.
#[derive(Debug)]
struct Scheduled {
    at: u64,
    sequence: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

/// A network in the middle of its scenario.
#[derive(Debug)]
pub struct Simulation {
    /// The scenario.
    pub plan: Plan,
    /// Who there is.
    pub committee: Arc<Committee>,
    /// The time, in milliseconds since the Unix epoch.
    pub now: u64,
    /// The ways between the nodes.
    pub network: Network,
    /// The instances.
    pub nodes: Vec<Node>,
    /// What must hold.
    pub checks: Checks,
    /// What happened.
    pub figures: Figures,
    /// Where lines go.
    pub trace: Trace,
    /// Whether faults are still wanted.
    pub faulty: bool,
    pub(crate) random: Random,
    pub(crate) crash_random: Random,
    pub(crate) transactions: BTreeSet<Digest>,
    pub(crate) params: Params,
    queue: BinaryHeap<Reverse<Scheduled>>,
    sequence: u64,
    /// Highest round by epoch.
    highest_rounds: Vec<u64>,
}

impl Simulation {
    /// A network that has not started.
    #[must_use]
    pub fn new(plan: Plan, trace: Trace) -> Self {
        block_ids::forget();
        let committee = Arc::new(Committee::new(plan.seats.clone()));
        let mut members: Vec<usize> = (0..plan.members).collect();
        members.extend(&plan.twins);
        let mut random = Random::new(plan.seed, 2);
        let mut choices = Random::new(plan.seed, 3);
        let nodes: Vec<Node> = members
            .iter()
            .enumerate()
            .map(|(instance, member)| {
                let group = plan.group_commit_ms.get(instance).copied().flatten();
                let own = Random::new(plan.seed, 100 + instance as u64);
                let mut node = Node::new(*member, &committee, own, group);
                node.clock = Clock {
                    offset_ms: skew(&mut random, plan.skew_ms),
                    drift_ppm: skew(&mut random, plan.skew_ms.min(50)),
                };
                let kinds = plan.byzantine.get(member).into_iter().flatten();
                node.behaviours = kinds.map(|kind| kind.make(&mut choices)).collect();
                node
            })
            .collect();
        let honest = (0..plan.members)
            .map(|member| !plan.byzantine.contains_key(&member) && !plan.twins.contains(&member))
            .collect();
        let checks = Checks::new(&committee, plan.scheme, nodes.len(), honest);
        let mut network = Network::whole(nodes.len());
        (network.min_delay, network.max_delay) = plan.delay_ms;
        network.loss_per_mille = plan.loss;
        network.duplicate_per_mille = plan.duplicate;
        network.hold_per_mille = plan.hold;
        network.max_hold = plan.max_hold_ms;
        network.rounds.clone_from(&plan.partitions);
        Self {
            committee,
            now: BEGINNING,
            network,
            nodes,
            checks,
            figures: Figures::default(),
            trace,
            faulty: true,
            random,
            crash_random: Random::new(plan.seed, 4),
            transactions: BTreeSet::new(),
            params: Params::default(),
            queue: BinaryHeap::new(),
            sequence: 0,
            highest_rounds: vec![0; plan.seats.len()],
            plan,
        }
    }

    /// Whether a node keeps the rules: neither Byzantine, nor absent, nor one of twins.
    #[must_use]
    pub fn is_honest(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        let doubled = self.plan.twins.contains(&node.member);
        !node.is_byzantine() && !doubled && !self.plan.absent.contains(&node.member)
    }

    /// Milliseconds since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        self.now - BEGINNING
    }

    /// Rounds of all epochs so far.
    #[must_use]
    pub fn rounds(&self) -> u64 {
        self.highest_rounds.iter().sum()
    }

    pub(crate) fn line(&mut self, line: impl FnOnce() -> String) {
        let elapsed = self.now - BEGINNING;
        self.trace.line(elapsed, line);
    }

    pub(crate) fn schedule(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse(Scheduled {
            at: self.now + after,
            sequence: self.sequence,
            event,
        }));
    }

    pub(crate) fn answer(&mut self, node: usize, after: u64, input: Input) {
        let life = self.nodes[node].life;
        let input = Box::new(input);
        self.schedule(after, Event::Answer { node, life, input });
    }

    /// Starts every node and the clients.
    ///
    /// # Errors
    /// What a replica does wrong at once.
    pub fn start(&mut self) -> Result<(), Violation> {
        for node in 0..self.nodes.len() {
            self.start_node(node)?;
        }
        if self.plan.transaction_ms.is_some() {
            self.schedule(1, Event::Transaction);
        }
        self.schedule(crate::plan::TICK_MS, Event::Weather);
        if let Some(every) = self.plan.epoch_ms {
            let after = self.random.between(1, every);
            self.schedule(after, Event::SetChange);
        }
        Ok(())
    }

    /// Runs until `done` says so or the time is over; says whether it did.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn run_until(
        &mut self,
        end: u64,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<bool, Violation> {
        let end = BEGINNING + end;
        while !done(self) {
            let Some(Reverse(next)) = self.queue.pop() else {
                return Ok(false);
            };
            if next.at > end {
                self.queue.push(Reverse(next));
                self.now = end;
                return Ok(false);
            }
            self.now = next.at;
            self.handle(next.event)?;
        }
        Ok(true)
    }

    /// Runs for so many milliseconds.
    ///
    /// # Errors
    /// The first thing that went wrong.
    pub fn run_for(&mut self, ms: u64) -> Result<(), Violation> {
        let end = self.elapsed() + ms;
        self.run_until(end, |_| false).map(|_| ())
    }

    /// The highest final height of an honest node.
    #[must_use]
    pub fn highest_final(&self) -> u64 {
        let honest = (0..self.nodes.len()).filter(|node| self.is_honest(*node));
        honest
            .map(|node| self.nodes[node].final_height())
            .max()
            .unwrap_or(0)
    }

    /// The lowest final height of an honest node that has a seat in the current epoch.
    #[must_use]
    pub fn lowest_final(&self) -> u64 {
        let seats = self.plan.seats.get(self.checks.final_epoch());
        let seated =
            |member| seats.is_some_and(|seats| seats.iter().any(|(seated, _)| *seated == member));
        (0..self.nodes.len())
            .filter(|node| self.is_honest(*node) && seated(self.nodes[*node].member))
            .map(|node| self.nodes[node].final_height())
            .min()
            .unwrap_or(0)
    }

    fn handle(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Deliver { to, from, parcel } => self.deliver(to, from, &parcel),
            Event::Timer { node, life, timer } => self.input(node, life, Input::Timer(timer)),
            Event::Answer { node, life, input } => self.answered(node, life, *input),
            Event::Flush { node, life } => {
                if self.nodes[node].life == life {
                    self.nodes[node].flushing = false;
                    self.flush(node)?;
                }
                Ok(())
            }
            Event::Start { node } => self.start_node(node),
            Event::Transaction => self.transaction(),
            Event::SetChange => self.set_change(),
            Event::Arrive { node, transaction } => {
                self.nodes[node].late.remove(&transaction);
                Ok(())
            }
            Event::Weather => self.weather(),
        }
    }

    /// One step of one replica.
    pub(crate) fn input(&mut self, node: usize, life: u64, input: Input) -> Result<(), Violation> {
        let it = &mut self.nodes[node];
        if it.life != life {
            return Ok(());
        }
        let now = it.clock.read(self.now);
        let Some(replica) = &mut it.replica else {
            return Ok(());
        };
        self.figures.steps += 1;
        let effects = replica.step(now, input);
        let (epoch, round) = (replica.epoch().0, replica.round().0);
        if let Ok(epoch) = usize::try_from(epoch)
            && let Some(highest) = self.highest_rounds.get_mut(epoch)
        {
            *highest = round.max(*highest);
        }
        self.perform(node, effects)
    }
}

/// A number between `-most` and `most`.
fn skew(random: &mut Random, most: u64) -> i64 {
    let spread = random.between(0, 2 * most);
    i64::try_from(spread).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
}
