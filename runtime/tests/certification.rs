//! Certifications: who may make one, by which policy, how long it holds, and when a version counts as certified.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

const ID: &str = "acme/bert@1.0.0";

/// A version by a publisher; two certifiers, and a publisher who certifies as well.
fn begin() -> (Chain, Actor, [Actor; 3]) {
    let admin = actor(1);
    let certifiers = [2, 3, 4].map(actor);
    let certifier = (Role::Certifier, Scope::Chain);
    let publisher = [
        (Role::Registrar, Scope::Chain),
        (Role::Publisher, Scope::Chain),
        certifier.clone(),
    ];
    let genesis = genesis(
        &[
            (&admin, vec![(Role::Admin, Scope::Chain)]),
            (&certifiers[0], vec![certifier.clone()]),
            (&certifiers[1], vec![certifier]),
            (&certifiers[2], publisher.to_vec()),
        ],
        &[("acme", &admin)],
    );
    let mut chain = Chain::new(&genesis);
    let ops = vec![register("acme/bert"), publish(ID, "weights")];
    chain.must(&certifiers[2], ops);
    (chain, admin, certifiers)
}

/// A certification with something changed.
fn finding(change: impl FnOnce(&mut u64, &mut Verdict, &mut Option<u64>)) -> Operation {
    let mut operation = certify(ID, "security");
    let Operation::Certify {
        policy,
        verdict,
        expires_at_ms,
        ..
    } = &mut operation
    else {
        unreachable!()
    };
    change(policy, verdict, expires_at_ms);
    operation
}

fn set_policy(chain: &mut Chain, admin: &Actor, policy: NamespacePolicy) {
    let op = Operation::SetNamespacePolicy {
        namespace: "acme".into(),
        policy,
    };
    chain.must(admin, vec![op]);
}

fn standing(chain: &Chain, now_ms: u64) -> query::CertificationStanding {
    let found = query::certification_standing(&chain.state(), &version(ID), now_ms);
    found.unwrap().unwrap()
}

#[test]
fn by_default_one_certifier_other_than_the_publisher_is_enough() {
    let (mut chain, _, certifiers) = begin();
    assert!(!standing(&chain, 0).certified);
    assert_eq!(
        chain.failure(&certifiers[2], vec![certify(ID, "security")]),
        CertificationError::OwnVersion {
            account: certifiers[2].id,
            id: version(ID)
        }
        .into()
    );
    chain.must(&certifiers[0], vec![certify(ID, "security")]);
    let found = standing(&chain, 0);
    assert!(found.certified);
    assert_eq!((found.policy, found.yanked), (0, false));
    let made = query::certifications(&chain.state(), &version(ID), 0, 10).unwrap();
    assert_eq!(
        (made.len(), made[0].certifier, made[0].report),
        (1, certifiers[0].id, Digest::of(b"report"))
    );
    assert_eq!((made[0].certified_at, made[0].certified_at_ms), (2, 2_000));
    let none = query::certification_standing(&chain.state(), &version("acme/bert@2.0.0"), 0);
    assert_eq!(none.unwrap(), None);
}

#[test]
fn every_required_check_needs_as_many_certifiers_as_the_policy_says() {
    let (mut chain, admin, certifiers) = begin();
    let policy = NamespacePolicy {
        required_certifications: 2,
        required_checks: vec!["security".into(), "bias".into()],
        publisher_certifies: true,
        ..NamespacePolicy::default()
    };
    set_policy(&mut chain, &admin, policy);
    let by = |check: &str| {
        let mut operation = certify(ID, check);
        let Operation::Certify { policy, .. } = &mut operation else {
            unreachable!()
        };
        *policy = 1;
        operation
    };
    // Twice by one account is once.
    chain.must(&certifiers[0], vec![by("security"), by("security")]);
    chain.must(&certifiers[0], vec![by("bias")]);
    chain.must(&certifiers[1], vec![by("bias"), by("another")]);
    let passed = |chain: &Chain| -> Vec<_> {
        let checks = standing(chain, 0).checks;
        checks
            .iter()
            .map(|check| (check.passed, check.required))
            .collect()
    };
    assert_eq!(passed(&chain), [(1, 2), (2, 2)]);
    assert!(!standing(&chain, 0).certified);
    chain.must(&certifiers[2], vec![by("security")]);
    assert_eq!(passed(&chain), [(2, 2), (2, 2)]);
    assert!(standing(&chain, 0).certified);
    // Later policies judge what is there.
    let only = NamespacePolicy {
        certifiers: vec![certifiers[1].id],
        required_checks: vec!["security".into()],
        ..NamespacePolicy::default()
    };
    set_policy(&mut chain, &admin, only);
    assert_eq!(passed(&chain), [(0, 1)]);
    assert_eq!(
        chain.failure(&certifiers[0], vec![finding(|policy, _, _| *policy = 2)]),
        CertificationError::NotACertifier {
            account: certifiers[0].id,
            policy: 2
        }
        .into()
    );
}

