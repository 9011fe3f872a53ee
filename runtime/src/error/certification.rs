//! Errors of certification.

use crate::{AccountId, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a certification was not made or not revoked. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum CertificationError {
    /// The namespace has another policy than the certifier judged by.
    #[error("policy {expected} is in force, not {got}; check the version by it and certify again")]
    OtherPolicy {
        /// The one in force.
        expected: u64,
        /// The one named.
        got: u64,
    },
    /// The namespace's policy names other certifiers.
    #[error("policy {policy} names certifiers, and account {account} is not among them")]
    NotACertifier {
        /// The sender.
        account: AccountId,
        /// The policy in force.
        policy: u64,
    },
    /// Whoever published a version certifies it.
    #[error(
        "account {account} published version {id}; the policy wants somebody else to certify it"
    )]
    OwnVersion {
        /// The sender.
        account: AccountId,
        /// The version.
        id: VersionId,
    },
    /// A certification that would never have held.
    #[error("it expires at {expires_at_ms} ms, not after the block's {now_ms} ms")]
    ExpiresTooEarly {
        /// What was asked for.
        expires_at_ms: u64,
        /// Block time.
        now_ms: u64,
    },
    /// No such certification.
    #[error("version {id} has no certification {certification}")]
    UnknownCertification {
        /// The version.
        id: VersionId,
        /// Its number.
        certification: u64,
    },
    /// It was revoked already.
    #[error("certification {certification} of version {id} is revoked since height {since}")]
    CertificationRevoked {
        /// The version.
        id: VersionId,
        /// Its number.
        certification: u64,
        /// Height at which it was revoked.
        since: u64,
    },
}

impl CertificationError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherPolicy { .. } => "other_policy",
            Self::NotACertifier { .. } => "not_a_certifier",
            Self::OwnVersion { .. } => "own_version",
            Self::ExpiresTooEarly { .. } => "expires_too_early",
            Self::UnknownCertification { .. } => "unknown_certification",
            Self::CertificationRevoked { .. } => "certification_revoked",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NotACertifier { .. } | Self::OwnVersion { .. } => 403,
            Self::UnknownCertification { .. } => 404,
            Self::OtherPolicy { .. } | Self::CertificationRevoked { .. } => 409,
            Self::ExpiresTooEarly { .. } => 422,
        }
    }
}
