//! The border: bytes become messages, messages become verified messages. Pure functions that a host
//! may run on as many threads as it has.

use crate::{
    Certificate, CertificateError, CommitVote, Message, MlDsa87, Proposal, Round,
    SignatureVerifier, Statement, Timeout, ValidatorIndex, ValidatorSet, Vote, payload_root,
};
use cairn_crypto::{DecodeError, Digest, Signature, decode};

/// Something whose signatures have been checked, or that this replica has just signed itself. Can be
/// made in no other way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The content.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The content.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Why a message is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not the encoding of a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Made for another chain.
    #[error("the message is for chain {got}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: Digest,
        /// The chain that it names.
        got: Digest,
    },
    /// Signed by nobody of the epoch.
    #[error("index {voter} is outside the set of {validators} validators")]
    UnknownVoter {
        /// The index.
        voter: ValidatorIndex,
        /// Members of the set.
        validators: usize,
    },
    /// Proposed by nobody of the epoch.
    #[error("proposer {proposer} is not a validator of this epoch")]
    UnknownProposer {
        /// Its account id.
        proposer: Digest,
    },
    /// The signature is wrong.
    #[error("the signature of validator {voter} is wrong")]
    BadSignature {
        /// Whose.
        voter: ValidatorIndex,
    },
    /// Round 0 belongs to an epoch's root.
    #[error("nobody speaks in round 0")]
    RoundZero,
    /// A block that builds on one of its own round or a later one.
    #[error("a block of round {round} builds on one of round {parent_round}")]
    ParentRound {
        /// The parent's, as the header has it.
        parent_round: Round,
        /// The block's.
        round: Round,
    },
    /// A timeout that claims a certificate of its own round or a later one.
    #[error("a timeout of round {round} claims a certificate of round {claim}")]
    Claim {
        /// The claim.
        claim: Round,
        /// The round that timed out.
        round: Round,
    },
    /// Too many transactions.
    #[error("the payload has {got} transactions, at most {max} are allowed", max = Message::MAX_PAYLOAD)]
    PayloadLength {
        /// How many there are.
        got: usize,
    },
    /// The payload is not the one that the header names.
    #[error("the payload hashes to {got}, the header says {expected}")]
    PayloadRoot {
        /// The header's.
        expected: Digest,
        /// The payload's.
        got: Digest,
    },
    /// The proposal's timeout certificate is not of the round before.
    #[error("a proposal of round {round} carries a timeout certificate of round {got}")]
    TimeoutCertRound {
        /// Round of the proposal.
        round: Round,
        /// Round of the certificate.
        got: Round,
    },
    /// A certificate proves nothing.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Message {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = 4 * 1024 * 1024;

    /// Most transactions in a block. With the largest timeout certificate a proposal stays below
    /// [`Message::MAX_LEN`].
    pub const MAX_PAYLOAD: usize = 16_384;

    /// Decodes one message.
    ///
    /// # Errors
    /// [`MessageError::Decode`] if it is too long, malformed, not canonical, or followed by more bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        Ok(decode(bytes, Self::MAX_LEN)?)
    }

    /// The Borsh encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("a vector accepts every byte and no list exceeds 2^32 entries")
    }

    /// Checks every signature in the message and all that needs no state. `validators` is the set of the
    /// message's epoch.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(
        self,
        validators: &ValidatorSet,
        chain_id: &Digest,
    ) -> Result<Verified<Self>, MessageError> {
        self.verify_with(validators, chain_id, &MlDsa87)
    }

    /// [`Message::verify`] with another signature scheme. What it returns is as good as that scheme: a node
    /// uses [`MlDsa87`].
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify_with(
        self,
        validators: &ValidatorSet,
        chain_id: &Digest,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Verified<Self>, MessageError> {
        let check = Check {
            validators,
            chain_id,
            verifier,
        };
        match &self {
            Self::Proposal(proposal) => check.proposal(proposal)?,
            Self::Vote(vote) => check.vote(vote)?,
            Self::CommitVote(vote) => check.commit_vote(vote)?,
            Self::Timeout { timeout, .. } => check.timeout(timeout)?,
            Self::Certificate(certificate) => check.certificate(certificate)?,
            Self::QuorumCertRequest { .. } | Self::Status(_) => {}
        }
        Ok(Verified(self))
    }
}

