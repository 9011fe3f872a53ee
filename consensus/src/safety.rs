//! The safety rules: the only code that signs.
//!
//! Everything else in this crate may be wrong and cost time; if these rules hold at more than two thirds of the
//! voting power, no two blocks become final at one height. The rules read and write one
//! [`SafetyRecord`]. Whoever calls them stores the record, synced, with the block that a vote is for,
//! before what they return is sent.
//!
//! # Rules
//!
//! A block `b` of round `b.round` extends a parent certified in round `b.parent_round`. The epoch's root
//! (genesis, or the last block of the epoch before) counts as certified in round 0.
//!
//! - **S0** Sign only for `record.epoch`.
//! - **S1** Vote for `b` only if `b.round > last_voted_round`.
//! - **S2** and QC(parent) is known, and either `b.parent_round + 1 == b.round`, or the proposal carries a valid
//!   TimeoutCert of round `b.round - 1` and `b.parent_round >= max(high_qc_round in it)`.
//! - **S3** and every field of the header is what this replica computed itself, execution included
//!   ([`Place`], [`Execution`], [`check_timestamp`]).
//! - **S4** Commit-vote for `b` only if QC(b) is known and `b.round > highest_timeout_round`.
//! - **S5** One timeout a round, sent again identically, none newly signed at or below `highest_timeout_round`. It
//!   sets `last_voted_round = max(last_voted_round, r)` and `highest_timeout_round = r`, and reports the round of
//!   the highest QC held, which is below `r`.
//! - **S6** One proposal a round.
//!
//! Known certificates have been verified by the caller. A FinalityCert of the parent is as good as its
//! QC in S2: an honest member of its quorum held that QC (S4).
//!
//! # Why no two final blocks contradict each other
//!
//! Faulty validators have at most `f` power and a quorum at least `W - f`, with `W >= 3f + 1`; two quorums share
//! at least `W - 2f > f`, so an honest member.
//!
//! **Claim.** Let FinalityCert(b) exist, `b` in round `r`. Every block `c` of the epoch that is certified in a round
//! `s >= r` is `b` or extends `b`. By induction on `s`:
//!
//! 1. `s = r`. An honest member of FinalityCert(b) held QC(b) (S4). QC(b) and QC(c) share an honest member,
//!    who voted once in round `r` (S1). So `c = b`.
//! 2. `s > r`. An honest member of QC(c) voted for `c` by S2: the parent `p` is certified in round
//!    `q = c.parent_round < s` (S3).
//!    - If `q + 1 = s`, then `r <= q < s`, and by induction `p` is `b` or extends `b`.
//!    - Otherwise there is a TimeoutCert of round `s - 1 >= r` whose highest claim is at most `q`. It
//!      shares an honest member `h` with FinalityCert(b). When `h` commit-voted for `b`, its
//!      `highest_timeout_round` was below `r` (S4), so it timed out round `s - 1` later. Its high QC was of round `r` at
//!      least from the commit vote on and never falls, so its claim is at least `r` (S5), and `r <= q < s`. By
//!      induction `p` is `b` or extends `b`.
//!
//!    So `c` extends `b`.
//!
//! Two final blocks of one epoch are both certified, one in a round not below the other's: they are
//! equal or one extends the other. A crash changes nothing: what the record allowed was sent only after
//! the record was on disk. S0 closes an epoch for good, and S6 only spares the others an equivocation.

use crate::{
    Block, BlockId, CommitVote, CommitVoteBody, Epoch, Execution, FinalityCert, Header,
    HeaderMismatch, Place, Proposal, QuorumCert, Round, SafetyRecord, Statement, Timeout,
    TimeoutBody, TimeoutCert, ValidatorIndex, Vote, VoteBody, check_timestamp,
};
use cairn_crypto::{Digest, SignError, SigningKey};
use std::sync::Arc;

