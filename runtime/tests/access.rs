//! Access to versions: requests, grants, revocation, resealing and new data keys.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::Digest;
use cairn_runtime::*;
use chain::*;

const ID: &str = "acme/bert@1.0.0";

/// A private version by an owner, and two readers.
fn begin() -> (Chain, Actor, [Actor; 2]) {
    let owner = actor(1);
    let readers = [2, 3].map(actor);
    let roles = [Role::Admin, Role::Registrar, Role::Publisher].map(|role| (role, Scope::Chain));
    let genesis = genesis(
        &[
            (&owner, roles.to_vec()),
            (&readers[0], vec![]),
            (&readers[1], vec![]),
        ],
        &[("acme", &owner)],
    );
    let mut chain = Chain::new(&genesis);
    let ops = vec![register("acme/bert"), publish_private(ID, "weights")];
    chain.must(&owner, ops);
    (chain, owner, readers)
}

fn grant_of(chain: &Chain, reader: &Actor) -> Grant {
    let grant = query::grant(&chain.state(), &version(ID), reader.id).unwrap();
    grant.unwrap()
}

fn exists(reader: &Actor, generation: u32, key_index: u32) -> TransactionError {
    AccessError::GrantExists {
        id: version(ID),
        reader: reader.id,
        generation,
        key_index,
    }
    .into()
}

fn give(reader: &Actor, key_index: u32, generation: u32) -> Operation {
    Operation::GrantAccess {
        id: version(ID),
        reader: reader.id,
        key_index,
        generation,
        as_of: u64::MAX,
        sealed: sealed(2),
    }
}

#[test]
fn a_grant_is_replaced_only_by_one_for_a_newer_key_or_generation() {
    let (mut chain, owner, [reader, other]) = begin();
    chain.must(&owner, vec![give_access(ID, &reader)]);
    chain.must(&owner, vec![give_access(ID, &other)]);
    let again = give_access(ID, &reader);
    assert_eq!(chain.failure(&owner, vec![again]), exists(&reader, 0, 0));
    assert_eq!(grant_of(&chain, &reader).sealed, sealed(1));

    let (rotate, reader) = rotation(&chain, &reader, 50);
    chain.must(&actor(2), vec![rotate]);
    chain.must(&owner, vec![give(&reader, 1, 0)]);
    assert_eq!(grant_of(&chain, &reader).key_index, 1);

    chain.must(&owner, vec![rekey(ID, 1, &[])]);
    assert_eq!(
        chain.failure(&owner, vec![give(&reader, 1, 0)]),
        TransactionError::GenerationMismatch {
            expected: 1,
            got: 0
        }
    );
    chain.must(&owner, vec![give(&reader, 1, 1)]);
    assert_eq!(grant_of(&chain, &reader).generation, 1);
    assert_eq!(
        chain.failure(&owner, vec![give(&reader, 1, 1)]),
        exists(&reader, 1, 1)
    );
    // All of it at the same place of the list.
    let grants = query::grants(&chain.state(), &version(ID), 0, 10).unwrap();
    let listed: Vec<_> = grants.iter().map(|grant| grant.reader).collect();
    assert_eq!(listed, [reader.id, other.id]);
    assert_eq!(query::grant_count(&chain.state(), &version(ID)).unwrap(), 2);
}

#[test]
fn a_revoked_grant_stays_as_a_tombstone_and_can_be_given_again() {
    let (mut chain, owner, [reader, _]) = begin();
    chain.must(&owner, vec![give_access(ID, &reader)]);
    chain.must(&owner, vec![revoke_access(ID, &reader)]);
    let notice = Notice {
        reason: "left".into(),
        by: owner.id,
        at: 3,
    };
    assert_eq!(grant_of(&chain, &reader).revoked, Some(notice));
    let revoked = TransactionError::from(AccessError::AccessRevoked {
        id: version(ID),
        reader: reader.id,
        since: 3,
    });
    let again = revoke_access(ID, &reader);
    assert_eq!(chain.failure(&owner, vec![again]), revoked);
    assert_eq!(chain.failure(&reader, vec![reseal(ID, 1, 0)]), revoked);
    // A new data key never brings a reader back unnoticed.
    let op = rekey(ID, 1, &[&reader]);
    assert_eq!(chain.failure(&owner, vec![op]), revoked);
    chain.must(&owner, vec![give_access(ID, &reader)]);
    assert_eq!(grant_of(&chain, &reader).revoked, None);
    assert_eq!(query::grant_count(&chain.state(), &version(ID)).unwrap(), 1);
}

