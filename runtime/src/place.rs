//! Where a record lies in the state tree.
//!
//! A place is the SHA-256 of the encoded key, but for its first three bytes where the key belongs to a family: those are
//! the first three of the family's SHA-256. What one operation writes about one model, account or digest so lies below
//! one node, which shares a path to the root, in place of as many paths as there are records: a publication changes half
//! as many nodes.
//!
//! A leaf commits to the whole key besides its place, so no proof shows the record of another key, whatever the places
//! do. Two keys share a place when the other 29 bytes of their hashes agree and their families have the same three bytes:
//! 2^116 attempts, and a state in which one record lies where two belong.

use crate::{AccountId, ModelName, StateKey};
use cairn_crypto::Digest;

/// Bytes of a place that are the family's: of a million families, one in seventeen shares its beginning with another one.
const FAMILY_BYTES: usize = 3;

/// Whose records lie together: the bytes that are hashed are the Borsh encoding of what is named.
enum Family<'a> {
    Account(&'a AccountId),
    Model(&'a ModelName),
    Digest(&'a Digest),
}

impl StateKey {
    /// The place of the record in the state tree. `docs/proof-format.md` has the table of families.
    #[must_use]
    pub fn place(&self) -> Digest {
        self.place_of(&self.encode())
    }

    /// The place of a key that is encoded already.
    pub(crate) fn place_of(&self, encoded: &[u8]) -> Digest {
        let own = Digest::of(encoded);
        let family = match self.family() {
            None => return own,
            Some(Family::Account(account)) => Digest::of(account.0.as_bytes()),
            Some(Family::Digest(digest)) => Digest::of(digest.as_bytes()),
            Some(Family::Model(model)) => {
                let encoded = borsh::to_vec(model).expect("a vector takes every byte");
                Digest::of(&encoded)
            }
        };
        let mut place = *own.as_bytes();
        place[..FAMILY_BYTES].copy_from_slice(&family.as_bytes()[..FAMILY_BYTES]);
        Digest::new(place)
    }

    fn family(&self) -> Option<Family<'_>> {
        Some(match self {
            Self::Account(account)
            | Self::AccountKey(account, _)
            | Self::Nonce(account)
            | Self::RoleAt(account, _)
            | Self::RoleHeld(account, ..)
            | Self::ValidatorEntry(account)
            | Self::ValidatorKeys(account, _)
            | Self::Operates(account)
            | Self::Stake(account)
            | Self::Offence(account, _)
            | Self::OffenceCount(account)
            | Self::OffenceAt(account, _) => Family::Account(account),
            Self::Model(model)
            | Self::VersionAt(model, _)
            | Self::EventAt(model, _)
            | Self::Alias(model, _)
            | Self::AliasCount(model)
            | Self::AliasAt(model, _)
            | Self::Transfer(model) => Family::Model(model),
            Self::Version(version)
            | Self::Grant(version, _)
            | Self::GrantCount(version)
            | Self::GrantAt(version, _)
            | Self::Deprecation(version)
            | Self::Yank(version)
            | Self::Lineage(version)
            | Self::CertificationCount(version)
            | Self::CertificationAt(version, _)
            | Self::AccessRequest(version, _)
            | Self::AccessRequestCount(version)
            | Self::AccessRequestAt(version, _)
            | Self::RekeyCount(version)
            | Self::RekeyAt(version, _) => Family::Model(&version.model),
            Self::Tag(subject, _) | Self::TagCount(subject) | Self::TagAt(subject, _) => {
                Family::Model(subject.model())
            }
            Self::ModelHash(_, digest)
            | Self::ModelHashHolders(digest)
            | Self::ModelHashAt(digest, _)
            | Self::ChildCount(digest)
            | Self::ChildAt(digest, _)
            | Self::DigestEventCount(digest)
            | Self::DigestEventAt(digest, _) => Family::Digest(digest),
            Self::Params
            | Self::AccountCount
            | Self::AccountAt(_)
            | Self::Namespace(_)
            | Self::NamespaceCount
            | Self::NamespaceAt(_)
            | Self::ModelAt(..)
            | Self::ValidatorCount
            | Self::Validator(_)
            | Self::KeyUse(_)
            | Self::CurrentEpoch
            | Self::EpochAt(_)
            | Self::ValidatorEntryCount
            | Self::ValidatorEntryAt(_)
            | Self::StakeSupply
            | Self::Proposal(_)
            | Self::ProposalCount
            | Self::UpgradeCount
            | Self::UpgradeAt(_)
            | Self::PolicyCount(_)
            | Self::PolicyAt(..) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Subject;

    fn begins_with(key: &StateKey, family: &[u8]) {
        let (place, own, family) = (key.place(), Digest::of(&key.encode()), Digest::of(family));
        assert_eq!(place.as_bytes()[..3], family.as_bytes()[..3], "{key:?}");
        assert_eq!(place.as_bytes()[3..], own.as_bytes()[3..], "{key:?}");
        assert_ne!(place, own, "{key:?}");
    }

    #[test]
    fn records_of_a_family_lie_together_and_all_others_at_the_hash_of_their_keys() {
        let id: crate::VersionId = "acme/bert@1.0.0".parse().unwrap();
        let (model, digest) = (id.model.clone(), Digest::of(b"content"));
        let account = AccountId(Digest::of(b"account"));
        let family = borsh::to_vec(&model).unwrap();
        for key in [
            StateKey::Model(model.clone()),
            StateKey::Version(id.clone()),
            StateKey::VersionAt(model.clone(), 7),
            StateKey::EventAt(model, 7),
            StateKey::Grant(id.clone(), account),
            StateKey::TagCount(Subject::Version(id)),
        ] {
            begins_with(&key, &family);
        }
        for key in [
            StateKey::Account(account),
            StateKey::Nonce(account),
            StateKey::Stake(account),
        ] {
            begins_with(&key, account.0.as_bytes());
        }
        for key in [
            StateKey::ModelHash("acme".to_owned(), digest),
            StateKey::ModelHashHolders(digest),
            StateKey::ChildAt(digest, 3),
        ] {
            begins_with(&key, digest.as_bytes());
        }
        for key in [
            StateKey::Params,
            StateKey::Namespace("acme".to_owned()),
            StateKey::ModelAt("acme".to_owned(), 1),
            StateKey::KeyUse(digest),
        ] {
            assert_eq!(key.place(), Digest::of(&key.encode()), "{key:?}");
        }
    }
}
