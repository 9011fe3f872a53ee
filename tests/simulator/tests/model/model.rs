//! The network as a model: what each machine has seen, and all that was ever said.
//!
//! A message that was said may arrive at any later time, or never; that covers delay, reordering and loss. Two reductions
//! keep the number of states in bounds. Votes for one block arrive together, once there are enough of them for
//! a quorum: fewer change nothing that is ever sent. Commit votes likewise. Of the timeouts of a round, those with one
//! claim arrive together.

use crate::adversary::Adversary;
use crate::machine::{Happening, Machine};
use cairn_consensus::{BlockId, Message};
use cairn_crypto::Digest;
use cairn_simulator::committee::Committee;
use stateright::{Model, Property};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Place of a message in the table of all messages.
type Said = u16;

/// A state of the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// What each honest machine is like: a place in the table of machines.
    pub machines: Vec<u32>,
    /// Everything said, in order of the table.
    pub said: Vec<Said>,
    /// Timers that fired.
    pub timers: u32,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Messages arrive at a machine.
    Arrive(usize, Vec<Said>),
    /// Its timer fires.
    Timer(usize),
    /// It loses power.
    Crash(usize),
}

/// A machine that some history led to.
#[derive(Debug)]
struct Known {
    member: usize,
    history: Vec<Happening>,
    timer: bool,
    epoch: u64,
    crashes: u32,
    /// Final blocks with their parents.
    chain: Vec<(BlockId, BlockId)>,
    diverged: bool,
}

/// From which machine, what arrives, and whether it crashes; a timer fires if neither.
type Step = (u32, Option<Vec<Said>>, bool);

#[derive(Debug, Default)]
struct Tables {
    messages: Vec<Message>,
    places: BTreeMap<Vec<u8>, Said>,
    machines: Vec<Known>,
    by_digest: BTreeMap<(usize, Digest), u32>,
    steps: BTreeMap<Step, (u32, Vec<Said>)>,
}

/// Where the exploration ends.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Rounds of each epoch up to this one.
    pub last_round: u64,
    /// Timers that fire, over all machines.
    pub most_timers: u32,
    /// Crashes, over all machines.
    pub most_crashes: u32,
    /// Whether commit votes arrive. If not, a block counts as final as soon as a quorum has commit-voted for it, whether
    /// or not any machine knows.
    pub commits_arrive: bool,
}

/// A network and its bounds.
#[derive(Debug)]
pub struct Bounded {
    committee: Arc<Committee>,
    /// Members with a machine.
    honest: Vec<usize>,
    adversary: Option<Adversary>,
    bounds: Bounds,
    tables: Mutex<Tables>,
}

impl Tables {
    fn message(&mut self, message: &Message) -> Said {
        let bytes = message.encode();
        if let Some(place) = self.places.get(&bytes) {
            return *place;
        }
        let place = Said::try_from(self.messages.len()).expect("small models say little");
        self.messages.push(message.clone());
        self.places.insert(bytes, place);
        place
    }

    fn machine(&mut self, machine: &Machine, member: usize, history: Vec<Happening>) -> u32 {
        let key = (member, machine.digest());
        if let Some(place) = self.by_digest.get(&key) {
            return *place;
        }
        let place = u32::try_from(self.machines.len()).expect("small models have few machines");
        self.machines.push(Known {
            member,
            history,
            timer: machine.can_time_out(),
            epoch: machine.replica.epoch().0,
            crashes: machine.crashes,
            chain: machine
                .chain
                .iter()
                .map(|block| (block.id(), block.header.parent))
                .collect(),
            diverged: machine.diverged,
        });
        self.by_digest.insert(key, place);
        place
    }
}

fn round_of(message: &Message) -> u64 {
    match message {
        Message::Proposal(proposal) => proposal.block.header.round.0,
        Message::Vote(vote) => vote.round.0,
        Message::CommitVote(vote) => vote.round.0,
        Message::Timeout { timeout, .. } => timeout.round.0,
        _ => 0,
    }
}

