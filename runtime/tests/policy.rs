//! The policy table, walked: every operation, by every role in every scope and by every owner, is
//! allowed exactly where the table says.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_runtime::policy::{self, Owner};
use cairn_runtime::*;
use chain::*;

struct World {
    chain: Chain,
    admin: Actor,
    namespace_owner: Actor,
    model_owner: Actor,
    version_owner: Actor,
    subject: Actor,
    /// Has no role but what a test gives it.
    candidate: Actor,
    /// Operates one of the four validators, and has no role.
    operator: Actor,
    /// Was offered acme/bert.
    recipient: Actor,
    /// Certified acme/bert@1.0.0, and has no role any more.
    certifier: Actor,
    /// Has access to acme/bert@1.0.0 with its first key, and signs with its second.
    reader: Actor,
}

fn scopes() -> [Scope; 3] {
    [
        Scope::Chain,
        Scope::Namespace("acme".into()),
        Scope::Model(model("acme/bert")),
    ]
}

/// Namespaces acme and other; models acme/bert, acme/other and other/bert; a private version of
/// acme/bert. Each thing of acme has an owner who owns nothing else and has no role left.
fn world() -> World {
    let [
        admin,
        namespace_owner,
        model_owner,
        version_owner,
        subject,
        candidate,
        operator,
        suspended,
        third,
        fourth,
        recipient,
        certifier,
        reader,
    ] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map(actor);
    let all = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let mut genesis = genesis(
        &[
            (&admin, all.to_vec()),
            (&namespace_owner, vec![]),
            (&model_owner, vec![]),
            (&version_owner, vec![]),
            (&subject, vec![]),
            (&candidate, vec![]),
            (&operator, vec![]),
            (&suspended, vec![]),
            (&third, vec![]),
            (&fourth, vec![]),
            (&recipient, vec![]),
            (&certifier, vec![(Role::Certifier, Scope::Chain)]),
            (&reader, vec![]),
        ],
        &[("acme", &namespace_owner), ("other", &admin)],
    );
    // Each operates one of four, so that no approval decides anything.
    genesis.validators = (20..24u8)
        .zip([&operator, &admin, &third, &fourth])
        .map(|(seed, operator)| validator(seed, 100, operator))
        .collect();
    genesis.params.unbonding_ms = 0;
    let mut chain = Chain::new(&genesis);
    let acme = Scope::Namespace("acme".into());
    chain.must(
        &admin,
        vec![
            give_role(&model_owner, Role::Registrar, acme.clone()),
            give_role(&version_owner, Role::Publisher, acme.clone()),
            register("acme/other"),
            register("other/bert"),
        ],
    );
    let offer = offer("acme/bert", Some(&recipient));
    chain.must(&model_owner, vec![register("acme/bert"), offer]);
    chain.must(
        &version_owner,
        vec![
            publish_private("acme/bert@1.0.0", "first"),
            set_alias("acme/bert@1.0.0", "stable"),
            set_tag("acme/bert@1.0.0", "team", "blue"),
            give_access("acme/bert@1.0.0", &reader),
        ],
    );
    chain.must(&certifier, vec![certify("acme/bert@1.0.0", "security")]);
    let (rotate, new_reader) = rotation(&chain, &reader, 72);
    chain.must(&reader, vec![rotate]);
    let mut ops = vec![
        take_role(&model_owner, Role::Registrar, acme.clone()),
        take_role(&version_owner, Role::Publisher, acme),
        take_role(&certifier, Role::Certifier, Scope::Chain),
    ];
    ops.extend(scopes().map(|scope| give_role(&subject, Role::Reader, scope)));
    ops.push(Operation::SuspendAccount {
        account: suspended.id,
        reason: String::new(),
    });
    ops.push(propose(&chain, raise_parents()));
    chain.must(&admin, ops);
    let unbond = Operation::Unbond {
        validator: actor(20).id,
        amount: 10,
    };
    chain.must(&operator, vec![unbond]);
    World {
        chain,
        admin,
        namespace_owner,
        model_owner,
        version_owner,
        subject,
        candidate,
        operator,
        recipient,
        certifier,
        reader: new_reader,
    }
}

