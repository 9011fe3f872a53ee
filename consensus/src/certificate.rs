//! Quorums of signatures.

use crate::{
    BlockId, CommitVote, CommitVoteBody, Epoch, Height, Round, SignerSet, Statement, Timeout,
    TimeoutBody, ValidatorIndex, ValidatorSet, Vote, VoteBody,
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
    /// Round in which it was certified.
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

/// Why a certificate proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Made for another chain.
    #[error("the certificate is for chain {got}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: Digest,
        /// The chain that it names.
        got: Digest,
    },
    /// The bitmap does not belong to this validator set.
    #[error("the signer bitmap does not fit a set of {validators} validators")]
    Signers {
        /// Members of the set.
        validators: usize,
    },
    /// Not one signature (or claim) for each signer.
    #[error("{signers} signers but {got} signatures or claims")]
    Count {
        /// Bits set.
        signers: usize,
        /// Entries that came with them.
        got: usize,
    },
    /// Too little voting power.
    #[error("the signers have {power} of the {quorum} voting power that a quorum needs")]
    NoQuorum {
        /// Power of the signers.
        power: u64,
        /// Power of a quorum.
        quorum: u64,
    },
    /// A timeout that claims a certificate of its own round or a later one.
    #[error(
        "validator {voter} claims a certificate of round {claim} while timing out round {round}"
    )]
    Claim {
        /// Who claims.
        voter: ValidatorIndex,
        /// The claim.
        claim: Round,
        /// The round that timed out.
        round: Round,
    },
    /// One signature is wrong.
    #[error("the signature of validator {voter} is wrong")]
    BadSignature {
        /// Whose.
        voter: ValidatorIndex,
    },
}

/// Checks all that does not need the signatures.
fn check_signers(
    chain_id: (&Digest, &Digest),
    signers: &SignerSet,
    entries: usize,
    validators: &ValidatorSet,
) -> Result<(), CertificateError> {
    let (expected, got) = chain_id;
    if expected != got {
        return Err(CertificateError::WrongChain {
            expected: *expected,
            got: *got,
        });
    }
    if !signers.fits(validators) {
        return Err(CertificateError::Signers {
            validators: validators.len(),
        });
    }
    if signers.len() != entries {
        return Err(CertificateError::Count {
            signers: signers.len(),
            got: entries,
        });
    }
    let (power, quorum) = (signers.power(validators), validators.quorum_power());
    if power < quorum {
        return Err(CertificateError::NoQuorum { power, quorum });
    }
    Ok(())
}

fn check_signature<S: Statement>(
    statement: &S,
    voter: ValidatorIndex,
    signature: &Signature,
    validators: &ValidatorSet,
) -> Result<(), CertificateError> {
    validators
        .get(voter)
        .filter(|validator| statement.verify(&validator.key, signature).is_ok())
        .map(|_| ())
        .ok_or(CertificateError::BadSignature { voter })
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

    /// Checks everything, each signature included. `validators` is the set of `self.epoch`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), CertificateError> {
        let entries = self.signatures.len();
        check_signers(
            (chain_id, &self.chain_id),
            &self.signers,
            entries,
            validators,
        )?;
        let body = self.body();
        for (voter, signature) in self.signers.iter().zip(&self.signatures) {
            check_signature(&body, voter, signature, validators)?;
        }
        Ok(())
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

    /// Checks everything, each signature included. `validators` is the set of `self.epoch`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), CertificateError> {
        let entries = self.signatures.len();
        check_signers(
            (chain_id, &self.chain_id),
            &self.signers,
            entries,
            validators,
        )?;
        let body = self.body();
        for (voter, signature) in self.signers.iter().zip(&self.signatures) {
            check_signature(&body, voter, signature, validators)?;
        }
        Ok(())
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

    /// Checks everything, each signature included. `validators` is the set of `self.epoch`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), CertificateError> {
        let entries = self.signatures.len();
        check_signers(
            (chain_id, &self.chain_id),
            &self.signers,
            entries,
            validators,
        )?;
        if self.high_qc_rounds.len() != entries {
            return Err(CertificateError::Count {
                signers: entries,
                got: self.high_qc_rounds.len(),
            });
        }
        let claims = self.high_qc_rounds.iter().zip(&self.signatures);
        for (voter, (claim, signature)) in self.signers.iter().zip(claims) {
            if *claim >= self.round {
                return Err(CertificateError::Claim {
                    voter,
                    claim: *claim,
                    round: self.round,
                });
            }
            check_signature(&self.body(*claim), voter, signature, validators)?;
        }
        Ok(())
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
        && signers.power(validators) >= validators.quorum_power();
    complete.then(|| (signers, by_voter.into_values().collect()))
}
