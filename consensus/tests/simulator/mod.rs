//! N replicas over a seeded network, clock and disk, on one thread. The same seed gives the same run.
//!
//! Checked at every step: one final block a height, every final block on the one before, every certificate
//! valid, no honest replica diverges or is accused.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

pub mod byzantine;
pub mod committee;
pub mod disk;
pub mod host;
pub mod random;
pub mod stub;

use byzantine::Behaviour;
use cairn_consensus::{
    Admission, BlockId, Evidence, Input, Message, Params, Timer, ValidatorId, Verified,
};
use cairn_crypto::Digest;
use committee::{Committee, chain_id};
use host::Host;
use random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How the network treats a message.
#[derive(Clone, Debug)]
pub struct Network {
    pub min_delay: u64,
    pub max_delay: u64,
    pub loss_per_mille: u64,
    pub duplicate_per_mille: u64,
    /// Nodes of different groups do not hear each other.
    pub groups: Vec<u8>,
}

/// Chances per effect and per second.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A crash between two effects of one step, per effect.
    pub crash_per_mille: u64,
    /// At most so many honest nodes are down at once.
    pub max_down: usize,
    /// A change of the partition, once a second.
    pub partition_per_mille: u64,
}

#[derive(Clone, Debug)]
pub enum Event {
    Deliver {
        to: usize,
        from: usize,
        message: Verified<Message>,
    },
    Timer {
        node: usize,
        incarnation: u64,
        timer: Timer,
    },
    Host {
        node: usize,
        incarnation: u64,
        input: Box<Input>,
    },
    Restart {
        node: usize,
    },
    Transaction,
    Weather,
}

