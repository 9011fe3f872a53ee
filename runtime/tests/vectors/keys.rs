//! Places in the state.

use super::{account, digest};
use crate::chain::version;
use cairn_runtime::*;

/// One of each, in the order of their discriminants, up to those of [`catalogue_keys`].
pub fn state_keys() -> Vec<StateKey> {
    let id = version("acme/bert@1.0.0");
    let model = id.model.clone();
    vec![
        StateKey::Params,
        StateKey::Account(account(1)),
        StateKey::AccountKey(account(1), 2),
        StateKey::Nonce(account(1)),
        StateKey::AccountCount,
        StateKey::AccountAt(3),
        StateKey::RoleAt(account(1), 4),
        StateKey::RoleHeld(account(1), Role::Publisher, Scope::Model(model.clone())),
        StateKey::Namespace("acme".into()),
        StateKey::NamespaceCount,
        StateKey::NamespaceAt(5),
        StateKey::Model(model.clone()),
        StateKey::ModelAt("acme".into(), 6),
        StateKey::Version(id.clone()),
        StateKey::VersionAt(model.clone(), 7),
        StateKey::ModelHash("acme".into(), digest(8)),
        StateKey::ModelHashHolders(digest(8)),
        StateKey::ModelHashAt(digest(8), 9),
        StateKey::Grant(id.clone(), account(1)),
        StateKey::GrantCount(id.clone()),
        StateKey::GrantAt(id, 10),
        StateKey::EventAt(model, 11),
        StateKey::ValidatorCount,
        StateKey::Validator(12),
        StateKey::KeyUse(digest(13)),
        StateKey::CurrentEpoch,
        StateKey::EpochAt(14),
        StateKey::ValidatorEntry(account(1)),
        StateKey::ValidatorEntryCount,
        StateKey::ValidatorEntryAt(15),
        StateKey::ValidatorKeys(account(1), 16),
        StateKey::Operates(account(1)),
        StateKey::Stake(account(1)),
        StateKey::StakeSupply,
        StateKey::Offence(account(1), 17),
        StateKey::OffenceCount(account(1)),
        StateKey::OffenceAt(account(1), 18),
        StateKey::Proposal(19),
        StateKey::ProposalCount,
        StateKey::UpgradeCount,
        StateKey::UpgradeAt(20),
    ]
}

/// Where what is said about namespaces, models and versions lies.
pub fn catalogue_keys() -> Vec<StateKey> {
    let id = version("acme/bert@1.0.0");
    let model = id.model.clone();
    vec![
        StateKey::PolicyCount("acme".into()),
        StateKey::PolicyAt("acme".into(), 1),
        StateKey::Alias(model.clone(), "stable".into()),
        StateKey::AliasCount(model.clone()),
        StateKey::AliasAt(model.clone(), 2),
        StateKey::Tag(Subject::Version(id.clone()), "team".into()),
        StateKey::TagCount(Subject::Model(model.clone())),
        StateKey::TagAt(Subject::Model(model.clone()), 3),
        StateKey::Deprecation(id.clone()),
        StateKey::Yank(id),
        StateKey::Transfer(model),
    ]
}

/// Where provenance, certification and access lie.
pub fn assurance_keys() -> Vec<StateKey> {
    let id = version("acme/bert@1.0.0");
    vec![
        StateKey::Lineage(id.clone()),
        StateKey::ChildCount(digest(1)),
        StateKey::ChildAt(digest(1), 2),
        StateKey::DigestEventCount(digest(3)),
        StateKey::DigestEventAt(digest(3), 4),
        StateKey::CertificationCount(id.clone()),
        StateKey::CertificationAt(id.clone(), 5),
        StateKey::AccessRequest(id.clone(), account(6)),
        StateKey::AccessRequestCount(id.clone()),
        StateKey::AccessRequestAt(id.clone(), 7),
        StateKey::RekeyCount(id.clone()),
        StateKey::RekeyAt(id, 8),
    ]
}
