//! The lists of the state, each of which can be proven complete: its count and every ordinal under one root.

use crate::state::decode_record;
use crate::{
    Account, AccountId, CurrentEpoch, Model, ModelName, Namespace, StateError, StateKey, Subject,
    ValidatorEntry, VersionId,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};

/// A list: entries with ordinals from 0 without gaps, and a record that says how many. Discriminants are fixed by this
/// order; new lists are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// Ids of all accounts.
    Accounts,
    /// Keys of an account.
    AccountKeys(AccountId),
    /// Roles of an account, revoked ones included.
    Roles(AccountId),
    /// Names of all namespaces.
    Namespaces,
    /// Names of the models of a namespace.
    Models(String),
    /// Versions of a model.
    Versions(ModelName),
    /// Events of a model.
    Events(ModelName),
    /// Readers ever granted a version.
    Readers(VersionId),
    /// The validators in force.
    Validators,
    /// Ids of the validators that there ever were.
    ValidatorEntries,
    /// Pairs of keys of a validator.
    ValidatorKeys(AccountId),
    /// Epochs.
    Epochs,
    /// Epochs of a validator's offences.
    Offences(AccountId),
    /// Proposals.
    Proposals,
    /// Upgrades.
    Upgrades,
    /// Policies of a namespace.
    Policies(String),
    /// Aliases that a model ever had.
    Aliases(ModelName),
    /// Keys of the tags that a model or a version ever had.
    Tags(Subject),
    /// Versions that derive from what has this digest.
    Children(Digest),
    /// Places of the recorded events that name this digest.
    DigestEvents(Digest),
    /// Certifications of a version, revoked ones included.
    Certifications(VersionId),
    /// Accounts that ever asked for access to a version.
    AccessRequests(VersionId),
    /// Later data keys of a version.
    Rekeys(VersionId),
}

impl List {
    /// Where the record that says how many entries there are lies.
    #[must_use]
    pub fn count_key(&self) -> StateKey {
        match self {
            Self::Accounts => StateKey::AccountCount,
            Self::AccountKeys(id) | Self::Roles(id) => StateKey::Account(*id),
            Self::Namespaces => StateKey::NamespaceCount,
            Self::Models(namespace) => StateKey::Namespace(namespace.clone()),
            Self::Versions(model) | Self::Events(model) => StateKey::Model(model.clone()),
            Self::Readers(id) => StateKey::GrantCount(id.clone()),
            Self::Validators => StateKey::ValidatorCount,
            Self::ValidatorEntries => StateKey::ValidatorEntryCount,
            Self::ValidatorKeys(id) => StateKey::ValidatorEntry(*id),
            Self::Epochs => StateKey::CurrentEpoch,
            Self::Offences(id) => StateKey::OffenceCount(*id),
            Self::Proposals => StateKey::ProposalCount,
            Self::Upgrades => StateKey::UpgradeCount,
            Self::Policies(namespace) => StateKey::PolicyCount(namespace.clone()),
            Self::Aliases(model) => StateKey::AliasCount(model.clone()),
            Self::Tags(subject) => StateKey::TagCount(subject.clone()),
            Self::Children(digest) => StateKey::ChildCount(*digest),
            Self::DigestEvents(digest) => StateKey::DigestEventCount(*digest),
            Self::Certifications(id) => StateKey::CertificationCount(id.clone()),
            Self::AccessRequests(id) => StateKey::AccessRequestCount(id.clone()),
            Self::Rekeys(id) => StateKey::RekeyCount(id.clone()),
        }
    }

    /// Where an entry lies.
    #[must_use]
    pub fn entry_key(&self, ordinal: u64) -> StateKey {
        // No list of keys is longer: their indices have 32 bits.
        let index = u32::try_from(ordinal).unwrap_or(u32::MAX);
        match self {
            Self::Accounts => StateKey::AccountAt(ordinal),
            Self::AccountKeys(id) => StateKey::AccountKey(*id, index),
            Self::Roles(id) => StateKey::RoleAt(*id, ordinal),
            Self::Namespaces => StateKey::NamespaceAt(ordinal),
            Self::Models(namespace) => StateKey::ModelAt(namespace.clone(), ordinal),
            Self::Versions(model) => StateKey::VersionAt(model.clone(), ordinal),
            Self::Events(model) => StateKey::EventAt(model.clone(), ordinal),
            Self::Readers(id) => StateKey::GrantAt(id.clone(), ordinal),
            Self::Validators => StateKey::Validator(ordinal),
            Self::ValidatorEntries => StateKey::ValidatorEntryAt(ordinal),
            Self::ValidatorKeys(id) => StateKey::ValidatorKeys(*id, index),
            Self::Epochs => StateKey::EpochAt(ordinal),
            Self::Offences(id) => StateKey::OffenceAt(*id, ordinal),
            Self::Proposals => StateKey::Proposal(ordinal),
            Self::Upgrades => StateKey::UpgradeAt(ordinal),
            Self::Policies(namespace) => StateKey::PolicyAt(namespace.clone(), ordinal),
            Self::Aliases(model) => StateKey::AliasAt(model.clone(), ordinal),
            Self::Tags(subject) => StateKey::TagAt(subject.clone(), ordinal),
            Self::Children(digest) => StateKey::ChildAt(*digest, ordinal),
            Self::DigestEvents(digest) => StateKey::DigestEventAt(*digest, ordinal),
            Self::Certifications(id) => StateKey::CertificationAt(id.clone(), ordinal),
            Self::AccessRequests(id) => StateKey::AccessRequestAt(id.clone(), ordinal),
            Self::Rekeys(id) => StateKey::RekeyAt(id.clone(), ordinal),
        }
    }

    /// How many entries there are, from the Borsh bytes of the record at [`List::count_key`]; without a record there
    /// are none.
    ///
    /// # Errors
    /// [`StateError::Damaged`] for bytes that are no such record.
    pub fn count(&self, record: Option<&[u8]>) -> Result<u64, StateError> {
        let Some(bytes) = record else {
            return Ok(0);
        };
        let key = self.count_key();
        Ok(match self {
            Self::AccountKeys(_) => u64::from(decode_record::<Account>(&key, bytes)?.keys),
            Self::Roles(_) => decode_record::<Account>(&key, bytes)?.roles,
            Self::Models(_) => decode_record::<Namespace>(&key, bytes)?.models,
            Self::Versions(_) => decode_record::<Model>(&key, bytes)?.versions,
            Self::Events(_) => decode_record::<Model>(&key, bytes)?.events,
            Self::ValidatorKeys(_) => u64::from(decode_record::<ValidatorEntry>(&key, bytes)?.keys),
            Self::Epochs => {
                let current: CurrentEpoch = decode_record(&key, bytes)?;
                current.epoch.saturating_add(1)
            }
            Self::Accounts
            | Self::Namespaces
            | Self::Readers(_)
            | Self::Validators
            | Self::ValidatorEntries
            | Self::Offences(_)
            | Self::Proposals
            | Self::Upgrades
            | Self::Policies(_)
            | Self::Aliases(_)
            | Self::Tags(_)
            | Self::Children(_)
            | Self::DigestEvents(_)
            | Self::Certifications(_)
            | Self::AccessRequests(_)
            | Self::Rekeys(_) => decode_record(&key, bytes)?,
        })
    }
}
