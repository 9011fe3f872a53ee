//! What is said about namespaces, models and versions once they exist: policies, aliases, tags, descriptions,
//! withdrawal and transfer.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_runtime::*;
use chain::*;

/// A model acme/bert with two versions, of an owner who is neither admin nor owner of the namespace.
fn begin() -> (Chain, Actor, Actor, Actor) {
    let (admin, owner, other) = (actor(1), actor(2), actor(3));
    let publisher = [Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(
        &[
            (&admin, vec![(Role::Admin, Scope::Chain)]),
            (&owner, publisher.to_vec()),
            (&other, vec![]),
        ],
        &[("acme", &admin)],
    );
    let mut chain = Chain::new(&genesis);
    chain.must(
        &owner,
        vec![
            register("acme/bert"),
            publish("acme/bert@1.0.0", "one"),
            publish("acme/bert@2.0.0", "two"),
        ],
    );
    (chain, admin, owner, other)
}

fn deprecate(id: &str) -> Operation {
    Operation::DeprecateVersion {
        id: version(id),
        reason: "old".into(),
    }
}

fn yank(id: &str) -> Operation {
    Operation::YankVersion {
        id: version(id),
        reason: "leaks".into(),
    }
}

fn set_policy(policy: NamespacePolicy) -> Operation {
    Operation::SetNamespacePolicy {
        namespace: "acme".into(),
        policy,
    }
}

const ACCEPT: fn() -> Operation = || Operation::AcceptTransfer {
    model: model("acme/bert"),
};

#[test]
fn an_alias_moves_and_is_deleted_at_one_place_of_the_list() {
    let (mut chain, _, owner, _) = begin();
    let name = model("acme/bert");
    chain.must(
        &owner,
        vec![
            set_alias("acme/bert@1.0.0", "stable"),
            set_alias("acme/bert@1.0.0", "canary"),
            set_alias("acme/bert@2.0.0", "stable"),
        ],
    );
    let versions = |chain: &Chain| -> Vec<_> {
        let aliases = query::aliases(&chain.state(), &name, 0, 10).unwrap();
        aliases
            .into_iter()
            .map(|alias| (alias.alias, alias.version))
            .collect()
    };
    let (stable, canary) = ("stable".to_owned(), "canary".to_owned());
    assert_eq!(
        versions(&chain),
        [
            (stable.clone(), Some("2.0.0".to_owned())),
            (canary.clone(), Some("1.0.0".to_owned()))
        ]
    );
    let delete = Operation::DeleteAlias {
        model: name.clone(),
        alias: "stable".into(),
    };
    chain.must(&owner, vec![delete.clone()]);
    assert_eq!(
        versions(&chain),
        [(stable.clone(), None), (canary, Some("1.0.0".to_owned()))]
    );
    assert_eq!(
        chain.failure(&owner, vec![delete]),
        ModelError::UnknownAlias {
            model: name.clone(),
            alias: stable
        }
        .into()
    );
    chain.must(&owner, vec![set_alias("acme/bert@1.0.0", "stable")]);
    let found = query::alias(&chain.state(), &name, "stable").unwrap();
    assert_eq!(found.unwrap().version.unwrap(), "1.0.0");
    assert_eq!(query::alias_count(&chain.state(), &name).unwrap(), 2);
}

#[test]
fn an_alias_never_reads_as_a_version_or_as_the_highest() {
    let (chain, _, owner, _) = begin();
    for alias in ["1.0.0", "9.9.9-rc.1", "latest"] {
        let op = set_alias("acme/bert@1.0.0", alias);
        assert_eq!(chain.failure(&owner, vec![op]).code(), "invalid_alias");
    }
    let op = set_alias("acme/bert@1.0.0", "No");
    assert_eq!(chain.failure(&owner, vec![op]).code(), "invalid_name");
    let op = set_alias("acme/bert@3.0.0", "stable");
    assert_eq!(chain.failure(&owner, vec![op]).code(), "unknown_version");
}

#[test]
fn tags_are_of_a_model_or_a_version_and_leave_tombstones() {
    let (mut chain, _, owner, _) = begin();
    let of_version = Subject::Version(version("acme/bert@1.0.0"));
    let of_model = Subject::Model(model("acme/bert"));
    let on_model = Operation::SetTag {
        subject: of_model.clone(),
        key: "team".into(),
        value: "red".into(),
    };
    chain.must(
        &owner,
        vec![
            set_tag("acme/bert@1.0.0", "team", "blue"),
            set_tag("acme/bert@1.0.0", "team", "green"),
            on_model,
        ],
    );
    let tags = query::tags(&chain.state(), &of_version, 0, 10).unwrap();
    assert_eq!(tags.len(), 1);
    assert_eq!(tags[0].value.as_deref(), Some("green"));
    let delete = Operation::DeleteTag {
        subject: of_version.clone(),
        key: "team".into(),
    };
    chain.must(&owner, vec![delete.clone()]);
    let tags = query::tags(&chain.state(), &of_version, 0, 10).unwrap();
    assert_eq!((tags.len(), tags[0].value.as_ref()), (1, None));
    let tags = query::tags(&chain.state(), &of_model, 0, 10).unwrap();
    assert_eq!(tags[0].value.as_deref(), Some("red"));
    assert_eq!(
        chain.failure(&owner, vec![delete]),
        ModelError::UnknownTag {
            subject: of_version,
            key: "team".into()
        }
        .into()
    );
    let long = set_tag("acme/bert@1.0.0", "team", &"x".repeat(1_025));
    assert_eq!(chain.failure(&owner, vec![long]).code(), "too_long");
}

#[test]
fn a_description_is_replaced_and_the_log_keeps_the_old_ones() {
    let (mut chain, _, owner, _) = begin();
    let describe = |text: &str| Operation::SetDescription {
        model: model("acme/bert"),
        description: text.into(),
    };
    chain.must(&owner, vec![describe("first"), describe("second")]);
    let name = model("acme/bert");
    let found = query::model(&chain.state(), &name).unwrap().unwrap();
    assert_eq!((found.description.as_str(), found.events), ("second", 5));
    let events = query::events(&chain.state(), &name, 3, 1).unwrap();
    assert_eq!(
        events[0].event,
        Event::DescriptionSet {
            model: name,
            description: "first".into()
        }
    );
    let long = describe(&"x".repeat(1_025));
    assert_eq!(chain.failure(&owner, vec![long]).code(), "too_long");
}

#[test]
fn a_withdrawn_version_stays_as_it_was_and_nothing_new_begins_with_a_yanked_one() {
    let (mut chain, _, owner, other) = begin();
    let id = version("acme/bert@1.0.0");
    let before = query::version(&chain.state(), &id).unwrap();
    chain.must(&owner, vec![publish_private("acme/bert@3.0.0", "three")]);
    chain.must(
        &owner,
        vec![deprecate("acme/bert@1.0.0"), yank("acme/bert@1.0.0")],
    );
    chain.must(&owner, vec![yank("acme/bert@3.0.0")]);
    let state = chain.state();
    assert_eq!(query::version(&state, &id).unwrap(), before);
    let notice = |reason: &str| Notice {
        reason: reason.into(),
        by: owner.id,
        at: 3,
    };
    assert_eq!(
        query::deprecation(&state, &id).unwrap(),
        Some(notice("old"))
    );
    assert_eq!(query::yank(&state, &id).unwrap(), Some(notice("leaks")));
    let deprecated = ModelError::VersionDeprecated {
        id: id.clone(),
        since: 3,
    };
    assert_eq!(
        chain.failure(&owner, vec![deprecate("acme/bert@1.0.0")]),
        deprecated.into()
    );
    let yanked = TransactionError::from(ModelError::VersionYanked { id, since: 3 });
    for op in [
        yank("acme/bert@1.0.0"),
        set_alias("acme/bert@1.0.0", "stable"),
    ] {
        assert_eq!(chain.failure(&owner, vec![op]), yanked);
    }
    let access = give_access("acme/bert@3.0.0", &other);
    assert_eq!(chain.failure(&owner, vec![access]).code(), "version_yanked");
}

#[test]
fn a_model_changes_hands_only_when_offered_and_accepted() {
    let (mut chain, admin, owner, other) = begin();
    let name = model("acme/bert");
    let owner_of = |chain: &Chain| query::model(&chain.state(), &name).unwrap().unwrap().owner;
    assert_eq!(chain.failure(&other, vec![ACCEPT()]).code(), "not_offered");
    chain.must(&owner, vec![offer("acme/bert", Some(&other))]);
    assert_eq!(owner_of(&chain), owner.id);
    // Neither the owner nor an admin accepts for somebody else.
    for stranger in [&owner, &admin] {
        assert_eq!(
            chain.failure(stranger, vec![ACCEPT()]).code(),
            "not_allowed"
        );
    }
    chain.must(&owner, vec![offer("acme/bert", None)]);
    assert_eq!(chain.failure(&other, vec![ACCEPT()]).code(), "not_offered");
    // The last offer counts.
    chain.must(
        &owner,
        vec![
            offer("acme/bert", Some(&admin)),
            offer("acme/bert", Some(&other)),
        ],
    );
    assert_eq!(chain.failure(&admin, vec![ACCEPT()]).code(), "not_allowed");
    chain.must(&other, vec![ACCEPT()]);
    assert_eq!(owner_of(&chain), other.id);
    let transfer = query::transfer(&chain.state(), &name).unwrap().unwrap();
    assert_eq!(
        (transfer.from, transfer.to, transfer.state),
        (owner.id, other.id, TransferState::Accepted)
    );
    assert_eq!(chain.failure(&other, vec![ACCEPT()]).code(), "not_offered");
    // The new owner publishes without a role; the old one offers it no more.
    chain.must(&other, vec![publish("acme/bert@4.0.0", "four")]);
    let back = offer("acme/bert", Some(&owner));
    assert_eq!(chain.failure(&owner, vec![back]).code(), "missing_role");
}

#[test]
fn an_offer_expires_and_goes_to_an_account_that_can_accept_it() {
    let (mut chain, admin, owner, other) = begin();
    let until = |to: &Actor, expires_at_height| Operation::OfferTransfer {
        model: model("acme/bert"),
        to: Some(to.id),
        expires_at_height,
    };
    for got in [1, 200_003] {
        assert_eq!(
            chain.failure(&owner, vec![until(&other, got)]),
            ModelError::WrongOfferExpiry {
                got,
                earliest: 2,
                latest: 200_002
            }
            .into()
        );
    }
    let codes = [(&owner, "owns_already"), (&actor(50), "unknown_account")];
    for (to, code) in codes {
        assert_eq!(chain.failure(&owner, vec![until(to, 9)]).code(), code);
    }
    chain.must(&owner, vec![until(&other, 3)]);
    chain.advance_to(3);
    assert_eq!(
        chain.failure(&other, vec![ACCEPT()]),
        ModelError::OfferExpired {
            model: model("acme/bert"),
            expires_at: 3,
            height: 4
        }
        .into()
    );
    let suspend = Operation::SuspendAccount {
        account: other.id,
        reason: String::new(),
    };
    chain.must(&admin, vec![suspend]);
    assert_eq!(
        chain.failure(&owner, vec![until(&other, 9)]).code(),
        "account_suspended"
    );
}

#[test]
fn policies_are_numbered_and_all_of_them_stay() {
    let (mut chain, admin, owner, _) = begin();
    assert_eq!(query::policy(&chain.state(), "acme").unwrap(), None);
    let strict = NamespacePolicy {
        certifiers: vec![owner.id, admin.id],
        required_certifications: 2,
        required_checks: vec!["security".into()],
        publisher_certifies: true,
    };
    chain.must(&admin, vec![set_policy(strict.clone())]);
    chain.must(&admin, vec![set_policy(NamespacePolicy::default())]);
    let all = query::policies(&chain.state(), "acme", 0, 10).unwrap();
    assert_eq!((all[0].revision, &all[0].policy), (1, &strict));
    assert_eq!((all[1].revision, all[1].set_by), (2, admin.id));
    let current = query::policy(&chain.state(), "acme").unwrap();
    assert_eq!(current.as_ref(), all.last());
}

#[test]
fn a_policy_that_no_version_could_meet_or_that_says_something_twice_is_refused() {
    let (chain, admin, owner, other) = begin();
    let refused = |change: &dyn Fn(&mut NamespacePolicy)| {
        let mut policy = NamespacePolicy::default();
        change(&mut policy);
        chain.failure(&admin, vec![set_policy(policy)]).code()
    };
    assert_eq!(
        refused(&|policy| policy.required_certifications = 0),
        "unmeetable_policy"
    );
    assert_eq!(
        refused(&|policy| {
            policy.certifiers = vec![owner.id, other.id];
            policy.required_certifications = 3;
        }),
        "unmeetable_policy"
    );
    assert_eq!(
        refused(&|policy| policy.certifiers = vec![owner.id, owner.id]),
        "repeated"
    );
    assert_eq!(
        refused(&|policy| policy.required_checks = vec!["a".into(), "a".into()]),
        "repeated"
    );
    assert_eq!(
        refused(&|policy| policy.required_checks = (0..33).map(|n| format!("c{n}")).collect()),
        "too_many"
    );
    assert_eq!(
        refused(&|policy| policy.required_checks = vec!["No".into()]),
        "invalid_name"
    );
    assert_eq!(
        refused(&|policy| policy.certifiers = vec![actor(50).id]),
        "unknown_account"
    );
}