#[test]
fn a_grant_by_somebody_who_does_not_know_of_a_revocation_is_refused() {
    let (mut chain, owner, [reader, other]) = begin();
    let by_list_of = |as_of: u64| match give(&reader, 0, 1) {
        Operation::GrantAccess {
            id,
            reader,
            key_index,
            generation,
            sealed,
            ..
        } => Operation::GrantAccess {
            id,
            reader,
            key_index,
            generation,
            as_of,
            sealed,
        },
        _ => unreachable!(),
    };
    chain.must(&owner, vec![give_access(ID, &reader)]);
    chain.must(&owner, vec![rekey(ID, 1, &[&other])]);
    let read_at = chain.height;
    chain.must(&owner, vec![revoke_access(ID, &reader)]);
    let revoked_at = chain.height;
    let refused = TransactionError::from(AccessError::AccessRevoked {
        id: version(ID),
        reader: reader.id,
        since: revoked_at,
    });
    for as_of in [0, read_at, revoked_at - 1] {
        let got = chain.failure(&owner, vec![by_list_of(as_of)]);
        assert_eq!(got, refused, "as of {as_of}");
    }
    // Nor in company: a transaction takes effect as a whole.
    let ops = vec![revoke_access(ID, &other), by_list_of(read_at)];
    assert_eq!(chain.failure(&owner, ops), refused);
    assert!(grant_of(&chain, &reader).revoked.is_some());
    assert_eq!(grant_of(&chain, &other).revoked, None);

    // Whoever knows of the revocation may grant again.
    chain.must(&owner, vec![by_list_of(revoked_at)]);
    assert_eq!(grant_of(&chain, &reader).revoked, None);
    assert_eq!(grant_of(&chain, &reader).generation, 1);
    // A revocation in the same block is one that its sender cannot know of.
    chain.must(&owner, vec![revoke_access(ID, &reader)]);
    chain.must(&owner, vec![by_list_of(chain.height)]);
    let both = vec![revoke_access(ID, &reader), by_list_of(chain.height)];
    let since = chain.height + 1;
    let refused = TransactionError::from(AccessError::AccessRevoked {
        id: version(ID),
        reader: reader.id,
        since,
    });
    assert_eq!(chain.failure(&owner, both), refused);
}

#[test]
fn a_request_is_open_until_it_is_granted_or_declined() {
    let (mut chain, owner, [reader, other]) = begin();
    let state_of = |chain: &Chain, reader: &Actor| {
        let request = query::access_request(&chain.state(), &version(ID), reader.id).unwrap();
        let request = request.unwrap();
        (request.state, request.requested_at, request.changed_at)
    };
    chain.must(&reader, vec![request_access(ID)]);
    chain.must(&other, vec![request_access(ID)]);
    assert_eq!(
        chain.failure(&reader, vec![request_access(ID)]),
        AccessError::RequestOpen {
            id: version(ID),
            reader: reader.id,
            since: 2
        }
        .into()
    );
    let (events, _) = chain.applied(&owner, vec![revoke_access(ID, &reader)]);
    assert!(matches!(events[..], [Event::AccessDeclined { .. }]));
    assert_eq!(state_of(&chain, &reader), (RequestState::Declined, 2, 4));
    chain.must(&owner, vec![give_access(ID, &other)]);
    assert_eq!(state_of(&chain, &other), (RequestState::Granted, 3, 5));
    chain.must(&reader, vec![request_access(ID)]);
    assert_eq!(state_of(&chain, &reader), (RequestState::Open, 6, 6));
    let listed = query::access_requests(&chain.state(), &version(ID), 0, 10).unwrap();
    let listed: Vec<_> = listed.iter().map(|request| request.reader).collect();
    assert_eq!(listed, [reader.id, other.id]);
}