/// Messages that arrive together: phase, epoch, round, and what they are about.
fn bundle(message: &Message) -> Option<(u8, u64, u64, Digest)> {
    match message {
        Message::Vote(vote) => Some((1, vote.epoch.0, vote.round.0, vote.block_id.0)),
        Message::CommitVote(vote) => Some((2, vote.epoch.0, vote.round.0, vote.block_id.0)),
        Message::Timeout { timeout, .. } => {
            let claim = Digest::of(&timeout.high_qc_round.0.to_le_bytes());
            Some((3, timeout.epoch.0, timeout.round.0, claim))
        }
        _ => None,
    }
}

impl Bounded {
    /// Four members, of which `adversary` is not honest, and `silent` says nothing.
    pub fn new(
        committee: Committee,
        adversary: Option<usize>,
        silent: Option<usize>,
        bounds: Bounds,
    ) -> Self {
        let committee = Arc::new(committee);
        let honest = (0..committee.seats[0].len())
            .filter(|member| Some(*member) != adversary && Some(*member) != silent)
            .collect();
        Self {
            adversary: adversary
                .map(|member| Adversary::new(&committee, member, bounds.last_round)),
            honest,
            committee,
            bounds,
            tables: Mutex::default(),
        }
    }

    /// Machines that differ in anything.
    pub fn machines(&self) -> usize {
        self.tables.lock().unwrap().machines.len()
    }

    fn rebuild(&self, member: usize, history: &[Happening]) -> Machine {
        let mut machine = Machine::new(&self.committee, member, self.bounds.last_round);
        for happening in history {
            machine.happen(happening);
        }
        machine
    }

    /// What a machine becomes and says.
    fn step(&self, from: u32, arriving: Option<Vec<Said>>, crash: bool) -> (u32, Vec<Said>) {
        let mut tables = self.tables.lock().unwrap();
        let key = (from, arriving, crash);
        if let Some(known) = tables.steps.get(&key) {
            return known.clone();
        }
        let (from, arriving, crash) = key;
        let happening = match &arriving {
            Some(places) => Happening::Messages(
                places
                    .iter()
                    .map(|place| tables.messages[usize::from(*place)].clone())
                    .collect(),
            ),
            None if crash => Happening::Crash,
            None => Happening::Timer,
        };
        let known = &tables.machines[from as usize];
        let (member, mut history) = (known.member, known.history.clone());
        let mut machine = self.rebuild(member, &history);
        machine.happen(&happening);
        history.push(happening);
        let mut said = Vec::new();
        for message in &machine.said {
            said.push(tables.message(message));
            if let Some(adversary) = &self.adversary {
                for answer in adversary.answers(message) {
                    said.push(tables.message(&answer));
                }
            }
        }
        let to = tables.machine(&machine, member, history);
        tables
            .steps
            .insert((from, arriving, crash), (to, said.clone()));
        (to, said)
    }

    /// Whether the final blocks of all machines lie on one chain from genesis.
    fn is_one_final_chain(&self, network: &Network) -> bool {
        let tables = self.tables.lock().unwrap();
        let mut known: BTreeMap<usize, BlockId> = BTreeMap::new();
        network.machines.iter().all(|machine| {
            let machine = &tables.machines[*machine as usize];
            let mut last = self.committee.genesis.id();
            machine
                .chain
                .iter()
                .enumerate()
                .all(|(height, (id, parent))| {
                    let extends = *parent == last && *known.entry(height).or_insert(*id) == *id;
                    last = *id;
                    extends
                })
        })
    }

    fn is_in_last_epoch(&self, network: &Network) -> bool {
        let tables = self.tables.lock().unwrap();
        let last = self.committee.ledger.schedule.len() as u64 - 1;
        let mut machines = network.machines.iter();
        machines.any(|machine| tables.machines[*machine as usize].epoch == last)
    }

    fn nobody_diverges(&self, network: &Network) -> bool {
        let tables = self.tables.lock().unwrap();
        let mut machines = network.machines.iter();
        machines.all(|machine| !tables.machines[*machine as usize].diverged)
    }

    /// The blocks that a quorum has commit-voted for.
    fn committed(&self, tables: &Tables, network: &Network) -> Vec<BlockId> {
        let mut commits: BTreeMap<_, u64> = BTreeMap::new();
        for said in &network.said {
            if let Message::CommitVote(vote) = &tables.messages[usize::from(*said)] {
                let key = (vote.epoch, vote.round, vote.block_id);
                *commits.entry(key).or_default() += 1;
            }
        }
        let enough = self.committee.ledger.schedule[0].quorum_power();
        commits
            .into_iter()
            .filter(|(_, voices)| *voices >= enough)
            .map(|((.., id), _)| id)
            .collect()
    }

