//! Where each record lies in the state: every key that the ledger writes.
//!
//! A key's encoding is its Borsh encoding: one byte for the record type, in the order below, then the
//! fields, strings with their length before them. Borsh is prefix-free for each type, so no two keys
//! share an encoding. Where the tree files a record under such a key, `place.rs` says.
//!
//! Lists have ordinals from 0 without gaps, and nothing is ever removed from them: what is revoked
//! stays as a tombstone. The number of entries stands in a record of its own or in the record of the
//! owner, so a complete list is provable: the count and every ordinal under one root.

use crate::{AccountId, ModelName, Role, Scope, Subject, VersionId};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{DecodeError, Digest, codec};

/// A place in the state. Discriminants are fixed by this order and never reused; new keys are
/// appended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum StateKey {
    /// [`ChainParams`](crate::ChainParams).
    Params,
    /// [`Account`](crate::Account).
    Account(AccountId),
    /// [`AccountKey`](crate::AccountKey) by index, `0..Account::keys`.
    AccountKey(AccountId, u32),
    /// The account's next nonce (`u64`). Apart from the account, because every transaction writes it;
    /// absent before the first, which has nonce 0.
    Nonce(AccountId),
    /// Number of accounts (`u64`).
    AccountCount,
    /// [`AccountId`] by order of admission.
    AccountAt(u64),
    /// [`RoleEntry`](crate::RoleEntry) by order of granting, `0..Account::roles`.
    RoleAt(AccountId, u64),
    /// Whether the account holds this role in this scope: `Option<u64>`, the ordinal of the entry in
    /// force. Answers a role check with one read for each scope that covers the target.
    RoleHeld(AccountId, Role, Scope),
    /// [`Namespace`](crate::Namespace).
    Namespace(String),
    /// Number of namespaces (`u64`).
    NamespaceCount,
    /// Name of a namespace (`String`) by order of creation.
    NamespaceAt(u64),
    /// [`Model`](crate::Model).
    Model(ModelName),
    /// Name of a model within its namespace (`String`), by order of registration,
    /// `0..Namespace::models`.
    ModelAt(String, u64),
    /// [`Version`](crate::Version).
    Version(VersionId),
    /// SemVer of a version (`String`), by order of publication, `0..Model::versions`.
    VersionAt(ModelName, u64),
    /// [`VersionId`] that holds this `model_hash` in this namespace, unless it is the first holder
    /// chain-wide.
    ModelHash(String, Digest),
    /// [`HashHolders`](crate::HashHolders): who holds this `model_hash` first, and how many do. All that
    /// there is about a hash that a single namespace holds, as nearly every hash is.
    ModelHashHolders(Digest),
    /// [`VersionId`] of a holder of this `model_hash` chain-wide, earliest first, from ordinal 1 on; the
    /// first stands in the holders' record.
    ModelHashAt(Digest, u64),
    /// [`Grant`](crate::Grant) of a version to a reader.
    Grant(VersionId, AccountId),
    /// Number of readers ever granted (`u64`).
    GrantCount(VersionId),
    /// [`AccountId`] of a reader, by order of the first grant.
    GrantAt(VersionId, u64),
    /// [`ModelEvent`](crate::ModelEvent), oldest first, `0..Model::events`.
    EventAt(ModelName, u64),
    /// Number of validators (`u64`).
    ValidatorCount,
    /// [`ValidatorRecord`](crate::ValidatorRecord) by index in the validator set that decides on the next block.
    Validator(u64),
    /// [`KeyUse`](crate::KeyUse) of the signing key with this fingerprint.
    KeyUse(Digest),
    /// [`CurrentEpoch`](crate::CurrentEpoch).
    CurrentEpoch,
    /// [`EpochRecord`](crate::EpochRecord) by number, `0..=CurrentEpoch::epoch`.
    EpochAt(u64),
    /// [`ValidatorEntry`](crate::ValidatorEntry).
    ValidatorEntry(AccountId),
    /// Number of validators there ever were (`u64`).
    ValidatorEntryCount,
    /// Id of a validator ([`AccountId`]), by order of joining.
    ValidatorEntryAt(u64),
    /// [`ValidatorKeys`](crate::ValidatorKeys) by index, `0..ValidatorEntry::keys`.
    ValidatorKeys(AccountId, u32),
    /// Ids of the validators that an account operates (`Vec<AccountId>`), by order of joining.
    Operates(AccountId),
    /// [`Stake`](crate::Stake) of a validator.
    Stake(AccountId),
    /// [`StakeSupply`](crate::StakeSupply).
    StakeSupply,
    /// [`Offence`](crate::Offence) of a validator in an epoch.
    Offence(AccountId, u64),
    /// Number of offences of a validator (`u64`).
    OffenceCount(AccountId),
    /// Epoch of an offence of a validator (`u64`), by order of punishment.
    OffenceAt(AccountId, u64),
    /// [`Proposal`](crate::Proposal) by number.
    Proposal(u64),
    /// Number of proposals (`u64`).
    ProposalCount,
    /// Number of upgrades decided (`u64`).
    UpgradeCount,
    /// [`Upgrade`](crate::Upgrade) by order of decision.
    UpgradeAt(u64),
    /// Number of policies that a namespace ever set (`u64`); the last is in force.
    PolicyCount(String),
    /// [`PolicyRecord`](crate::PolicyRecord) of a namespace, oldest first; its ordinal is its revision less 1.
    PolicyAt(String, u64),
    /// [`Alias`](crate::Alias) of a model.
    Alias(ModelName, String),
    /// Number of aliases that a model ever had (`u64`).
    AliasCount(ModelName),
    /// Name of an alias (`String`), by order of its first setting.
    AliasAt(ModelName, u64),
    /// [`Tag`](crate::Tag) of a model or a version, by its key.
    Tag(Subject, String),
    /// Number of tags that it ever had (`u64`).
    TagCount(Subject),
    /// Key of a tag (`String`), by order of its first setting.
    TagAt(Subject, u64),
    /// [`Notice`](crate::Notice) that a version is deprecated.
    Deprecation(VersionId),
    /// [`Notice`](crate::Notice) that a version is yanked.
    Yank(VersionId),
    /// [`Transfer`](crate::Transfer) of a model: the last one offered.
    Transfer(ModelName),
    /// [`Lineage`](crate::Lineage) of a version; absent where it has no parents.
    Lineage(VersionId),
    /// Number of versions that derive from what has this digest (`u64`).
    ChildCount(Digest),
    /// [`Child`](crate::Child) by order of publication.
    ChildAt(Digest, u64),
    /// Number of steps of provenance that name this digest (`u64`).
    DigestEventCount(Digest),
    /// [`EventPlace`](crate::EventPlace) of a step of provenance that names this digest, oldest first.
    DigestEventAt(Digest, u64),
    /// Number of certifications of a version ever made (`u64`).
    CertificationCount(VersionId),
    /// [`Certification`](crate::Certification) of a version, oldest first.
    CertificationAt(VersionId, u64),
    /// [`AccessRequest`](crate::AccessRequest) of a reader to a version.
    AccessRequest(VersionId, AccountId),
    /// Number of accounts that ever asked for access (`u64`).
    AccessRequestCount(VersionId),
    /// [`AccountId`] that asked for access, by order of its first request.
    AccessRequestAt(VersionId, u64),
    /// Number of times that a version's data key was replaced (`u64`).
    RekeyCount(VersionId),
    /// [`Rekey`](crate::Rekey) of a version, oldest first; its ordinal is its generation less 1.
    RekeyAt(VersionId, u64),
}

/// Longest encoding that [`StateKey::decode`] reads; the longest key that an operation writes has
/// a few hundred bytes.
pub const MAX_STATE_KEY_BYTES: usize = 4_096;

impl StateKey {
    /// The bytes that name this place.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(96);
        borsh::to_writer(&mut bytes, self).expect("a vector takes every byte");
        bytes
    }

    /// Reads a key back from its bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that [`encode`](Self::encode) does not produce.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, MAX_STATE_KEY_BYTES)
    }

    /// Whether these are the bytes of a [`StateKey::AccountKey`].
    pub(crate) fn is_account_key(encoded: &[u8]) -> bool {
        /// Its place in the order above.
        const ACCOUNT_KEY: u8 = 2;
        encoded.first() == Some(&ACCOUNT_KEY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_keys_and_nothing_else_are_taken_for_account_keys() {
        let account = AccountId(Digest::ZERO);
        assert!(StateKey::is_account_key(
            &StateKey::AccountKey(account, 0).encode()
        ));
        for other in [StateKey::Account(account), StateKey::Nonce(account)] {
            assert!(!StateKey::is_account_key(&other.encode()));
        }
    }
}
