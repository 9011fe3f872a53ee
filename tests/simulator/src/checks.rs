//! What must hold after every event, decided by code of its own.
//!
//! Nothing here calls a predicate of the protocol: signed bytes are put together field by field, signer bitmaps are
//! read from their bytes, power is added up from the committee's seats, blocks are executed again, and the rules
//! are stated over what was said and what is on disk, not over what a replica thinks.
//!
//! | file | what it holds |
//! |---|---|
//! | `violation` | [`Violation`]: what was found |
//! | `certificates` | a certificate is a quorum of valid signatures |
//! | `world` | all blocks, votes and commit votes that exist, and what they allow |
//! | `journal` | what one instance said, and what it may say next |
//! | `finality` | one final block a height, each on the last, with the right roots |

mod certificates;
mod finality;
mod journal;
mod violation;
mod world;

pub use violation::Violation;

use crate::committee::Committee;
use crate::disk::Disk;
use crate::signing::Scheme;
use cairn_consensus::{Block, Certificate, Evidence, FinalityCert, Message, SafetyRecord};
use certificates::Judge;
use finality::Finality;
use journal::Journal;
use std::collections::BTreeSet;
use std::sync::Arc;
use world::World;

/// An instance that says something, and what it has on disk.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    /// The instance.
    pub node: usize,
    /// Whose it is.
    pub member: usize,
    /// What would survive a crash now.
    pub disk: &'a Disk,
    /// The epoch of the record on disk when this was decided on.
    pub epoch_on_disk: u64,
}

/// Everything that is remembered in order to check.
#[derive(Debug)]
pub struct Checks {
    judge: Judge,
    world: World,
    finality: Finality,
    journals: Vec<Journal>,
    honest: Vec<bool>,
    accused: BTreeSet<usize>,
    /// How many events were checked.
    pub count: u64,
}

impl Checks {
    /// For `instances` of a committee's members. `honest` says it of each member.
    #[must_use]
    pub fn new(
        committee: &Arc<Committee>,
        scheme: Scheme,
        instances: usize,
        honest: Vec<bool>,
    ) -> Self {
        Self {
            judge: Judge::new(committee, scheme),
            world: World::new(committee, &honest),
            finality: Finality::new(committee, instances),
            journals: vec![Journal::default(); instances],
            honest,
            accused: BTreeSet::new(),
            count: 0,
        }
    }

