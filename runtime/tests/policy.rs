//! The policy table, walked: every operation, by every role in every scope and by every owner, is
//! allowed exactly where the table says.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_runtime::policy::{self, OperationKind, Owner};
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
    ] = [1, 2, 3, 4, 5, 6].map(actor);
    let all = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(
        &[
            (&admin, all.to_vec()),
            (&namespace_owner, vec![]),
            (&model_owner, vec![]),
            (&version_owner, vec![]),
            (&subject, vec![]),
            (&candidate, vec![]),
        ],
        &[("acme", &namespace_owner), ("other", &admin)],
    );
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
    chain.must(&model_owner, vec![register("acme/bert")]);
    chain.must(
        &version_owner,
        vec![publish_private("acme/bert@1.0.0", "first")],
    );
    let mut ops = vec![
        take_role(&model_owner, Role::Registrar, acme.clone()),
        take_role(&version_owner, Role::Publisher, acme),
    ];
    ops.extend(scopes().map(|scope| give_role(&subject, Role::Reader, scope)));
    chain.must(&admin, ops);
    World {
        chain,
        admin,
        namespace_owner,
        model_owner,
        version_owner,
        subject,
        candidate,
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
    ];
    for scope in scopes() {
        operations.push(give_role(&world.subject, Role::Auditor, scope.clone()));
        operations.push(take_role(&world.subject, Role::Reader, scope));
    }
    operations
}

fn assert_outcome(
    outcome: &Result<Outcome, AdmissionError>,
    operation: &Operation,
    allowed: bool,
    who: &str,
) {
    let kind = operation.kind();
    match outcome {
        Ok(Outcome::Applied(events)) if allowed => assert_eq!(events.len(), 1),
        Ok(Outcome::Failed {
            operation: 0,
            error: TransactionError::MissingRole { role, scope, .. },
        }) if !allowed => {
            assert_eq!(*role, kind.rule().role);
            assert_eq!(*scope, operation.target());
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
                let allowed = rule.role == role && covers;
                allowed_count += u32::from(allowed);
                assert_outcome(
                    &results[1],
                    &operation,
                    allowed,
                    &format!("{role} at {scope}"),
                );
            }
        }
    }
    // Chain: all 11. Namespace acme: register, publish, access, and grant and revoke in it and in its
    // model. Model acme/bert: publish, access, grant and revoke in it.
    assert_eq!(allowed_count, 11 + 7 + 4);
}

#[test]
fn nobody_without_a_role_or_ownership_is_allowed_anything() {
    let world = world();
    for operation in operations(&world) {
        let attempt = world
            .chain
            .signed(&world.candidate, 0, vec![operation.clone()]);
        let (results, _) = world.chain.execute(&[attempt]);
        assert_outcome(&results[0], &operation, false, "a stranger");
    }
}

#[test]
fn every_operation_is_allowed_to_exactly_the_owners_that_the_table_names() {
    let world = world();
    for (owner, actor) in [
        (Owner::Namespace, &world.namespace_owner),
        (Owner::Model, &world.model_owner),
        (Owner::Version, &world.version_owner),
    ] {
        for operation in operations(&world) {
            let attempt = world.chain.signed(actor, 0, vec![operation.clone()]);
            let (results, _) = world.chain.execute(&[attempt]);
            let allowed = operation.kind().rule().owners.contains(&owner);
            assert_outcome(&results[0], &operation, allowed, &format!("{owner:?}"));
        }
    }
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
| operation | role | held at one of | or owner of |
|---|---|---|---|
| `admit_account` | admin | chain | - |
| `grant_role` | admin | the scope that it names, or a wider one | - |
| `revoke_role` | admin | the scope that it names, or a wider one | - |
| `create_namespace` | registrar | chain | - |
| `register_model` | registrar | chain, namespace | the namespace |
| `publish_version` | publisher | chain, namespace, model | the namespace, the model |
| `grant_access` | publisher | chain, namespace, model | the namespace, the model, the version |
";
    assert_eq!(policy::markdown(), expected);
}

#[test]
fn every_kind_has_the_name_that_its_operation_has_in_json() {
    let world = world();
    for operation in operations(&world) {
        let json = serde_json::to_value(&operation).unwrap();
        assert_eq!(json["op"], operation.kind().name());
        assert_eq!(
            serde_json::to_value(operation.kind()).unwrap(),
            operation.kind().name()
        );
    }
    assert_eq!(OperationKind::GrantAccess as usize + 1, policy::RULES.len());
}
