//! Errors of validators, their stake and evidence against them.

use crate::{AccountId, Standing};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why nothing changed about a validator. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ValidatorError {
    /// No such validator.
    #[error("there is no validator {validator}; governance has to add it first")]
    UnknownValidator {
        /// The id that was named.
        validator: AccountId,
    },
    /// A new or rotated pair of keys did not sign its claim.
    #[error(
        "the keys of validator {validator} did not both sign the claim of key pair {key_index} for operator {operator} and chain {chain_id}"
    )]
    BadKeyProof {
        /// The validator.
        validator: AccountId,
        /// Index that the pair would have.
        key_index: u32,
        /// The operator that the claim has to name.
        operator: AccountId,
        /// This chain.
        chain_id: Digest,
    },
    /// The validator's standing is not one from which this can be done.
    #[error("validator {validator} is {standing:?}, which does not allow this")]
    WrongStanding {
        /// The validator.
        validator: AccountId,
        /// Its standing.
        standing: Standing,
    },
    /// Nothing is moved by an amount of zero.
    #[error("the amount is 0; name at least 1 unit of stake")]
    ZeroAmount,
    /// Less stake than is asked for.
    #[error("validator {validator} has {available} units of {kind} stake, not {amount}")]
    NotEnoughStake {
        /// The validator.
        validator: AccountId,
        /// `bonded` or `free`.
        kind: String,
        /// Units that there are.
        available: u64,
        /// Units asked for.
        amount: u64,
    },
    /// Too many parts of the stake are on their way out.
    #[error(
        "validator {validator} has {limit} parts of its stake on their way out, no more are kept; wait until one matures"
    )]
    TooManyUnbondings {
        /// The validator.
        validator: AccountId,
        /// Parts allowed.
        limit: u64,
    },
    /// More stake than 64 bits count.
    #[error(
        "{issued} units of stake are issued, another {amount} would be more than 64 bits count"
    )]
    SupplyExceeded {
        /// Units ever issued.
        issued: u64,
        /// Units asked for.
        amount: u64,
    },
    /// Fewer validators than the chain promises.
    #[error("{left} validators would be left, at least {minimum} are required; add one first")]
    TooFewValidators {
        /// How many would be left.
        left: u64,
        /// How many are required.
        minimum: u64,
    },
    /// More validators than a set holds.
    #[error("the set has {limit} validators, no more fit")]
    TooManyValidators {
        /// How many fit.
        limit: u64,
    },
    /// Not the encoding of an evidence.
    #[error("this is no evidence: {reason}")]
    MalformedEvidence {
        /// What the decoder said.
        reason: String,
    },
    /// The two halves are not two contents of one place on this chain.
    #[error("the evidence proves no offence: {reason}")]
    NoOffence {
        /// What is missing.
        reason: String,
    },
    /// An epoch that has not been, or a place that its set does not have.
    #[error("epoch {epoch} has no validator with index {index}")]
    UnknownMember {
        /// The epoch.
        epoch: u64,
        /// Index in its set.
        index: u16,
    },
    /// A signature of the evidence does not verify.
    #[error("validator {validator} did not sign both halves of the evidence of epoch {epoch}")]
    BadEvidenceSignature {
        /// The validator.
        validator: AccountId,
        /// The epoch.
        epoch: u64,
    },
    /// The validator was punished for this epoch.
    #[error("validator {validator} was punished for epoch {epoch} at height {height}")]
    OffenceCounted {
        /// The validator.
        validator: AccountId,
        /// The epoch.
        epoch: u64,
        /// Height at which it was.
        height: u64,
    },
    /// Another validator has this name.
    #[error("validator {validator} is named {name:?}; choose another name")]
    ValidatorNameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        validator: AccountId,
    },
}

impl ValidatorError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownValidator { .. } => "unknown_validator",
            Self::BadKeyProof { .. } => "bad_key_proof",
            Self::WrongStanding { .. } => "wrong_standing",
            Self::ZeroAmount => "zero_amount",
            Self::NotEnoughStake { .. } => "not_enough_stake",
            Self::TooManyUnbondings { .. } => "too_many_unbondings",
            Self::SupplyExceeded { .. } => "supply_exceeded",
            Self::TooFewValidators { .. } => "too_few_validators",
            Self::TooManyValidators { .. } => "too_many_validators",
            Self::MalformedEvidence { .. } => "malformed_evidence",
            Self::NoOffence { .. } => "no_offence",
            Self::UnknownMember { .. } => "unknown_member",
            Self::BadEvidenceSignature { .. } => "bad_evidence_signature",
            Self::OffenceCounted { .. } => "offence_counted",
            Self::ValidatorNameTaken { .. } => "validator_name_taken",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::UnknownValidator { .. } | Self::UnknownMember { .. } => 404,
            Self::WrongStanding { .. }
            | Self::NotEnoughStake { .. }
            | Self::TooManyUnbondings { .. }
            | Self::SupplyExceeded { .. }
            | Self::TooFewValidators { .. }
            | Self::TooManyValidators { .. }
            | Self::OffenceCounted { .. }
            | Self::ValidatorNameTaken { .. } => 409,
            Self::BadKeyProof { .. }
            | Self::ZeroAmount
            | Self::MalformedEvidence { .. }
            | Self::NoOffence { .. }
            | Self::BadEvidenceSignature { .. } => 422,
        }
    }
}
