//! One replica and the least host that it needs, on a clock that stands still.
//!
//! Replicas cannot be copied, so a machine is made anew from the inputs that led to it.

use cairn_consensus::{
    Admission, Block, BlockId, BuiltBlock, Config, Effect, Input, Message, Params, Recovery,
    Replica, SafetyRecord, Timer, ValidatorSet,
};
use cairn_crypto::{Digest, merkle};
use cairn_simulator::committee::Committee;
use cairn_simulator::ledger::{self, State};
use cairn_simulator::signing::{self, Scheme};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

const NOW: u64 = 1_000_000;

/// What can happen to a machine.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Messages arrive, one right after the other.
    Messages(Vec<Message>),
    /// The timer of the round fires.
    Timer,
    /// Power is lost, and comes back.
    Crash,
}

/// See the module.
#[derive(Debug)]
pub struct Machine {
    committee: Arc<Committee>,
    member: usize,
    last_round: u64,
    pub replica: Replica,
    record: SafetyRecord,
    stored: BTreeMap<BlockId, Arc<Block>>,
    states: BTreeMap<BlockId, State>,
    timer: Option<Timer>,
    /// Final blocks from height 1 on.
    pub chain: Vec<Arc<Block>>,
    cert: Option<Arc<cairn_consensus::FinalityCert>>,
    /// What the last happening made it say to all.
    pub said: Vec<Message>,
    /// It found a certified block wrong.
    pub diverged: bool,
    pub crashes: u32,
    /// Timeouts that arrived in this life: round, claim, and how many.
    claims: BTreeMap<(u64, u64), BTreeSet<u16>>,
}

impl Machine {
    /// A machine before anything happened. It proposes in no round above `last_round`.
    pub fn new(committee: &Arc<Committee>, member: usize, last_round: u64) -> Self {
        let record = SafetyRecord::genesis(cairn_consensus::Epoch(0));
        let genesis = committee.genesis.id();
        let states = BTreeMap::from([(genesis, committee.ledger.genesis())]);
        let (replica, effects) = recover(committee, member, &record, &[], &[], None);
        let mut machine = Self {
            committee: Arc::clone(committee),
            member,
            last_round,
            replica,
            record,
            stored: BTreeMap::new(),
            states,
            timer: None,
            chain: Vec::new(),
            cert: None,
            said: Vec::new(),
            diverged: false,
            crashes: 0,
            claims: BTreeMap::new(),
        };
        machine.run(effects, Vec::new());
        machine.run(Vec::new(), vec![Input::Work(true)]);
        machine
    }

    /// Whether a timer of a round that matters is set.
    pub fn can_time_out(&self) -> bool {
        self.timer.is_some()
            && self.replica.round().0 <= self.last_round
            && self.record.highest_timeout_round < self.replica.round()
    }

    /// What it knows, in short: equal for machines that will behave alike. Who signed a certificate makes no difference
    /// to what comes later, nor do the single votes once they have made one; how many timeouts came, and with which
    /// claims, does.
    pub fn digest(&self) -> Digest {
        let mut text = format!(
            "{:?} {:?} {:?} {:?} {:?} {} {} {:?}",
            self.replica,
            self.record,
            self.stored.keys(),
            self.timer,
            self.chain
                .iter()
                .map(|block| block.id())
                .collect::<Vec<_>>(),
            self.diverged,
            self.crashes,
            self.claims
                .iter()
                .map(|(key, voters)| (*key, voters.len()))
                .collect::<Vec<_>>(),
        );
        for field in [
            "generation: ",
            "asked: ",
            "answered: ",
            "served: ",
            "tally: ",
            "signers: ",
            "signatures: ",
            "high_qc_rounds: ",
            "signature: ",
        ] {
            text = without(&text, field);
        }
        Digest::of(text.as_bytes())
    }

    pub fn happen(&mut self, happening: &Happening) {
        self.said.clear();
        match happening {
            Happening::Messages(messages) => {
                for message in messages {
                    self.take(message);
                }
            }
            Happening::Timer => {
                if let Some(timer) = self.timer.take() {
                    self.run(Vec::new(), vec![Input::Timer(timer)]);
                }
            }
            Happening::Crash => {
                self.crashes += 1;
                self.claims.clear();
                self.timer = None;
                let pending: Vec<_> = self.stored.values().cloned().collect();
                let (replica, effects) = recover(
                    &self.committee,
                    self.member,
                    &self.record,
                    &pending,
                    &self.chain,
                    self.cert.clone(),
                );
                self.replica = replica;
                let state = self.committee.ledger.replay(&self.chain);
                self.states = BTreeMap::from([(self.replica.final_header().id(), state)]);
                self.run(effects, vec![Input::Work(true)]);
            }
        }
    }

    fn take(&mut self, message: &Message) {
        let Admission::Verify(set) = self.replica.admit(message) else {
            return;
        };
        let chain_id = self.committee.chain_id();
        if let Message::Timeout { timeout, .. } = message {
            let key = (timeout.round.0, timeout.high_qc_round.0);
            self.claims.entry(key).or_default().insert(timeout.voter.0);
        }
        if let Ok(verified) = message.clone().verify_with(&set, &chain_id, &Scheme::Stub) {
            let from = sender(&set, message);
            self.run(Vec::new(), vec![Input::Message(verified, from)]);
        }
    }