/// A rule forbids to sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafetyError {
    /// There is no key: an observer.
    #[error("this replica observes: it has no key to sign with")]
    Observer,
    /// S0.
    #[error("S0: asked to sign for epoch {got}, the record is of epoch {record}")]
    Epoch {
        /// The record's.
        record: Epoch,
        /// Asked for.
        got: Epoch,
    },
    /// S1.
    #[error(
        "S1: round {round} is not above {last_voted_round}, the last round voted in or given up"
    )]
    AlreadyVoted {
        /// Asked for.
        round: Round,
        /// In the record.
        last_voted_round: Round,
    },
    /// S2: the certificate is not the parent's.
    #[error("S2: the certificate is for block {certified}, the parent is {parent}")]
    ParentNotCertified {
        /// What the header names.
        parent: BlockId,
        /// What the certificate is for.
        certified: BlockId,
    },
    /// S2: rounds lie between block and parent, and no timeout certificate excuses them.
    #[error(
        "S2: round {round} extends round {parent_round} without a timeout certificate of the round before"
    )]
    NotConsecutive {
        /// Round of the block.
        round: Round,
        /// Round of its parent.
        parent_round: Round,
    },
    /// S2: somebody who timed out held a higher certificate.
    #[error(
        "S2: the parent's round {parent_round} is below {claimed}, the highest that the timeout certificate reports"
    )]
    ParentTooLow {
        /// Round of the parent.
        parent_round: Round,
        /// Highest claim.
        claimed: Round,
    },
    /// S3.
    #[error("S3: {0}")]
    Header(#[from] HeaderMismatch),
    /// S4: the certificate is not the block's.
    #[error("S4: the certificate is for block {certified}, not for {block}")]
    NotCertified {
        /// The block.
        block: BlockId,
        /// What the certificate is for.
        certified: BlockId,
    },
    /// S4.
    #[error("S4: round {round} is not above {highest_timeout_round}, the highest round given up")]
    RoundGivenUp {
        /// Round of the block.
        round: Round,
        /// In the record.
        highest_timeout_round: Round,
    },
    /// S5.
    #[error("S5: round {round} is not above {highest_timeout_round}, the highest round given up")]
    AlreadyTimedOut {
        /// Asked for.
        round: Round,
        /// In the record.
        highest_timeout_round: Round,
    },
    /// S5: the round is over, there is a certificate of it.
    #[error(
        "S5: round {round} is not above {high_qc_round}, the round of the highest certificate held"
    )]
    RoundCertified {
        /// Asked for.
        round: Round,
        /// Held.
        high_qc_round: Round,
    },
    /// S6.
    #[error("S6: round {round} is not above {last_proposed_round}, the last round proposed in")]
    AlreadyProposed {
        /// Asked for.
        round: Round,
        /// In the record.
        last_proposed_round: Round,
    },
    /// The library could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// How a block's parent is known to be certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParentCert {
    /// The epoch's root, which needs no certificate.
    Root(BlockId),
    /// By its quorum certificate.
    Quorum(Arc<QuorumCert>),
    /// By its finality certificate.
    Finality(Arc<FinalityCert>),
}

impl ParentCert {
    /// The certified block.
    #[must_use]
    pub fn block_id(&self) -> BlockId {
        match self {
            Self::Root(id) => *id,
            Self::Quorum(certificate) => certificate.block_id,
            Self::Finality(certificate) => certificate.block_id,
        }
    }

    /// Its round; 0 for the epoch's root.
    #[must_use]
    pub fn round(&self) -> Round {
        match self {
            Self::Root(_) => Round(0),
            Self::Quorum(certificate) => certificate.round,
            Self::Finality(certificate) => certificate.round,
        }
    }
}

/// All that S2 and S3 look at before a vote.
#[derive(Clone, Debug)]
pub struct Grounds<'a> {
    /// The header's certified parent.
    pub parent: &'a ParentCert,
    /// The timeout certificate that came with the proposal.
    pub timeout_cert: Option<&'a TimeoutCert>,
    /// What the header must say by its place.
    pub place: &'a Place,
    /// What execution gave.
    pub execution: &'a Execution,
    /// Local time plus the allowed skew.
    pub latest_timestamp_ms: u64,
}

