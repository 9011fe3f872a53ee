//! Finality: by a certificate, or by block sync.

use super::Replica;
use crate::mutation::mutated;
use crate::{Block, BlockId, Effect, FinalityCert, Header, ValidatorId, ValidatorSet};
use cairn_crypto::merkle;
use std::sync::Arc;

/// At most so many finality certificates wait for their blocks. One is 102 KB among 32 validators.
const PENDING_FINALITY: usize = 8;

impl Replica {
    /// A block is final as soon as everything below it is here and executed. Until then its certificate
    /// waits, and hides no lower one: that may be of use sooner.
    pub(super) fn note_finality(&mut self, certificate: Arc<FinalityCert>, from: ValidatorId) {
        let (id, round, height) = (certificate.block_id, certificate.round, certificate.height);
        if certificate.epoch != self.epoch
            || height <= self.final_height()
            || self.pending_finality.contains_key(&height)
        {
            return;
        }
        let signers = self.ids_of(certificate.signers.iter());
        self.pending_finality.insert(height, certificate);
        if self.pending_finality.len() > PENDING_FINALITY {
            // The highest says how far the others are, the lowest are the first to be of use.
            let second = self.pending_finality.keys().nth_back(1).copied();
            second.map(|height| self.pending_finality.remove(&height));
        }
        self.enter_round(round.next(), false);
        self.certified_round_rose();
        if !self.is_pending_final(id) {
            return;
        }
        if self.tree.contains(&id) {
            self.review_rejections(id);
        } else if height.0 - self.final_height().0 > self.config.params.fetch_window {
            self.report_behind(height, from);
        } else if self.orphans.contains_key(&id) {
            self.seek_branch(id);
        } else {
            self.want(id, round, signers);
        }
    }

    /// The highest certificate whose whole branch is executed, and the branch.
    fn finalizable(&self) -> Option<(Arc<FinalityCert>, Vec<BlockId>)> {
        self.pending_finality
            .values()
            .rev()
            .find_map(|certificate| {
                let path = self.tree.path_to(&certificate.block_id)?;
                let ready = !path.is_empty() && path.iter().all(|id| self.tree.is_executed(id));
                ready.then(|| (Arc::clone(certificate), path))
            })
    }

    /// Finalises what a certificate is known for, if its whole branch is executed.
    pub(super) fn try_finalize(&mut self) -> bool {
        let Some((certificate, path)) = self.finalizable() else {
            return false;
        };
        let above = if mutated!(FinalizeWithoutAncestors) {
            path.len() - 1
        } else {
            0
        };
        let blocks: Vec<Arc<Block>> = path
            .iter()
            .skip(above)
            .filter_map(|id| self.tree.get(id).map(|entry| Arc::clone(&entry.block)))
            .collect();
        if let Some(validators) = self.validators_after(&certificate.block_id) {
            self.end_epoch(blocks, certificate, validators);
            return true;
        }
        self.emit(Effect::Finalize {
            blocks,
            cert: Arc::clone(&certificate),
            epoch_end: None,
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
        validators: ValidatorSet,
        recent: &[Header],
        history: merkle::Frontier,
    ) {
        let (id, epoch) = (header.id(), header.next_epoch());
        if epoch < self.epoch
            || header.height <= self.final_height()
            || certificate.block_id != id
            || validators.hash() != header.next_validators_hash
        {
            return;
        }
        if epoch > self.epoch {
            self.seal();
            let mut lost = self.tree.ids();
            // The new root may have been in the tree: its state is what the next epoch starts from.
            lost.retain(|block| *block != id);
            self.begin_epoch(header, history, Some(certificate), validators, recent);
            self.discard(lost);
            return self.after_final(Vec::new());
        }
        let round = certificate.round;
        let lost = if self.tree.contains(&id) {
            self.tree.advance(&id)
        } else {
            self.tree.replace(header, history, (validators, recent))
        };
        self.final_cert = Some(certificate);
        self.enter_round(round.next(), false);
        self.after_final(lost);
        self.certified_round_rose();
        // The new root has its state, whether or not it was executed here.
        for child in self.tree.children(&id) {
            self.start_execution(child);
        }
        for (orphan, block) in std::mem::take(&mut self.orphans) {
            let proposer = block.header.proposer;
            self.add_block(orphan, block, vec![proposer]);
        }
        self.forget_unneeded();
        self.reported_behind = None;
        self.renew_pending_finality();
    }

    /// The rest of the way to the certificates that are ahead of what block sync brought.
    fn renew_pending_finality(&mut self) {
        for certificate in std::mem::take(&mut self.pending_finality).into_values() {
            let from = self.signer_to_ask(&certificate);
            self.note_finality(certificate, from);
        }
    }

    /// Everything that the new final block has made old.
    pub(super) fn after_final(&mut self, lost: Vec<BlockId>) {
        let (height, round, id) = (self.final_height(), self.final_round(), self.tree.root().id);
        self.discard(lost);
        self.pending_finality.retain(|held, _| *held > height);
        self.tally.retain(|counted| counted > round);
        self.proposals.retain(|(proposed, _), _| *proposed > round);
        self.quorum_certs
            .retain(|block, held| held.round > round || *block == id);
        self.orphans
            .retain(|_, orphan| orphan.header.height > height && orphan.header.round > round);
        self.wanted.retain(|_, wanted| wanted.round > round);
        self.forget_unneeded();
        let tree = &self.tree;
        self.stored.retain(|block| tree.contains(block));
        self.retries.retain(|block, _| tree.contains(block));
        self.failed_rounds = 0;
        self.heartbeat_due = false;
        self.set_heartbeat_timer();
    }
}