thread_local! {
    /// Whether simulations of this thread sign with ML-DSA-87.
    pub static REAL: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

pub struct Simulation {
    pub seed: u64,
    pub committee: Arc<Committee>,
    pub params: Params,
    pub now: u64,
    pub random: Random,
    pub network: Network,
    pub faults: Faults,
    pub hosts: Vec<Host>,
    pub behaviour: Vec<Behaviour>,
    pub transactions_every: Option<u64>,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    transactions: u64,
    /// The one final block of each height.
    pub final_blocks: BTreeMap<u64, BlockId>,
    /// Who was accused, and why.
    pub evidence: Vec<(usize, Evidence)>,
    /// What each honest node signed, by epoch, phase and round: once is allowed.
    pub said: BTreeMap<(usize, u64, u8, u64), Vec<u8>>,
    pub messages: u64,
    pub steps: u64,
}

impl Simulation {
    pub fn new(seed: u64, n: usize) -> Self {
        Self::with(seed, Committee::new(n), Params::default())
    }

    pub fn with(seed: u64, mut committee: Committee, params: Params) -> Self {
        let n = committee.keys.len();
        let mut random = Random::new(seed);
        committee.real = REAL.get();
        let committee = Arc::new(committee);
        let hosts = (0..n)
            .map(|_| Host::new(&committee, random.between(0, 200)))
            .collect();
        let final_blocks = BTreeMap::from([(0, committee.genesis.id())]);
        Self {
            seed,
            committee,
            params,
            now: 1_000_000,
            random,
            network: Network {
                min_delay: 1,
                max_delay: 20,
                loss_per_mille: 0,
                duplicate_per_mille: 0,
                groups: vec![0; n],
            },
            faults: Faults::default(),
            hosts,
            behaviour: vec![Behaviour::Honest; n],
            transactions_every: Some(200),
            queue: BTreeMap::new(),
            sequence: 0,
            transactions: 0,
            final_blocks,
            evidence: Vec::new(),
            said: BTreeMap::new(),
            messages: 0,
            steps: 0,
        }
    }

    /// Starts every node.
    pub fn start(&mut self) {
        for node in 0..self.hosts.len() {
            self.restart(node);
        }
        self.schedule(1, Event::Transaction);
        self.schedule(1_000, Event::Weather);
    }

    /// How to see a failure again.
    pub fn replay(&self) -> String {
        format!(
            "seed {seed}, at {now} ms; replay: CAIRN_SIM_SEED={seed} cargo test --release -p cairn-consensus --test simulation -- --nocapture",
            seed = self.seed,
            now = self.now
        )
    }

    pub fn honest(&self) -> Vec<usize> {
        (0..self.hosts.len())
            .filter(|node| self.behaviour[*node] == Behaviour::Honest)
            .collect()
    }

    /// The lowest final height among honest nodes; a node that is down counts by its disk.
    pub fn lowest_final(&self) -> u64 {
        self.honest()
            .into_iter()
            .map(|node| self.hosts[node].final_height())
            .min()
            .unwrap()
    }

    pub fn highest_final(&self) -> u64 {
        *self.final_blocks.keys().next_back().unwrap()
    }

    pub fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        self.run_until(end, |_| false);
        self.now = end;
    }

    /// Runs until `done` or `end`; says whether it was done.
    pub fn run_until(&mut self, end: u64, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            let Some(((at, _), _)) = self.queue.first_key_value() else {
                return false;
            };
            if *at > end {
                return false;
            }
            let ((at, _), event) = self.queue.pop_first().unwrap();
            self.now = at;
            self.handle(event);
        }
        true
    }

    /// Ends all faults: everybody is up and hears everybody.
    pub fn heal(&mut self) {
        self.faults = Faults::default();
        self.network.loss_per_mille = 0;
        self.network.duplicate_per_mille = 0;
        self.network.groups.fill(0);
        for node in 0..self.hosts.len() {
            if self.hosts[node].replica.is_none() {
                self.restart(node);
            }
        }
    }

    /// Asserts that `blocks` more blocks become final everywhere within `within_ms`.
    pub fn assert_progress(&mut self, blocks: u64, within_ms: u64) {
        let goal = self.highest_final() + blocks;
        let done = self.run_until(self.now + within_ms, |sim| sim.lowest_final() >= goal);
        assert!(
            done,
            "final heights {:?}, rounds {:?}, wanted {goal}; {}",
            self.hosts
                .iter()
                .map(Host::final_height)
                .collect::<Vec<_>>(),
            self.hosts
                .iter()
                .map(|host| host.replica.as_ref().map(|replica| replica.status()))
                .collect::<Vec<_>>(),
            self.replay()
        );
    }

    pub fn schedule(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), event);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { to, from, message } => self.deliver(to, from, message),
            Event::Timer {
                node,
                incarnation,
                timer,
            } => self.input(node, incarnation, Input::Timer(timer)),
            Event::Host {
                node,
                incarnation,
                input,
            } => self.input(node, incarnation, *input),
            Event::Restart { node } => self.restart(node),
            Event::Transaction => self.transaction(),
            Event::Weather => self.weather(),
        }
    }

    fn deliver(&mut self, to: usize, from: usize, message: Verified<Message>) {
        if self.network.groups[to] != self.network.groups[from] {
            return;
        }
        if self.behaviour[to] == Behaviour::VotesForAll
            && let Message::Proposal(proposal) = message.get()
        {
            let key = self.committee.signer(to);
            let set = self.committee.set_of(proposal.block.header.epoch);
            let voter = set.index_of(&self.committee.id(to)).unwrap();
            for vote in byzantine::blind_votes(proposal, voter, &*key) {
                self.broadcast(to, vote);
            }
        }
        let Some(replica) = &self.hosts[to].replica else {
            return;
        };
        let from = self.committee.id(from);
        let input = match replica.admit(message.get()) {
            Admission::Verify(set) => {
                if let Some(epoch) = message.get().epoch() {
                    let right = matches!(message.get(), Message::Status(_));
                    assert!(right || set == self.committee.set_of(epoch));
                }
                Input::Message(message, from)
            }
            Admission::OtherEpoch(epoch) => Input::OtherEpoch { epoch, from },
            Admission::Drop(_) => return,
        };
        let incarnation = self.hosts[to].incarnation;
        self.input(to, incarnation, input);
    }

    pub fn input(&mut self, node: usize, incarnation: u64, input: Input) {
        let host = &mut self.hosts[node];
        if host.incarnation != incarnation {
            return;
        }
        let now = self.now + host.clock_offset;
        let input = match host.prepare(input) {
            Some(input) => input,
            None => return,
        };
        let Some(replica) = &mut host.replica else {
            return;
        };
        self.steps += 1;
        let effects = replica.step(now, input);
        self.perform(node, effects);
    }

    pub fn restart(&mut self, node: usize) {
        if self.hosts[node].replica.is_some() {
            return;
        }
        let mut config = self.committee.config(node, &self.params);
        if self.behaviour[node] == Behaviour::Observes {
            config.signers.clear();
        }
        let effects = self.hosts[node].start(config, self.now);
        self.perform(node, effects);
        let incarnation = self.hosts[node].incarnation;
        if !self.hosts[node].pool.is_empty() {
            self.input(node, incarnation, Input::Work(true));
        }
        for peer in 0..self.hosts.len() {
            if peer == node || self.network.groups[peer] != self.network.groups[node] {
                continue;
            }
            for (a, b) in [(node, peer), (peer, node)] {
                let delay = self.delay();
                let incarnation = self.hosts[a].incarnation;
                let input = Box::new(Input::PeerConnected(self.committee.id(b)));
                self.schedule(
                    delay,
                    Event::Host {
                        node: a,
                        incarnation,
                        input,
                    },
                );
            }
        }
    }

    /// Power is lost at one node, which comes back after a while.
    pub fn crash(&mut self, node: usize, down_ms: u64) {
        self.hosts[node].crash();
        self.schedule(down_ms, Event::Restart { node });
    }

    fn transaction(&mut self) {
        let Some(every) = self.transactions_every else {
            return self.schedule(1_000, Event::Transaction);
        };
        self.transactions += 1;
        let transaction = Digest::of(&self.transactions.to_le_bytes());
        for node in 0..self.hosts.len() {
            self.hosts[node].pool.insert(transaction);
            let incarnation = self.hosts[node].incarnation;
            self.input(node, incarnation, Input::Work(true));
        }
        let wait = self.random.between(1, every * 2);
        self.schedule(wait, Event::Transaction);
    }

    fn weather(&mut self) {
        if self.random.chance(self.faults.partition_per_mille) {
            for node in 0..self.hosts.len() {
                self.network.groups[node] = u8::from(self.random.chance(400));
            }
        }
        self.schedule(1_000, Event::Weather);
    }

    pub fn down(&self) -> usize {
        self.hosts
            .iter()
            .filter(|host| host.replica.is_none())
            .count()
    }

    pub fn delay(&mut self) -> u64 {
        self.random
            .between(self.network.min_delay, self.network.max_delay)
    }

    pub fn broadcast(&mut self, from: usize, message: Message) {
        if self.behaviour[from] == Behaviour::Honest {
            self.assert_sound(from, &message);
        }
        let key = self.committee.signer(from);
        if self.behaviour[from] == Behaviour::LiesAboutHighQc {
            for lie in byzantine::lies(&message, &*key) {
                let lie = self.verified(lie);
                for to in (0..self.hosts.len()).filter(|to| *to != from) {
                    self.transmit(from, to, lie.clone());
                }
            }
        }
        let (even, odd) = byzantine::outgoing(self.behaviour[from], message, &*key);
        let [even, odd] = [even, odd].map(|message| message.map(|message| self.verified(message)));
        for to in 0..self.hosts.len() {
            // An accomplice is shown both faces.
            let both = self.behaviour[from] == Behaviour::Equivocates
                && self.behaviour[to] == Behaviour::VotesForAll;
            for (message, shown) in [(&even, to % 2 == 0), (&odd, to % 2 == 1)] {
                if to != from
                    && (shown || both)
                    && let Some(message) = message.clone()
                {
                    self.transmit(from, to, message);
                }
            }
        }
    }

    pub fn send(&mut self, from: usize, to: ValidatorId, message: Message) {
        if self.behaviour[from] == Behaviour::Honest {
            self.assert_sound(from, &message);
        }
        if self.behaviour[from] != Behaviour::Silent {
            let message = self.verified(message);
            self.transmit(from, self.committee.node_of(&to), message);
        }
    }

    /// What an honest node signed is on its disk before it leaves, with the block that it is about, and
    /// nothing contradicts what it signed before, in any of its lives.
    fn assert_sound(&mut self, node: usize, message: &Message) {
        let disk = &self.hosts[node].disk;
        let record = &disk.record;
        if let Some(epoch) = message.epoch() {
            let speaks = !matches!(message, Message::Certificate(_) | Message::Status(_));
            assert!(!speaks || epoch == record.epoch, "S0; {}", self.replay());
        }
        let (phase, round, body, stored) = match message {
            Message::Proposal(proposal) => {
                let id = proposal.block.id();
                let round = proposal.block.header.round;
                let kept = record.last_proposal.as_ref();
                let stored = kept.is_some_and(|kept| kept.block.header.round >= round);
                (
                    0,
                    round,
                    borsh::to_vec(&id).unwrap(),
                    stored && disk.has(&id),
                )
            }
            Message::Vote(vote) => {
                let stored = record.last_voted_round >= vote.round && disk.has(&vote.block_id);
                (1, vote.round, borsh::to_vec(&vote.body()).unwrap(), stored)
            }
            Message::CommitVote(vote) => {
                let stored = record.high_qc_round() >= vote.round;
                let stored = stored && disk.has(&vote.block_id);
                (2, vote.round, borsh::to_vec(&vote.body()).unwrap(), stored)
            }
            Message::Timeout { timeout, .. } => {
                let stored = record.highest_timeout_round >= timeout.round;
                (
                    3,
                    timeout.round,
                    borsh::to_vec(&timeout.body()).unwrap(),
                    stored,
                )
            }
            Message::QuorumCertRequest { .. } | Message::Certificate(_) | Message::Status(_) => {
                return;
            }
        };
        let replay = self.replay();
        assert!(
            stored,
            "node {node} sends what is not on disk: {message:?}; {replay}"
        );
        let first = self
            .said
            .entry((node, message.epoch().unwrap().0, phase, round.0))
            .or_insert_with(|| body.clone());
        assert_eq!(
            *first, body,
            "node {node} contradicts itself in round {round}; {replay}"
        );
    }

    /// Everything a replica or an adversary with a key sends verifies; each receiver would check the same bytes.
    fn verified(&self, message: Message) -> Verified<Message> {
        let set = self.committee.set_of(message.epoch().unwrap_or_default());
        message
            .verify_with(&set, &chain_id(), self.committee.verifier())
            .unwrap_or_else(|error| panic!("{error}; {}", self.replay()))
    }

    fn transmit(&mut self, from: usize, to: usize, message: Verified<Message>) {
        let copies = 1 + u64::from(self.random.chance(self.network.duplicate_per_mille));
        for _ in 0..copies {
            if self.random.chance(self.network.loss_per_mille) {
                continue;
            }
            self.messages += 1;
            let delay = self.delay();
            let message = message.clone();
            self.schedule(delay, Event::Deliver { to, from, message });
        }
    }

    /// Who was accused.
    pub fn offenders(&self) -> BTreeSet<usize> {
        self.evidence
            .iter()
            .map(|(offender, _)| *offender)
            .collect()
    }

    /// The lowest epoch among honest nodes that are up.
    pub fn lowest_epoch(&self) -> u64 {
        let replicas = self.hosts.iter().filter_map(|host| host.replica.as_ref());
        replicas.map(|replica| replica.epoch().0).min().unwrap()
    }
}
