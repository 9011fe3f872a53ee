//! The border: bytes become messages, messages become verified messages. Pure functions that a host
//! may run on as many threads as it has.

use crate::{
    Certificate, CertificateError, CommitVote, Message, Proposal, Round, Statement, Timeout,
    ValidatorIndex, ValidatorSet, Vote, payload_root,
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
        match &self {
            Self::Proposal(proposal) => check_proposal(proposal, validators, chain_id)?,
            Self::Vote(vote) => check_vote(vote, validators, chain_id)?,
            Self::CommitVote(vote) => check_commit_vote(vote, validators, chain_id)?,
            Self::Timeout { timeout, .. } => check_timeout(timeout, validators, chain_id)?,
            Self::Certificate(certificate) => check_certificate(certificate, validators, chain_id)?,
            Self::QuorumCertRequest { .. } | Self::Status(_) => {}
        }
        Ok(Verified(self))
    }
}

fn check_proposal(
    proposal: &Proposal,
    validators: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(), MessageError> {
    let header = &proposal.block.header;
    check_position(chain_id, &header.chain_id, header.round)?;
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
    let proposer = validators
        .index_of(&header.proposer)
        .ok_or(MessageError::UnknownProposer {
            proposer: header.proposer,
        })?;
    check_signature(&header.id(), proposer, &proposal.signature, validators)?;
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
        certificate.verify(validators, chain_id)?;
    }
    Ok(())
}

fn check_vote(vote: &Vote, set: &ValidatorSet, chain_id: &Digest) -> Result<(), MessageError> {
    check_position(chain_id, &vote.chain_id, vote.round)?;
    check_signature(&vote.body(), vote.voter, &vote.signature, set)
}

fn check_commit_vote(
    vote: &CommitVote,
    set: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(), MessageError> {
    check_position(chain_id, &vote.chain_id, vote.round)?;
    check_signature(&vote.body(), vote.voter, &vote.signature, set)
}

fn check_timeout(
    timeout: &Timeout,
    set: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(), MessageError> {
    check_position(chain_id, &timeout.chain_id, timeout.round)?;
    if timeout.high_qc_round >= timeout.round {
        return Err(MessageError::Claim {
            claim: timeout.high_qc_round,
            round: timeout.round,
        });
    }
    check_signature(&timeout.body(), timeout.voter, &timeout.signature, set)
}

fn check_certificate(
    certificate: &Certificate,
    set: &ValidatorSet,
    chain_id: &Digest,
) -> Result<(), MessageError> {
    let round = match certificate {
        Certificate::Quorum(certificate) => certificate.round,
        Certificate::Finality(certificate) => certificate.round,
        Certificate::Timeout(certificate) => certificate.round,
    };
    if round == Round(0) {
        return Err(MessageError::RoundZero);
    }
    match certificate {
        Certificate::Quorum(certificate) => certificate.verify(set, chain_id)?,
        Certificate::Finality(certificate) => certificate.verify(set, chain_id)?,
        Certificate::Timeout(certificate) => certificate.verify(set, chain_id)?,
    }
    Ok(())
}

fn check_position(expected: &Digest, got: &Digest, round: Round) -> Result<(), MessageError> {
    if expected != got {
        return Err(MessageError::WrongChain {
            expected: *expected,
            got: *got,
        });
    }
    if round == Round(0) {
        return Err(MessageError::RoundZero);
    }
    Ok(())
}

fn check_signature<S: Statement>(
    statement: &S,
    voter: ValidatorIndex,
    signature: &Signature,
    validators: &ValidatorSet,
) -> Result<(), MessageError> {
    let validator = validators.get(voter).ok_or(MessageError::UnknownVoter {
        voter,
        validators: validators.len(),
    })?;
    statement
        .verify(&validator.key, signature)
        .map_err(|_| MessageError::BadSignature { voter })
}