    fn run(&mut self, effects: Vec<Effect>, inputs: Vec<Input>) {
        let mut inputs = VecDeque::from(inputs);
        let mut effects = VecDeque::from(effects);
        loop {
            if let Some(effect) = effects.pop_front() {
                inputs.extend(self.perform(effect));
            } else if let Some(input) = inputs.pop_front() {
                effects.extend(self.replica.step(NOW, input));
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Persist { record, blocks } => {
                self.record = *record;
                for block in blocks {
                    self.stored.insert(block.id(), block);
                }
                None
            }
            Effect::Broadcast(message) => {
                self.said.push(message);
                None
            }
            Effect::Execute { block } => {
                let parent = self.states.get(&block.header.parent)?;
                let result = self.committee.ledger.execute(parent, &block.payload);
                let id = block.id();
                let result = result.map(|(state, execution)| {
                    self.states.insert(id, state);
                    execution
                });
                Some(Input::Executed { id, result })
            }
            Effect::Adopt { block } => {
                let parent = self.states.get(&block.header.parent)?;
                let executed = self.committee.ledger.execute(parent, &block.payload);
                let (state, _) = executed.ok()?;
                self.states.insert(block.id(), state);
                None
            }
            Effect::Build { round, parent, .. } => {
                let state = self.states.get(&parent)?;
                // The first block of an epoch ends it, if another is to follow.
                let more = state.set + 1 < self.committee.ledger.schedule.len();
                let payload = vec![if more {
                    ledger::set_change(state.set)
                } else {
                    Digest::of(&round.0.to_le_bytes())
                }];
                let executed = self.committee.ledger.execute(state, &payload).ok();
                let block = executed
                    .filter(|_| round.0 <= self.last_round)
                    .map(|(_, execution)| BuiltBlock { payload, execution });
                Some(Input::Built {
                    round,
                    parent,
                    block,
                })
            }
            Effect::Finalize {
                blocks,
                cert,
                epoch_end,
            } => {
                if let Some(end) = epoch_end {
                    self.record = *end.record;
                }
                for block in &blocks {
                    self.stored.remove(&block.id());
                }
                self.chain.extend(blocks);
                self.cert = Some(cert);
                None
            }
            Effect::SetTimer {
                timer: timer @ Timer::Round { .. },
                ..
            } => {
                self.timer = Some(timer);
                None
            }
            Effect::Diverged { .. } => {
                self.diverged = true;
                None
            }
            // Questions and answers are left out, as if they were lost; nothing waits for them here.
            _ => None,
        }
    }
}

fn recover(
    committee: &Arc<Committee>,
    member: usize,
    record: &SafetyRecord,
    pending: &[Arc<Block>],
    chain: &[Arc<Block>],
    cert: Option<Arc<cairn_consensus::FinalityCert>>,
) -> (Replica, Vec<Effect>) {
    let config = Config {
        chain_id: committee.chain_id(),
        params: Params {
            // Time stands still: nothing may depend on how much of it has passed.
            certificate_wait_ms: 0,
            ..Params::default()
        },
        id: Some(signing::fingerprint(member)),
        signers: vec![Scheme::Stub.signer(member)],
    };
    let mut history = committee.genesis_history();
    for block in chain {
        history.push(merkle::leaf_hash(block.id().0.as_bytes()));
    }
    let last = chain.last().map_or(&committee.genesis, |it| &it.header);
    let set = usize::try_from(last.next_epoch().0).unwrap_or(0);
    let recovery = Recovery {
        final_header: last.clone(),
        final_cert: cert,
        validators: committee.ledger.schedule[set].clone(),
        recent: std::iter::once(&committee.genesis)
            .chain(chain.iter().map(|block| &block.header))
            .cloned()
            .collect(),
        history,
        record: record.clone(),
        pending: pending.to_vec(),
    };
    Replica::recover(config, recovery, NOW)
}

/// Who signed a message.
fn sender(set: &ValidatorSet, message: &Message) -> Digest {
    let seat = match message {
        Message::Proposal(proposal) => return proposal.block.header.proposer,
        Message::Vote(vote) => vote.voter,
        Message::CommitVote(vote) => vote.voter,
        Message::Timeout { timeout, .. } => timeout.voter,
        _ => return Digest::ZERO,
    };
    set.get(seat).map_or(Digest::ZERO, |validator| validator.id)
}

/// A debug text without the values of a field.
fn without(text: &str, field: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find(field) {
        kept.push_str(&rest[..place]);
        let value = &rest[place + field.len()..];
        let mut depth = 0usize;
        let end = value.find(|letter| {
            match letter {
                '{' | '[' | '(' => depth += 1,
                '}' | ']' | ')' if depth == 0 => return true,
                '}' | ']' | ')' => depth -= 1,
                ',' => return depth == 0,
                _ => {}
            }
            false
        });
        rest = &value[end.unwrap_or(value.len())..];
    }
    kept.push_str(rest);
    kept
}
