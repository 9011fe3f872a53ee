//! Quorums of signatures.

mod verify;

pub use verify::CertificateError;

use crate::mutation::mutated;
use crate::{
    BlockId, CommitVote, CommitVoteBody, Epoch, Height, Round, SignerSet, Timeout, TimeoutBody,
    ValidatorIndex, ValidatorSet, Vote, VoteBody,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, Signature};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A quorum of [`Vote`](crate::Vote)s for one block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct QuorumCert {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: Epoch,
    /// Round of the block.
    pub round: Round,
    /// The certified block.
    pub block_id: BlockId,
    /// Who signed, in order of the validator set.
    pub signers: SignerSet,
    /// One signature a signer, in the same order.
    pub signatures: Vec<Signature>,
}

/// A quorum of [`CommitVote`](crate::CommitVote)s for one block: what an auditor checks.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct FinalityCert {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: Epoch,
    /// The block's round; for the last block of an epoch perhaps that of a suffix block on it.
    pub round: Round,
    /// Height of the block.
    pub height: Height,
    /// The final block.
    pub block_id: BlockId,
    /// Who signed, in order of the validator set.
    pub signers: SignerSet,
    /// One signature a signer, in the same order.
    pub signatures: Vec<Signature>,
}

/// A quorum of [`Timeout`](crate::Timeout)s for one round, each with the round of the highest
/// certificate that its signer held.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TimeoutCert {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the round.
    pub epoch: Epoch,
    /// The round that timed out.
    pub round: Round,
    /// Who signed, in order of the validator set.
    pub signers: SignerSet,
    /// One signed `high_qc_round` a signer, in the same order.
    pub high_qc_rounds: Vec<Round>,
    /// One signature a signer, in the same order.
    pub signatures: Vec<Signature>,
}

impl QuorumCert {
    /// What every signer signed.
    #[must_use]
    pub fn body(&self) -> VoteBody {
        VoteBody {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            block_id: self.block_id,
        }
    }

    /// Puts the votes for `body` together; none unless they are a quorum. The votes must have been
    /// verified; those for anything else are left out.
    #[must_use]
    pub fn from_votes<'a>(
        body: VoteBody,
        votes: impl IntoIterator<Item = &'a Vote>,
        validators: &ValidatorSet,
    ) -> Option<Self> {
        let votes = votes.into_iter().filter(|vote| vote.body() == body);
        let by_voter = votes.map(|vote| (vote.voter, vote.signature.clone()));
        let (signers, signatures) = assemble(by_voter, validators)?;
        Some(Self {
            chain_id: body.chain_id,
            epoch: body.epoch,
            round: body.round,
            block_id: body.block_id,
            signers,
            signatures,
        })
    }
}

impl FinalityCert {
    /// What every signer signed.
    #[must_use]
    pub fn body(&self) -> CommitVoteBody {
        CommitVoteBody {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            height: self.height,
            block_id: self.block_id,
        }
    }

    /// Puts the commit votes for `body` together; none unless they are a quorum. The commit votes must
    /// have been verified; those for anything else are left out.
    #[must_use]
    pub fn from_commit_votes<'a>(
        body: CommitVoteBody,
        votes: impl IntoIterator<Item = &'a CommitVote>,
        validators: &ValidatorSet,
    ) -> Option<Self> {
        let votes = votes.into_iter().filter(|vote| vote.body() == body);
        let by_voter = votes.map(|vote| (vote.voter, vote.signature.clone()));
        let (signers, signatures) = assemble(by_voter, validators)?;
        Some(Self {
            chain_id: body.chain_id,
            epoch: body.epoch,
            round: body.round,
            height: body.height,
            block_id: body.block_id,
            signers,
            signatures,
        })
    }
}

impl TimeoutCert {
    /// What a signer with this claim signed.
    #[must_use]
    pub fn body(&self, high_qc_round: Round) -> TimeoutBody {
        TimeoutBody {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            high_qc_round,
        }
    }

    /// The highest claim: a block of the next round must extend a certificate of this round or a
    /// later one.
    #[must_use]
    pub fn max_high_qc_round(&self) -> Round {
        self.high_qc_rounds
            .iter()
            .max()
            .copied()
            .unwrap_or_default()
    }

    /// Puts the timeouts of one round together; none unless they are a quorum. The timeouts must have
    /// been verified; those of other rounds are left out.
    #[must_use]
    pub fn from_timeouts<'a>(
        round: Round,
        timeouts: impl IntoIterator<Item = &'a Timeout>,
        validators: &ValidatorSet,
    ) -> Option<Self> {
        let by_voter: BTreeMap<ValidatorIndex, &Timeout> = timeouts
            .into_iter()
            .filter(|timeout| timeout.round == round)
            .map(|timeout| (timeout.voter, timeout))
            .collect();
        let first = *by_voter.values().next()?;
        let high_qc_rounds = by_voter
            .values()
            .map(|timeout| timeout.high_qc_round)
            .collect();
        let signatures = by_voter
            .iter()
            .map(|(voter, timeout)| (*voter, timeout.signature.clone()));
        let (signers, signatures) = assemble(signatures, validators)?;
        Some(Self {
            chain_id: first.chain_id,
            epoch: first.epoch,
            round,
            signers,
            high_qc_rounds,
            signatures,
        })
    }
}

/// Bitmap and signatures in ascending order of the signers, if they are a quorum.
fn assemble(
    signatures: impl Iterator<Item = (ValidatorIndex, Signature)>,
    validators: &ValidatorSet,
) -> Option<(SignerSet, Vec<Signature>)> {
    let by_voter: BTreeMap<ValidatorIndex, Signature> = signatures.collect();
    let mut signers = SignerSet::new(validators.len());
    for voter in by_voter.keys() {
        signers.insert(*voter);
    }
    let complete = signers.len() == by_voter.len()
        && signers.fits(validators)
        && (signers.power(validators) >= validators.quorum_power() || mutated!(CountVoteTwice));
    complete.then(|| (signers, by_voter.into_values().collect()))
}