    /// Somebody, honest or not, says something. What is said exists from now on.
    ///
    /// # Errors
    /// If it is a commit vote that completes a quorum against a vote of an honest member.
    pub fn exists(&mut self, message: &Message) -> Result<(), Violation> {
        match message {
            Message::Proposal(proposal) => self.world.add_block(&proposal.block),
            Message::Vote(vote) if self.judge.is_vote(vote) => self.world.add_vote(vote),
            Message::CommitVote(vote) if self.judge.is_commit_vote(vote) => {
                self.world.add_commit_vote(vote)?;
            }
            Message::Certificate(Certificate::Quorum(certificate))
                if self.judge.quorum(certificate).is_ok() =>
            {
                self.world.add_quorum(certificate);
            }
            Message::Certificate(Certificate::Finality(certificate))
                if self.judge.finality(certificate).is_ok() =>
            {
                self.world.add_finality(certificate)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// An honest instance says something.
    ///
    /// # Errors
    /// If it must not.
    pub fn said(&mut self, speaker: Speaker<'_>, message: &Message) -> Result<(), Violation> {
        self.count += 1;
        let node = speaker.node;
        match message {
            Message::Proposal(proposal) => {
                self.world.add_block(&proposal.block);
                if let Some(certificate) = &proposal.timeout_cert {
                    self.judge
                        .timeout(certificate)
                        .map_err(|reason| Violation::Certificate {
                            node,
                            what: "the timeout certificate of a proposal",
                            reason,
                        })?;
                    self.world.check_claims(node, certificate)?;
                }
                self.journals[node].proposal(speaker, proposal)
            }
            Message::Vote(vote) => {
                if self.journals[node].vote(speaker, vote)? {
                    self.world.check_vote(node, vote)?;
                }
                self.world.add_vote(vote);
                Ok(())
            }
            Message::CommitVote(vote) => {
                if self.journals[node].commit_vote(speaker, vote)? {
                    self.world.check_commit_vote(node, vote)?;
                }
                self.world.add_commit_vote(vote)
            }
            Message::Timeout { timeout, .. } => {
                if self.journals[node].timeout(speaker, timeout)? {
                    self.world.check_timeout(node, timeout)?;
                }
                Ok(())
            }
            Message::Certificate(certificate) => {
                let (what, verdict) = match certificate {
                    Certificate::Quorum(it) => ("a quorum certificate", self.judge.quorum(it)),
                    Certificate::Finality(it) => {
                        ("a finality certificate", self.judge.finality(it))
                    }
                    Certificate::Timeout(it) => ("a timeout certificate", self.judge.timeout(it)),
                };
                verdict.map_err(|reason| Violation::Certificate { node, what, reason })?;
                self.exists(message)
            }
            Message::QuorumCertRequest { .. } | Message::Status(_) => Ok(()),
        }
    }

    /// An honest instance stores its record over the one on disk.
    ///
    /// # Errors
    /// If the record goes back, or holds a certificate that proves nothing.
    pub fn stored(
        &mut self,
        node: usize,
        before: &SafetyRecord,
        record: &SafetyRecord,
        blocks: &[Arc<Block>],
    ) -> Result<(), Violation> {
        self.count += 1;
        for block in blocks {
            self.world.add_block(block);
        }
        journal::check_record(node, before, record)?;
        if let Some(certificate) = &record.high_qc
            && before.high_qc_round() != record.high_qc_round()
        {
            let what = "the highest quorum certificate of a record";
            self.judge
                .quorum(certificate)
                .map_err(|reason| Violation::Certificate { node, what, reason })?;
            self.world.add_quorum(certificate);
        }
        if let Some(certificate) = &record.high_tc
            && before.high_tc_round() != record.high_tc_round()
        {
            let what = "the highest timeout certificate of a record";
            self.judge
                .timeout(certificate)
                .map_err(|reason| Violation::Certificate { node, what, reason })?;
            self.world.check_claims(node, certificate)?;
        }
        Ok(())
    }

    /// An honest instance takes blocks for final. `epoch_ended`: whether its replica says that they end an epoch; none
    /// if block sync brought them.
    ///
    /// # Errors
    /// If they are not, or if their certificate proves nothing.
    pub fn finalized(
        &mut self,
        node: usize,
        blocks: &[Arc<Block>],
        cert: &FinalityCert,
        epoch_ended: Option<bool>,
    ) -> Result<(), Violation> {
        self.count += 1;
        self.judge.finality(cert).map_err(|reason| {
            let what = "the certificate of final blocks";
            Violation::Certificate { node, what, reason }
        })?;
        self.world.add_finality(cert)?;
        self.finality.extend(node, blocks, cert, epoch_ended)
    }

    /// An instance starts, with this on its disk.
    pub fn started(&mut self, node: usize, disk: &Disk) {
        self.finality.started(node, disk.height());
    }

    /// An instance holds evidence.
    ///
    /// # Errors
    /// If it accuses an honest member.
    pub fn evidence(&mut self, node: usize, evidence: &Evidence) -> Result<(), Violation> {
        self.count += 1;
        let offender = self
            .judge
            .member(evidence.position().0.0, evidence.offender());
        match offender {
            Some(member) if !self.honest[member] => {
                self.accused.insert(member);
                Ok(())
            }
            _ => Err(Violation::Accused {
                node,
                offender,
                evidence: format!("{evidence:?}"),
            }),
        }
    }

    /// Members that evidence was found against.
    #[must_use]
    pub fn accused(&self) -> &BTreeSet<usize> {
        &self.accused
    }

    /// Height of the highest final block.
    #[must_use]
    pub fn final_height(&self) -> u64 {
        self.finality.height()
    }

    /// Epoch that the highest final block belongs to or, if it ends one, the next.
    #[must_use]
    pub fn final_epoch(&self) -> usize {
        self.finality.epoch()
    }
}
