//! The world around one replica: disk, mempool and a ledger that hashes payloads.

use super::byzantine::Behaviour;
use super::committee::{Committee, chain_id};
use super::disk::{Commit, Disk};
use super::{Event, Simulation};
use cairn_consensus::{
    Block, BlockId, BuiltBlock, Config, Effect, Execution, FinalityCert, Height, Input, Replica,
    ValidatorIndex, ValidatorSet,
};
use cairn_crypto::{Digest, Hasher, merkle};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    validators: ValidatorSet,
    /// What block sync fetched, by the last block, until it is committed.
    synced_blocks: Vec<(BlockId, Vec<Arc<Block>>)>,
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
    pub fn new(_node: usize, committee: &Committee, clock_offset: u64) -> Self {
        Self {
            replica: None,
            disk: Disk::new(committee.genesis.clone()),
            incarnation: 0,
            clock_offset,
            pool: BTreeSet::new(),
            states: BTreeMap::new(),
            blocks: BTreeMap::new(),
            validators: committee.validators.clone(),
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
            self.disk.recovery(&self.validators),
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
            let position = self.synced_blocks.iter().position(|(key, _)| *key == id)?;
            let (_, blocks) = self.synced_blocks.remove(position);
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
            self.disk.commit(Commit {
                blocks: fresh,
                cert: Arc::clone(cert),
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

    fn execution(&self, state_root: Digest) -> Execution {
        Execution {
            state_root,
            receipts_root: merkle::root(&[]),
            validators_hash: self.validators.hash(),
            next_validators_hash: self.validators.hash(),
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
        let validators_hash = self.committee.validators.hash();
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
                let result = Ok(host.execution(state));
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
                let execution = host.execution(execute(&host.states[&parent], &payload));
                assert_eq!(execution.validators_hash, validators_hash);
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
            Effect::Finalize { blocks, cert } => self.finalize(node, blocks, cert),
            Effect::FetchBlock { id, from } => self.fetch(node, id, &from),
            Effect::Behind { from, .. } => self.sync_blocks(node, usize::from(from.0)),
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
                let offender = usize::from(evidence.offender().0);
                assert!(
                    self.behaviour[offender] != Behaviour::Honest,
                    "honest {offender} is accused: {evidence:?}; {}",
                    self.replay()
                );
                self.evidence.push(*evidence);
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

    fn finalize(&mut self, node: usize, blocks: Vec<Arc<Block>>, cert: Arc<FinalityCert>) {
        cert.verify(&self.committee.validators, &chain_id())
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
        let host = &mut self.hosts[node];
        host.finalized(&blocks);
        host.disk.commit(Commit { blocks, cert });
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

    fn fetch(&mut self, node: usize, id: BlockId, from: &[ValidatorIndex]) {
        let found = from.iter().find_map(|peer| {
            let peer = usize::from(peer.0);
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
        let history = other.disk.recovery(&other.validators).history;
        self.hosts[node].synced_blocks.push((header.id(), blocks));
        self.later(
            node,
            Input::Synced {
                header,
                cert,
                history,
            },
        );
    }
}
