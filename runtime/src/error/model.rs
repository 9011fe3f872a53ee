//! Errors of what is said about namespaces, models and versions: policies, aliases, tags, withdrawal, transfer.

use crate::{AccountId, ModelName, Subject, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a policy, an alias, a tag, a notice or an owner was not changed. Discriminants are fixed by order.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ModelError {
    /// A list that is too long.
    #[error("{got} {what}, at most {limit} are allowed")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// How many.
        got: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// An entry that stands twice in a list.
    #[error("{value} stands twice among the {what}")]
    Repeated {
        /// The list.
        what: String,
        /// The entry.
        value: String,
    },
    /// A policy that no version could meet.
    #[error(
        "{required} certifications are required and {certifiers} accounts could give them; require at least 1, and no more than certifiers are named"
    )]
    UnmeetablePolicy {
        /// Certifications required.
        required: u32,
        /// Certifiers named; 0 stands for everybody with the role.
        certifiers: u32,
    },
    /// The name cannot be an alias.
    #[error("{alias:?} cannot be an alias: {reason}")]
    InvalidAlias {
        /// The name.
        alias: String,
        /// Why.
        reason: String,
    },
    /// The model has no such alias.
    #[error("model {model} has no alias {alias}")]
    UnknownAlias {
        /// The model.
        model: ModelName,
        /// The name.
        alias: String,
    },
    /// No such tag.
    #[error("{subject} has no tag {key}")]
    UnknownTag {
        /// What it would be attached to.
        subject: Subject,
        /// Its key.
        key: String,
    },
    /// The version is deprecated already.
    #[error("version {id} is deprecated since height {since}")]
    VersionDeprecated {
        /// The version.
        id: VersionId,
        /// Height at which it was deprecated.
        since: u64,
    },
    /// The version is yanked: no alias, access or certificate is given to it any more.
    #[error("version {id} is yanked since height {since}; use another version")]
    VersionYanked {
        /// The version.
        id: VersionId,
        /// Height at which it was yanked.
        since: u64,
    },
    /// The model is not on offer.
    #[error("model {model} is not on offer; its owner has to offer it first")]
    NotOffered {
        /// The model.
        model: ModelName,
    },
    /// The offer has expired.
    #[error(
        "the offer of model {model} expired at height {expires_at}, this is {height}; its owner has to offer it again"
    )]
    OfferExpired {
        /// The model.
        model: ModelName,
        /// Last height at which it could be accepted.
        expires_at: u64,
        /// Height of the block.
        height: u64,
    },
    /// The expiry of an offer is out of bounds.
    #[error("an offer expires at a height from {earliest} to {latest}, not at {got}")]
    WrongOfferExpiry {
        /// What was asked for.
        got: u64,
        /// The least allowed.
        earliest: u64,
        /// The most allowed.
        latest: u64,
    },
    /// The model is offered to whoever owns it.
    #[error("account {account} owns model {model} already")]
    OwnsAlready {
        /// The account.
        account: AccountId,
        /// The model.
        model: ModelName,
    },
}

impl ModelError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "too_many",
            Self::Repeated { .. } => "repeated",
            Self::UnmeetablePolicy { .. } => "unmeetable_policy",
            Self::InvalidAlias { .. } => "invalid_alias",
            Self::UnknownAlias { .. } => "unknown_alias",
            Self::UnknownTag { .. } => "unknown_tag",
            Self::VersionDeprecated { .. } => "version_deprecated",
            Self::VersionYanked { .. } => "version_yanked",
            Self::NotOffered { .. } => "not_offered",
            Self::OfferExpired { .. } => "offer_expired",
            Self::WrongOfferExpiry { .. } => "wrong_offer_expiry",
            Self::OwnsAlready { .. } => "owns_already",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::UnknownAlias { .. } | Self::UnknownTag { .. } | Self::NotOffered { .. } => 404,
            Self::VersionDeprecated { .. }
            | Self::VersionYanked { .. }
            | Self::OfferExpired { .. }
            | Self::OwnsAlready { .. } => 409,
            Self::TooMany { .. }
            | Self::Repeated { .. }
            | Self::UnmeetablePolicy { .. }
            | Self::InvalidAlias { .. }
            | Self::WrongOfferExpiry { .. } => 422,
        }
    }
}
