//! Blocks: into the tree, or waiting for a parent; asking for those that do not come.

use super::{Replica, Wanted};
use crate::tree::Progress;
use crate::{
    Block, BlockId, BlockRejection, Effect, Header, Message, Place, Refusal, Round, Timer,
    ValidatorIndex, payload_root,
};
use std::sync::Arc;

impl Replica {
    /// What S3 says of a header by its place; none unless its parent is in the tree.
    pub(super) fn place_of(&self, header: &Header) -> Option<Place> {
        let parent = self.tree.parent(&header.parent)?;
        let proposer = self.config.validators.get(self.leader(header.round))?.id;
        let in_epoch = parent.header.epoch == self.config.epoch;
        Some(Place {
            chain_id: self.config.chain_id,
            epoch: self.config.epoch,
            height: parent.header.height.next(),
            parent_round: if in_epoch {
                parent.header.round
            } else {
                Round(0)
            },
            parent_timestamp_ms: parent.header.timestamp_ms,
            proposer,
            history_root: parent.history.root(),
            validators_hash: self.config.validators.hash(),
        })
    }

    /// Takes a block in, and then those that waited for it. `from` should have its parent.
    pub(super) fn add_block(&mut self, id: BlockId, block: Arc<Block>, from: Vec<ValidatorIndex>) {
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
    fn add_one(&mut self, id: BlockId, block: Arc<Block>, from: &[ValidatorIndex]) -> bool {
        self.wanted.remove(&id);
        let header = &block.header;
        if self.tree.contains(&id) || header.height <= self.final_height() {
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
            self.start_execution(id);
            self.try_commit_vote(id);
        }
        true
    }

    fn add_orphan(&mut self, id: BlockId, block: Arc<Block>, from: &[ValidatorIndex]) {
        let (height, final_height) = (block.header.height, self.final_height());
        let (parent, parent_round) = (block.header.parent, block.header.parent_round);
        if height == final_height.next() {
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
        if self.orphans.len() as u64 >= self.config.params.round_window.saturating_mul(2) {
            self.orphans.pop_first();
        }
        self.orphans.insert(id, block);
        if self.orphans.contains_key(&parent) {
            return;
        }
        if height.0 - final_height.0 > self.config.params.fetch_window {
            if let Some(peer) = from.first() {
                self.report_behind(height.previous(), *peer);
            }
        } else {
            self.want(parent, parent_round, from.to_vec());
        }
    }

    /// A block is needed. It may be on its way: it is asked for after a short wait, and again until it
    /// is here or of no use.
    pub(super) fn want(&mut self, id: BlockId, round: Round, from: Vec<ValidatorIndex>) {
        if self.wanted.contains_key(&id) {
            return;
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
        if let Some(entry) = self.tree.get(&id) {
            self.wanted.remove(&id);
            if entry.progress == Progress::Rejected(BlockRejection::PayloadUnavailable) {
                let block = Arc::clone(&entry.block);
                self.tree.set_progress(&id, Progress::Executing);
                self.emit(Effect::Execute { block });
            }
            return;
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
        for voter in self.tally.voters_for(round, id) {
            if !from.contains(&voter) {
                from.push(voter);
            }
        }
        from.retain(|peer| Some(*peer) != self.config.me);
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
        if let Some(wanted) = self.wanted.get(&id) {
            let from = wanted.from.clone();
            self.add_block(id, Arc::new(block), from);
        }
    }

    /// Nothing to do at once: the timer that asked for it runs on, and others may get the block
    /// meanwhile.
    pub(super) fn on_block_unavailable(&mut self, id: BlockId) {
        if let Some(wanted) = self.wanted.get_mut(&id) {
            let everybody = self.config.validators.iter().map(|(index, _)| index);
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
        self.refuse(&block, id, Refusal::Block(reason.clone()));
        if self.quorum_certs.contains_key(&id) || self.is_pending_final(id) {
            self.certified_but_rejected(id, reason);
        }
    }

    pub(super) fn discard(&mut self, ids: Vec<BlockId>) {
        for id in &ids {
            self.stored.remove(id);
        }
        if !ids.is_empty() {
            self.emit(Effect::Discard { ids });
        }
    }
}