fn raise_parents() -> Action {
    Action::SetParameter {
        name: "max_parents".into(),
        value: 100,
    }
}

/// Operations that succeed for whoever is allowed: one of each kind, and of the kinds that name a
/// scope one for each.
fn operations(world: &World) -> Vec<Operation> {
    let mut operations = vec![
        actor(99).admission(world.chain.chain_id),
        create("fresh"),
        register("acme/fresh"),
        publish("acme/bert@2.0.0", "second"),
        give_access("acme/bert@1.0.0", &world.subject),
        Operation::RevokeKey {
            account: world.subject.id,
            key_index: 0,
            from_height: 1_000,
        },
        Operation::SuspendAccount {
            account: world.subject.id,
            reason: String::new(),
        },
        Operation::ReinstateAccount {
            account: actor(8).id,
            reason: String::new(),
        },
        Operation::Bond {
            validator: actor(20).id,
            amount: 1,
        },
        Operation::Unbond {
            validator: actor(20).id,
            amount: 1,
        },
        rotate_validator(&world.chain, 20, &world.operator, 30),
        evidence(&world.chain),
        propose(&world.chain, raise_parents()),
        Operation::Approve { proposal: 0 },
    ];
    operations.extend(catalogue_operations());
    operations.extend([
        record_event("acme/bert", "data", "first"),
        certify("acme/bert@1.0.0", "bias"),
        revoke_certification("acme/bert@1.0.0", 0),
        request_access("acme/bert@1.0.0"),
        revoke_access("acme/bert@1.0.0", &world.reader),
        reseal("acme/bert@1.0.0", 1, 0),
        rekey("acme/bert@1.0.0", 1, &[&world.subject]),
    ]);
    for scope in scopes() {
        operations.push(give_role(&world.subject, Role::Auditor, scope.clone()));
        operations.push(take_role(&world.subject, Role::Reader, scope));
    }
    operations
}

fn catalogue_operations() -> Vec<Operation> {
    let id = version("acme/bert@1.0.0");
    vec![
        Operation::SetNamespacePolicy {
            namespace: "acme".into(),
            policy: NamespacePolicy::default(),
        },
        set_alias("acme/bert@1.0.0", "canary"),
        Operation::DeleteAlias {
            model: id.model.clone(),
            alias: "stable".into(),
        },
        set_tag("acme/bert@1.0.0", "team", "red"),
        Operation::DeleteTag {
            subject: Subject::Version(id.clone()),
            key: "team".into(),
        },
        Operation::SetDescription {
            model: id.model.clone(),
            description: "another".into(),
        },
        Operation::DeprecateVersion {
            id: id.clone(),
            reason: String::new(),
        },
        Operation::YankVersion {
            id,
            reason: String::new(),
        },
        offer("acme/bert", None),
        Operation::AcceptTransfer {
            model: model("acme/bert"),
        },
    ]
}

/// Two votes of the validator with index 1.
fn evidence(chain: &Chain) -> Operation {
    let vote = |block: u8| {
        let body = evidence::VoteBody {
            chain_id: chain.chain_id,
            epoch: 0,
            round: 1,
            block_id: cairn_crypto::Digest::new([block; 32]),
        };
        let signature = actor(21)
            .key
            .sign(cairn_crypto::domain::VOTE, &body)
            .unwrap();
        evidence::Vote {
            body,
            voter: 1,
            signature,
        }
    };
    let evidence = evidence::Evidence::Vote {
        first: vote(1),
        second: vote(2),
    };
    Operation::SubmitEvidence {
        evidence: evidence.encode(),
    }
}

fn is_for_anyone(operation: &Operation) -> bool {
    operation.kind().rule().owners.contains(&Owner::Anyone)
}

