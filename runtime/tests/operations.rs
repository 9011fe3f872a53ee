//! What each operation writes, and each reason why it fails.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

fn begin() -> (Chain, Actor, Actor) {
    let (admin, reader) = (actor(1), actor(2));
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(
        &[(&admin, roles.to_vec()), (&reader, vec![])],
        &[("acme", &admin)],
    );
    let mut chain = Chain::new(&genesis);
    chain.must(&admin, vec![register("acme/bert")]);
    (chain, admin, reader)
}

#[test]
fn an_admitted_account_can_be_found_and_can_sign() {
    let (mut chain, admin, _) = begin();
    let new = actor(7);
    chain.must(&admin, vec![new.admission(chain.chain_id)]);
    let state = chain.state();
    let account = query::account(&state, new.id).unwrap().unwrap();
    assert_eq!(
        (account.admitted_at, account.keys, account.roles),
        (2, 1, 0)
    );
    assert_eq!(query::accounts(&state, 2, 10).unwrap(), [account]);
    let key = query::account_key(&state, new.id, 0).unwrap().unwrap();
    assert_eq!(key.encryption, new.encryption_key);
    assert_eq!((key.valid_from, key.valid_until), (2, None));
    let (results, _) = chain.execute(&[chain.signed(&new, 0, vec![create("x")])]);
    assert!(matches!(results[0], Ok(Outcome::Failed { .. })));
}

#[test]
fn admission_fails_without_possession_for_a_known_account_and_for_a_bad_name() {
    let (chain, admin, reader) = begin();
    let new = actor(7);
    let with = |name: &str, encryption: &Actor, possession| {
        vec![Operation::AdmitAccount {
            display_name: name.into(),
            signing_key: new.key.public_key().clone(),
            encryption_key: encryption.encryption_key.clone(),
            possession,
        }]
    };
    let good = new.possession(chain.chain_id);
    let bad_possession = TransactionError::BadPossession {
        account: new.id,
        chain_id: chain.chain_id,
    };
    // Another encryption key than the one signed for; another chain.
    for ops in [
        with("new", &reader, good.clone()),
        with("new", &new, new.possession(Digest::ZERO)),
        with("new", &new, fixed_signature(0)),
    ] {
        assert_eq!(chain.failure(&admin, ops), bad_possession);
    }
    for name in ["", "a\nb", &"x".repeat(65)] {
        assert_eq!(
            chain.failure(&admin, with(name, &new, good.clone())).code(),
            "invalid_display_name"
        );
    }
    let again = vec![reader.admission(chain.chain_id)];
    assert_eq!(
        chain.failure(&admin, again),
        TransactionError::AccountExists { account: reader.id }
    );
}

#[test]
fn roles_are_listed_with_tombstones_and_fail_by_name() {
    let (mut chain, admin, reader) = begin();
    let acme = Scope::Namespace("acme".into());
    chain.must(
        &admin,
        vec![
            give_role(&reader, Role::Reader, acme.clone()),
            give_role(&reader, Role::Auditor, Scope::Chain),
        ],
    );
    assert_eq!(
        chain
            .failure(&admin, vec![give_role(&reader, Role::Reader, acme.clone())])
            .code(),
        "role_held"
    );
    assert_eq!(
        chain
            .failure(&admin, vec![take_role(&reader, Role::Reader, Scope::Chain)])
            .code(),
        "role_not_held"
    );
    chain.must(&admin, vec![take_role(&reader, Role::Reader, acme.clone())]);
    chain.must(&admin, vec![give_role(&reader, Role::Reader, acme.clone())]);
    let roles = query::roles(&chain.state(), reader.id).unwrap();
    let summary: Vec<_> = roles
        .iter()
        .map(|entry| (entry.role, entry.granted_at, entry.revoked_at))
        .collect();
    assert_eq!(
        summary,
        [
            (Role::Reader, 2, Some(3)),
            (Role::Auditor, 2, None),
            (Role::Reader, 4, None)
        ]
    );
    let codes = [
        (Scope::Namespace("none".into()), "unknown_namespace"),
        (Scope::Model(model("acme/none")), "unknown_model"),
        (Scope::Namespace("No".into()), "invalid_name"),
    ];
    for (scope, code) in codes {
        let ops = vec![give_role(&reader, Role::Reader, scope)];
        assert_eq!(chain.failure(&admin, ops).code(), code);
    }
    let nobody = give_role(&actor(50), Role::Reader, Scope::Chain);
    assert_eq!(
        chain.failure(&admin, vec![nobody]).code(),
        "unknown_account"
    );
}