/// Signs what the rules allow. Certificates handed in have been verified by the caller.
pub trait SafetyRules {
    /// What must be on disk before anything signed since it was last stored is sent.
    fn record(&self) -> &SafetyRecord;

    /// A quorum certificate became known. True if it is the highest now.
    fn observe_quorum(&mut self, certificate: &Arc<QuorumCert>) -> bool;

    /// A timeout certificate became known. True if it is the highest now.
    fn observe_timeout(&mut self, certificate: &Arc<TimeoutCert>) -> bool;

    /// S0 to S3: the vote for a block; the same again when asked again.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn vote(
        &mut self,
        header: &Header,
        id: BlockId,
        grounds: &Grounds<'_>,
    ) -> Result<Vote, SafetyError>;

    /// S0 and S4: the commit vote for a certified block; the same again when asked again.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn commit_vote(
        &mut self,
        header: &Header,
        certificate: &Arc<QuorumCert>,
    ) -> Result<CommitVote, SafetyError>;

    /// S0 and S5: the timeout of a round; the same again when asked again.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn timeout(&mut self, epoch: Epoch, round: Round) -> Result<Timeout, SafetyError>;

    /// S0 and S6: the proposal of a block.
    ///
    /// # Errors
    /// The rule that forbids it.
    fn propose(
        &mut self,
        block: Arc<Block>,
        timeout_cert: Option<Arc<TimeoutCert>>,
    ) -> Result<Proposal, SafetyError>;
}

/// [`SafetyRules`] with the key in this process. Without a key it keeps certificates and signs nothing.
#[derive(Clone, Debug)]
pub struct LocalSafety {
    chain_id: Digest,
    signer: Option<(ValidatorIndex, SigningKey)>,
    record: SafetyRecord,
}

impl LocalSafety {
    /// Goes on from a stored record.
    #[must_use]
    pub fn new(
        chain_id: Digest,
        signer: Option<(ValidatorIndex, SigningKey)>,
        record: SafetyRecord,
    ) -> Self {
        Self {
            chain_id,
            signer,
            record,
        }
    }

    /// S0, and the key.
    fn signer(&self, epoch: Epoch) -> Result<(ValidatorIndex, &SigningKey), SafetyError> {
        if epoch != self.record.epoch {
            return Err(SafetyError::Epoch {
                record: self.record.epoch,
                got: epoch,
            });
        }
        let (index, key) = self.signer.as_ref().ok_or(SafetyError::Observer)?;
        Ok((*index, key))
    }
}

/// S2.
fn check_extends(header: &Header, grounds: &Grounds<'_>) -> Result<(), SafetyError> {
    let (parent, parent_round) = (header.parent, grounds.parent.round());
    if grounds.parent.block_id() != parent {
        return Err(SafetyError::ParentNotCertified {
            parent,
            certified: grounds.parent.block_id(),
        });
    }
    if parent_round.next() == header.round {
        return Ok(());
    }
    let excuse = grounds.timeout_cert.filter(|certificate| {
        certificate.epoch == header.epoch && certificate.round.next() == header.round
    });
    let claimed = excuse
        .ok_or(SafetyError::NotConsecutive {
            round: header.round,
            parent_round,
        })?
        .max_high_qc_round();
    if parent_round < claimed {
        return Err(SafetyError::ParentTooLow {
            parent_round,
            claimed,
        });
    }
    Ok(())
}

impl SafetyRules for LocalSafety {
    fn record(&self) -> &SafetyRecord {
        &self.record
    }

    fn observe_quorum(&mut self, certificate: &Arc<QuorumCert>) -> bool {
        let higher = certificate.epoch == self.record.epoch
            && certificate.round > self.record.high_qc_round();
        if higher {
            self.record.high_qc = Some(Arc::clone(certificate));
        }
        higher
    }

