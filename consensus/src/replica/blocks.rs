//! Blocks: into the tree, or waiting for a parent; asking for those that do not come.

use super::{Replica, Wanted};
use crate::tree::Progress;
use crate::{
    Block, BlockId, BlockRejection, Effect, Header, Message, Place, Refusal, Round, Timer,
    ValidatorId, payload_root,
};
use cairn_crypto::Digest;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The longest branch of certified blocks above the final one that is fetched block by block. A longer one comes by
/// block sync once some of it is final.
const MOST_NEEDED: usize = 1024;

impl Replica {
    /// What S3 says of a header by its place; none unless its parent is in the tree.
    pub(super) fn place_of(&self, header: &Header) -> Option<Place> {
        let parent = self.tree.parent(&header.parent)?;
        let leader = self.leader_on(&header.parent, header.round)?;
        let proposer = self.validators.get(leader)?.id;
        let in_epoch = parent.header.epoch == self.epoch;
        let suffix = self.tree.end_below(&header.parent).is_some();
        Some(Place {
            chain_id: self.config.chain_id,
            epoch: self.epoch,
            height: self.child_height(&header.parent)?,
            parent_round: if in_epoch {
                parent.header.round
            } else {
                Round(0)
            },
            parent_timestamp_ms: parent.header.timestamp_ms,
            proposer,
            history_root: self.history_root_on(&header.parent)?,
            validators_hash: self.validators.hash(),
            payload_root: suffix.then(|| payload_root(&[])),
        })
    }

    /// Root over the ids of all blocks below one that stands on this parent, suffix blocks not counted. They repeat what
    /// the last block of the epoch says.
    pub(super) fn history_root_on(&self, parent: &BlockId) -> Option<Digest> {
        let view = self.tree.parent(parent)?;
        Some(match self.tree.end_below(parent) {
            Some(_) => view.header.history_root,
            None => view.history.root(),
        })
    }

    /// Takes a block in, and then those that waited for it. `from` should have its parent.
    pub(super) fn add_block(&mut self, id: BlockId, block: Arc<Block>, from: Vec<ValidatorId>) {
        let mut open = vec![(id, block)];
        while let Some((id, block)) = open.pop() {
            if self.add_one(id, block, &from) {
                let ready: Vec<BlockId> = self
                    .orphans
                    .iter()
                    .filter(|(_, orphan)| orphan.header.parent == id)
                    .map(|(orphan, _)| *orphan)
                    .collect();
                open.extend(
                    ready
                        .into_iter()
                        .filter_map(|orphan| self.orphans.remove_entry(&orphan)),
                );
            }
        }
    }

    /// True if the block is in the tree now and was not before.
    fn add_one(&mut self, id: BlockId, block: Arc<Block>, from: &[ValidatorId]) -> bool {
        self.wanted.remove(&id);
        let header = &block.header;
        if header.epoch != self.epoch
            || header.height <= self.final_height()
            || self.tree.contains(&id)
        {
            return false;
        }
        let Some(place) = self.place_of(header) else {
            self.add_orphan(id, block, from);
            return false;
        };
        self.tree.insert(id, Arc::clone(&block), Progress::Waiting);
        if let Err(mismatch) = place.check(header) {
            self.reject(id, BlockRejection::Header(mismatch));
        } else {
            if self.is_certified(&id) {
                self.review_rejections(id);
            }
            self.start_execution(id);
            self.try_commit_vote(id);
        }
        true
    }