#[test]
fn a_chain_always_keeps_an_admin() {
    let (mut chain, admin, other) = begin();
    let own = vec![take_role(&admin, Role::Admin, Scope::Chain)];
    assert_eq!(
        chain.failure(&admin, own),
        TransactionError::OwnAdminRole { account: admin.id }
    );
    chain.must(&admin, vec![give_role(&other, Role::Admin, Scope::Chain)]);
    chain.must(&other, vec![take_role(&admin, Role::Admin, Scope::Chain)]);
    assert_eq!(
        chain.failure(
            &admin,
            vec![create("x"), take_role(&other, Role::Admin, Scope::Chain)]
        ),
        TransactionError::MissingRole {
            account: admin.id,
            role: Role::Admin,
            scope: Scope::Chain
        }
    );
}

#[test]
fn a_published_version_is_found_by_name_by_order_and_by_hash() {
    let (mut chain, admin, _) = begin();
    let transaction = chain.signed(&admin, 0, vec![publish("acme/bert@1.0.0", "weights")]);
    assert!(chain.commit(std::slice::from_ref(&transaction))[0].is_ok());
    chain.must(&admin, vec![publish("acme/bert@0.9.0", "older")]);
    let state = chain.state();
    let id = version("acme/bert@1.0.0");
    let found = query::version(&state, &id).unwrap().unwrap();
    assert_eq!(found.ordinal, 0);
    assert_eq!(found.owner, admin.id);
    assert_eq!(found.published_at, 2);
    assert_eq!(found.timestamp_ms, 2_000);
    assert_eq!(found.tx_hash, transaction.tx_hash());
    let listed = query::versions(&state, &id.model, 0, 10).unwrap();
    assert_eq!(listed[0], found);
    assert_eq!(listed[1].id, version("acme/bert@0.9.0"));
    assert_eq!(
        query::versions(&state, &id.model, 1, 1).unwrap(),
        listed[1..]
    );
    let hash = found.model_hash;
    assert_eq!(
        query::resolve(&state, &hash).unwrap(),
        std::slice::from_ref(&id)
    );
    assert_eq!(
        query::resolve_in(&state, "acme", &hash).unwrap(),
        Some(id.clone())
    );
    let events = query::events(&state, &id.model, 0, 10).unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!(
        events[1].event,
        Event::ModelRegistered {
            id: id.clone(),
            model_hash: hash,
            owner: admin.id,
            parents: vec![]
        }
    );
    let listed = query::models(&state, "acme", 0, 10).unwrap();
    assert_eq!(
        (listed.len(), listed[0].versions, listed[0].events),
        (1, 2, 3)
    );
}

#[test]
fn a_hash_is_unique_in_its_namespace_and_listed_across_namespaces_earliest_first() {
    let (mut chain, admin, _) = begin();
    chain.must(&admin, vec![create("aaa"), register("aaa/copy")]);
    chain.must(&admin, vec![publish("acme/bert@1.0.0", "w")]);
    chain.must(&admin, vec![publish("aaa/copy@1.0.0", "w")]);
    let hash = Digest::of(b"w");
    assert_eq!(
        query::resolve(&chain.state(), &hash).unwrap(),
        [version("acme/bert@1.0.0"), version("aaa/copy@1.0.0")]
    );
    assert_eq!(
        chain.failure(&admin, vec![publish("acme/bert@2.0.0", "w")]),
        TransactionError::ModelHashTaken {
            model_hash: hash,
            holder: version("acme/bert@1.0.0")
        }
    );
    chain.must(
        &admin,
        vec![
            create("mid"),
            register("mid/third"),
            publish("mid/third@1.0.0", "w"),
        ],
    );
    // Neither the second holder's namespace nor the third's takes the hash again, nor is any lost.
    for (taken, holder) in [
        ("aaa/copy", "aaa/copy@1.0.0"),
        ("mid/third", "mid/third@1.0.0"),
    ] {
        assert_eq!(
            chain.failure(&admin, vec![publish(&format!("{taken}@2.0.0"), "w")]),
            TransactionError::ModelHashTaken {
                model_hash: hash,
                holder: version(holder)
            }
        );
    }
    let state = chain.state();
    let holders = ["acme/bert@1.0.0", "aaa/copy@1.0.0", "mid/third@1.0.0"].map(version);
    assert_eq!(query::resolve(&state, &hash).unwrap(), holders);
    for holder in holders {
        let found = query::resolve_in(&state, &holder.model.namespace, &hash).unwrap();
        assert_eq!(found, Some(holder));
    }
    assert_eq!(query::resolve_in(&state, "else", &hash).unwrap(), None);
}