    fn observe_timeout(&mut self, certificate: &Arc<TimeoutCert>) -> bool {
        let higher = certificate.epoch == self.record.epoch
            && certificate.round > self.record.high_tc_round();
        if higher {
            self.record.high_tc = Some(Arc::clone(certificate));
        }
        higher
    }

    fn vote(
        &mut self,
        header: &Header,
        id: BlockId,
        grounds: &Grounds<'_>,
    ) -> Result<Vote, SafetyError> {
        let (voter, key) = self.signer(header.epoch)?;
        let body = VoteBody::of(header, id);
        if let Some(vote) = &self.record.last_vote
            && vote.body() == body
        {
            return Ok(vote.clone());
        }
        if header.round <= self.record.last_voted_round {
            return Err(SafetyError::AlreadyVoted {
                round: header.round,
                last_voted_round: self.record.last_voted_round,
            });
        }
        check_extends(header, grounds)?;
        grounds.place.check(header)?;
        grounds.execution.check(header)?;
        check_timestamp(header, grounds.latest_timestamp_ms)?;
        let vote = body.into_vote(voter, key)?;
        if let ParentCert::Quorum(certificate) = grounds.parent {
            self.observe_quorum(certificate);
        }
        self.record.last_voted_round = header.round;
        self.record.last_vote = Some(vote.clone());
        Ok(vote)
    }

    fn commit_vote(
        &mut self,
        header: &Header,
        certificate: &Arc<QuorumCert>,
    ) -> Result<CommitVote, SafetyError> {
        let (voter, key) = self.signer(header.epoch)?;
        let id = header.id();
        if certificate.block_id != id || certificate.epoch != header.epoch {
            return Err(SafetyError::NotCertified {
                block: id,
                certified: certificate.block_id,
            });
        }
        let body = CommitVoteBody::of(header, id);
        if let Some(vote) = &self.record.last_commit_vote
            && vote.body() == body
        {
            return Ok(vote.clone());
        }
        if header.round <= self.record.highest_timeout_round {
            return Err(SafetyError::RoundGivenUp {
                round: header.round,
                highest_timeout_round: self.record.highest_timeout_round,
            });
        }
        let vote = body.into_commit_vote(voter, key)?;
        // Every later timeout must report this certificate or a higher one: the proof rests on it.
        self.observe_quorum(certificate);
        self.record.last_commit_vote = Some(vote.clone());
        Ok(vote)
    }

    fn timeout(&mut self, epoch: Epoch, round: Round) -> Result<Timeout, SafetyError> {
        let (voter, key) = self.signer(epoch)?;
        if let Some(timeout) = &self.record.last_timeout
            && timeout.round == round
        {
            return Ok(timeout.clone());
        }
        if round <= self.record.highest_timeout_round {
            return Err(SafetyError::AlreadyTimedOut {
                round,
                highest_timeout_round: self.record.highest_timeout_round,
            });
        }
        let high_qc_round = self.record.high_qc_round();
        if round <= high_qc_round {
            return Err(SafetyError::RoundCertified {
                round,
                high_qc_round,
            });
        }
        let body = TimeoutBody {
            chain_id: self.chain_id,
            epoch,
            round,
            high_qc_round,
        };
        let timeout = body.into_timeout(voter, key)?;
        self.record.last_voted_round = self.record.last_voted_round.max(round);
        self.record.highest_timeout_round = round;
        self.record.last_timeout = Some(timeout.clone());
        Ok(timeout)
    }

    fn propose(
        &mut self,
        block: Arc<Block>,
        timeout_cert: Option<Arc<TimeoutCert>>,
    ) -> Result<Proposal, SafetyError> {
        let (_, key) = self.signer(block.header.epoch)?;
        let round = block.header.round;
        if let Some(last) = &self.record.last_proposal
            && round <= last.block.header.round
        {
            return Err(SafetyError::AlreadyProposed {
                round,
                last_proposed_round: last.block.header.round,
            });
        }
        let proposal = Proposal {
            signature: block.id().sign(key)?,
            block,
            timeout_cert,
        };
        self.record.last_proposal = Some(proposal.clone());
        Ok(proposal)
    }
}