    fn add_orphan(&mut self, id: BlockId, block: Arc<Block>, from: &[ValidatorId]) {
        let (height, final_height) = (block.header.height, self.final_height());
        let (parent, parent_round) = (block.header.parent, block.header.parent_round);
        // A suffix block has the height of its parent, so that only its parent can tell.
        if height == final_height.next() && !block.header.ends_epoch() {
            // Beside the final block, not on it.
            if self
                .quorum_certs
                .get(&id)
                .is_some_and(|certificate| certificate.round > self.final_round())
                || self.is_pending_final(id)
            {
                self.emit(Effect::Diverged {
                    id,
                    reason: BlockRejection::NotExtendingFinal {
                        height,
                        final_height,
                    },
                });
            }
            return;
        }
        self.orphans.insert(id, block);
        let needed = self.needed();
        self.trim_orphans(&needed);
        if !self.orphans.contains_key(&id) {
            return;
        }
        if self.orphans.contains_key(&parent) {
            if needed.contains(&id) {
                self.seek_branch(id);
            }
            return;
        }
        let far = height.0 - final_height.0 > self.config.params.fetch_window;
        if far && let Some(peer) = from.first() {
            self.peer_is_ahead(*peer);
        }
        // What is final comes by block sync. What is only certified, however long the branch, comes block by block.
        if !far || needed.contains(&parent) && self.far_certificate().is_none() {
            self.want(parent, parent_round, from.to_vec());
        }
    }

    /// The blocks that a quorum stands on, as far as is known here: those with a certificate, and the parents of those
    /// whose own parents are missing.
    fn needed(&self) -> BTreeSet<BlockId> {
        let pending = self.pending_finality.values();
        let final_ones = pending.map(|certificate| certificate.block_id);
        let mut needed: BTreeSet<BlockId> = self
            .quorum_certs
            .keys()
            .copied()
            .chain(final_ones)
            .collect();
        let mut open: Vec<BlockId> = needed.iter().copied().collect();
        while let Some(id) = open.pop() {
            if let Some(orphan) = self.orphans.get(&id)
                && needed.insert(orphan.header.parent)
            {
                open.push(orphan.header.parent);
            }
        }
        needed
    }

    /// Drops orphans that are too many: first of those that nobody is known to need.
    fn trim_orphans(&mut self, needed: &BTreeSet<BlockId>) {
        let spare: Vec<BlockId> = self
            .orphans
            .keys()
            .filter(|orphan| !needed.contains(orphan))
            .copied()
            .collect();
        let needed = self.orphans.len() - spare.len();
        let surplus = if spare.len() > self.most_missing() {
            spare.first().copied()
        } else if needed > MOST_NEEDED {
            let lowest = self.orphans.iter().min_by_key(|(_, it)| it.header.height);
            lowest.map(|(id, _)| *id)
        } else {
            None
        };
        if let Some(surplus) = surplus {
            self.orphans.remove(&surplus);
            self.forget_unneeded();
        }
    }

