//! Starting, for the first time or again.

use super::{Building, Config, Replica, Slot};
use crate::tally::Tally;
use crate::tree::Tree;
use crate::{Block, Effect, FinalityCert, Header, LocalSafety, Round, SafetyRecord, ValidatorSet};
use cairn_crypto::merkle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a replica goes on from: what its host has on disk.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The last final header; genesis at first.
    pub final_header: Header,
    /// Its certificate; none for genesis.
    pub final_cert: Option<Arc<FinalityCert>>,
    /// The validators in force after `final_header`: those that its `next_validators_hash` names.
    pub validators: ValidatorSet,
    /// Leaves: the ids of blocks 0 to `final_header.height`.
    pub history: merkle::Frontier,
    /// The safety record; [`SafetyRecord::genesis`] at first.
    pub record: SafetyRecord,
    /// Blocks persisted and not final, in any order.
    pub pending: Vec<Arc<Block>>,
}

impl Replica {
    /// Goes on from what is on disk: has the stored blocks executed again and sends the stored messages
    /// again. Nothing that contradicts them is ever signed.
    #[must_use]
    pub fn recover(config: Config, recovery: Recovery, now_ms: u64) -> (Self, Vec<Effect>) {
        let epoch = recovery.final_header.next_epoch();
        // A record of an earlier epoch has served: the final block that ended its epoch is on disk (S0).
        let record = if recovery.record.epoch < epoch {
            SafetyRecord::genesis(epoch)
        } else {
            recovery.record
        };
        let role = config.role(&recovery.validators);
        let me = role.as_ref().map(|(index, _)| *index);
        let safety = LocalSafety::new(config.chain_id, role, record);
        let mut replica = Self {
            safety: Box::new(safety),
            tree: Tree::new(recovery.final_header, recovery.history),
            epoch,
            validators: recovery.validators,
            me,
            config,
            tally: Tally::default(),
            now: now_ms,
            round: Round(1),
            round_started: now_ms,
            round_by_timeout: false,
            failed_rounds: 0,
            round_timer_armed: false,
            round_timer_generation: 0,
            work: false,
            heartbeat_due: false,
            heartbeat_timer_set: false,
            building: Building::Idle,
            build_timestamp: 0,
            empty_block_due: false,
            empty_block_timer_set: false,
            final_cert: recovery.final_cert,
            pending_finality: BTreeMap::new(),
            quorum_certs: BTreeMap::new(),
            held_timeout_certs: BTreeMap::new(),
            proposals: BTreeMap::new(),
            orphans: BTreeMap::new(),
            wanted: BTreeMap::new(),
            retries: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            served: BTreeMap::new(),
            reported_behind: None,
            stored: BTreeSet::new(),
            outbox: Vec::new(),
            must_persist: false,
            blocks_to_store: Vec::new(),
        };
        replica.resume(recovery.pending);
        replica.settle();
        let effects = replica.flush();
        (replica, effects)
    }

    fn resume(&mut self, mut pending: Vec<Arc<Block>>) {
        let record = self.safety.record().clone();
        let final_round = self.final_round();
        let round = record.restart_round().max(final_round.next());
        let by_timeout = record.high_tc_round().next() == round;
        self.enter_round(round, by_timeout);
        if let Some(certificate) = &record.high_qc
            && (certificate.round > final_round || certificate.block_id == self.tree.root().id)
        {
            self.quorum_certs
                .insert(certificate.block_id, Arc::clone(certificate));
        }
        pending.sort_by_key(|block| (block.header.height, block.header.round));
        for block in pending {
            let id = block.id();
            let proposer = self.leader(block.header.round);
            self.stored.insert(id);
            self.add_block(id, block, vec![proposer]);
        }
        if let Some(proposal) = record.last_proposal
            && proposal.block.header.round > final_round
        {
            let id = proposal.block.id();
            self.add_block(id, Arc::clone(&proposal.block), Vec::new());
            self.proposals.insert(
                proposal.block.header.round,
                Slot {
                    id,
                    proposal,
                    accused: false,
                    declined: false,
                },
            );
        }
        for message in self.last_words() {
            self.emit(Effect::Broadcast(message));
        }
        if let Some(vote) = record.last_vote.filter(|vote| vote.round > final_round) {
            self.count_vote(vote);
        }
        if let Some(vote) = record
            .last_commit_vote
            .filter(|vote| vote.round > final_round)
        {
            self.count_commit_vote(vote);
        }
        if let Some(timeout) = record
            .last_timeout
            .filter(|timeout| timeout.round >= self.round)
        {
            self.tally.count_timeout(timeout);
        }
        if let Some(certificate) = &record.high_qc
            && certificate.round > final_round
            && !self.tree.contains(&certificate.block_id)
        {
            let from = certificate.signers.iter().collect();
            self.want(certificate.block_id, certificate.round, from);
        }
        self.set_heartbeat_timer();
    }
}
