//! Random histories: who tries what, in which block.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use super::*;
use proptest::prelude::*;

/// What somebody tries; many attempts fail, which is as much part of a history.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub sender: usize,
    pub ops: Vec<(u8, u8, u8)>,
    /// Breaks the nonce, so that the transaction is invalid.
    pub invalid: bool,
}

/// Kinds of operations that [`operation`] makes; two of them are proposals.
pub const KINDS: u8 = 37;

/// The operations of an attempt: one that has to stand alone does.
pub fn operations(chain: &Chain, actors: &[Actor], ops: &[(u8, u8, u8)]) -> Vec<Operation> {
    let mut all: Vec<_> = (ops.iter())
        .map(|op| operation(chain, actors, *op))
        .collect();
    if let Some(alone) = all.iter().position(stands_alone) {
        all = vec![all.swap_remove(alone)];
    }
    all
}

fn stands_alone(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::RotateKeys { .. } | Operation::RevokeKey { .. }
    )
}

pub fn attempts() -> impl Strategy<Value = Vec<Vec<Attempt>>> {
    let op = (0u8..KINDS, 0u8..3, 0u8..3);
    let attempt = (
        0usize..3,
        prop::collection::vec(op, 1..4),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(sender, ops, invalid)| Attempt {
            sender,
            ops,
            invalid,
        });
    prop::collection::vec(prop::collection::vec(attempt, 0..4), 1..5)
}

pub fn operation(chain: &Chain, actors: &[Actor], (kind, a, b): (u8, u8, u8)) -> Operation {
    let namespace = format!("space{a}");
    let name = format!("{namespace}/model{b}");
    let id = format!("{name}@{a}.{b}.0");
    let someone = &actors[usize::from(a)];
    let scope = match b {
        0 => Scope::Chain,
        1 => Scope::Namespace(namespace.clone()),
        _ => Scope::Model(model(&name)),
    };
    match kind {
        0 => actor(10 + a).admission(chain.chain_id),
        1 => give_role(someone, Role::ALL[usize::from(b)], scope),
        2 => take_role(someone, Role::ALL[usize::from(b)], scope),
        3 => create(&namespace),
        4 => register(&name),
        5 => publish_private(&id, &id),
        6 => give_access(&id, someone),
        7 => Operation::SuspendAccount {
            account: actor(10 + a).id,
            reason: String::new(),
        },
        8 => Operation::ReinstateAccount {
            account: actor(10 + a).id,
            reason: String::new(),
        },
        9 => Operation::Bond {
            validator: actor(20 + a).id,
            amount: u64::from(b),
        },
        10 => Operation::Unbond {
            validator: actor(20 + a).id,
            amount: 5 * u64::from(b),
        },
        11 => rotate_validator(chain, 20 + a, someone, 30 + 3 * a + b),
        12 => Operation::Approve {
            proposal: u64::from(a),
        },
        15..24 => about_models(&name, &id, (kind, a, b), someone),
        33 => Operation::SetDescription {
            model: model(&name),
            description: id,
        },
        34 => {
            // The possession is right for the first actor's rotation only.
            let (operation, _) = rotation(chain, &actors[0], 60 + 3 * a + b);
            operation
        }
        35 => Operation::RevokeKey {
            account: someone.id,
            key_index: u32::from(7 * (2 - b)),
            from_height: chain.height + 1 + 5 * u64::from(a),
        },
        36 => Operation::SubmitEvidence {
            evidence: evidence::EvidenceBytes(vec![a; usize::from(b)]),
        },
        24.. => about_versions(&name, &id, (kind, a, b), someone),
        _ => Operation::Propose {
            action: Box::new(action(chain, (kind, a, b), someone)),
            expires_at_height: chain.height + u64::from(b),
        },
    }
}

fn about_models(name: &str, id: &str, (kind, a, b): (u8, u8, u8), someone: &Actor) -> Operation {
    match kind {
        15 => Operation::SetNamespacePolicy {
            namespace: format!("space{a}"),
            policy: NamespacePolicy {
                required_certifications: u32::from(b),
                ..NamespacePolicy::default()
            },
        },
        16 => set_alias(id, &format!("alias{b}")),
        17 => Operation::DeleteAlias {
            model: model(name),
            alias: format!("alias{b}"),
        },
        18 => set_tag(id, "key", "value"),
        19 => Operation::DeleteTag {
            subject: Subject::Version(version(id)),
            key: "key".into(),
        },
        20 => Operation::DeprecateVersion {
            id: version(id),
            reason: String::new(),
        },
        21 => Operation::YankVersion {
            id: version(id),
            reason: String::new(),
        },
        22 => offer(name, Some(someone)),
        _ => Operation::AcceptTransfer { model: model(name) },
    }
}

fn about_versions(name: &str, id: &str, (kind, a, b): (u8, u8, u8), someone: &Actor) -> Operation {
    match kind {
        24 => record_event(name, "data", id),
        25 => certify(id, "security"),
        26 => revoke_certification(id, u64::from(b)),
        27 => request_access(id),
        28 => revoke_access(id, someone),
        29 => rekey(id, u32::from(b), &[someone]),
        30 => reseal(id, u32::from(b), u32::from(a)),
        _ => {
            // Another version of the model, from one that there may be.
            let (other, parent) = ((a + 1) % 3, format!("space{a}/model{b}@{a}.{b}.0"));
            let child = format!("space{other}/model{b}@7.{a}.{b}");
            publish_derived(&child, &child, &[(&parent, Relation::FineTuned)])
        }
    }
}

fn action(chain: &Chain, (kind, a, b): (u8, u8, u8), someone: &Actor) -> Action {
    let validator = actor(20 + a).id;
    match (kind, b) {
        (13, 0) => Action::SetParameter {
            name: "unbonding_ms".into(),
            value: 1_000 * u64::from(a),
        },
        (13, 1) => add_validator(chain, 40 + a, 10, someone),
        (13, _) => Action::IssueStake {
            validator,
            amount: 7,
        },
        (_, 0) => Action::RemoveValidator { validator },
        (_, 1) => Action::ReinstateValidator { validator },
        (_, _) => Action::SetOperator {
            validator,
            operator: someone.id,
        },
    }
}
