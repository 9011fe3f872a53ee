//! What exactly a validator signs: one definition for signing, for checking a message and for
//! checking a certificate.
//!
//! The voter is not part of the signed bytes, so that all votes for one block sign the same bytes.

use crate::{
    BlockId, CommitVote, Epoch, Header, Height, MlDsa87, Round, SafetyError, SignatureVerifier,
    Signer, SignerError, Timeout, ValidatorIndex, Vote,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{BadSignature, Digest, PublicKey, Signature, Tag, domain};

/// Something that a validator signs under a domain tag (FIPS 204, pure, empty context).
pub trait Statement: BorshSerialize + Sized {
    /// The domain tag.
    const TAG: Tag;

    /// Signs `TAG || 0x00 || borsh(self)`.
    ///
    /// # Errors
    /// When the signer cannot or will not.
    fn sign(&self, signer: &dyn Signer) -> Result<Signature, SignerError> {
        signer.sign_statement(Self::TAG, &encoded(self))
    }

    /// Checks a signature over `TAG || 0x00 || borsh(self)`.
    ///
    /// # Errors
    /// [`BadSignature`] if `key` did not sign this.
    fn verify(&self, key: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        self.verify_with(key, signature, &MlDsa87)
    }

    /// [`Statement::verify`] with another signature scheme.
    ///
    /// # Errors
    /// [`BadSignature`] if `key` did not sign this.
    fn verify_with(
        &self,
        key: &PublicKey,
        signature: &Signature,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), BadSignature> {
        verifier.verify_statement(key, Self::TAG, &encoded(self), signature)
    }
}

fn encoded(statement: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(statement).expect("a vector accepts every byte and a statement holds no list")
}

/// Signed by a [`Vote`]; tag `cairn/vote/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct VoteBody {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: Epoch,
    /// Round of the block.
    pub round: Round,
    /// The block.
    pub block_id: BlockId,
}

impl Statement for VoteBody {
    const TAG: Tag = domain::VOTE;
}

/// Signed by a [`CommitVote`]; tag `cairn/commit/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct CommitVoteBody {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: Epoch,
    /// Round of the block.
    pub round: Round,
    /// Height of the block.
    pub height: Height,
    /// The block.
    pub block_id: BlockId,
}

impl Statement for CommitVoteBody {
    const TAG: Tag = domain::COMMIT;
}

/// Signed by a [`Timeout`]; tag `cairn/timeout/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct TimeoutBody {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the round.
    pub epoch: Epoch,
    /// The round given up.
    pub round: Round,
    /// Round of the highest quorum certificate held.
    pub high_qc_round: Round,
}

impl Statement for TimeoutBody {
    const TAG: Tag = domain::TIMEOUT;
}

/// Signed by a [`Proposal`](crate::Proposal): the id of its block; tag `cairn/proposal/v1`.
impl Statement for BlockId {
    const TAG: Tag = domain::PROPOSAL;
}

impl VoteBody {
    /// The vote for a header.
    #[must_use]
    pub fn of(header: &Header, block_id: BlockId) -> Self {
        Self {
            chain_id: header.chain_id,
            epoch: header.epoch,
            round: header.round,
            block_id,
        }
    }

    /// Signs, as `voter`.
    ///
    /// # Errors
    /// When the signer cannot or will not.
    pub fn into_vote(self, voter: ValidatorIndex, key: &dyn Signer) -> Result<Vote, SignerError> {
        Ok(Vote {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            block_id: self.block_id,
            voter,
            signature: self.sign(key)?,
        })
    }
}

impl CommitVoteBody {
    /// The commit vote for a block, or, for a suffix block, for `end`, which ends the epoch.
    ///
    /// # Errors
    /// [`SafetyError::NotSuffix`] if it is no suffix block of `end`.
    pub fn of_block(header: &Header, end: Option<&Header>) -> Result<Self, SafetyError> {
        let Some(end) = end else {
            return Ok(Self::of(header, header.id()));
        };
        if !header.is_suffix_of(end) {
            let (block, end) = (header.id(), end.id());
            return Err(SafetyError::NotSuffix { block, end });
        }
        Ok(Self {
            round: header.round,
            ..Self::of(end, end.id())
        })
    }

    /// The commit vote for a header.
    #[must_use]
    pub fn of(header: &Header, block_id: BlockId) -> Self {
        Self {
            chain_id: header.chain_id,
            epoch: header.epoch,
            round: header.round,
            height: header.height,
            block_id,
        }
    }

    /// Signs, as `voter`.
    ///
    /// # Errors
    /// When the signer cannot or will not.
    pub fn into_commit_vote(
        self,
        voter: ValidatorIndex,
        key: &dyn Signer,
    ) -> Result<CommitVote, SignerError> {
        Ok(CommitVote {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            height: self.height,
            block_id: self.block_id,
            voter,
            signature: self.sign(key)?,
        })
    }
}

impl TimeoutBody {
    /// The timeout of a round by somebody who holds a certificate of `high_qc_round`.
    #[must_use]
    pub fn new(chain_id: Digest, epoch: Epoch, round: Round, high_qc_round: Round) -> Self {
        Self {
            chain_id,
            epoch,
            round,
            high_qc_round,
        }
    }

    /// Signs, as `voter`.
    ///
    /// # Errors
    /// When the signer cannot or will not.
    pub fn into_timeout(
        self,
        voter: ValidatorIndex,
        key: &dyn Signer,
    ) -> Result<Timeout, SignerError> {
        Ok(Timeout {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            high_qc_round: self.high_qc_round,
            voter,
            signature: self.sign(key)?,
        })
    }
}

impl Vote {
    /// What is signed.
    #[must_use]
    pub fn body(&self) -> VoteBody {
        VoteBody {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            block_id: self.block_id,
        }
    }
}

impl CommitVote {
    /// What is signed.
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
}

impl Timeout {
    /// What is signed.
    #[must_use]
    pub fn body(&self) -> TimeoutBody {
        TimeoutBody {
            chain_id: self.chain_id,
            epoch: self.epoch,
            round: self.round,
            high_qc_round: self.high_qc_round,
        }
    }
}