fn assert_outcome(
    outcome: &Result<Outcome, AdmissionError>,
    operation: &Operation,
    allowed: bool,
    who: &str,
) {
    let kind = operation.kind();
    match outcome {
        Ok(Outcome::Applied(events)) if allowed => assert!(!events.is_empty()),
        Ok(Outcome::Failed {
            operation: 0,
            error: TransactionError::MissingRole { role, scope, .. },
        }) if !allowed => {
            assert_eq!(Some(*role), kind.rule().role);
            assert_eq!(*scope, operation.target());
        }
        Ok(Outcome::Failed {
            operation: 0,
            error: TransactionError::NotAllowed { operation, .. },
        }) if !allowed => {
            assert_eq!(kind.rule().role, None);
            assert_eq!(operation, kind.name());
        }
        other => panic!("{kind:?} by {who}, allowed: {allowed}, gave {other:?}"),
    }
}

#[test]
fn every_operation_is_allowed_to_exactly_its_role_in_a_covering_scope() {
    let world = world();
    let held_at = scopes().into_iter().chain([
        Scope::Namespace("other".into()),
        Scope::Model(model("acme/other")),
        Scope::Model(model("other/bert")),
    ]);
    let mut allowed_count = 0;
    for scope in held_at {
        for role in Role::ALL {
            let grant = give_role(&world.candidate, role, scope.clone());
            let grant = world.chain.signed(&world.admin, 0, vec![grant]);
            for operation in operations(&world) {
                let attempt = world
                    .chain
                    .signed(&world.candidate, 0, vec![operation.clone()]);
                let (results, _) = world.chain.execute(&[grant.clone(), attempt]);
                assert!(matches!(results[0], Ok(Outcome::Applied(_))));
                let rule = operation.kind().rule();
                let covers = operation.target().widening().any(|wider| wider == scope);
                let by_role = rule.role == Some(role) && covers;
                let allowed = by_role || is_for_anyone(&operation);
                allowed_count += u32::from(by_role);
                assert_outcome(
                    &results[1],
                    &operation,
                    allowed,
                    &format!("{role} at {scope}"),
                );
            }
        }
    }
    // Counted by hand, in the order of the table. Chain: what a role allows, granting and revoking in three scopes each.
    // Namespace acme: what is about it or its model, granting and revoking in two scopes each. Model acme/bert: what is
    // about it, granting and revoking in it.
    let chain = 15 + 9 + 5;
    let namespace = 7 + 9 + 5;
    let model = 4 + 8 + 5;
    assert_eq!(allowed_count, chain + namespace + model);
}

#[test]
fn nobody_without_a_role_or_ownership_is_allowed_anything() {
    let world = world();
    for operation in operations(&world) {
        let attempt = world
            .chain
            .signed(&world.candidate, 0, vec![operation.clone()]);
        let (results, _) = world.chain.execute(&[attempt]);
        assert_outcome(
            &results[0],
            &operation,
            is_for_anyone(&operation),
            "a stranger",
        );
    }
}

#[test]
fn every_operation_is_allowed_to_exactly_the_owners_that_the_table_names() {
    let world = world();
    for (owner, actor) in [
        (Owner::Namespace, &world.namespace_owner),
        (Owner::Model, &world.model_owner),
        (Owner::Version, &world.version_owner),
        (Owner::Account, &world.subject),
        (Owner::Recipient, &world.recipient),
        (Owner::Certifier, &world.certifier),
        (Owner::Reader, &world.reader),
        (Owner::Operator, &world.operator),
        (Owner::Validators, &world.operator),
    ] {
        for operation in operations(&world) {
            let attempt = world.chain.signed(actor, 0, vec![operation.clone()]);
            let (results, _) = world.chain.execute(&[attempt]);
            let owners = operation.kind().rule().owners;
            // Whoever operates a validator is the operator of one in force, too.
            let operates = matches!(owner, Owner::Operator | Owner::Validators);
            let allowed = owners.contains(&owner)
                || owners.contains(&Owner::Anyone)
                || operates && owners.contains(&Owner::Operator)
                || operates && owners.contains(&Owner::Validators);
            assert_outcome(&results[0], &operation, allowed, &format!("{owner:?}"));
        }
    }
}

