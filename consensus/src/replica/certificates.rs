//! Certificates, assembled here or received whole.

use super::Replica;
use crate::mutation::mutated;
use crate::tree::Progress;
use crate::{
    BlockId, BlockRejection, Certificate, Effect, Message, QuorumCert, Round, TimeoutCert, Timer,
    ValidatorId,
};
use std::sync::Arc;

/// How often a certificate is asked for in one round, at doubling intervals.
const CERTIFICATE_ATTEMPTS: u8 = 6;

impl Replica {
    pub(super) fn on_certificate(&mut self, certificate: Certificate, from: ValidatorId) {
        match certificate {
            Certificate::Quorum(certificate) => self.note_quorum(certificate),
            Certificate::Finality(certificate) => self.note_finality(certificate, from),
            Certificate::Timeout(certificate) => self.note_timeout_cert(certificate, from),
        }
    }

    /// A block is certified: that raises the highest certificate at once, ends its round, and asks for a
    /// commit vote.
    pub(super) fn note_quorum(&mut self, certificate: Arc<QuorumCert>) {
        let (id, round) = (certificate.block_id, certificate.round);
        if certificate.epoch != self.epoch
            || round <= self.final_round()
            || self.quorum_certs.contains_key(&id)
        {
            return;
        }
        self.safety.observe_quorum(&certificate);
        self.quorum_certs.insert(id, Arc::clone(&certificate));
        self.enter_round(round.next(), false);
        if self.tree.contains(&id) {
            self.review_rejections(id);
        } else if self.orphans.contains_key(&id) {
            self.seek_branch(id);
        } else {
            let from = self.ids_of(certificate.signers.iter());
            self.want(id, round, from);
        }
        self.try_commit_vote(id);
        self.certified_round_rose();
    }

    /// Claims of timeout certificates that were not covered may be now.
    pub(super) fn certified_round_rose(&mut self) {
        let covered = self.certified_round();
        let released: Vec<Arc<TimeoutCert>> = self
            .held_timeout_certs
            .values()
            .filter(|certificate| certificate.max_high_qc_round() <= covered)
            .cloned()
            .collect();
        for certificate in released {
            self.held_timeout_certs.remove(&certificate.round);
            self.accept_timeout_cert(&certificate);
        }
    }

    /// A round is over without a certified block, as far as its quorum knows.
    pub(super) fn note_timeout_cert(&mut self, certificate: Arc<TimeoutCert>, from: ValidatorId) {
        let round = certificate.round;
        if certificate.epoch != self.epoch || round < self.round {
            return;
        }
        let claim = certificate.max_high_qc_round();
        if claim <= self.certified_round() || mutated!(CountUnbackedClaims) {
            return self.accept_timeout_cert(&certificate);
        }
        // Nobody could propose on it here, and the claim may be a lie. It waits for a certificate
        // that covers the claim; the sender should have one.
        let better = self
            .held_timeout_certs
            .get(&round)
            .is_none_or(|held| claim < held.max_high_qc_round());
        if better {
            self.held_timeout_certs.insert(round, certificate);
            while self.held_timeout_certs.len() as u64 > self.config.params.round_window.max(1) {
                self.held_timeout_certs.pop_first();
            }
        }
        self.ask(from);
    }

    fn accept_timeout_cert(&mut self, certificate: &Arc<TimeoutCert>) {
        self.safety.observe_timeout(certificate);
        self.enter_round(certificate.round.next(), true);
    }

    /// A proposal has waited for the certificate of its parent: its proposer has it.
    pub(super) fn on_certificate_wait(&mut self, round: Round, attempt: u8) {
        if round < self.round {
            return;
        }
        let headers = self
            .proposals_of(round)
            .map(|(_, slot)| &slot.proposal.block.header);
        let uncertified: Vec<(ValidatorId, BlockId)> = headers
            .filter(|header| self.certificate_of(&header.parent).is_none())
            .map(|header| (header.proposer, header.parent))
            .collect();
        if uncertified.is_empty() {
            return;
        }
        for (to, block_id) in uncertified {
            let message = Message::QuorumCertRequest { block_id };
            self.emit(Effect::Send { to, message });
        }
        if attempt + 1 < CERTIFICATE_ATTEMPTS {
            self.await_certificate(round, attempt + 1);
        }
    }

    pub(super) fn await_certificate(&mut self, round: Round, attempt: u8) {
        let wait = self.config.params.certificate_wait_ms << attempt.min(CERTIFICATE_ATTEMPTS);
        self.emit(Effect::SetTimer {
            timer: Timer::CertificateWait {
                epoch: self.epoch,
                round,
                attempt,
            },
            after_ms: wait,
        });
    }

    /// Somebody has not seen enough votes. An unknown block may be final here long since: then the final
    /// certificate says more than was asked for.
    pub(super) fn on_certificate_request(&mut self, id: BlockId, from: ValidatorId) {
        let interval = self.config.params.certificate_wait_ms;
        let now = self.now;
        if !self.served.is_due(&from, now, interval) {
            return;
        }
        let certificate = match self.quorum_certs.get(&id) {
            Some(certificate) => Certificate::Quorum(Arc::clone(certificate)),
            None => match &self.final_cert {
                Some(certificate) => Certificate::Finality(Arc::clone(certificate)),
                None => return,
            },
        };
        self.served.note(from, now, interval);
        self.emit(Effect::Send {
            to: from,
            message: Message::Certificate(certificate),
        });
    }

    /// A block is certified: a quorum found it right, and its ancestors too. What was rejected here is
    /// tried again, or this replica stands alone.
    pub(super) fn review_rejections(&mut self, id: BlockId) {
        for id in self.tree.path_to(&id).unwrap_or_default() {
            let progress = self.tree.get(&id).map(|entry| entry.progress.clone());
            match progress {
                Some(Progress::Rejected(BlockRejection::PayloadUnavailable)) => {
                    // Others have it: no reason to be as patient as before.
                    self.retries.remove(&id);
                    self.retry_payload(id);
                }
                Some(Progress::Rejected(reason)) => self.emit(Effect::Diverged { id, reason }),
                _ => {}
            }
        }
    }
}