/// What a message is checked against.
struct Check<'a> {
    validators: &'a ValidatorSet,
    chain_id: &'a Digest,
    verifier: &'a dyn SignatureVerifier,
}

impl Check<'_> {
    fn proposal(&self, proposal: &Proposal) -> Result<(), MessageError> {
        let header = &proposal.block.header;
        self.position(&header.chain_id, header.round)?;
        if header.parent_round >= header.round {
            return Err(MessageError::ParentRound {
                parent_round: header.parent_round,
                round: header.round,
            });
        }
        let got = proposal.block.payload.len();
        if got > Message::MAX_PAYLOAD {
            return Err(MessageError::PayloadLength { got });
        }
        let proposer =
            self.validators
                .index_of(&header.proposer)
                .ok_or(MessageError::UnknownProposer {
                    proposer: header.proposer,
                })?;
        self.signature(&header.id(), proposer, &proposal.signature)?;
        let got = payload_root(&proposal.block.payload);
        if got != header.payload_root {
            return Err(MessageError::PayloadRoot {
                expected: header.payload_root,
                got,
            });
        }
        if let Some(certificate) = &proposal.timeout_cert {
            if certificate.epoch != header.epoch || certificate.round.next() != header.round {
                return Err(MessageError::TimeoutCertRound {
                    round: header.round,
                    got: certificate.round,
                });
            }
            certificate.verify_with(self.validators, self.chain_id, self.verifier)?;
        }
        Ok(())
    }

    fn vote(&self, vote: &Vote) -> Result<(), MessageError> {
        self.position(&vote.chain_id, vote.round)?;
        self.signature(&vote.body(), vote.voter, &vote.signature)
    }

    fn commit_vote(&self, vote: &CommitVote) -> Result<(), MessageError> {
        self.position(&vote.chain_id, vote.round)?;
        self.signature(&vote.body(), vote.voter, &vote.signature)
    }

    fn timeout(&self, timeout: &Timeout) -> Result<(), MessageError> {
        self.position(&timeout.chain_id, timeout.round)?;
        if timeout.high_qc_round >= timeout.round {
            return Err(MessageError::Claim {
                claim: timeout.high_qc_round,
                round: timeout.round,
            });
        }
        self.signature(&timeout.body(), timeout.voter, &timeout.signature)
    }

    fn certificate(&self, certificate: &Certificate) -> Result<(), MessageError> {
        let round = match certificate {
            Certificate::Quorum(certificate) => certificate.round,
            Certificate::Finality(certificate) => certificate.round,
            Certificate::Timeout(certificate) => certificate.round,
        };
        if round == Round(0) {
            return Err(MessageError::RoundZero);
        }
        let (set, chain_id, verifier) = (self.validators, self.chain_id, self.verifier);
        match certificate {
            Certificate::Quorum(certificate) => certificate.verify_with(set, chain_id, verifier)?,
            Certificate::Finality(certificate) => {
                certificate.verify_with(set, chain_id, verifier)?;
            }
            Certificate::Timeout(certificate) => {
                certificate.verify_with(set, chain_id, verifier)?;
            }
        }
        Ok(())
    }

    fn position(&self, got: &Digest, round: Round) -> Result<(), MessageError> {
        if self.chain_id != got {
            return Err(MessageError::WrongChain {
                expected: *self.chain_id,
                got: *got,
            });
        }
        if round == Round(0) {
            return Err(MessageError::RoundZero);
        }
        Ok(())
    }

    fn signature<S: Statement>(
        &self,
        statement: &S,
        voter: ValidatorIndex,
        signature: &Signature,
    ) -> Result<(), MessageError> {
        let validators = self.validators;
        let validator = validators.get(voter).ok_or(MessageError::UnknownVoter {
            voter,
            validators: validators.len(),
        })?;
        statement
            .verify_with(&validator.key, signature, self.verifier)
            .map_err(|_| MessageError::BadSignature { voter })
    }
}