    /// Limit on blocks that wait for a parent, and on blocks asked for: two leaders' worth of every round in
    /// the window.
    fn most_missing(&self) -> usize {
        let most = self.config.params.round_window.saturating_mul(2).max(1);
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// A block is wanted as long as a certificate names it or a block here stands on it.
    pub(super) fn forget_unneeded(&mut self) {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.retain(|id, _| {
            let mut orphans = self.orphans.values();
            self.is_certified(id) || orphans.any(|orphan| orphan.header.parent == *id)
        });
        self.wanted = wanted;
    }

    /// A certified block, or one below it, waits for an ancestor that nobody asked for when it was of no use yet: asks
    /// for the lowest one that is missing. Block sync brings it if more is known to be final than is fetched one by one.
    pub(super) fn seek_branch(&mut self, id: BlockId) {
        let mut missing = id;
        let mut above = None;
        while let Some(orphan) = self.orphans.get(&missing) {
            missing = orphan.header.parent;
            above = Some((orphan.header.parent_round, orphan.header.proposer));
        }
        if let Some((round, proposer)) = above
            && self.far_certificate().is_none()
        {
            self.want(missing, round, vec![proposer]);
        }
    }

    /// Looks after all certified blocks that wait for an ancestor.
    pub(super) fn seek_branches(&mut self) {
        let pending = self.pending_finality.values();
        let final_ones = pending.map(|certificate| certificate.block_id);
        let certified: Vec<BlockId> = self
            .quorum_certs
            .keys()
            .copied()
            .chain(final_ones)
            .collect();
        for id in certified {
            self.seek_branch(id);
        }
    }

    /// A block is needed. It may be on its way: it is asked for after a short wait, and again until it
    /// is here or of no use. When too many are, a certified one takes the place of one that is not; an
    /// older one will be found missing again when its child comes.
    pub(super) fn want(&mut self, id: BlockId, round: Round, from: Vec<ValidatorId>) {
        if self.wanted.contains_key(&id) {
            return;
        }
        if self.wanted.len() >= self.most_missing() {
            let needed = self.needed();
            let rank = |id: &BlockId, round: Round| (needed.contains(id), round);
            let ranked = self.wanted.iter().map(|(id, it)| (rank(id, it.round), *id));
            match ranked.min() {
                Some((least, surplus)) if least < rank(&id, round) => {
                    self.wanted.remove(&surplus);
                }
                _ => return,
            }
        }
        self.wanted.insert(
            id,
            Wanted {
                round,
                from,
                attempt: 0,
            },
        );
        self.emit(Effect::SetTimer {
            timer: Timer::Missing { id },
            after_ms: self.config.params.certificate_wait_ms,
        });
    }

    pub(super) fn on_missing(&mut self, id: BlockId) {
        if self.tree.contains(&id) {
            return self.on_payload_due(id);
        }
        let params = &self.config.params;
        let Some(wanted) = self.wanted.get_mut(&id) else {
            return;
        };
        let wait = params
            .answer_interval_ms()
            .saturating_mul(1 << wanted.attempt.min(8))
            .min(params.base_timeout_ms)
            .max(1);
        wanted.attempt = wanted.attempt.saturating_add(1);
        let mut from = wanted.from.clone();
        let round = wanted.round;
        let voters = self.tally.voters_for(round, id);
        for voter in self.ids_of(voters.into_iter()) {
            if !from.contains(&voter) {
                from.push(voter);
            }
        }
        from.retain(|peer| !self.is_me(peer));
        self.emit(Effect::FetchBlock { id, from });
        self.emit(Effect::SetTimer {
            timer: Timer::Missing { id },
            after_ms: wait,
        });
    }

    pub(super) fn on_block_fetched(&mut self, block: Block) {
        let id = block.id();
        if block.payload.len() > Message::MAX_PAYLOAD
            || payload_root(&block.payload) != block.header.payload_root
        {
            return;
        }
        // Only what was asked for: a fetched block carries no signature.
        let Some(wanted) = self.wanted.get(&id) else {
            return;
        };
        let from = wanted.from.clone();
        let (round, parent_round) = (block.header.round, block.header.parent_round);
        if parent_round >= round || round > self.config.params.window_end(self.round) {
            // No quorum certified this. It would have its like asked for without an end.
            self.wanted.remove(&id);
            return;
        }
        self.add_block(id, Arc::new(block), from);
    }

    /// Nothing to do at once: the timer that asked for it runs on, and others may get the block
    /// meanwhile.
    pub(super) fn on_block_unavailable(&mut self, id: BlockId) {
        let everybody = self.validators.iter().map(|(_, validator)| validator.id);
        if let Some(wanted) = self.wanted.get_mut(&id) {
            wanted.from = everybody.collect();
        }
    }

    pub(super) fn reject(&mut self, id: BlockId, reason: BlockRejection) {
        let Some(entry) = self.tree.get(&id) else {
            return;
        };
        let block = Arc::clone(&entry.block);
        self.tree
            .set_progress(&id, Progress::Rejected(reason.clone()));
        let unavailable = reason == BlockRejection::PayloadUnavailable;
        // Said once, not at each attempt.
        if !unavailable || !self.retries.contains_key(&id) {
            self.refuse(&block, id, Refusal::Block(reason.clone()));
        }
        if unavailable {
            self.retry_payload(id);
        } else if self.is_built_on(&id) {
            self.emit(Effect::Diverged { id, reason });
        }
    }

    pub(super) fn discard(&mut self, ids: Vec<BlockId>) {
        for id in &ids {
            self.stored.remove(id);
            self.retries.remove(id);
        }
        if !ids.is_empty() {
            self.emit(Effect::Discard { ids });
        }
    }
}
