//! The cheap look at a message before its signature is checked.

use super::Replica;
use crate::tally::Seen;
use crate::{Certificate, Epoch, Message, Proposal, Round, ValidatorIndex, ValidatorSet};

/// What to do with a message that has just been decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Check its signatures against this set, that of the message's epoch, and hand it over as
    /// [`Input::Message`](crate::Input::Message).
    Verify(ValidatorSet),
    /// It is of this other epoch, and says that its sender is behind or ahead. There is nothing to check: hand it over as
    /// [`Input::OtherEpoch`](crate::Input::OtherEpoch).
    OtherEpoch(Epoch),
    /// Nothing in it is new.
    Drop(DropReason),
}

/// Why a message is not worth checking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Of an epoch that is over.
    WrongEpoch,
    /// Of a round or height that is final already.
    Old,
    /// Further ahead than the window.
    TooFarAhead,
    /// Signed by nobody of the epoch.
    UnknownVoter,
    /// Seen before.
    Duplicate,
    /// The certificate that it would count for is complete.
    QuorumReached,
}

impl DropReason {
    /// A name for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongEpoch => "wrong_epoch",
            Self::Old => "old",
            Self::TooFarAhead => "too_far_ahead",
            Self::UnknownVoter => "unknown_voter",
            Self::Duplicate => "duplicate",
            Self::QuorumReached => "quorum_reached",
        }
    }
}

impl Replica {
    /// Whether a message is worth the verification of its signatures: right epoch and round window, not
    /// seen before, quorum not yet reached. Hashes a header at most.
    #[must_use]
    pub fn admit(&self, message: &Message) -> Admission {
        if let Some(epoch) = message.epoch()
            && epoch != self.epoch
            && !matches!(message, Message::Status(_))
        {
            // Only timeouts say that somebody stays behind; votes may just have been slow.
            let telling = epoch > self.epoch || matches!(message, Message::Timeout { .. });
            return if telling {
                Admission::OtherEpoch(epoch)
            } else {
                Admission::Drop(DropReason::WrongEpoch)
            };
        }
        let checked = match message {
            Message::Proposal(proposal) => self.admit_proposal(proposal),
            Message::Vote(vote) => self
                .admit_voice(vote.epoch, vote.round, vote.voter)
                .and_then(|()| match self.tally.vote_seen(vote) {
                    Seen::Same | Seen::Accused => Err(DropReason::Duplicate),
                    // A second, different vote is evidence whether or not a quorum is there.
                    Seen::Other => Ok(()),
                    Seen::Nothing if self.quorum_certs.contains_key(&vote.block_id) => {
                        Err(DropReason::QuorumReached)
                    }
                    Seen::Nothing => Ok(()),
                }),
            Message::CommitVote(vote) => self
                .admit_voice(vote.epoch, vote.round, vote.voter)
                .and_then(|()| match self.tally.commit_vote_seen(vote) {
                    Seen::Same | Seen::Accused => Err(DropReason::Duplicate),
                    Seen::Other => Ok(()),
                    Seen::Nothing if self.is_pending_final(vote.block_id) => {
                        Err(DropReason::QuorumReached)
                    }
                    Seen::Nothing => Ok(()),
                }),
            Message::Timeout {
                timeout,
                final_height,
            } => {
                let repeated = timeout.round == self.round
                    && *final_height == self.final_height()
                    && matches!(self.tally.timeout_seen(timeout), Seen::Same | Seen::Accused);
                // One of an old round or far ahead is not counted, but it tells that somebody is
                // behind, here or there.
                self.admit_epoch(timeout.epoch)
                    .and_then(|()| self.admit_voter(timeout.voter))
                    .and(if repeated {
                        Err(DropReason::Duplicate)
                    } else {
                        Ok(())
                    })
            }
            Message::Certificate(certificate) => self.admit_certificate(certificate),
            Message::QuorumCertRequest { .. } | Message::Status(_) => Ok(()),
        };
        match checked {
            Ok(()) => Admission::Verify(self.validators.clone()),
            Err(reason) => Admission::Drop(reason),
        }
    }

    fn admit_epoch(&self, epoch: Epoch) -> Result<(), DropReason> {
        if epoch == self.epoch {
            Ok(())
        } else {
            Err(DropReason::WrongEpoch)
        }
    }

    fn admit_voter(&self, voter: ValidatorIndex) -> Result<(), DropReason> {
        self.validators
            .get(voter)
            .map(|_| ())
            .ok_or(DropReason::UnknownVoter)
    }

    /// Votes and commit votes.
    pub(super) fn admit_voice(
        &self,
        epoch: Epoch,
        round: Round,
        voter: ValidatorIndex,
    ) -> Result<(), DropReason> {
        self.admit_epoch(epoch)?;
        self.admit_voter(voter)?;
        if round <= self.final_round() || round < self.config.params.window_start(self.round) {
            return Err(DropReason::Old);
        }
        if round > self.config.params.window_end(self.round) {
            return Err(DropReason::TooFarAhead);
        }
        Ok(())
    }

    fn admit_proposal(&self, proposal: &Proposal) -> Result<(), DropReason> {
        let header = &proposal.block.header;
        self.admit_epoch(header.epoch)?;
        if header.round <= self.final_round() {
            return Err(DropReason::Old);
        }
        let proposer = self.validators.index_of(&header.proposer);
        let proposer = proposer.ok_or(DropReason::UnknownVoter)?;
        match self.proposals.get(&(header.round, proposer)) {
            Some(slot) if slot.id == header.id() => Err(DropReason::Duplicate),
            Some(slot) if slot.accused => Err(DropReason::Duplicate),
            _ => Ok(()),
        }
    }

    fn admit_certificate(&self, certificate: &Certificate) -> Result<(), DropReason> {
        match certificate {
            Certificate::Quorum(certificate) => {
                self.admit_epoch(certificate.epoch)?;
                if certificate.round <= self.final_round() {
                    return Err(DropReason::Old);
                }
                if self.quorum_certs.contains_key(&certificate.block_id) {
                    return Err(DropReason::Duplicate);
                }
            }
            Certificate::Finality(certificate) => {
                self.admit_epoch(certificate.epoch)?;
                if certificate.height <= self.final_height() {
                    return Err(DropReason::Old);
                }
                if self.is_pending_final(certificate.block_id) {
                    return Err(DropReason::Duplicate);
                }
            }
            Certificate::Timeout(certificate) => {
                self.admit_epoch(certificate.epoch)?;
                if certificate.round < self.round {
                    return Err(DropReason::Old);
                }
                if let Some(held) = self.held_timeout_certs.get(&certificate.round)
                    && held.max_high_qc_round() <= certificate.max_high_qc_round()
                {
                    return Err(DropReason::Duplicate);
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_pending_final(&self, id: crate::BlockId) -> bool {
        self.pending_finality
            .values()
            .any(|certificate| certificate.block_id == id)
    }
}
