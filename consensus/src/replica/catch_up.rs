//! Nobody stays behind: asking whoever is ahead, answering whoever is behind.
//!
//! Certificates are large, so questions and answers are limited to one a peer and interval. When a
//! replica times out alone, a few of the others answer, and others the next time.

use super::Replica;
use crate::{Certificate, Effect, FinalityCert, Height, Message, Round, Status, ValidatorIndex};
use std::sync::Arc;

/// How many replicas answer a broadcast timeout of somebody who is behind.
const ANSWERS: u64 = 4;

impl Replica {
    /// Where this replica is.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            epoch: self.epoch,
            round: self.round,
            high_qc_round: self.certified_round(),
            final_height: self.final_height(),
        }
    }

    /// Asks somebody who seems to be ahead for the certificates that put it there.
    pub(super) fn ask(&mut self, peer: ValidatorIndex) {
        let (now, interval) = (self.now, self.config.params.answer_interval_ms());
        let recent = self
            .asked
            .get(&peer)
            .is_some_and(|last| now.saturating_sub(*last) < interval);
        if recent || Some(peer) == self.me {
            return;
        }
        self.asked.insert(peer, now);
        self.emit(Effect::Send {
            to: peer,
            message: Message::Status(self.status()),
        });
    }

    pub(super) fn on_status(&mut self, status: Status, from: ValidatorIndex) {
        if status.epoch == self.epoch {
            self.answer(status, from);
        }
    }

    /// A broadcast timeout says where its sender is. Stragglers of a round that has just ended know it
    /// themselves in a moment.
    pub(super) fn answer_timeout(&mut self, status: Status, from: ValidatorIndex) {
        let interval = self.config.params.answer_interval_ms().max(1);
        let just_ended = status.round.next() == self.round
            && self.now.saturating_sub(self.round_started) < interval;
        let Some(me) = self.me else {
            return;
        };
        let n = self.validators.len() as u64;
        let turn = self.now / interval;
        let position = (u64::from(me.0) + u64::from(from.0) + turn) % n;
        if !just_ended && position < ANSWERS {
            self.answer(status, from);
        }
    }

    fn answer(&mut self, status: Status, to: ValidatorIndex) {
        let (now, interval) = (self.now, self.config.params.answer_interval_ms());
        if self
            .answered
            .get(&to)
            .is_some_and(|last| now.saturating_sub(*last) < interval)
        {
            return;
        }
        let record = self.safety.record();
        let mut certificates = Vec::new();
        if let Some(certificate) = &self.final_cert
            && certificate.height > status.final_height
        {
            certificates.push(Certificate::Finality(Arc::clone(certificate)));
        }
        if let Some(certificate) = &record.high_qc
            && certificate.round > status.high_qc_round
            && certificate.round > self.final_round()
        {
            certificates.push(Certificate::Quorum(Arc::clone(certificate)));
        }
        if let Some(certificate) = &record.high_tc
            && certificate.round >= status.round
            && certificate.round >= record.high_qc_round()
        {
            certificates.push(Certificate::Timeout(Arc::clone(certificate)));
        }
        if certificates.is_empty() {
            return;
        }
        self.answered.insert(to, now);
        for certificate in certificates {
            self.emit(Effect::Send {
                to,
                message: Message::Certificate(certificate),
            });
        }
    }

    /// A peer seems to have final blocks above ours. The height that it names is nobody's word, and good for a
    /// question; block sync takes a certificate. If one is here already, the blocks have not come yet.
    pub(super) fn peer_is_ahead(&mut self, from: ValidatorIndex) {
        let window = self.config.params.fetch_window;
        let reach = self.final_height().0.saturating_add(window);
        let far = self.pending_finality.values().next_back();
        match far.filter(|certificate| certificate.height.0 > reach) {
            Some(certificate) => {
                let certificate = Arc::clone(certificate);
                self.report_behind(certificate.height, self.signer_to_ask(&certificate));
            }
            None => self.ask(from),
        }
    }

    /// One of those who signed a certificate, another one each interval.
    pub(super) fn signer_to_ask(&self, certificate: &FinalityCert) -> ValidatorIndex {
        let signers: Vec<ValidatorIndex> = certificate
            .signers
            .iter()
            .filter(|signer| Some(*signer) != self.me)
            .collect();
        let turn = self.now / self.config.params.base_timeout_ms.max(1);
        let position = turn.checked_rem(signers.len() as u64).unwrap_or_default();
        usize::try_from(position)
            .ok()
            .and_then(|position| signers.get(position).copied())
            .unwrap_or(ValidatorIndex(0))
    }

    /// Asks the host for block sync up to a certified height: at once for a new one, once an interval for
    /// the same.
    pub(super) fn report_behind(&mut self, height: Height, from: ValidatorIndex) {
        let interval = self.config.params.base_timeout_ms;
        if let Some((reported, at)) = self.reported_behind
            && self.now.saturating_sub(at) < interval
            && height <= reported
        {
            return;
        }
        self.reported_behind = Some((height, self.now));
        self.emit(Effect::Behind { height, from });
    }

    /// What the peer may have missed while it was away.
    pub(super) fn on_peer_connected(&mut self, peer: ValidatorIndex) {
        self.asked.remove(&peer);
        self.answered.remove(&peer);
        self.ask(peer);
        for message in self.last_words() {
            self.emit(Effect::Send { to: peer, message });
        }
    }

    /// The stored messages that still matter.
    pub(super) fn last_words(&self) -> Vec<Message> {
        let record = self.safety.record();
        let final_round = self.final_round();
        let fresh = |round: Round| round > final_round;
        let mut messages = Vec::new();
        if let Some(proposal) = &record.last_proposal
            && proposal.block.header.round >= self.round
        {
            messages.push(Message::Proposal(proposal.clone()));
        }
        if let Some(vote) = &record.last_vote
            && fresh(vote.round)
        {
            messages.push(Message::Vote(vote.clone()));
        }
        if let Some(vote) = &record.last_commit_vote
            && fresh(vote.round)
        {
            messages.push(Message::CommitVote(vote.clone()));
        }
        if let Some(timeout) = &record.last_timeout
            && timeout.round == self.round
        {
            messages.push(Message::Timeout {
                timeout: timeout.clone(),
                final_height: self.final_height(),
            });
        }
        messages
    }
}