#[test]
fn access_is_asked_for_and_taken_only_where_there_is_some() {
    let (mut chain, owner, [reader, _]) = begin();
    chain.must(&owner, vec![publish("acme/bert@2.0.0", "public")]);
    let op = request_access("acme/bert@2.0.0");
    assert_eq!(chain.failure(&reader, vec![op]).code(), "not_private");
    let op = rekey("acme/bert@2.0.0", 1, &[]);
    assert_eq!(chain.failure(&owner, vec![op]).code(), "not_private");
    let op = revoke_access(ID, &reader);
    assert_eq!(
        chain.failure(&owner, vec![op]),
        AccessError::NoAccess {
            id: version(ID),
            reader: reader.id
        }
        .into()
    );
    let mut long = request_access(ID);
    if let Operation::RequestAccess { reason, .. } = &mut long {
        *reason = "x".repeat(1_025);
    }
    assert_eq!(chain.failure(&reader, vec![long]).code(), "too_long");
}

#[test]
fn a_reader_reseals_its_own_data_key_to_its_newer_key() {
    let (mut chain, owner, [reader, _]) = begin();
    chain.must(&owner, vec![give_access(ID, &reader)]);
    assert_eq!(
        chain.failure(&reader, vec![reseal(ID, 0, 0)]),
        exists(&reader, 0, 0)
    );
    assert_eq!(
        chain.failure(&reader, vec![reseal(ID, 1, 0)]).code(),
        "unknown_key"
    );
    let (rotate, new) = rotation(&chain, &reader, 50);
    chain.must(&reader, vec![rotate]);
    assert_eq!(
        chain.failure(&new, vec![reseal(ID, 1, 1)]),
        TransactionError::GenerationMismatch {
            expected: 0,
            got: 1
        }
    );
    chain.must(&new, vec![reseal(ID, 1, 0)]);
    let grant = grant_of(&chain, &reader);
    assert_eq!((grant.key_index, grant.generation), (1, 0));
    assert_eq!((grant.sealed, grant.granted_by), (sealed(9), owner.id));
}

#[test]
fn a_new_data_key_follows_the_last_one_and_the_version_stays() {
    let (mut chain, owner, [reader, other]) = begin();
    let id = version(ID);
    chain.must(
        &owner,
        vec![give_access(ID, &reader), give_access(ID, &other)],
    );
    let published = query::version(&chain.state(), &id).unwrap();
    let first = query::data_key(&chain.state(), &id).unwrap().unwrap();
    assert_eq!(
        (first.generation, first.manifest_digest),
        (0, Digest::of(b"manifest"))
    );
    for got in [0, 2] {
        assert_eq!(
            chain.failure(&owner, vec![rekey(ID, got, &[])]),
            TransactionError::GenerationMismatch { expected: 1, got }
        );
    }
    chain.must(&owner, vec![rekey(ID, 1, &[&reader])]);
    chain.must(&owner, vec![rekey(ID, 2, &[&reader])]);
    let state = chain.state();
    assert_eq!(query::version(&state, &id).unwrap(), published);
    let last = query::data_key(&state, &id).unwrap().unwrap();
    assert_eq!(
        (last.generation, last.manifest_digest, last.key_commit),
        (
            2,
            Digest::of(&2u32.to_le_bytes()),
            Digest::of(b"another key")
        )
    );
    assert_eq!(query::rekeys(&state, &id, 0, 10).unwrap().len(), 2);
    assert_eq!(grant_of(&chain, &reader).generation, 2);
    assert_eq!(grant_of(&chain, &reader).sealed, sealed(7));
    // Who was not given it keeps the old one, which opens nothing new.
    assert_eq!(grant_of(&chain, &other).generation, 0);
}

#[test]
fn a_new_data_key_names_each_reader_once_with_a_key_of_its_own() {
    let (chain, owner, [reader, _]) = begin();
    let op = rekey(ID, 1, &[&reader, &reader]);
    assert_eq!(chain.failure(&owner, vec![op]).code(), "repeated");
    let op = rekey(ID, 1, &[&actor(60)]);
    assert_eq!(chain.failure(&owner, vec![op]).code(), "unknown_account");
    let mut op = rekey(ID, 1, &[&reader]);
    if let Operation::RekeyVersion { readers, .. } = &mut op {
        readers[0].key_index = 1;
    }
    assert_eq!(chain.failure(&owner, vec![op]).code(), "unknown_key");
}
