//! Events of receipts.

use super::operations::provenance;
use super::{account, digest};
use crate::chain::version;
use cairn_runtime::*;

/// One of each, in the order of their discriminants, up to those of [`catalogue_events`].
pub fn events() -> Vec<Event> {
    let id = version("acme/bert@1.0.0");
    vec![
        Event::AccountAdmitted {
            account: account(1),
            display_name: "Ada".into(),
        },
        Event::RoleGranted {
            account: account(1),
            role: Role::Admin,
            scope: Scope::Chain,
        },
        Event::RoleRevoked {
            account: account(1),
            role: Role::Reader,
            scope: Scope::Namespace("acme".into()),
        },
        Event::NamespaceCreated {
            namespace: "acme".into(),
            owner: account(1),
        },
        Event::ModelCreated {
            model: id.model.clone(),
            owner: account(1),
        },
        Event::ModelRegistered {
            id: id.clone(),
            model_hash: digest(2),
            owner: account(1),
            parents: vec![],
        },
        Event::AccessGranted {
            id: id.clone(),
            reader: account(3),
            granted_by: account(1),
        },
        Event::KeysRotated {
            account: account(1),
            key_index: 1,
        },
        Event::KeyRevoked {
            account: account(1),
            key_index: 1,
            from_height: 2,
        },
        Event::AccountSuspended {
            account: account(1),
            reason: "why".into(),
        },
        Event::AccountReinstated {
            account: account(1),
            reason: "why".into(),
        },
        Event::StakeBonded {
            validator: account(1),
            amount: 2,
        },
        Event::StakeUnbonding {
            validator: account(1),
            amount: 2,
            matures_at_ms: 3,
        },
        Event::ValidatorKeysRotated {
            validator: account(1),
            key_index: 1,
        },
        Event::EquivocationPunished {
            validator: account(1),
            epoch: 2,
            burned: 3,
        },
        Event::ProposalMade {
            proposal: 1,
            proposer: account(1),
        },
        Event::ProposalApproved {
            proposal: 1,
            validators: vec![account(1)],
        },
        Event::ProposalPassed { proposal: 1 },
    ]
}

/// One of each of what is said about namespaces, models and versions.
pub fn catalogue_events() -> Vec<Event> {
    let id = version("acme/bert@1.0.0");
    let (model, reason) = (id.model.clone(), "why".to_owned());
    vec![
        Event::NamespacePolicySet {
            namespace: "acme".into(),
            revision: 1,
        },
        Event::AliasSet {
            id: id.clone(),
            alias: "stable".into(),
        },
        Event::AliasDeleted {
            model: model.clone(),
            alias: "stable".into(),
        },
        Event::TagSet {
            subject: Subject::Model(model.clone()),
            key: "team".into(),
            value: "blue".into(),
        },
        Event::TagDeleted {
            subject: Subject::Version(id.clone()),
            key: "team".into(),
        },
        Event::DescriptionSet {
            model: model.clone(),
            description: "a model".into(),
        },
        Event::VersionDeprecated {
            id: id.clone(),
            reason: reason.clone(),
        },
        Event::VersionYanked { id, reason },
        Event::TransferOffered {
            model: model.clone(),
            to: account(1),
            expires_at_height: 2,
        },
        Event::TransferWithdrawn {
            model: model.clone(),
        },
        Event::ModelTransferred {
            model,
            from: account(1),
            to: account(2),
        },
    ]
}

/// One of each of provenance, certification and access.
pub fn assurance_events() -> Vec<Event> {
    let id = version("acme/bert@1.0.0");
    let (reader, reason) = (account(1), "why".to_owned());
    vec![
        Event::ProvenanceRecorded {
            model: id.model.clone(),
            provenance: provenance(EventKind::Trained),
        },
        Event::VersionCertified {
            id: id.clone(),
            certification: 1,
            check: "security".into(),
            verdict: Verdict::Passed,
        },
        Event::CertificationRevoked {
            id: id.clone(),
            certification: 1,
            reason: reason.clone(),
        },
        Event::AccessRequested {
            id: id.clone(),
            reader,
            reason: reason.clone(),
        },
        Event::AccessRevoked {
            id: id.clone(),
            reader,
            reason: reason.clone(),
        },
        Event::AccessDeclined {
            id: id.clone(),
            reader,
            reason,
        },
        Event::AccessResealed {
            id: id.clone(),
            reader,
            key_index: 2,
        },
        Event::VersionRekeyed {
            id,
            generation: 1,
            manifest_digest: digest(2),
            readers: vec![reader],
        },
    ]
}