#[test]
fn publishing_fails_by_name_for_each_condition() {
    let (mut chain, admin, _) = begin();
    chain.must(&admin, vec![publish("acme/bert@1.0.0", "w")]);
    let edit = |change: &dyn Fn(&mut Operation)| {
        let mut operation = publish_private("acme/bert@2.0.0", "x");
        change(&mut operation);
        chain.failure(&admin, vec![operation]).code()
    };
    assert_eq!(
        chain
            .failure(&admin, vec![publish("acme/bert@1.0.0", "other")])
            .code(),
        "version_exists"
    );
    assert_eq!(
        chain
            .failure(&admin, vec![publish("acme/none@1.0.0", "x")])
            .code(),
        "unknown_model"
    );
    assert_eq!(
        chain
            .failure(&admin, vec![publish("acme/bert@1.0", "x")])
            .code(),
        "invalid_version"
    );
    let parent = |byte: u8| Parent {
        digest: Digest::of(&[byte]),
        relation: Relation::TrainedOn,
    };
    let set_parents = |new: Vec<Parent>| {
        move |operation: &mut Operation| {
            let Operation::PublishVersion { parents, .. } = operation else {
                unreachable!()
            };
            *parents = new.clone();
        }
    };
    assert_eq!(
        edit(&set_parents((0..65).map(parent).collect())),
        "too_many_parents"
    );
    assert_eq!(
        edit(&set_parents(vec![parent(1), parent(1)])),
        "duplicate_parent"
    );
    let own = Parent {
        digest: Digest::of(b"x"),
        relation: Relation::Revised,
    };
    assert_eq!(edit(&set_parents(vec![own])), "own_parent");
    assert_eq!(
        edit(&|operation| {
            let Operation::PublishVersion { metadata, .. } = operation else {
                unreachable!()
            };
            *metadata = "x".repeat(16_385);
        }),
        "too_long"
    );
    assert_eq!(
        edit(&|operation| {
            let Operation::PublishVersion {
                confidentiality: Confidentiality::Private { generation, .. },
                ..
            } = operation
            else {
                unreachable!()
            };
            *generation = 1;
        }),
        "generation_mismatch"
    );
}

#[test]
fn granting_access_fails_by_name_for_each_condition() {
    let (mut chain, admin, reader) = begin();
    chain.must(
        &admin,
        vec![
            publish("acme/bert@1.0.0", "public"),
            publish_private("acme/bert@2.0.0", "private"),
        ],
    );
    let with = |id: &str, reader: AccountId, key_index: u32, generation: u32| {
        let operation = Operation::GrantAccess {
            id: version(id),
            reader,
            key_index,
            generation,
            as_of: 0,
            sealed: sealed(1),
        };
        chain.failure(&admin, vec![operation]).code()
    };
    assert_eq!(with("acme/bert@1.0.0", reader.id, 0, 0), "not_private");
    assert_eq!(with("acme/bert@3.0.0", reader.id, 0, 0), "unknown_version");
    assert_eq!(
        with("acme/bert@2.0.0", reader.id, 0, 1),
        "generation_mismatch"
    );
    assert_eq!(with("acme/bert@2.0.0", reader.id, 1, 0), "unknown_key");
    assert_eq!(
        with("acme/bert@2.0.0", actor(9).id, 0, 0),
        "unknown_account"
    );
}

#[test]
fn names_are_never_free_again() {
    let (chain, admin, _) = begin();
    assert_eq!(
        chain.failure(&admin, vec![create("acme")]).code(),
        "namespace_exists"
    );
    assert_eq!(
        chain.failure(&admin, vec![register("acme/bert")]).code(),
        "model_exists"
    );
    for operation in [create("Bad"), register("acme/Bad")] {
        assert_eq!(
            chain.failure(&admin, vec![operation]).code(),
            "invalid_name"
        );
    }
}
