//! Why a transaction failed. Part of its receipt.

use super::{
    AccessError, CertificationError, GovernanceError, KeyError, ModelError, ProvenanceError,
    ValidatorError,
};
use crate::{AccountId, ModelName, Relation, Role, Scope, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why an operation failed, and with it its transaction. Part of receipts: discriminants are fixed
/// by order, new errors are appended.
#[derive(
    Clone, Debug, PartialEq, Eq, Error, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum TransactionError {
    /// The sender holds no role that allows the operation.
    #[error(
        "account {account} needs the role {role} at {scope} or wider; ask an admin to grant it"
    )]
    MissingRole {
        /// The sender.
        account: AccountId,
        /// The role it needs.
        role: Role,
        /// The narrowest scope that would do.
        scope: Scope,
    },
    /// No such account.
    #[error("there is no account {account}; an admin has to admit it first")]
    UnknownAccount {
        /// The id that was named.
        account: AccountId,
    },
    /// An account with this first key exists.
    #[error("account {account} exists already")]
    AccountExists {
        /// Its id.
        account: AccountId,
    },
    /// A display name that breaks the rules.
    #[error(
        "a display name has 1 to {limit} characters and no control characters, this one is {got:?}"
    )]
    InvalidDisplayName {
        /// The name.
        got: String,
        /// Characters allowed.
        limit: u32,
    },
    /// The new key did not sign its possession on this chain.
    #[error(
        "the possession signature of account {account} does not verify; the new signing key has to sign both keys for chain {chain_id}"
    )]
    BadPossession {
        /// The account to be.
        account: AccountId,
        /// This chain.
        chain_id: Digest,
    },
    /// The role is held already.
    #[error("account {account} holds {role} at {scope} already")]
    RoleHeld {
        /// The account.
        account: AccountId,
        /// The role.
        role: Role,
        /// The scope.
        scope: Scope,
    },
    /// The role is not held in exactly this scope.
    #[error("account {account} does not hold {role} at exactly {scope}")]
    RoleNotHeld {
        /// The account.
        account: AccountId,
        /// The role.
        role: Role,
        /// The scope.
        scope: Scope,
    },
    /// A chain-wide admin would revoke its own role; then there might be none left.
    #[error("account {account} cannot revoke its own chain-wide admin role; another admin has to")]
    OwnAdminRole {
        /// The sender.
        account: AccountId,
    },
    /// A name that breaks the rules.
    #[error(
        "{name:?} is no name: 1 to {limit} characters of a-z 0-9 . _ -, beginning and ending with a letter or digit"
    )]
    InvalidName {
        /// The name, or the part of it that is wrong.
        name: String,
        /// Characters allowed.
        limit: u32,
    },
    /// A namespace of this name exists.
    #[error("namespace {namespace} exists already; a name is never free again")]
    NamespaceExists {
        /// Its name.
        namespace: String,
    },
    /// No such namespace.
    #[error("there is no namespace {namespace}")]
    UnknownNamespace {
        /// The name.
        namespace: String,
    },
    /// A model of this name exists.
    #[error("model {model} exists already; a name is never free again")]
    ModelExists {
        /// Its name.
        model: ModelName,
    },
    /// No such model.
    #[error("there is no model {model}; register it first")]
    UnknownModel {
        /// The name.
        model: ModelName,
    },
    /// Not SemVer 2.0, with build metadata, or not in canonical form.
    #[error("{version:?} is no version: {reason}")]
    InvalidVersion {
        /// What was given.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The version exists; versions are immutable.
    #[error("version {id} exists already and is immutable; publish under a new version")]
    VersionExists {
        /// Its name.
        id: VersionId,
    },
    /// No such version.
    #[error("there is no version {id}")]
    UnknownVersion {
        /// The name.
        id: VersionId,
    },
    /// Another version of the namespace holds this `model_hash`.
    #[error("model hash {model_hash} is held by {holder} in the same namespace")]
    ModelHashTaken {
        /// The hash.
        model_hash: Digest,
        /// Who holds it.
        holder: VersionId,
    },
    /// A field is too long.
    #[error("{field} has {got} bytes, at most {limit} are allowed")]
    TooLong {
        /// The field.
        field: String,
        /// Its bytes.
        got: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Too many parents.
    #[error("{got} parents, at most {limit} are allowed")]
    TooManyParents {
        /// How many.
        got: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// A parent is named twice with one relation.
    #[error("parent {digest} is named twice as {relation:?}")]
    DuplicateParent {
        /// The parent.
        digest: Digest,
        /// The relation.
        relation: Relation,
    },
    /// A version names itself as its parent.
    #[error("the version names its own model hash {digest} as a parent")]
    OwnParent {
        /// Its hash.
        digest: Digest,
    },
    /// The version's bytes are not encrypted, so there is no key to grant.
    #[error("version {id} is public; it has no data key to grant")]
    NotPrivate {
        /// The version.
        id: VersionId,
    },
    /// The data key is of another generation than the version's.
    #[error("generation {got} of the data key, the version has {expected}")]
    GenerationMismatch {
        /// The version's.
        expected: u32,
        /// What was given.
        got: u32,
    },
    /// The account has no key of this index.
    #[error("account {account} has no key {key_index}")]
    UnknownKey {
        /// The account.
        account: AccountId,
        /// The index.
        key_index: u32,
    },
    /// The key is no longer valid.
    #[error(
        "key {key_index} of account {account} is valid from height {valid_from} and until {valid_until:?}, this is {height}"
    )]
    KeyNotValid {
        /// The account.
        account: AccountId,
        /// The index.
        key_index: u32,
        /// First height at which it is valid.
        valid_from: u64,
        /// First height at which it no longer is.
        valid_until: Option<u64>,
        /// Height of the block.
        height: u64,
    },
    /// The operation is for somebody else.
    #[error("account {account} may not {operation} here; it is for {allowed}")]
    NotAllowed {
        /// The sender.
        account: AccountId,
        /// Name of the operation.
        operation: String,
        /// Who may.
        allowed: String,
    },
    /// About keys and suspension.
    #[error(transparent)]
    #[serde(untagged)]
    Key(#[from] KeyError),
    /// About validators, their stake and evidence.
    #[error(transparent)]
    #[serde(untagged)]
    Validator(#[from] ValidatorError),
    /// About proposals.
    #[error(transparent)]
    #[serde(untagged)]
    Governance(#[from] GovernanceError),
    /// About policies, aliases, tags, withdrawal and transfer.
    #[error(transparent)]
    #[serde(untagged)]
    Model(#[from] ModelError),
    /// About lineage and events.
    #[error(transparent)]
    #[serde(untagged)]
    Provenance(#[from] ProvenanceError),
    /// About certification.
    #[error(transparent)]
    #[serde(untagged)]
    Certification(#[from] CertificationError),
    /// About access to versions.
    #[error(transparent)]
    #[serde(untagged)]
    Access(#[from] AccessError),
}

impl TransactionError {
    /// The stable code of the error, for other languages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingRole { .. } => "missing_role",
            Self::UnknownAccount { .. } => "unknown_account",
            Self::AccountExists { .. } => "account_exists",
            Self::InvalidDisplayName { .. } => "invalid_display_name",
            Self::BadPossession { .. } => "bad_possession",
            Self::RoleHeld { .. } => "role_held",
            Self::RoleNotHeld { .. } => "role_not_held",
            Self::OwnAdminRole { .. } => "own_admin_role",
            Self::InvalidName { .. } => "invalid_name",
            Self::NamespaceExists { .. } => "namespace_exists",
            Self::UnknownNamespace { .. } => "unknown_namespace",
            Self::ModelExists { .. } => "model_exists",
            Self::UnknownModel { .. } => "unknown_model",
            Self::InvalidVersion { .. } => "invalid_version",
            Self::VersionExists { .. } => "version_exists",
            Self::UnknownVersion { .. } => "unknown_version",
            Self::ModelHashTaken { .. } => "model_hash_taken",
            Self::TooLong { .. } => "too_long",
            Self::TooManyParents { .. } => "too_many_parents",
            Self::DuplicateParent { .. } => "duplicate_parent",
            Self::OwnParent { .. } => "own_parent",
            Self::NotPrivate { .. } => "not_private",
            Self::GenerationMismatch { .. } => "generation_mismatch",
            Self::UnknownKey { .. } => "unknown_key",
            Self::KeyNotValid { .. } => "key_not_valid",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Key(error) => error.code(),
            Self::Validator(error) => error.code(),
            Self::Governance(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Provenance(error) => error.code(),
            Self::Certification(error) => error.code(),
            Self::Access(error) => error.code(),
        }
    }

    /// The HTTP status that fits: 403, 404, 409 or 422.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::MissingRole { .. } | Self::OwnAdminRole { .. } | Self::NotAllowed { .. } => 403,
            Self::UnknownAccount { .. }
            | Self::UnknownNamespace { .. }
            | Self::UnknownModel { .. }
            | Self::UnknownVersion { .. }
            | Self::UnknownKey { .. } => 404,
            Self::AccountExists { .. }
            | Self::RoleHeld { .. }
            | Self::RoleNotHeld { .. }
            | Self::NamespaceExists { .. }
            | Self::ModelExists { .. }
            | Self::VersionExists { .. }
            | Self::ModelHashTaken { .. }
            | Self::GenerationMismatch { .. }
            | Self::KeyNotValid { .. } => 409,
            Self::InvalidDisplayName { .. }
            | Self::BadPossession { .. }
            | Self::InvalidName { .. }
            | Self::InvalidVersion { .. }
            | Self::TooLong { .. }
            | Self::TooManyParents { .. }
            | Self::DuplicateParent { .. }
            | Self::OwnParent { .. }
            | Self::NotPrivate { .. } => 422,
            Self::Key(error) => error.http_status(),
            Self::Validator(error) => error.http_status(),
            Self::Governance(error) => error.http_status(),
            Self::Model(error) => error.http_status(),
            Self::Provenance(error) => error.http_status(),
            Self::Certification(error) => error.http_status(),
            Self::Access(error) => error.http_status(),
        }
    }
}
