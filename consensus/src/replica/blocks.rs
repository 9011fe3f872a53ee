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
        let proposer = self.validators.get(self.leader(header.round))?.id;
        let in_epoch = parent.header.epoch == self.epoch;
        Some(Place {
            chain_id: self.config.chain_id,
            epoch: self.epoch,
            height: parent.header.height.next(),
            parent_round: if in_epoch {
                parent.header.round
            } else {
                Round(0)
            },
            parent_timestamp_ms: parent.header.timestamp_ms,
            proposer,
            history_root: parent.history.root(),
            validators_hash: self.validators.hash(),
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
            if self.is_certified(&id) {
                self.review_rejections(id);
            }
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
        if self.orphans.len() >= self.most_missing() {
            let surplus = self
                .orphans
                .keys()
                .find(|orphan| !self.is_certified(orphan));
            if let Some(surplus) = surplus.or(self.orphans.keys().next()).copied() {
                self.orphans.remove(&surplus);
                self.forget_unneeded();
            }
        }
        self.orphans.insert(id, block);
        if self.orphans.contains_key(&parent) {
            return;
        }
        if height.0 - final_height.0 > self.config.params.fetch_window {
            if let Some(peer) = from.first() {
                self.peer_is_ahead(*peer);
            }
        } else {
            self.want(parent, parent_round, from.to_vec());
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

    /// A block is needed. It may be on its way: it is asked for after a short wait, and again until it
    /// is here or of no use. When too many are, a certified one takes the place of one that is not; an
    /// older one will be found missing again when its child comes.
    pub(super) fn want(&mut self, id: BlockId, round: Round, from: Vec<ValidatorIndex>) {
        if self.wanted.contains_key(&id) {
            return;
        }
        if self.wanted.len() >= self.most_missing() {
            let rank = |id: &BlockId, round: Round| (self.is_certified(id), round);
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
        for voter in self.tally.voters_for(round, id) {
            if !from.contains(&voter) {
                from.push(voter);
            }
        }
        from.retain(|peer| Some(*peer) != self.me);
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
        if let Some(wanted) = self.wanted.get_mut(&id) {
            let everybody = self.validators.iter().map(|(index, _)| index);
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
