//! What exactly a validator signs: one definition for signing, for checking a message and for
//! checking a certificate.
//!
//! The voter is not part of the signed bytes, so that all votes for one block sign the same bytes.

use crate::{BlockId, CommitVote, Epoch, Header, Height, Round, Timeout, ValidatorIndex, Vote};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{
    BadSignature, Digest, PublicKey, SignError, Signature, SigningKey, Tag, domain,
};

/// Something that a validator signs under a domain tag (FIPS 204, pure, empty context).
pub trait Statement: BorshSerialize + Sized {
    /// The domain tag.
    const TAG: Tag;

    /// Signs `TAG || 0x00 || borsh(self)`.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    fn sign(&self, key: &SigningKey) -> Result<Signature, SignError> {
        key.sign(Self::TAG, self)
    }

    /// Checks a signature over `TAG || 0x00 || borsh(self)`.
    ///
    /// # Errors
    /// [`BadSignature`] if `key` did not sign this.
    fn verify(&self, key: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        key.verify(Self::TAG, self, signature)
    }
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
    /// When the cryptographic library fails.
    pub fn into_vote(self, voter: ValidatorIndex, key: &SigningKey) -> Result<Vote, SignError> {
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
    /// When the cryptographic library fails.
    pub fn into_commit_vote(
        self,
        voter: ValidatorIndex,
        key: &SigningKey,
    ) -> Result<CommitVote, SignError> {
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
    /// Signs, as `voter`.
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn into_timeout(
        self,
        voter: ValidatorIndex,
        key: &SigningKey,
    ) -> Result<Timeout, SignError> {
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
