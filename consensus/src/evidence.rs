//! Proof that a validator said two things where it may say one.
//!
//! Who has no use for the rest of this crate, such as the ledger, can check it with an ML-DSA-87 library alone. A
//! piece of evidence is two signatures of one key, each over `tag || 0x00 || statement` (empty context), where the
//! statements are Borsh (integers little-endian, digests their 32 bytes), differ, and agree in tag, chain id, epoch and
//! round:
//!
//! | tag | statement |
//! |---|---|
//! | `cairn/vote/v1` | chain id, epoch: u64, round: u64, block id |
//! | `cairn/commit/v1` | chain id, epoch: u64, round: u64, height: u64, block id |
//! | `cairn/timeout/v1` | chain id, epoch: u64, round: u64, high_qc_round: u64 |
//! | `cairn/proposal/v1` | block id: `SHA-256("cairn/block/v1" 0x00 header)`; chain id, epoch and round are the first three fields of the [`Header`] |

use crate::{
    CommitVote, Epoch, Header, MlDsa87, Round, SignatureVerifier, Statement, Timeout,
    ValidatorIndex, ValidatorSet, Vote,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{DecodeError, Digest, Signature, decode};

/// A header with its proposer's signature over the block id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedHeader {
    /// The header.
    pub header: Header,
    /// Signature over its id, tag `cairn/proposal/v1`.
    pub signature: Signature,
}

/// Two different contents signed by one validator for the same epoch, round and phase. What was
/// signed is compared, never the signature bytes: two signatures over one message may differ.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Evidence {
    /// Two proposals.
    Proposal {
        /// Who signed both.
        offender: ValidatorIndex,
        /// The one seen first.
        first: Box<SignedHeader>,
        /// The other.
        second: Box<SignedHeader>,
    },
    /// Two votes.
    Vote {
        /// The one seen first.
        first: Vote,
        /// The other.
        second: Vote,
    },
    /// Two commit votes.
    CommitVote {
        /// The one seen first.
        first: CommitVote,
        /// The other.
        second: CommitVote,
    },
    /// Two timeouts.
    Timeout {
        /// The one seen first.
        first: Timeout,
        /// The other.
        second: Timeout,
    },
}

impl Evidence {
    /// Who signed both.
    #[must_use]
    pub fn offender(&self) -> ValidatorIndex {
        match self {
            Self::Proposal { offender, .. } => *offender,
            Self::Vote { first, .. } => first.voter,
            Self::CommitVote { first, .. } => first.voter,
            Self::Timeout { first, .. } => first.voter,
        }
    }

    /// Epoch and round of both.
    #[must_use]
    pub fn position(&self) -> (Epoch, Round) {
        match self {
            Self::Proposal { first, .. } => (first.header.epoch, first.header.round),
            Self::Vote { first, .. } => (first.epoch, first.round),
            Self::CommitVote { first, .. } => (first.epoch, first.round),
            Self::Timeout { first, .. } => (first.epoch, first.round),
        }
    }

    /// Longest encoding, in bytes: two signatures of 4,627 bytes, two headers of 392, and little more.
    pub const MAX_LEN: usize = 10_240;

    /// Decodes one piece of evidence. It says nothing until it is verified.
    ///
    /// # Errors
    /// If it is too long, malformed, not canonical, or followed by more bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, Self::MAX_LEN)
    }

    /// The Borsh encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("a vector accepts every byte and evidence holds no list")
    }

    /// Checks that one validator signed both, and may have signed only one. `validators` is the set of the epoch that
    /// [`Evidence::position`] says.
    ///
    /// # Errors
    /// [`EvidenceError`]: the first thing that is wrong.
    pub fn verify(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<(), EvidenceError> {
        self.verify_with(validators, chain_id, &MlDsa87)
    }

    /// [`Evidence::verify`] with another signature scheme.
    ///
    /// # Errors
    /// [`EvidenceError`]: the first thing that is wrong.
    pub fn verify_with(
        &self,
        validators: &ValidatorSet,
        chain_id: &Digest,
        verifier: &dyn SignatureVerifier,
    ) -> Result<(), EvidenceError> {
        let [first, second] = self.places();
        for place in [first, second] {
            if place.0 != *chain_id {
                return Err(EvidenceError::WrongChain {
                    expected: *chain_id,
                    got: place.0,
                });
            }
        }
        if first != second {
            return Err(EvidenceError::DifferentPlaces);
        }
        let pair = Pair {
            offender: self.offender(),
            validators,
            verifier,
        };
        match self {
            Self::Proposal { first, second, .. } => pair.check(
                (&first.header.id(), &first.signature),
                (&second.header.id(), &second.signature),
            ),
            Self::Vote { first, second } => pair.check(
                (&first.body(), &first.signature),
                (&second.body(), &second.signature),
            ),
            Self::CommitVote { first, second } => pair.check(
                (&first.body(), &first.signature),
                (&second.body(), &second.signature),
            ),
            Self::Timeout { first, second } => pair.check(
                (&first.body(), &first.signature),
                (&second.body(), &second.signature),
            ),
        }
    }

    /// Chain, epoch, round and signer of both.
    fn places(&self) -> [(Digest, Epoch, Round, ValidatorIndex); 2] {
        match self {
            Self::Proposal {
                offender,
                first,
                second,
            } => [first, second].map(|it| {
                let header = &it.header;
                (header.chain_id, header.epoch, header.round, *offender)
            }),
            Self::Vote { first, second } => {
                [first, second].map(|it| (it.chain_id, it.epoch, it.round, it.voter))
            }
            Self::CommitVote { first, second } => {
                [first, second].map(|it| (it.chain_id, it.epoch, it.round, it.voter))
            }
            Self::Timeout { first, second } => {
                [first, second].map(|it| (it.chain_id, it.epoch, it.round, it.voter))
            }
        }
    }
}

/// Why evidence proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// About another chain.
    #[error("the evidence is about chain {got}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: Digest,
        /// The chain that it names.
        got: Digest,
    },
    /// Of different epochs, rounds or signers: nobody is forbidden to say both.
    #[error("the two statements are not of one epoch, round and signer")]
    DifferentPlaces,
    /// One statement twice: two signatures of one message may well differ.
    #[error("the two statements are the same; that proves nothing, whatever the signatures")]
    SameStatement,
    /// Signed by nobody of the epoch.
    #[error("index {offender} is outside the set of {validators} validators")]
    UnknownOffender {
        /// The index.
        offender: ValidatorIndex,
        /// Members of the set.
        validators: usize,
    },
    /// A signature is wrong.
    #[error("a signature of validator {offender} is wrong")]
    BadSignature {
        /// Whose.
        offender: ValidatorIndex,
    },
}

/// Two statements by one key.
struct Pair<'a> {
    offender: ValidatorIndex,
    validators: &'a ValidatorSet,
    verifier: &'a dyn SignatureVerifier,
}

impl Pair<'_> {
    fn check<S: Statement + PartialEq>(
        &self,
        first: (&S, &Signature),
        second: (&S, &Signature),
    ) -> Result<(), EvidenceError> {
        let offender = self.offender;
        if first.0 == second.0 {
            return Err(EvidenceError::SameStatement);
        }
        let validator = self.validators.get(offender);
        let validator = validator.ok_or(EvidenceError::UnknownOffender {
            offender,
            validators: self.validators.len(),
        })?;
        for (statement, signature) in [first, second] {
            statement
                .verify_with(&validator.key, signature, self.verifier)
                .map_err(|_| EvidenceError::BadSignature { offender })?;
        }
        Ok(())
    }
}
