//! Every list says how many entries it has, has each of them, and none beyond.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

const ID: &str = "acme/bert@1.0.0";

/// A chain on which every list but that of offences has an entry.
fn world() -> (Chain, Actor) {
    let (mut chain, admin, operators) = governed();
    let roles = [Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let mut ops: Vec<_> = roles
        .into_iter()
        .map(|(role, scope)| give_role(&admin, role, scope))
        .collect();
    ops.push(give_role(&operators[0], Role::Certifier, Scope::Chain));
    chain.must(&admin, ops);
    chain.must(
        &admin,
        vec![
            create("acme"),
            Operation::SetNamespacePolicy {
                namespace: "acme".into(),
                policy: NamespacePolicy::default(),
            },
            register("acme/bert"),
            publish_private(ID, "base"),
            publish_derived("acme/bert@2.0.0", "child", &[("base", Relation::FineTuned)]),
            give_access(ID, &operators[0]),
            set_alias(ID, "stable"),
            Operation::SetTag {
                subject: Subject::Model(model("acme/bert")),
                key: "team".into(),
                value: "blue".into(),
            },
            record_event("acme/bert", "base", "report"),
            rekey(ID, 1, &[&operators[0]]),
        ],
    );
    let mut finding = certify(ID, "security");
    if let Operation::Certify { policy, .. } = &mut finding {
        *policy = 1;
    }
    chain.must(&operators[0], vec![finding, request_access(ID)]);
    let upgrade = Action::ScheduleUpgrade {
        version: "2.0.0".into(),
        height: 1_000,
    };
    decide(&mut chain, &operators, upgrade);
    let new = rotate_validator(&chain, 20, &operators[0], 60);
    chain.must(&operators[0], vec![new]);
    (chain, admin)
}

fn lists(admin: &Actor) -> Vec<(List, u64)> {
    let (id, model) = (version(ID), model("acme/bert"));
    let base = Digest::of(b"base");
    let validator = actor(20).id;
    vec![
        (List::Accounts, 5),
        (List::AccountKeys(admin.id), 1),
        (List::Roles(admin.id), 3),
        (List::Namespaces, 1),
        (List::Models("acme".into()), 1),
        (List::Versions(model.clone()), 2),
        (List::Events(model.clone()), 10),
        (List::Readers(id.clone()), 1),
        (List::Validators, 4),
        (List::ValidatorEntries, 4),
        (List::ValidatorKeys(validator), 2),
        (List::Epochs, 2),
        (List::Offences(validator), 0),
        (List::Proposals, 1),
        (List::Upgrades, 1),
        (List::Policies("acme".into()), 1),
        (List::Aliases(model.clone()), 1),
        (List::Tags(Subject::Model(model)), 1),
        (List::Children(base), 1),
        (List::DigestEvents(base), 1),
        (List::Certifications(id.clone()), 1),
        (List::AccessRequests(id.clone()), 1),
        (List::Rekeys(id), 1),
    ]
}

#[test]
fn a_list_has_as_many_entries_as_it_says_and_none_beyond() {
    let (chain, admin) = world();
    let state = chain.state();
    for (list, expected) in lists(&admin) {
        let record = state.get(&list.count_key()).unwrap();
        let count = list.count(record.as_deref()).unwrap();
        assert_eq!(count, expected, "{list:?}");
        for ordinal in 0..count {
            let entry = state.get(&list.entry_key(ordinal)).unwrap();
            assert!(entry.is_some(), "{list:?} {ordinal}");
        }
        let beyond = state.get(&list.entry_key(count)).unwrap();
        assert_eq!(beyond, None, "{list:?}");
        assert_eq!(list.count(None).unwrap(), 0);
    }
}

#[test]
fn what_is_no_count_is_refused() {
    let (_, admin) = world();
    for (list, _) in lists(&admin) {
        assert!(list.count(Some(&[1, 2, 3])).is_err(), "{list:?}");
    }
}
