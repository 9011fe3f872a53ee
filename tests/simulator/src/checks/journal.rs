//! What one instance said, in any of its lives, and what it may say next.

use super::{Speaker, Violation};
use crate::block_ids::id_of;
use cairn_consensus::{CommitVote, Proposal, SafetyRecord, Timeout, Vote};
use cairn_crypto::Digest;
use std::collections::BTreeMap;

const PROPOSAL: Phase = Phase(0, "a proposal");
const VOTE: Phase = Phase(1, "a vote");
const COMMIT: Phase = Phase(2, "a commit vote");
const TIMEOUT: Phase = Phase(3, "a timeout");

/// What is said once a round, and its name.
#[derive(Clone, Copy, Debug)]
struct Phase(u8, &'static str);

/// What an instance said.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    said: BTreeMap<(u64, u64, u8), Digest>,
    epoch: u64,
    voted: u64,
    committed: u64,
    given_up: u64,
}

impl Journal {
    /// True if it was not said before. It must not contradict what was, and if it is new, its epoch must not be over.
    fn note(
        &mut self,
        speaker: Speaker<'_>,
        Phase(phase, what): Phase,
        (epoch, round): (u64, u64),
        content: Digest,
    ) -> Result<bool, Violation> {
        let node = speaker.node;
        if let Some(first) = self.said.get(&(epoch, round, phase)) {
            return if *first == content {
                Ok(false)
            } else {
                Err(Violation::TwoVoices {
                    node,
                    what,
                    epoch,
                    round,
                })
            };
        }
        self.said.insert((epoch, round, phase), content);
        if epoch < speaker.epoch_on_disk {
            return Err(Violation::EpochOver {
                node,
                what,
                epoch,
                record: speaker.epoch_on_disk,
            });
        }
        if epoch > self.epoch {
            (self.epoch, self.voted, self.committed, self.given_up) = (epoch, 0, 0, 0);
        }
        Ok(true)
    }

    pub(super) fn proposal(
        &mut self,
        speaker: Speaker<'_>,
        proposal: &Proposal,
    ) -> Result<(), Violation> {
        let header = &proposal.block.header;
        let (epoch, round, id) = (header.epoch.0, header.round.0, id_of(&proposal.block));
        if !self.note(speaker, PROPOSAL, (epoch, round), id.0)? {
            return Ok(());
        }
        let record = speaker.disk.record();
        let stored = record.epoch.0 > epoch
            || record
                .last_proposal
                .as_ref()
                .is_some_and(|kept| match kept.block.header.round.0 {
                    kept_round if kept_round == round => id_of(&kept.block) == id,
                    kept_round => kept_round > round,
                });
        on_disk(speaker, PROPOSAL.1, round, stored)
    }

    /// True if the vote is new.
    pub(super) fn vote(&mut self, speaker: Speaker<'_>, vote: &Vote) -> Result<bool, Violation> {
        let (node, epoch, round) = (speaker.node, vote.epoch.0, vote.round.0);
        if !self.note(speaker, VOTE, (epoch, round), vote.block_id.0)? {
            return Ok(false);
        }
        if epoch == self.epoch {
            for (before, limit) in [(VOTE.1, self.voted), (TIMEOUT.1, self.given_up)] {
                if round <= limit {
                    return Err(Violation::TooLate {
                        node,
                        what: VOTE.1,
                        round,
                        before,
                        limit,
                    });
                }
            }
            self.voted = round;
        }
        let record = speaker.disk.record();
        let stored = record.epoch.0 > epoch
            || record.last_voted_round.0 > round
            || record
                .last_vote
                .as_ref()
                .is_some_and(|kept| kept.round == vote.round && kept.block_id == vote.block_id);
        on_disk(speaker, VOTE.1, round, stored)?;
        let past = record.epoch.0 > epoch || speaker.disk.last().round.0 >= round;
        on_disk(
            speaker,
            "the block of a vote",
            round,
            past || speaker.disk.has(&vote.block_id),
        )?;
        Ok(true)
    }