#[test]
fn every_account_rotates_its_own_keys() {
    let world = world();
    let (operation, _) = rotation(&world.chain, &world.candidate, 70);
    let attempt = world
        .chain
        .signed(&world.candidate, 0, vec![operation.clone()]);
    let (results, _) = world.chain.execute(&[attempt]);
    assert_outcome(&results[0], &operation, true, "the account itself");
}

#[test]
fn a_revoked_role_allows_nothing() {
    let world = world();
    let give = give_role(&world.candidate, Role::Registrar, Scope::Chain);
    let take = take_role(&world.candidate, Role::Registrar, Scope::Chain);
    let admin = world.chain.signed(&world.admin, 0, vec![give, take]);
    let attempt = world
        .chain
        .signed(&world.candidate, 0, vec![create("fresh")]);
    let (results, _) = world.chain.execute(&[admin, attempt]);
    assert_outcome(&results[1], &create("fresh"), false, "a former registrar");
}

#[test]
fn the_table_reads_as_intended() {
    let expected = "\
| operation | role | held at one of | without the role |
|---|---|---|---|
| `admit_account` | admin | chain | - |
| `grant_role` | admin | the scope that it names, or a wider one | - |
| `revoke_role` | admin | the scope that it names, or a wider one | - |
| `create_namespace` | registrar | chain | - |
| `register_model` | registrar | chain, namespace | the namespace's owner |
| `publish_version` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `grant_access` | publisher | chain, namespace, model | the namespace's owner, the model's owner, the version's owner |
| `rotate_keys` | - | - | the account itself |
| `revoke_key` | admin | chain | the account itself |
| `suspend_account` | admin | chain | - |
| `reinstate_account` | admin | chain | - |
| `bond` | - | - | the validator's operator |
| `unbond` | - | - | the validator's operator |
| `rotate_validator_keys` | - | - | the validator's operator |
| `submit_evidence` | - | - | every account |
| `propose` | admin | chain | operators of validators in force |
| `approve` | - | - | operators of validators in force |
| `set_namespace_policy` | admin | chain, namespace | the namespace's owner |
| `set_alias` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `delete_alias` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `set_tag` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `delete_tag` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `set_description` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `deprecate_version` | publisher | chain, namespace, model | the namespace's owner, the model's owner, the version's owner |
| `yank_version` | publisher | chain, namespace, model | the namespace's owner, the model's owner, the version's owner |
| `offer_transfer` | admin | chain, namespace, model | the model's owner |
| `accept_transfer` | - | - | the account that it is offered to |
| `record_event` | publisher | chain, namespace, model | the namespace's owner, the model's owner |
| `certify` | certifier | chain, namespace, model | - |
| `revoke_certification` | admin | chain, namespace, model | the namespace's owner, the account that certified |
| `request_access` | - | - | every account |
| `revoke_access` | publisher | chain, namespace, model | the namespace's owner, the model's owner, the version's owner |
| `reseal_access` | - | - | the account that has access |
| `rekey_version` | publisher | chain, namespace, model | the namespace's owner, the model's owner, the version's owner |
";
    assert_eq!(policy::markdown(), expected);
}

#[test]
fn every_kind_has_the_name_that_its_operation_has_in_json() {
    let world = world();
    let mut operations = operations(&world);
    operations.push(rotation(&world.chain, &world.subject, 70).0);
    let kinds: std::collections::BTreeSet<_> = operations.iter().map(Operation::kind).collect();
    assert_eq!(kinds.len(), policy::RULES.len());
    for operation in operations {
        let json = serde_json::to_value(&operation).unwrap();
        assert_eq!(json["op"], operation.kind().name());
        assert_eq!(
            serde_json::to_value(operation.kind()).unwrap(),
            operation.kind().name()
        );
    }
}
