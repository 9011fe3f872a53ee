//! One operation and one action of each kind.

use super::{account, digest};
use crate::chain::*;
use cairn_runtime::*;

/// One of each; of publishing two.
pub fn operations() -> Vec<Operation> {
    let parents = [
        Relation::FineTuned,
        Relation::Quantized,
        Relation::Converted,
        Relation::Merged,
        Relation::Distilled,
        Relation::Adapter,
        Relation::Revised,
        Relation::TrainedOn,
    ];
    let mut full = publish_private("acme/bert@1.0.0", "weights");
    let Operation::PublishVersion {
        parents: list,
        vector_hash,
        ..
    } = &mut full
    else {
        unreachable!()
    };
    *vector_hash = Some(digest(7));
    *list = (0u8..)
        .zip(parents)
        .map(|(byte, relation)| Parent {
            digest: digest(byte),
            relation,
        })
        .collect();
    let new = actor(2);
    let mut operations = vec![
        Operation::AdmitAccount {
            display_name: "Ada".into(),
            signing_key: new.key.public_key().clone(),
            encryption_key: new.encryption_key.clone(),
            possession: fixed_signature(3),
        },
        give_role(&new, Role::Admin, Scope::Chain),
        take_role(&new, Role::Operator, Scope::Model(model("acme/bert"))),
        create("acme"),
        Operation::RegisterModel {
            model: model("acme/bert"),
            description: "a model".into(),
        },
        publish("acme/bert@1.0.0", "weights"),
        full,
        Operation::GrantAccess {
            id: version("acme/bert@1.0.0"),
            reader: account(4),
            key_index: 1,
            generation: 2,
            as_of: 3,
            sealed: sealed(5),
        },
        Operation::RotateKeys {
            signing_key: new.key.public_key().clone(),
            encryption_key: new.encryption_key.clone(),
            possession: fixed_signature(3),
        },
        Operation::RevokeKey {
            account: account(1),
            key_index: 2,
            from_height: 3,
        },
        Operation::SuspendAccount {
            account: account(1),
            reason: "why".into(),
        },
        Operation::ReinstateAccount {
            account: account(1),
            reason: "why".into(),
        },
        Operation::Bond {
            validator: account(1),
            amount: 2,
        },
        Operation::Unbond {
            validator: account(1),
            amount: 2,
        },
        Operation::RotateValidatorKeys {
            validator: account(1),
            consensus_key: new.key.public_key().clone(),
            transport_key: actor(3).key.public_key().clone(),
            possession: Box::new(key_proof()),
        },
        Operation::SubmitEvidence {
            evidence: evidence::EvidenceBytes(vec![1, 2, 3]),
        },
        Operation::Propose {
            action: Box::new(Action::SetParameter {
                name: "max_parents".into(),
                value: 1,
            }),
            expires_at_height: 2,
        },
        Operation::Approve { proposal: 1 },
    ];
    operations.extend(catalogue_operations());
    operations.extend(assurance_operations());
    operations
}

fn catalogue_operations() -> Vec<Operation> {
    let (id, reason) = (version("acme/bert@1.0.0"), "why".to_owned());
    vec![
        Operation::SetNamespacePolicy {
            namespace: "acme".into(),
            policy: full_policy(),
        },
        Operation::SetAlias {
            id: id.clone(),
            alias: "stable".into(),
        },
        Operation::DeleteAlias {
            model: id.model.clone(),
            alias: "stable".into(),
        },
        Operation::SetTag {
            subject: Subject::Model(id.model.clone()),
            key: "team".into(),
            value: "blue".into(),
        },
        Operation::DeleteTag {
            subject: Subject::Version(id.clone()),
            key: "team".into(),
        },
        Operation::SetDescription {
            model: id.model.clone(),
            description: "a model".into(),
        },
        Operation::DeprecateVersion {
            id: id.clone(),
            reason: reason.clone(),
        },
        Operation::YankVersion {
            id: id.clone(),
            reason,
        },
        Operation::OfferTransfer {
            model: id.model.clone(),
            to: Some(account(1)),
            expires_at_height: 2,
        },
        Operation::AcceptTransfer { model: id.model },
    ]
}

fn assurance_operations() -> Vec<Operation> {
    let id = "acme/bert@1.0.0";
    vec![
        Operation::RecordEvent {
            model: model("acme/bert"),
            provenance: provenance(EventKind::Other("audited".into())),
        },
        Operation::Certify {
            id: version(id),
            policy: 1,
            check: "security".into(),
            report: digest(2),
            verdict: Verdict::Failed,
            metrics: "{}".into(),
            expires_at_ms: Some(3),
        },
        revoke_certification(id, 1),
        request_access(id),
        revoke_access(id, &actor(1)),
        reseal(id, 1, 2),
        rekey(id, 1, &[&actor(1)]),
    ]
}

pub fn provenance(kind: EventKind) -> Provenance {
    Provenance {
        kind,
        inputs: vec![digest(1), digest(2)],
        outputs: vec![digest(3)],
        statement: digest(4),
    }
}

pub fn full_policy() -> NamespacePolicy {
    NamespacePolicy {
        certifiers: vec![account(1), account(2)],
        required_certifications: 2,
        required_checks: vec!["security".into(), "bias".into()],
        publisher_certifies: true,
    }
}

pub fn key_proof() -> ValidatorKeyProof {
    ValidatorKeyProof {
        consensus_signature: fixed_signature(1),
        transport_signature: fixed_signature(2),
    }
}

/// One of each, in the order of their discriminants.
pub fn actions() -> Vec<Action> {
    let validator = account(1);
    vec![
        Action::SetParameter {
            name: "max_parents".into(),
            value: 1,
        },
        Action::AddValidator {
            name: "one".into(),
            operator: account(2),
            consensus_key: actor(2).key.public_key().clone(),
            transport_key: actor(3).key.public_key().clone(),
            possession: Box::new(key_proof()),
            stake: 3,
        },
        Action::RemoveValidator { validator },
        Action::ReinstateValidator { validator },
        Action::SetOperator {
            validator,
            operator: account(2),
        },
        Action::IssueStake {
            validator,
            amount: 2,
        },
        Action::BurnStake {
            validator,
            amount: 2,
        },
        Action::GrantAdmin {
            account: account(1),
        },
        Action::RevokeAdmin {
            account: account(1),
        },
        Action::ScheduleUpgrade {
            version: "1.0.0".into(),
            height: 2,
        },
    ]
}
