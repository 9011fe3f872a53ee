//! The queue of events, and what each of them does. One thread, one order: the same plan gives the same run.

use crate::behaviour::Scene;
use crate::block_ids::{self, id_of};
use crate::checks::{Checks, Violation};
use crate::clock::Clock;
use crate::committee::Committee;
use crate::delivery::Parcel;
use crate::figures::Figures;
use crate::ledger;
use crate::network::Network;
use crate::node::Node;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::Trace;
use cairn_consensus::{Config, Effect, Header, Input, Message, Params, Recovery, Replica, Timer};
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
    params: Params,
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
        let seated = |member| {
            seats.is_some_and(|seats| seats.iter().any(|(seated, _)| *seated == member))
        };
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

    fn start_node(&mut self, node: usize) -> Result<(), Violation> {
        let absent = self.plan.absent.contains(&self.nodes[node].member);
        if absent || self.nodes[node].replica.is_some() {
            return Ok(());
        }
        let effects = self.recover(node);
        self.line(|| format!("node {node} starts"));
        self.perform(node, effects)?;
        let life = self.nodes[node].life;
        if !self.nodes[node].pool.is_empty() {
            self.input(node, life, Input::Work(true))?;
        }
        for peer in 0..self.nodes.len() {
            if peer != node {
                self.connect(node, peer);
                self.connect(peer, node);
            }
        }
        Ok(())
    }

    fn recover(&mut self, node: usize) -> Vec<Effect> {
        let set = self.set_after(node);
        let it = &mut self.nodes[node];
        let header = it.disk.last().clone();
        let member = it.member;
        let config = Config {
            chain_id: self.committee.chain_id(),
            params: self.params.clone(),
            id: Some(crate::signing::fingerprint(member)),
            signers: vec![self.plan.scheme.signer(member)],
        };
        let recovery = Recovery {
            final_header: header.clone(),
            final_cert: it.disk.cert().cloned(),
            validators: self.committee.ledger.schedule[set].clone(),
            recent: it.disk.recent(Recovery::RECENT),
            history: it.disk.history(),
            record: it.disk.record().clone(),
            pending: it.disk.pending(),
        };
        it.blocks = it
            .disk
            .pending()
            .into_iter()
            .map(|block| (id_of(&block), block))
            .collect();
        let state = self.committee.ledger.replay(&it.disk.above(0));
        it.states.insert(header.id(), state);
        self.checks.started(node, &it.disk);
        let (replica, effects) = Replica::recover(config, recovery, it.clock.read(self.now));
        it.replica = Some(replica);
        effects
    }

    /// Place in the schedule of the set in force after what a node has on disk.
    fn set_after(&self, node: usize) -> usize {
        set_after(self.nodes[node].disk.last())
    }

    /// A connection is made, if the way is open, and the node is told in a moment.
    pub(crate) fn connect(&mut self, node: usize, peer: usize) {
        if !self.network.open(node, peer) || !self.network.open(peer, node) {
            return;
        }
        if self.nodes[node].replica.is_none() || self.nodes[peer].replica.is_none() {
            return;
        }
        let id = crate::signing::fingerprint(self.nodes[peer].member);
        let delay = self.network.delay(&mut self.random, peer, node);
        self.answer(node, delay, Input::PeerConnected(id));
    }

    fn transaction(&mut self) -> Result<(), Violation> {
        let count = self.transactions.len() as u64;
        self.announce(Digest::of(&count.to_le_bytes()))?;
        let every = self.plan.transaction_ms.unwrap_or(1_000);
        let after = self.random.between(1, every * 2);
        self.schedule(after, Event::Transaction);
        Ok(())
    }

    fn set_change(&mut self) -> Result<(), Violation> {
        let set = self.checks.final_epoch();
        if set + 1 < self.plan.seats.len() {
            self.announce(ledger::set_change(set))?;
        }
        let every = self.plan.epoch_ms.unwrap_or(1_000);
        let after = self.random.between(every / 2, every * 2);
        self.schedule(after, Event::SetChange);
        Ok(())
    }

    /// Everybody hears of a transaction, some late.
    fn announce(&mut self, transaction: Digest) -> Result<(), Violation> {
        if !self.transactions.insert(transaction) {
            return Ok(());
        }
        for node in 0..self.nodes.len() {
            let late = if self.faulty {
                self.plan.faults.late_payload
            } else {
                0
            };
            if self.random.chance(late) {
                self.nodes[node].late.insert(transaction);
                let after = self.random.between(50, 5_000);
                self.schedule(after, Event::Arrive { node, transaction });
            }
            self.nodes[node].pool.insert(transaction);
            let life = self.nodes[node].life;
            self.input(node, life, Input::Work(true))?;
        }
        Ok(())
    }

    /// Lets a Byzantine member react to what it hears.
    pub(crate) fn overhear(
        &mut self,
        node: usize,
        from: usize,
        message: &Message,
    ) -> Result<(), Violation> {
        if !self.nodes[node].is_byzantine() {
            return Ok(());
        }
        // Only honest words set it off, so that two of them do not set each other off for ever. Proposals are the
        // exception: accomplices vote for both faces.
        if self.nodes[from].is_byzantine() && !matches!(message, Message::Proposal(_)) {
            return Ok(());
        }
        let mut behaviours = std::mem::take(&mut self.nodes[node].behaviours);
        let out = self.scene(node, |scene| {
            for behaviour in &mut behaviours {
                behaviour.hear(scene, message);
            }
        });
        self.nodes[node].behaviours = behaviours;
        for (to, message) in out {
            self.figures.byzantine_messages += 1;
            self.transmit(node, to, message)?;
        }
        Ok(())
    }

    /// Gives a behaviour its stage; what it wants sent is returned.
    pub(crate) fn scene(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Scene<'_>),
    ) -> Vec<(crate::behaviour::Audience, Message)> {
        let chain_id = self.committee.chain_id();
        let it = &mut self.nodes[node];
        let Some(replica) = &it.replica else {
            return Vec::new();
        };
        let Some(index) = replica.me() else {
            return Vec::new();
        };
        let signer = self.plan.scheme.signer(it.member);
        let mut scene = Scene {
            random: &mut it.random,
            signer: &*signer,
            index,
            set: replica.validators(),
            chain_id,
            round: replica.round(),
            epoch: replica.epoch(),
            now: self.now,
            out: Vec::new(),
        };
        act(&mut scene);
        scene.out
    }
}

/// A number between `-most` and `most`.
fn skew(random: &mut Random, most: u64) -> i64 {
    let spread = random.between(0, 2 * most);
    i64::try_from(spread).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
}

/// Place in the schedule of the set in force after a final header.
pub(crate) fn set_after(header: &Header) -> usize {
    let epoch = usize::try_from(header.epoch.0).unwrap_or(usize::MAX);
    epoch + usize::from(header.validators_hash != header.next_validators_hash)
}
