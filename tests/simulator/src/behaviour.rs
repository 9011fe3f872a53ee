//! Members that break the rules with their own valid keys, one way of doing so a file.
//!
//! Such a member runs an honest replica underneath; its behaviours, one after the other, turn what that replica says
//! into what is sent, and may add to it whenever something is heard.

mod certificate_forger;
mod double_voter;
mod equivocator;
mod flooder;
mod high_qc_liar;
mod replayer;
mod silent;
mod stale_leader;
mod withholder;
mod wrong_roots;

use crate::random::Random;
use cairn_consensus::{
    Block, BlockId, CommitVoteBody, Message, Proposal, Round, Signer, Statement, TimeoutBody,
    ValidatorId, ValidatorIndex, ValidatorSet, VoteBody,
};
use cairn_crypto::{Digest, Signature};
use std::fmt::Debug;
use std::sync::Arc;

/// To whom something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    All,
    /// One member.
    One(ValidatorId),
    /// Those whose bit is set.
    Some(u64),
}

/// What a Byzantine member has to work with.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Its choices.
    pub random: &'a mut Random,
    /// Its key.
    pub signer: &'a dyn Signer,
    /// Its place in the set.
    pub index: ValidatorIndex,
    /// The set of its epoch.
    pub set: &'a ValidatorSet,
    /// The chain.
    pub chain_id: Digest,
    /// Its replica's round.
    pub round: Round,
    /// Its epoch.
    pub epoch: cairn_consensus::Epoch,
    /// The time.
    pub now: u64,
    /// What is sent.
    pub out: Vec<(Audience, Message)>,
}

impl Scene<'_> {
    /// Sends.
    pub fn send(&mut self, to: Audience, message: Message) {
        self.out.push((to, message));
    }

    /// A random part of the others.
    pub fn some(&mut self) -> u64 {
        self.random.any()
    }

    /// Its signature of anything.
    ///
    /// # Panics
    /// Never: the signers of a simulation do not fail.
    pub fn sign<S: Statement>(&self, statement: &S) -> Signature {
        statement.sign(self.signer).expect("the signer is at hand")
    }

    /// Its vote for a block, whatever it is.
    pub fn vote(&self, block: &Block, id: BlockId) -> Message {
        let vote = VoteBody::of(&block.header, id).into_vote(self.index, self.signer);
        Message::Vote(vote.expect("the signer is at hand"))
    }

    /// Its commit vote for a block, whatever it is.
    pub fn commit_vote(&self, block: &Block, id: BlockId) -> Message {
        let body = CommitVoteBody::of(&block.header, id);
        let vote = body.into_commit_vote(self.index, self.signer);
        Message::CommitVote(vote.expect("the signer is at hand"))
    }

    /// Its timeout of a round, with any claim.
    pub fn timeout(&self, round: Round, high_qc_round: Round) -> Message {
        let body = TimeoutBody {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round,
            high_qc_round,
        };
        let timeout = body.into_timeout(self.index, self.signer);
        Message::Timeout {
            timeout: timeout.expect("the signer is at hand"),
            final_height: cairn_consensus::Height(0),
        }
    }

    /// A proposal of any block.
    pub fn propose(&self, block: Block, like: &Proposal) -> Proposal {
        Proposal {
            signature: self.sign(&block.id()),
            block: Arc::new(block),
            timeout_cert: like.timeout_cert.clone(),
        }
    }

    /// Whether it leads its replica's round.
    pub fn is_mine(&self, proposal: &Proposal) -> bool {
        self.set.index_of(&proposal.block.header.proposer) == Some(self.index)
    }
}

/// A way of breaking the rules.
pub trait Behaviour: Debug {
    /// Something was heard.
    fn hear(&mut self, _scene: &mut Scene<'_>, _message: &Message) {}

    /// The honest replica would say this: send it, something else, or nothing.
    fn say(&mut self, scene: &mut Scene<'_>, to: Audience, message: Message) {
        scene.send(to, message);
    }
}

/// The ways there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Proposes two blocks in a round.
    Equivocator,
    /// Votes and commit-votes for every proposal.
    DoubleVoter,
    /// Keeps its votes from some or all.
    Withholder,
    /// Lies about the highest certificate.
    HighQcLiar,
    /// Sends again what it heard before.
    Replayer,
    /// Proposes on a block that has been overtaken.
    StaleLeader,
    /// Proposes blocks with a wrong field.
    WrongRoots,
    /// Makes certificates up.
    CertificateForger,
    /// Says much that is of no use.
    Flooder,
    /// Says nothing any more after a while.
    Silent,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Equivocator,
        Self::DoubleVoter,
        Self::Withholder,
        Self::HighQcLiar,
        Self::Replayer,
        Self::StaleLeader,
        Self::WrongRoots,
        Self::CertificateForger,
        Self::Flooder,
        Self::Silent,
    ];

    /// One member's copy.
    #[must_use]
    pub fn make(self, random: &mut Random) -> Box<dyn Behaviour> {
        match self {
            Self::Equivocator => Box::new(equivocator::Equivocator::default()),
            Self::DoubleVoter => Box::new(double_voter::DoubleVoter),
            Self::Withholder => Box::new(withholder::Withholder::new(random)),
            Self::HighQcLiar => Box::new(high_qc_liar::HighQcLiar::new(random)),
            Self::Replayer => Box::new(replayer::Replayer::default()),
            Self::StaleLeader => Box::new(stale_leader::StaleLeader::default()),
            Self::WrongRoots => Box::new(wrong_roots::WrongRoots),
            Self::CertificateForger => Box::new(certificate_forger::CertificateForger::default()),
            Self::Flooder => Box::new(flooder::Flooder),
            Self::Silent => Box::new(silent::Silent::new(random)),
        }
    }
}
