//! Starting, for the first time or again.

use super::pace::Pace;
use super::{Building, Config, Replica};
use crate::standing::TERM;
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
    /// The final headers of the last [`Recovery::RECENT`] heights, or of all if there are fewer, up to and including
    /// `final_header`: they say who leads, so that one that is missing has this replica refuse what others accept.
    pub recent: Vec<Header>,
    /// Leaves: the ids of blocks 0 to `final_header.height`.
    pub history: merkle::Frontier,
    /// The safety record; [`SafetyRecord::genesis`] at first.
    pub record: SafetyRecord,
    /// Blocks persisted and not final, in any order.
    pub pending: Vec<Arc<Block>>,
}

impl Recovery {
    /// Most final headers that a replica needs to know.
    pub const RECENT: u64 = TERM;
}

impl Replica {
    /// Goes on from what is on disk: has the stored blocks executed again and sends the stored messages
    /// again. Nothing that contradicts them is ever signed.
    #[must_use]
    pub fn recover(config: Config, recovery: Recovery, now_ms: u64) -> (Self, Vec<Effect>) {
        let epoch = recovery.final_header.next_epoch();
        let validators = recovery.validators;
        let (mut record, mut role) = (recovery.record, config.role(&validators));
        let mut held_record = None;
        // A record of an earlier epoch has served: the final block that ended its epoch is on disk (S0). One of a
        // later epoch waits for it.
        if record.epoch != epoch {
            if record.epoch > epoch {
                (held_record, role) = (Some(record), None);
            }
            record = SafetyRecord::genesis(epoch);
        }
        let me = role.as_ref().map(|(index, _)| *index);
        let safety = LocalSafety::new(config.chain_id, role, record);
        let ended = recovery.final_header.ends_epoch();
        let place = (epoch, validators.clone());
        let mut replica = Self {
            safety: Box::new(safety),
            held_record,
            epoch_end_cert: recovery.final_cert.clone().filter(|_| ended),
            tree: Tree::new(
                place,
                recovery.final_header,
                recovery.history,
                &recovery.recent,
            ),
            epoch,
            validators,
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
            turn: None,
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
            asked: Pace::default(),
            answered: Pace::default(),
            served: Pace::default(),
            reported_behind: None,
            stored: BTreeSet::new(),
            sealed: Vec::new(),
            outbox: Vec::new(),
            must_persist: false,
            blocks_to_store: Vec::new(),
        };
        replica.take_pending(recovery.pending);
        replica.restart();
        replica.settle();
        let effects = replica.flush();
        (replica, effects)
    }

    /// Blocks that were persisted and are not final.
    fn take_pending(&mut self, mut pending: Vec<Arc<Block>>) {
        // A certificate tells the ones to keep from those of rounds long past, so it goes first.
        self.resume_round();
        pending.sort_by_key(|block| (block.header.height, block.header.round));
        for block in pending {
            let (id, proposer) = (block.id(), block.header.proposer);
            self.stored.insert(id);
            self.add_block(id, block, vec![proposer]);
        }
    }

    /// Goes where the safety record says that this replica has been.
    fn resume_round(&mut self) {
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
    }

    /// Says again what the safety record has been said, and counts it.
    pub(super) fn restart(&mut self) {
        self.resume_round();
        let record = self.safety.record().clone();
        let final_round = self.final_round();
        if let Some(proposal) = record.last_proposal
            && proposal.block.header.round > final_round
        {
            let id = proposal.block.id();
            self.add_block(id, Arc::clone(&proposal.block), Vec::new());
            if let Some(me) = self.me {
                self.keep_proposal(me, id, proposal);
            }
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
            let from = self.ids_of(certificate.signers.iter());
            self.want(certificate.block_id, certificate.round, from);
        }
        self.set_heartbeat_timer();
    }
}
