//! Proof that a validator signed two contents where it may sign one.
//!
//! The types of this file mirror those of the consensus protocol byte for byte; the ledger does not depend on its
//! code. What is signed is `tag || 0x00 || borsh(body)` (ML-DSA-87, FIPS 204, empty context), without the voter:
//!
//! | phase | tag | body |
//! |---|---|---|
//! | proposal | `cairn/proposal/v1` | id of the block, `H("cairn/block/v1", header)` |
//! | vote | `cairn/vote/v1` | chain id, epoch, round, block id |
//! | commit vote | `cairn/commit/v1` | chain id, epoch, round, height, block id |
//! | timeout | `cairn/timeout/v1` | chain id, epoch, round, round of the highest certificate held |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{DecodeError, Digest, PublicKey, Signature, codec, domain, hash};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bytes of an [`Evidence`]; in JSON as base64. Decoded when the operation that carries them is executed.
#[derive(Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EvidenceBytes(pub Vec<u8>);

impl std::fmt::Debug for EvidenceBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvidenceBytes({} bytes)", self.0.len())
    }
}

impl Serialize for EvidenceBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for EvidenceBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// Two different contents signed by one validator for the same epoch, round and phase.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Evidence {
    /// Two proposals.
    Proposal {
        /// Index of who signed both in the epoch's set.
        offender: u16,
        /// One.
        first: Box<SignedHeader>,
        /// The other.
        second: Box<SignedHeader>,
    },
    /// Two votes.
    Vote {
        /// One.
        first: Vote,
        /// The other.
        second: Vote,
    },
    /// Two commit votes.
    CommitVote {
        /// One.
        first: CommitVote,
        /// The other.
        second: CommitVote,
    },
    /// Two timeouts.
    Timeout {
        /// One.
        first: Timeout,
        /// The other.
        second: Timeout,
    },
}

/// A block's header with its proposer's signature over the block's id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedHeader {
    /// The header.
    pub header: Header,
    /// Signature over its id.
    pub signature: Signature,
}

/// A block's header.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch whose validator set decides on the block.
    pub epoch: u64,
    /// Round in which it was proposed.
    pub round: u64,
    /// Number of blocks between genesis and the block.
    pub height: u64,
    /// Id of the block that it extends.
    pub parent: Digest,
    /// Round of the parent's certificate.
    pub parent_round: u64,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Id of the proposer.
    pub proposer: Digest,
    /// Root over the payload.
    pub payload_root: Digest,
    /// Root of the state after the block.
    pub state_root: Digest,
    /// Root over the receipts.
    pub receipts_root: Digest,
    /// Root over the ids of all earlier blocks.
    pub history_root: Digest,
    /// Hash of the validator set of the block.
    pub validators_hash: Digest,
    /// Hash of the validator set of the next block.
    pub next_validators_hash: Digest,
}

/// A vote of the first phase.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// What is signed.
    pub body: VoteBody,
    /// Index of the voter in the epoch's set.
    pub voter: u16,
    /// Its signature.
    pub signature: Signature,
}

/// What a [`Vote`] signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VoteBody {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: u64,
    /// Round of the block.
    pub round: u64,
    /// The block.
    pub block_id: Digest,
}

/// A vote of the second phase.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommitVote {
    /// What is signed.
    pub body: CommitVoteBody,
    /// Index of the voter in the epoch's set.
    pub voter: u16,
    /// Its signature.
    pub signature: Signature,
}

/// What a [`CommitVote`] signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommitVoteBody {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the block.
    pub epoch: u64,
    /// Round of the block.
    pub round: u64,
    /// Height of the block.
    pub height: u64,
    /// The block.
    pub block_id: Digest,
}

/// A round given up.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Timeout {
    /// What is signed.
    pub body: TimeoutBody,
    /// Index of the voter in the epoch's set.
    pub voter: u16,
    /// Its signature.
    pub signature: Signature,
}

/// What a [`Timeout`] signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TimeoutBody {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Epoch of the round.
    pub epoch: u64,
    /// The round given up.
    pub round: u64,
    /// Round of the highest certificate held.
    pub high_qc_round: u64,
}

/// Chain id, epoch, round and voter: what both halves of evidence have to share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// The epoch.
    pub epoch: u64,
    /// The round.
    pub round: u64,
    /// Index of the voter in the epoch's set.
    pub voter: u16,
}

impl Header {
    /// `H("cairn/block/v1", header)`.
    #[must_use]
    pub fn id(&self) -> Digest {
        hash(domain::BLOCK, self)
    }
}

impl Evidence {
    /// Reads evidence from bytes of any origin.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that is not exactly the encoding of an evidence.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, bytes.len())
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> EvidenceBytes {
        EvidenceBytes(borsh::to_vec(self).expect("a vector takes every byte"))
    }

    /// The places of both halves.
    #[must_use]
    pub fn places(&self) -> [Place; 2] {
        match self {
            Self::Proposal {
                offender,
                first,
                second,
            } => [first, second].map(|half| Place {
                chain_id: half.header.chain_id,
                epoch: half.header.epoch,
                round: half.header.round,
                voter: *offender,
            }),
            Self::Vote { first, second } => [first, second].map(|half| Place {
                chain_id: half.body.chain_id,
                epoch: half.body.epoch,
                round: half.body.round,
                voter: half.voter,
            }),
            Self::CommitVote { first, second } => [first, second].map(|half| Place {
                chain_id: half.body.chain_id,
                epoch: half.body.epoch,
                round: half.body.round,
                voter: half.voter,
            }),
            Self::Timeout { first, second } => [first, second].map(|half| Place {
                chain_id: half.body.chain_id,
                epoch: half.body.epoch,
                round: half.body.round,
                voter: half.voter,
            }),
        }
    }

    /// Whether the contents differ. Signatures are not compared: two over one content may differ.
    #[must_use]
    pub fn differs(&self) -> bool {
        match self {
            Self::Proposal { first, second, .. } => first.header != second.header,
            Self::Vote { first, second } => first.body != second.body,
            Self::CommitVote { first, second } => first.body != second.body,
            Self::Timeout { first, second } => first.body != second.body,
        }
    }

    /// Whether `key` signed both halves.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        fn both<T: BorshSerialize>(
            key: &PublicKey,
            tag: cairn_crypto::Tag,
            halves: [(&T, &Signature); 2],
        ) -> bool {
            let signed = |(body, signature)| key.verify(tag, body, signature).is_ok();
            halves.into_iter().all(signed)
        }
        match self {
            Self::Proposal { first, second, .. } => {
                let ids = [first.header.id(), second.header.id()];
                let halves = [(&ids[0], &first.signature), (&ids[1], &second.signature)];
                both(key, domain::PROPOSAL, halves)
            }
            Self::Vote { first, second } => {
                let halves = [first, second].map(|half| (&half.body, &half.signature));
                both(key, domain::VOTE, halves)
            }
            Self::CommitVote { first, second } => {
                let halves = [first, second].map(|half| (&half.body, &half.signature));
                both(key, domain::COMMIT, halves)
            }
            Self::Timeout { first, second } => {
                let halves = [first, second].map(|half| (&half.body, &half.signature));
                both(key, domain::TIMEOUT, halves)
            }
        }
    }
}
