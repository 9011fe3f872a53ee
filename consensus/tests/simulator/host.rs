//! The world around one replica: disk, mempool and a ledger that hashes payloads.

use super::byzantine::Behaviour;
use super::committee::{Committee, chain_id};
use super::disk::{Commit, Disk};
use super::{Event, Simulation};
use cairn_consensus::{
    Block, BlockId, BuiltBlock, Certificate, Config, Effect, Epoch, EpochEnd, Execution,
    FinalityCert, Height, Input, Message, Replica, ValidatorId,
};
use cairn_crypto::{Digest, Hasher, merkle};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The certificates with which epochs ended.
type EpochEnds = BTreeMap<Epoch, Arc<FinalityCert>>;

pub struct Host {
    pub replica: Option<Replica>,
    pub disk: Disk,
    pub incarnation: u64,
    pub clock_offset: u64,
    /// Transactions that are not final.
    pub pool: BTreeSet<Digest>,
    /// State roots by block.
    states: BTreeMap<BlockId, Digest>,
    /// Every block that this incarnation saw whole.
    blocks: BTreeMap<BlockId, Arc<Block>>,
    committee: Arc<Committee>,
    /// What block sync fetched, by the last block, until it is committed.
    synced_blocks: Vec<(BlockId, Vec<Arc<Block>>, EpochEnds)>,
}

/// The state after a payload: a hash chain.
fn execute(parent: &Digest, payload: &[Digest]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(parent.as_bytes());
    for transaction in payload {
        hasher.update(transaction.as_bytes());
    }
    hasher.finish()
}

impl Host {
    pub fn new(committee: &Arc<Committee>, clock_offset: u64) -> Self {
        Self {
            replica: None,
            disk: Disk::new(committee.genesis.clone()),
            incarnation: 0,
            clock_offset,
            pool: BTreeSet::new(),
            states: BTreeMap::new(),
            blocks: BTreeMap::new(),
            committee: Arc::clone(committee),
            synced_blocks: Vec::new(),
        }
    }

    pub fn final_height(&self) -> u64 {
        match &self.replica {
            Some(replica) => replica.final_height().0,
            None => self.disk.final_header().height.0,
        }
    }

    pub fn start(&mut self, config: Config, now: u64) -> Vec<Effect> {
        let header = self.disk.final_header();
        self.states = BTreeMap::from([(header.id(), header.state_root)]);
        self.blocks = self.disk.pending.clone();
        let (replica, effects) = Replica::recover(
            config,
            self.disk.recovery(&self.committee),
            now + self.clock_offset,
        );
        self.replica = Some(replica);
        effects
    }

    pub fn crash(&mut self) {
        self.replica = None;
        self.incarnation += 1;
        self.disk.lose_unsynced();
        self.synced_blocks.clear();
        // Transactions come back from the other nodes' pools; those that were final and are no longer known
        // to be are simply final again later.
    }

    /// Host work that belongs before a step: committing what block sync brought.
    pub fn prepare(&mut self, input: Input) -> Option<Input> {
        if let Input::Synced { header, .. } = &input {
            let id = header.id();
            let position = self
                .synced_blocks
                .iter()
                .position(|(key, _, _)| *key == id)?;
            let (_, blocks, epoch_ends) = self.synced_blocks.remove(position);
            self.disk.sync();
            let have = self.disk.final_header().height;
            if header.height <= have {
                return None;
            }
            let Input::Synced { cert, .. } = &input else {
                return None;
            };
            let fresh: Vec<Arc<Block>> = blocks
                .into_iter()
                .filter(|block| block.header.height > have)
                .collect();
            self.finalized(&fresh);
            self.disk.epoch_ends.extend(epoch_ends);
            self.disk.commit(Commit {
                blocks: fresh,
                cert: Arc::clone(cert),
                record: None,
            });
            self.disk.sync();
        }
        Some(input)
    }

    fn finalized(&mut self, blocks: &[Arc<Block>]) {
        for block in blocks {
            let parent = self.states[&block.header.parent];
            let state = execute(&parent, &block.payload);
            assert_eq!(state, block.header.state_root, "a final block is right");
            self.states.insert(block.id(), state);
            for transaction in &block.payload {
                self.pool.remove(transaction);
            }
        }
    }

