//! Nodes start, recover from their disks, and connect to each other.

use crate::block_ids::id_of;
use crate::checks::Violation;
use crate::signing;
use crate::simulation::Simulation;
use cairn_consensus::{Config, Effect, Header, Input, Recovery, Replica};

impl Simulation {
    pub(crate) fn start_node(&mut self, node: usize) -> Result<(), Violation> {
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

    pub(crate) fn recover(&mut self, node: usize) -> Vec<Effect> {
        let set = self.set_after(node);
        let it = &mut self.nodes[node];
        let header = it.disk.last().clone();
        let member = it.member;
        let config = Config {
            chain_id: self.committee.chain_id(),
            params: self.params.clone(),
            id: Some(signing::fingerprint(member)),
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
    pub(crate) fn set_after(&self, node: usize) -> usize {
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
        let id = signing::fingerprint(self.nodes[peer].member);
        let delay = self.network.delay(&mut self.random, peer, node);
        self.answer(node, delay, Input::PeerConnected(id));
    }
}

/// Place in the schedule of the set in force after a final header.
pub(crate) fn set_after(header: &Header) -> usize {
    let epoch = usize::try_from(header.epoch.0).unwrap_or(usize::MAX);
    epoch + usize::from(header.validators_hash != header.next_validators_hash)
}
