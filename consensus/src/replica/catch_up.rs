//! Nobody stays behind: asking whoever is ahead, answering whoever is behind.
//!
//! Certificates are large, so questions and answers are limited to one a peer and interval. When a
//! replica times out alone, a few of the others answer, and others the next time.

use super::Replica;
use crate::{
    Certificate, Effect, FinalityCert, Height, Message, Round, Status, ValidatorId, ValidatorIndex,
};
use std::cmp::Ordering;
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
    pub(super) fn ask(&mut self, peer: ValidatorId) {
        let (now, interval) = (self.now, self.config.params.answer_interval_ms());
        if self.is_me(&peer) || !self.asked.is_due(&peer, now, interval) {
            return;
        }
        self.asked.note(peer, now, interval);
        self.emit(Effect::Send {
            to: peer,
            message: Message::Status(self.status()),
        });
    }

    /// Asks one of the members, another one each heartbeat.
    pub(super) fn ask_next_member(&mut self) {
        let members = self.validators.iter().map(|(index, _)| index);
        let next = self.other_in_turn(members, self.config.params.heartbeat_ms);
        if let Some(member) = next {
            self.ask(member);
        }
    }

    pub(super) fn on_status(&mut self, status: Status, from: ValidatorId) {
        match status.epoch.cmp(&self.epoch) {
            Ordering::Equal => self.answer(status, from),
            Ordering::Less => self.answer_epoch(status.epoch, from),
            Ordering::Greater => self.peer_is_ahead(from),
        }
    }

    /// A broadcast timeout says where its sender is. Stragglers of a round that has just ended know it
    /// themselves in a moment.
    pub(super) fn answer_timeout(&mut self, status: Status, from: ValidatorId) {
        let interval = self.config.params.answer_interval_ms().max(1);
        let just_ended = status.round.next() == self.round
            && self.now.saturating_sub(self.round_started) < interval;
        if self.me.is_some() && !just_ended && self.is_among_answers(&from) {
            self.answer(status, from);
        }
    }

    /// Whether this replica is one of the few that answer what this peer broadcasts now.
    pub(super) fn is_among_answers(&self, from: &ValidatorId) -> bool {
        let interval = self.config.params.answer_interval_ms().max(1);
        let place = |id: &ValidatorId| match self.validators.index_of(id) {
            Some(index) => u64::from(index.0),
            None => u64::from(id.as_bytes()[0]),
        };
        let mine = self.config.id.as_ref().map_or(0, place);
        let turn = self.now / interval;
        (mine + place(from) + turn) % (self.validators.len() as u64) < ANSWERS
    }

    pub(super) fn may_answer(&self, peer: &ValidatorId) -> bool {
        let interval = self.config.params.answer_interval_ms();
        self.answered.is_due(peer, self.now, interval)
    }

    pub(super) fn note_answer(&mut self, peer: ValidatorId) {
        let interval = self.config.params.answer_interval_ms();
        self.answered.note(peer, self.now, interval);
    }

    fn answer(&mut self, status: Status, to: ValidatorId) {
        if !self.may_answer(&to) {
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
        self.note_answer(to);
        for certificate in certificates {
            self.emit(Effect::Send {
                to,
                message: Message::Certificate(certificate),
            });
        }
    }

    /// A peer seems to have final blocks above ours. The height that it names is nobody's word, and good for a
    /// question; block sync takes a certificate. If one is here already, the blocks have not come yet.
    pub(super) fn peer_is_ahead(&mut self, from: ValidatorId) {
        match self.far_certificate() {
            Some(certificate) => {
                self.report_behind(certificate.height, self.signer_to_ask(&certificate));
            }
            None => self.ask(from),
        }
    }

    /// The certificate of a final block that block sync has to bring, if one is known.
    pub(super) fn far_certificate(&self) -> Option<Arc<FinalityCert>> {
        let window = self.config.params.fetch_window;
        let reach = self.final_height().0.saturating_add(window);
        let highest = self.pending_finality.values().next_back();
        highest
            .filter(|certificate| certificate.height.0 > reach)
            .cloned()
    }

    /// One of those who signed a certificate, another one each interval.
    pub(super) fn signer_to_ask(&self, certificate: &FinalityCert) -> ValidatorId {
        let interval = self.config.params.base_timeout_ms;
        self.other_in_turn(certificate.signers.iter(), interval)
            .unwrap_or_default()
    }

    /// One of these members, but not this replica: another one each interval.
    fn other_in_turn(
        &self,
        members: impl Iterator<Item = ValidatorIndex>,
        interval_ms: u64,
    ) -> Option<ValidatorId> {
        let mut others = self.ids_of(members);
        others.retain(|other| !self.is_me(other));
        let turn = self.now / interval_ms.max(1);
        let position = turn.checked_rem(others.len() as u64)?;
        others.get(usize::try_from(position).ok()?).copied()
    }

    /// Asks the host for block sync up to a certified height: at once for a new one, once an interval for
    /// the same.
    pub(super) fn report_behind(&mut self, height: Height, from: ValidatorId) {
        let interval = self.config.params.base_timeout_ms;
        if let Some((reported, at)) = self.reported_behind
            && self
                .now
                .checked_sub(at)
                .is_some_and(|passed| passed < interval)
            && height <= reported
        {
            return;
        }
        self.reported_behind = Some((height, self.now));
        self.emit(Effect::Behind { height, from });
    }

    /// What the peer may have missed while it was away.
    pub(super) fn on_peer_connected(&mut self, peer: ValidatorId) {
        self.asked.forget(&peer);
        self.answered.forget(&peer);
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