#[test]
fn a_certification_is_by_the_policy_in_force() {
    let (mut chain, admin, certifiers) = begin();
    set_policy(&mut chain, &admin, NamespacePolicy::default());
    assert_eq!(
        chain.failure(&certifiers[0], vec![certify(ID, "security")]),
        CertificationError::OtherPolicy {
            expected: 1,
            got: 0
        }
        .into()
    );
    chain.must(&certifiers[0], vec![finding(|policy, _, _| *policy = 1)]);
}

#[test]
fn a_certification_holds_until_it_expires() {
    let (mut chain, _, certifiers) = begin();
    for expires in [1_999, 2_000] {
        let op = finding(|_, _, expires_at_ms| *expires_at_ms = Some(expires));
        assert_eq!(
            chain.failure(&certifiers[0], vec![op]),
            CertificationError::ExpiresTooEarly {
                expires_at_ms: expires,
                now_ms: 2_000
            }
            .into()
        );
    }
    let op = finding(|_, _, expires_at_ms| *expires_at_ms = Some(5_000));
    chain.must(&certifiers[0], vec![op]);
    assert!(standing(&chain, 4_999).certified);
    assert!(!standing(&chain, 5_000).certified);
}

#[test]
fn the_last_verdict_of_a_certifier_counts_unless_it_is_revoked() {
    let (mut chain, admin, certifiers) = begin();
    chain.must(&certifiers[0], vec![certify(ID, "security")]);
    let failed = finding(|_, verdict, _| *verdict = Verdict::Failed);
    chain.must(&certifiers[0], vec![failed]);
    assert!(!standing(&chain, 0).certified);
    // The certifier takes its second verdict back, an admin the first.
    chain.must(&certifiers[0], vec![revoke_certification(ID, 1)]);
    assert!(standing(&chain, 0).certified);
    chain.must(&admin, vec![revoke_certification(ID, 0)]);
    assert!(!standing(&chain, 0).certified);
    let made = query::certifications(&chain.state(), &version(ID), 0, 10).unwrap();
    let by: Vec<_> = made
        .iter()
        .map(|made| made.revoked.as_ref().unwrap().by)
        .collect();
    assert_eq!(by, [admin.id, certifiers[0].id]);
    assert_eq!(
        chain.failure(&admin, vec![revoke_certification(ID, 0)]),
        CertificationError::CertificationRevoked {
            id: version(ID),
            certification: 0,
            since: 5
        }
        .into()
    );
    assert_eq!(
        chain
            .failure(&admin, vec![revoke_certification(ID, 2)])
            .code(),
        "unknown_certification"
    );
    assert_eq!(
        chain
            .failure(&certifiers[1], vec![revoke_certification(ID, 0)])
            .code(),
        "missing_role"
    );
}

#[test]
fn a_yanked_version_is_not_certified_whatever_was_found() {
    let (mut chain, _, certifiers) = begin();
    chain.must(&certifiers[0], vec![certify(ID, "security")]);
    let yank = Operation::YankVersion {
        id: version(ID),
        reason: "leaks".into(),
    };
    chain.must(&certifiers[2], vec![yank]);
    let found = standing(&chain, 0);
    assert!(found.yanked && !found.certified);
    assert_eq!(found.checks[0].passed, 1);
    assert_eq!(
        chain
            .failure(&certifiers[1], vec![certify(ID, "security")])
            .code(),
        "version_yanked"
    );
}

#[test]
fn metrics_and_names_of_checks_are_bounded() {
    let (chain, _, certifiers) = begin();
    let mut long = certify(ID, "security");
    if let Operation::Certify { metrics, .. } = &mut long {
        *metrics = "x".repeat(16_385);
    }
    assert_eq!(chain.failure(&certifiers[0], vec![long]).code(), "too_long");
    let op = certify(ID, "No name");
    assert_eq!(
        chain.failure(&certifiers[0], vec![op]).code(),
        "invalid_name"
    );
}
