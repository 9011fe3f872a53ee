//! Errors of access to versions.

use crate::{AccountId, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why access was not asked for, given or taken. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum AccessError {
    /// The reader has a grant that is as new or newer.
    #[error(
        "account {reader} has access to version {id} with key {key_index}, generation {generation}; only a newer key or generation replaces it"
    )]
    GrantExists {
        /// The version.
        id: VersionId,
        /// The reader.
        reader: AccountId,
        /// Generation of the grant in force.
        generation: u32,
        /// Index of the key that it is sealed to.
        key_index: u32,
    },
    /// There is no grant, and no request to decline.
    #[error("account {reader} has no access to version {id} and asks for none")]
    NoAccess {
        /// The version.
        id: VersionId,
        /// The reader.
        reader: AccountId,
    },
    /// The grant was revoked.
    #[error(
        "access of account {reader} to version {id} is revoked since height {since}; grant it anew first"
    )]
    AccessRevoked {
        /// The version.
        id: VersionId,
        /// The reader.
        reader: AccountId,
        /// Height at which it was revoked.
        since: u64,
    },
    /// A request is waiting already.
    #[error(
        "account {reader} asked for access to version {id} at height {since}; wait for an answer"
    )]
    RequestOpen {
        /// The version.
        id: VersionId,
        /// The reader.
        reader: AccountId,
        /// Height of the request.
        since: u64,
    },
}

impl AccessError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::GrantExists { .. } => "grant_exists",
            Self::NoAccess { .. } => "no_access",
            Self::AccessRevoked { .. } => "access_revoked",
            Self::RequestOpen { .. } => "request_open",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NoAccess { .. } => 404,
            Self::GrantExists { .. } | Self::AccessRevoked { .. } | Self::RequestOpen { .. } => 409,
        }
    }
}