    fn is_any_committed(&self, network: &Network) -> bool {
        let tables = self.tables.lock().unwrap();
        !self.committed(&tables, network).is_empty()
    }

    /// Whether all blocks that a quorum has commit-voted for lie on one chain: one a height, and each on the last.
    fn is_one_chain(&self, network: &Network) -> bool {
        let tables = self.tables.lock().unwrap();
        let mut parents = BTreeMap::new();
        for said in &network.said {
            if let Message::Proposal(proposal) = &tables.messages[usize::from(*said)] {
                let header = &proposal.block.header;
                parents.insert(header.id(), (header.parent, header.height.0));
            }
        }
        let mut chain = BTreeMap::new();
        for mut id in self.committed(&tables, network) {
            while let Some((parent, height)) = parents.get(&id) {
                if *chain.entry(*height).or_insert(id) != id {
                    return false;
                }
                id = *parent;
            }
        }
        true
    }
}

impl Model for Bounded {
    type State = Network;
    type Action = Action;

    fn init_states(&self) -> Vec<Network> {
        let mut machines = Vec::new();
        let mut said = Vec::new();
        for member in &self.honest {
            let machine = Machine::new(&self.committee, *member, self.bounds.last_round);
            let mut tables = self.tables.lock().unwrap();
            for message in &machine.said {
                said.push(tables.message(message));
            }
            machines.push(tables.machine(&machine, *member, Vec::new()));
        }
        let mut tables = self.tables.lock().unwrap();
        for message in self.adversary.iter().flat_map(Adversary::begins) {
            said.push(tables.message(&message));
        }
        said.sort_unstable();
        said.dedup();
        vec![Network {
            machines,
            said,
            timers: 0,
        }]
    }

    fn actions(&self, network: &Network, actions: &mut Vec<Action>) {
        let tables = self.tables.lock().unwrap();
        let set = &self.committee.ledger.schedule[0];
        let machines = network.machines.iter();
        let crashes: u32 = machines
            .map(|machine| tables.machines[*machine as usize].crashes)
            .sum();
        for (place, machine) in network.machines.iter().enumerate() {
            let known = &tables.machines[*machine as usize];
            let mut bundles: BTreeMap<_, Vec<Said>> = BTreeMap::new();
            for said in &network.said {
                let message = &tables.messages[usize::from(*said)];
                if round_of(message) > self.bounds.last_round {
                    continue;
                }
                match bundle(message) {
                    Some(key) => bundles.entry(key).or_default().push(*said),
                    None => actions.push(Action::Arrive(place, vec![*said])),
                }
            }
            for ((phase, ..), bundle) in bundles {
                let arrives = phase != 2 || self.bounds.commits_arrive;
                if phase == 3 || arrives && bundle.len() as u64 >= set.quorum_power() {
                    actions.push(Action::Arrive(place, bundle));
                }
            }
            if known.timer && network.timers < self.bounds.most_timers {
                actions.push(Action::Timer(place));
            }
            if crashes < self.bounds.most_crashes {
                actions.push(Action::Crash(place));
            }
        }
    }

    fn next_state(&self, network: &Network, action: Action) -> Option<Network> {
        let timer = matches!(action, Action::Timer(_));
        let (place, arriving, crash) = match action {
            Action::Arrive(place, messages) => (place, Some(messages), false),
            Action::Timer(place) => (place, None, false),
            Action::Crash(place) => (place, None, true),
        };
        let (to, said) = self.step(network.machines[place], arriving, crash);
        let mut next = network.clone();
        next.machines[place] = to;
        next.timers += u32::from(timer);
        next.said.extend(said);
        next.said.sort_unstable();
        next.said.dedup();
        (next != *network).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("all committed blocks on one chain", Self::is_one_chain),
            Property::always("all final blocks on one chain", Self::is_one_final_chain),
            Property::always("nobody diverges", Self::nobody_diverges),
            Property::sometimes("a block is committed", Self::is_any_committed),
            Property::sometimes("the last epoch is reached", Self::is_in_last_epoch),
        ]
    }
}