    fn execution(&self, state_root: Digest, place: (Epoch, u64)) -> Execution {
        Execution {
            state_root,
            receipts_root: merkle::root(&[]),
            validators_hash: self.committee.set_of(place.0).hash(),
            next_validators: self.committee.change_at(place),
        }
    }

    /// Transactions that are in no ancestor of the block to be built.
    fn pick(&self, parent: BlockId) -> Vec<Digest> {
        let mut used = BTreeSet::new();
        let mut at = parent;
        while let Some(block) = self.blocks.get(&at) {
            used.extend(block.payload.iter().copied());
            at = block.header.parent;
        }
        self.pool
            .iter()
            .filter(|transaction| !used.contains(*transaction))
            .take(5)
            .copied()
            .collect()
    }
}

impl Simulation {
    /// Does what a replica asked for, unless the node crashes in the middle of it.
    pub fn perform(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            if self.faults.crash_per_mille > 0
                && self.behaviour[node] == Behaviour::Honest
                && self.down() < self.faults.max_down
                && self.random.chance(self.faults.crash_per_mille)
            {
                let down = self.random.between(10, 5_000);
                return self.crash(node, down);
            }
            self.perform_one(node, effect);
        }
    }

    fn perform_one(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Persist { record, blocks } => {
                for block in &blocks {
                    let host = &mut self.hosts[node];
                    host.blocks.insert(block.id(), Arc::clone(block));
                }
                self.hosts[node].disk.persist(*record, blocks);
            }
            Effect::Broadcast(message) => self.broadcast(node, message),
            Effect::Send { to, message } => self.send(node, to, message),
            Effect::Execute { block } => {
                let host = &mut self.hosts[node];
                let parent = host.states[&block.header.parent];
                let state = execute(&parent, &block.payload);
                let id = block.id();
                host.blocks.insert(id, Arc::clone(&block));
                host.states.insert(id, state);
                let place = (block.header.epoch, block.header.height.0);
                let result = Ok(host.execution(state, place));
                self.later(node, Input::Executed { id, result });
            }
            Effect::Adopt { block } => {
                let host = &mut self.hosts[node];
                let parent = host.states[&block.header.parent];
                let id = block.id();
                host.states.insert(id, execute(&parent, &block.payload));
                host.blocks.insert(id, block);
            }
            Effect::Discard { ids } => {
                for id in ids {
                    self.hosts[node].states.remove(&id);
                }
            }
            Effect::Build {
                round,
                parent,
                allow_empty,
                ..
            } => {
                let host = &self.hosts[node];
                let payload = host.pick(parent);
                let replica = host.replica.as_ref().unwrap();
                let height = match host.blocks.get(&parent) {
                    Some(block) => block.header.height.0,
                    None => replica.final_height().0,
                };
                let place = (replica.epoch(), height + 1);
                let execution = host.execution(execute(&host.states[&parent], &payload), place);
                let block = (allow_empty || !payload.is_empty())
                    .then_some(BuiltBlock { payload, execution });
                self.later(
                    node,
                    Input::Built {
                        round,
                        parent,
                        block,
                    },
                );
            }
            Effect::Finalize {
                blocks,
                cert,
                epoch_end,
            } => self.finalize(node, blocks, cert, epoch_end),
            Effect::SendEpochEnd { to, epoch } => self.send_epoch_end(node, to, epoch),
            Effect::FetchBlock { id, from } => self.fetch(node, id, &from),
            Effect::Behind { from, .. } => self.sync_blocks(node, self.committee.node_of(&from)),
            Effect::SetTimer { timer, after_ms } => {
                let incarnation = self.hosts[node].incarnation;
                self.schedule(
                    after_ms,
                    Event::Timer {
                        node,
                        incarnation,
                        timer,
                    },
                );
            }
            Effect::Evidence(evidence) => {
                let set = self.committee.set_of(evidence.position().0);
                let verifier = self.committee.verifier();
                evidence.verify_with(&set, &chain_id(), verifier).unwrap();
                let offender = self
                    .committee
                    .node_of(&set.get(evidence.offender()).unwrap().id);
                assert!(
                    self.behaviour[offender] != Behaviour::Honest,
                    "honest {offender} is accused: {evidence:?}; {}",
                    self.replay()
                );
                self.evidence.push((offender, *evidence));
            }
            Effect::Refused { .. } => {}
            Effect::Diverged { id, reason } => {
                panic!("node {node}: block {id}: {reason}; {}", self.replay())
            }
        }
    }

    fn later(&mut self, node: usize, input: Input) {
        let incarnation = self.hosts[node].incarnation;
        let delay = self.random.between(0, 10);
        let input = Box::new(input);
        self.schedule(
            delay,
            Event::Host {
                node,
                incarnation,
                input,
            },
        );
    }

    fn finalize(
        &mut self,
        node: usize,
        blocks: Vec<Arc<Block>>,
        cert: Arc<FinalityCert>,
        epoch_end: Option<EpochEnd>,
    ) {
        let verifier = self.committee.verifier();
        cert.verify_with(&self.committee.set_of(cert.epoch), &chain_id(), verifier)
            .unwrap_or_else(|error| panic!("{error}; {}", self.replay()));
        let last = blocks.last().unwrap();
        assert_eq!(last.id(), cert.block_id, "{}", self.replay());
        for block in &blocks {
            let Height(height) = block.header.height;
            let id = block.id();
            let known = *self.final_blocks.entry(height).or_insert(id);
            assert_eq!(
                known,
                id,
                "two final blocks at height {height}, node {node}; {}",
                self.replay()
            );
            assert_eq!(
                self.final_blocks.get(&(height - 1)),
                Some(&block.header.parent),
                "the final block of height {height} does not extend the last; {}",
                self.replay()
            );
        }
        assert_eq!(
            epoch_end.is_some(),
            last.header.ends_epoch(),
            "{}",
            self.replay()
        );
        if let Some(end) = &epoch_end {
            assert_eq!(end.epoch, last.header.next_epoch());
            assert_eq!(end.validators.hash(), last.header.next_validators_hash);
        }
        let host = &mut self.hosts[node];
        host.finalized(&blocks);
        host.disk.commit(Commit {
            blocks,
            cert,
            record: epoch_end.map(|end| *end.record),
        });
        if host.pool.is_empty() {
            let incarnation = host.incarnation;
            let input = Box::new(Input::Work(false));
            self.schedule(
                0,
                Event::Host {
                    node,
                    incarnation,
                    input,
                },
            );
        }
        if self.random.chance(300) {
            self.hosts[node].disk.sync();
        }
    }

    fn reaches(&self, a: usize, b: usize) -> bool {
        self.network.groups[a] == self.network.groups[b]
            && self.hosts[b].replica.is_some()
            && self.behaviour[b] != Behaviour::Silent
    }

    fn fetch(&mut self, node: usize, id: BlockId, from: &[ValidatorId]) {
        let found = from.iter().find_map(|peer| {
            let peer = self.committee.node_of(peer);
            if !self.reaches(node, peer) {
                return None;
            }
            let host = &self.hosts[peer];
            let stored = host.disk.chain.iter().find(|block| block.id() == id);
            host.blocks.get(&id).or(stored).cloned()
        });
        let input = match found {
            Some(block) => Input::BlockFetched(Block::clone(&block)),
            None => Input::BlockUnavailable(id),
        };
        self.later(node, input);
    }

    /// Block sync: the peer's final blocks above ours, up to its last certificate.
    fn sync_blocks(&mut self, node: usize, peer: usize) {
        if !self.reaches(node, peer) {
            return;
        }
        let (host, other) = (&self.hosts[node], &self.hosts[peer]);
        let Some(cert) = other.disk.cert.clone() else {
            return;
        };
        let have = host.disk.final_header().height.0;
        if cert.height.0 <= have {
            return;
        }
        let from = usize::try_from(have).unwrap();
        let blocks: Vec<Arc<Block>> = other.disk.chain[from..].to_vec();
        let header = other.disk.final_header().clone();
        let recovery = other.disk.recovery(&self.committee);
        let epoch_ends = other.disk.epoch_ends.clone();
        let synced = (header.id(), blocks, epoch_ends);
        self.hosts[node].synced_blocks.push(synced);
        self.later(
            node,
            Input::Synced {
                header,
                cert,
                validators: recovery.validators,
                recent: recovery.recent,
                history: recovery.history,
            },
        );
    }

    fn send_epoch_end(&mut self, node: usize, to: ValidatorId, epoch: Epoch) {
        let kept = self.hosts[node].disk.epoch_ends.get(&epoch);
        if let Some(certificate) = kept.cloned() {
            let message = Message::Certificate(Certificate::Finality(certificate));
            self.send(node, to, message);
        }
    }
}
