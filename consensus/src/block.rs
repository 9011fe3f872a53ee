//! Headers, blocks and proposals.

use crate::{BlockId, Epoch, Height, Round, TimeoutCert, ValidatorSet};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, Signature, domain, hash, merkle};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a block commits to. Validators vote on its hash, so a certificate vouches for every field,
/// the result of execution included.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Header {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch whose validator set decides on this block.
    pub epoch: Epoch,
    /// Round in which it was proposed; 0 for genesis only.
    pub round: Round,
    /// Parent's height + 1.
    pub height: Height,
    /// Id of the block that this one extends; of zeros for genesis.
    pub parent: BlockId,
    /// Round of the certificate of the parent; 0 when the parent is the epoch's root.
    pub parent_round: Round,
    /// Milliseconds since the Unix epoch, above the parent's.
    pub timestamp_ms: u64,
    /// Validator id of the round's leader; zeros for genesis.
    pub proposer: Digest,
    /// RFC 6962 root over the payload's `SignedTxHash`es (leaf = the 32 bytes).
    pub payload_root: Digest,
    /// Root of the authenticated state after this block.
    pub state_root: Digest,
    /// RFC 6962 root over the Borsh bytes of this block's receipts.
    pub receipts_root: Digest,
    /// RFC 6962 root over the ids of all earlier blocks: exactly `height` leaves, leaf index = height.
    pub history_root: Digest,
    /// Hash of the validator set that decides on this block.
    pub validators_hash: Digest,
    /// Hash of the validator set of the next block; differs at an epoch's last block only.
    pub next_validators_hash: Digest,
}

impl Header {
    /// The header of height 0. It needs no certificate: everybody computes it from the genesis document.
    ///
    /// `state_root` is the root of the state that the document describes, `validators` those of epoch 0.
    #[must_use]
    pub fn genesis(
        chain_id: Digest,
        timestamp_ms: u64,
        state_root: Digest,
        validators: &ValidatorSet,
    ) -> Self {
        Self {
            chain_id,
            epoch: Epoch(0),
            round: Round(0),
            height: Height(0),
            parent: BlockId(Digest::ZERO),
            parent_round: Round(0),
            timestamp_ms,
            proposer: Digest::ZERO,
            payload_root: merkle::root(&[]),
            state_root,
            receipts_root: merkle::root(&[]),
            history_root: merkle::root(&[]),
            validators_hash: validators.hash(),
            next_validators_hash: validators.hash(),
        }
    }

    /// Whether this block ends its epoch, or stands on one that does: the next block outside the epoch is of the
    /// next one, whose validators are those that `next_validators_hash` names.
    #[must_use]
    pub fn ends_epoch(&self) -> bool {
        self.next_validators_hash != self.validators_hash
    }

    /// Whether this can be a suffix block of `end`, which ends the epoch: of a later round, at its height, with its
    /// results.
    #[must_use]
    pub fn is_suffix_of(&self, end: &Self) -> bool {
        let result = |header: &Self| {
            (
                (header.chain_id, header.epoch, header.height),
                (header.state_root, header.receipts_root, header.history_root),
                (header.validators_hash, header.next_validators_hash),
            )
        };
        end.ends_epoch() && self.round > end.round && result(self) == result(end)
    }

    /// The epoch of the block that follows this one, once it is final.
    #[must_use]
    pub fn next_epoch(&self) -> Epoch {
        if self.ends_epoch() {
            self.epoch.next()
        } else {
            self.epoch
        }
    }

    /// `H("cairn/block/v1", header)`.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId(hash(domain::BLOCK, self))
    }
}

/// RFC 6962 root of a payload.
#[must_use]
pub fn payload_root(payload: &[Digest]) -> Digest {
    let leaves: Vec<Digest> = payload
        .iter()
        .map(|hash| merkle::leaf_hash(hash.as_bytes()))
        .collect();
    merkle::root(&leaves)
}

/// A header and the hashes of the transactions it orders. The transactions themselves travel apart.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// Ordered `SignedTxHash`es; opaque to consensus.
    pub payload: Vec<Digest>,
}

impl Block {
    /// Id of the header.
    #[must_use]
    pub fn id(&self) -> BlockId {
        self.header.id()
    }
}

/// A leader's proposal for its round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The proposed block.
    pub block: Arc<Block>,
    /// Why the round before needs no certificate, when the parent is not of the round before.
    pub timeout_cert: Option<Arc<TimeoutCert>>,
    /// The proposer's signature over the block id, tag `cairn/proposal/v1`.
    pub signature: Signature,
}
