//! Finality: by a certificate, or by block sync.

use super::Replica;
use crate::tree::Progress;
use crate::{Block, BlockId, Effect, FinalityCert, Header, ValidatorIndex};
use cairn_crypto::merkle;
use std::sync::Arc;

impl Replica {
    /// A block is final as soon as everything below it is here and executed.
    pub(super) fn note_finality(&mut self, certificate: Arc<FinalityCert>, from: ValidatorIndex) {
        let higher = self
            .pending_finality
            .as_ref()
            .is_none_or(|held| certificate.height > held.height);
        if certificate.epoch != self.config.epoch
            || certificate.height <= self.final_height()
            || !higher
        {
            return;
        }
        let (id, round, height) = (certificate.block_id, certificate.round, certificate.height);
        let signers = certificate.signers.iter().collect();
        self.pending_finality = Some(certificate);
        self.enter_round(round.next(), false);
        self.certified_round_rose();
        match self.tree.get(&id).map(|entry| entry.progress.clone()) {
            Some(Progress::Rejected(reason)) => self.certified_but_rejected(id, reason),
            Some(_) => {}
            None if height.0 - self.final_height().0 > self.config.params.fetch_window => {
                self.report_behind(height, from);
            }
            None if self.orphans.contains_key(&id) => {}
            None => self.want(id, round, signers),
        }
    }

    /// Finalises what a certificate is known for, if its whole branch is executed.
    pub(super) fn try_finalize(&mut self) -> bool {
        let Some(certificate) = self.pending_finality.clone() else {
            return false;
        };
        let Some(path) = self.tree.path_to(&certificate.block_id) else {
            return false;
        };
        if path.is_empty() || !path.iter().all(|id| self.tree.is_executed(id)) {
            return false;
        }
        let blocks: Vec<Arc<Block>> = path
            .iter()
            .filter_map(|id| self.tree.get(id).map(|entry| Arc::clone(&entry.block)))
            .collect();
        self.emit(Effect::Finalize {
            blocks,
            cert: Arc::clone(&certificate),
        });
        let lost = self.tree.advance(&certificate.block_id);
        self.final_cert = Some(certificate);
        self.after_final(lost);
        true
    }

    /// Block sync has verified and committed blocks that this replica did not see.
    pub(super) fn on_synced(
        &mut self,
        header: Header,
        certificate: Arc<FinalityCert>,
        history: merkle::Frontier,
    ) {
        let id = header.id();
        if header.epoch != self.config.epoch
            || header.height <= self.final_height()
            || certificate.block_id != id
        {
            return;
        }
        let round = certificate.round;
        let lost = if self.tree.contains(&id) {
            self.tree.advance(&id)
        } else {
            self.tree.replace(header, history)
        };
        self.final_cert = Some(certificate);
        self.enter_round(round.next(), false);
        self.after_final(lost);
        self.certified_round_rose();
        for (orphan, block) in std::mem::take(&mut self.orphans) {
            let proposer = self.leader(block.header.round);
            self.add_block(orphan, block, vec![proposer]);
        }
        self.reported_behind = None;
        self.renew_pending_finality();
    }

    /// The rest of the way to a certificate that is ahead of what block sync brought.
    fn renew_pending_finality(&mut self) {
        let Some(certificate) = self.pending_finality.take() else {
            return;
        };
        let from = certificate
            .signers
            .iter()
            .next()
            .unwrap_or(ValidatorIndex(0));
        self.note_finality(certificate, from);
    }

    /// Everything that the new final block has made old.
    fn after_final(&mut self, lost: Vec<BlockId>) {
        let (height, round, id) = (self.final_height(), self.final_round(), self.tree.root().id);
        self.discard(lost);
        if self
            .pending_finality
            .as_ref()
            .is_some_and(|held| held.height <= height)
        {
            self.pending_finality = None;
        }
        self.tally.retain(|counted| counted > round);
        self.proposals.retain(|proposed, _| *proposed > round);
        self.quorum_certs
            .retain(|block, held| held.round > round || *block == id);
        self.orphans
            .retain(|_, orphan| orphan.header.height > height && orphan.header.round > round);
        self.wanted.retain(|_, wanted| wanted.round > round);
        let tree = &self.tree;
        self.stored.retain(|block| tree.contains(block));
        self.failed_rounds = 0;
        self.heartbeat_due = false;
        self.set_heartbeat_timer();
    }
}