    /// True if the commit vote is new.
    pub(super) fn commit_vote(
        &mut self,
        speaker: Speaker<'_>,
        vote: &CommitVote,
    ) -> Result<bool, Violation> {
        let (node, epoch, round) = (speaker.node, vote.epoch.0, vote.round.0);
        let mut content = vote.block_id.0.as_bytes().to_vec();
        content.extend_from_slice(&vote.height.0.to_le_bytes());
        if !self.note(speaker, COMMIT, (epoch, round), Digest::of(&content))? {
            return Ok(false);
        }
        if epoch == self.epoch {
            if round <= self.given_up {
                return Err(Violation::TooLate {
                    node,
                    what: COMMIT.1,
                    round,
                    before: TIMEOUT.1,
                    limit: self.given_up,
                });
            }
            self.committed = self.committed.max(round);
        }
        let record = speaker.disk.record();
        let stored = record.epoch.0 > epoch || record.high_qc_round().0 >= round;
        on_disk(speaker, "the certificate of a commit vote", round, stored)?;
        let past = record.epoch.0 > epoch || speaker.disk.last().round.0 >= round;
        on_disk(
            speaker,
            "the block of a commit vote",
            round,
            past || speaker.disk.has(&vote.block_id),
        )?;
        Ok(true)
    }

    /// True if the timeout is new.
    pub(super) fn timeout(
        &mut self,
        speaker: Speaker<'_>,
        timeout: &Timeout,
    ) -> Result<bool, Violation> {
        let (node, epoch, round) = (speaker.node, timeout.epoch.0, timeout.round.0);
        let claim = timeout.high_qc_round.0;
        if !self.note(
            speaker,
            TIMEOUT,
            (epoch, round),
            Digest::of(&claim.to_le_bytes()),
        )? {
            return Ok(false);
        }
        if epoch == self.epoch {
            if round <= self.given_up {
                return Err(Violation::TooLate {
                    node,
                    what: TIMEOUT.1,
                    round,
                    before: TIMEOUT.1,
                    limit: self.given_up,
                });
            }
            if claim < self.committed {
                return Err(Violation::TooLate {
                    node,
                    what: "a timeout's claim",
                    round: claim,
                    before: COMMIT.1,
                    limit: self.committed,
                });
            }
            self.given_up = round;
        }
        let record = speaker.disk.record();
        let stored = record.epoch.0 > epoch
            || record.highest_timeout_round.0 >= round && record.last_voted_round.0 >= round;
        on_disk(speaker, TIMEOUT.1, round, stored)?;
        Ok(true)
    }
}

fn on_disk(
    speaker: Speaker<'_>,
    what: &'static str,
    round: u64,
    stored: bool,
) -> Result<(), Violation> {
    if stored {
        Ok(())
    } else {
        let node = speaker.node;
        Err(Violation::NotOnDisk { node, what, round })
    }
}

/// A record only goes forward.
pub(super) fn check_record(
    node: usize,
    before: &SafetyRecord,
    after: &SafetyRecord,
) -> Result<(), Violation> {
    let fields = [
        (
            "last_voted_round",
            before.last_voted_round,
            after.last_voted_round,
        ),
        (
            "highest_timeout_round",
            before.highest_timeout_round,
            after.highest_timeout_round,
        ),
        ("high_qc", before.high_qc_round(), after.high_qc_round()),
        ("high_tc", before.high_tc_round(), after.high_tc_round()),
    ];
    if after.epoch > before.epoch {
        return Ok(());
    }
    if after.epoch < before.epoch {
        return Err(Violation::RecordWentBack {
            node,
            field: "epoch",
            before: before.epoch.0,
            after: after.epoch.0,
        });
    }
    match fields.into_iter().find(|(_, old, new)| new < old) {
        None => Ok(()),
        Some((field, old, new)) => Err(Violation::RecordWentBack {
            node,
            field,
            before: old.0,
            after: new.0,
        }),
    }
}
