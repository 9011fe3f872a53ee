//! After access was revoked: the bytes are encrypted anew, and whoever may still read them can.

#![allow(clippy::unwrap_used)]

use cairn_artifacts::{PackageError, fetch_package};
use cairn_audit::Claim;
use cairn_client::{
    Client, ClientConfig, ClientError, Manifests, PushRequest, Recipient, RekeyRequest, Session,
    Subject, seal_for,
};
use cairn_crypto::Digest;
use cairn_runtime::{
    AccessError, AccountId, List, Operation, Parent, Relation, StateKey, TransactionError,
    VersionId,
};
use cairn_tests::{Network, Outcome, Person};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Bytes of the file that stays the same: two chunks.
const WEIGHTS: usize = 5_000_000;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Publishes the model as a version, with a configuration of its own; the bytes that were sent.
fn push(person: &Person, model: &Path, version: &str, readers: &[&str]) -> u64 {
    fs::write(model.join("config.json"), version).unwrap();
    let mut words = vec![
        "push",
        text(model),
        "--name",
        "acme/net",
        "--version",
        version,
    ];
    for reader in readers {
        words.extend(["--reader", reader]);
    }
    person.shown(&words)["bytes_sent"].as_u64().unwrap()
}

fn pull(person: &Person, version: &str, target: &Path) -> Outcome {
    let reference = format!("acme/net@{version}");
    person.cairn(&["pull", &reference, "--output", text(target)])
}

fn session(network: &Network, name: &str) -> Session {
    let nodes = network.nodes(&[0, 1, 2, 3]);
    let nodes = nodes.split(',').map(|url| url.parse().unwrap()).collect();
    let genesis = Arc::new(network.genesis().clone());
    let client = Client::new(ClientConfig::new(nodes, genesis)).unwrap();
    Session::new(client, network.account(name).keys)
}

fn digest(value: &Value) -> Digest {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_rekeyed_version_opens_for_its_readers_and_not_with_the_key_that_somebody_kept() {
    let mut network = Network::start(4);
    let (alice, bob) = (network.person("alice"), network.person("bob"));
    let bob_id = network.account("bob").id.to_string();
    let folder = network.folder().to_owned();
    let carol = alice
        .clone()
        .with("CAIRN_KEY", text(&folder.join("carol.key")));
    let card = folder.join("carol.card");
    let made = carol.shown(&["keygen", "--name", "Carol", "--card", text(&card)]);
    let carol_id = made["account"].as_str().unwrap().to_owned();
    alice.shown(&["account", "admit", text(&card)]);
    alice.shown(&["namespace", "create", "acme"]);

    let model = folder.join("model");
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join("weights"), vec![3; WEIGHTS]).unwrap();
    let readers = [bob_id.as_str(), &carol_id];
    assert!(push(&alice, &model, "1.0.0", &readers) > WEIGHTS as u64);
    let second = push(&alice, &model, "1.1.0", &readers);
    assert!(second < 100_000, "the weights were sent again: {second}");
    pull(&bob, "1.0.0", &folder.join("first")).expect_code(0);

    // Bob keeps the data key that he may have today.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let one: VersionId = "acme/net@1.0.0".parse().unwrap();
    let kept = runtime.block_on(session(&network, "bob").data_key(&one));
    let kept = kept.unwrap().unwrap();
    let manifests = || {
        let client = session(&network, "alice").client().clone();
        runtime.block_on(client.manifests(None)).unwrap()
    };
    let before = manifests().in_force;
    let revoke = ["revoke", "acme/net@1.0.0", &bob_id, "--reason", "left"];
    alice.shown(&revoke);
    pull(&bob, "1.0.0", &folder.join("again")).expect_code(15);
    // Nothing that Bob may know is used for what comes after.
    assert!(push(&alice, &model, "1.2.0", &[&carol_id]) > WEIGHTS as u64);

    // Whoever cannot read it cannot encrypt it anew, and whoever has no right to it does not get so far as the ledger.
    bob.cairn_json(&["model", "rekey", "acme/net@1.0.0"])
        .expect_code(15);
    carol
        .cairn_json(&["model", "rekey", "acme/net@1.0.0"])
        .expect_code(15);

    let rekeyed = alice.shown(&["model", "rekey", "acme/net@1.0.0"]);
    assert_eq!(rekeyed["skipped"], serde_json::json!([]));
    let rekeyed = rekeyed["rekeyed"].as_array().unwrap();
    let ids: Vec<&str> = rekeyed
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["acme/net@1.1.0", "acme/net@1.0.0"], "and not 1.2.0");
    assert_eq!(
        (&rekeyed[0]["generation"], &rekeyed[1]["generation"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        rekeyed[1]["readers"].as_array().unwrap().len(),
        2,
        "Alice and Carol"
    );
    assert_eq!(
        rekeyed[0]["readers"].as_array().unwrap().len(),
        3,
        "and Bob, who may read 1.1.0"
    );
    assert!(rekeyed[0]["bytes_sent"].as_u64().unwrap() > WEIGHTS as u64);
    assert!(rekeyed[1]["bytes_sent"].as_u64().unwrap() < 100_000);

    for version in ["1.0.0", "1.1.0"] {
        let target = folder.join(format!("carol-{version}"));
        pull(&carol, version, &target).expect_code(0);
        assert_eq!(fs::read(target.join("weights")).unwrap(), vec![3; WEIGHTS]);
        assert_eq!(
            fs::read_to_string(target.join("config.json")).unwrap(),
            version
        );
    }
    pull(&bob, "1.0.0", &folder.join("again")).expect_code(15);
    pull(&bob, "1.1.0", &folder.join("bob-1.1.0")).expect_code(0);

    let now = digest(&rekeyed[1]["manifest_digest"]);
    let stores = runtime
        .block_on(session(&network, "alice").stores())
        .unwrap();
    let opened = runtime.block_on(fetch_package(&stores, &now, Some(&kept)));
    assert!(
        matches!(opened, Err(PackageError::WrongDataKey)),
        "{opened:?}"
    );
    // What lies under the old keys is needed by nothing any more.
    let Manifests {
        in_force: after,
        replaced,
    } = manifests();
    let new: BTreeSet<Digest> = (rekeyed.iter())
        .map(|one| digest(&one["manifest_digest"]))
        .collect();
    assert!(after.is_superset(&new) && after.is_disjoint(&before));
    assert!(replaced.keys().eq(&before) && replaced.values().all(|by| new.contains(by)));

    // The model's files are shared again.
    let last = push(&alice, &model, "1.3.0", &[]);
    assert!(last < 100_000, "the weights were sent again: {last}");
    network.check_alive();
}

/// More readers than one transaction has place for.
const READERS: usize = 40;

/// Takes access from all of these in one transaction, as soon as the version has another data key.
async fn revoke_after_rekeying(session: Session, id: VersionId, readers: Vec<AccountId>) {
    let count = || StateKey::RekeyCount(id.clone());
    let rekeyed = || session.client().proved_record::<u64>(count(), None);
    while rekeyed().await.unwrap().value.is_none() {
        tokio::task::yield_now().await;
    }
    let revoke = |reader| Operation::RevokeAccess {
        id: id.clone(),
        reader,
        reason: "left".into(),
    };
    let operations = readers.into_iter().map(revoke).collect();
    session.transact(operations).await.unwrap();
}

/// A grant of the data key in force by whoever knows the ledger up to this height only.
async fn grant_as_of(
    session: &Session,
    id: &VersionId,
    reader: AccountId,
    as_of: u64,
) -> Result<(), ClientError> {
    let client = session.client();
    let key = session.data_key(id).await.unwrap().unwrap();
    let (key_index, keys) = client.proved_key(&reader).await.unwrap();
    let to = Recipient {
        account: reader,
        key_index,
        encryption_key: keys.encryption,
        as_of,
    };
    let grant = seal_for(client.chain_id(), id, 1, &key, &to).unwrap();
    session.transact(vec![grant]).await.map(drop)
}

#[test]
fn many_readers_get_a_new_key_and_whoever_is_revoked_meanwhile_does_not_come_back() {
    let mut network = Network::start_with_load(4, READERS);
    let alice = network.person("alice");
    alice.shown(&["namespace", "create", "acme"]);
    let model = network.folder().join("model");
    fs::create_dir_all(&model).unwrap();
    let readers: Vec<AccountId> = (0..READERS)
        .map(|number| network.account(&format!("load-{number:03}")).id)
        .collect();
    let names: Vec<String> = readers.iter().map(AccountId::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    push(&alice, &model, "1.0.0", &names);
    beside_long_metadata(&session(&network, "alice"), &model, &readers);

    let id: VersionId = "acme/net@1.0.0".parse().unwrap();
    let (stay, gone) = readers.split_at(READERS - 10);
    let owner = session(&network, "alice");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let grant = |reader: &AccountId| runtime.block_on(owner.client().proved_grant(&id, reader));
    for reader in &readers {
        assert_eq!(grant(reader).unwrap().unwrap().generation, 0, "{reader}");
    }
    let other = session(&network, "alice");
    let revoking = revoke_after_rekeying(other, id.clone(), gone.to_vec());
    let revoking = runtime.spawn(revoking);
    let rekeying = runtime.block_on(owner.rekey(RekeyRequest::new(id.clone())));
    let rekeying = rekeying.unwrap();
    runtime.block_on(revoking).unwrap();
    let done = &rekeying.done[0];
    assert!(done.left_out.is_empty(), "{done:?}");
    for reader in stay {
        assert_eq!(grant(reader).unwrap().unwrap().generation, 1, "{reader}");
        assert!(done.readers.contains(reader), "{done:?}");
    }
    for reader in gone {
        assert_eq!(grant(reader).unwrap(), None, "{reader}");
    }

    // A list of before the revocation brings nobody back, and somebody who knows of it may.
    let late = runtime.block_on(grant_as_of(&owner, &id, gone[0], done.published.height));
    let refused = matches!(
        &late,
        Err(ClientError::Failed { error, .. }) if matches!(
            **error,
            TransactionError::Access(AccessError::AccessRevoked { reader, .. }) if reader == gone[0]
        )
    );
    assert!(refused, "{late:?}");
    assert_eq!(grant(&gone[0]).unwrap(), None);
    alice.shown(&["grant", "acme/net@1.0.0", &gone[0].to_string()]);
    assert_eq!(grant(&gone[0]).unwrap().unwrap().generation, 1);

    pages_of_readers(&owner, &id, &runtime);
    network.check_alive();
}

/// A version whose metadata, parents and names leave place for few readers' keys in the transaction that publishes it.
fn beside_long_metadata(owner: &Session, model: &Path, readers: &[AccountId]) {
    let id: VersionId = format!("acme/{}@1.0.0", "n".repeat(60)).parse().unwrap();
    let mut request = PushRequest::new(model, id.clone());
    request.description = "d".repeat(1_000);
    request.metadata = format!("{{\"x\":\"{}\"}}", "x".repeat(16_000));
    request.parents = (0..64_u64)
        .map(|number| Parent {
            digest: Digest::of(&number.to_le_bytes()),
            relation: Relation::TrainedOn,
        })
        .collect();
    request.readers = readers.to_vec();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(owner.push(request)).unwrap();
    for reader in [&owner.account(), &readers[0], &readers[READERS - 1]] {
        let grant = runtime.block_on(owner.client().proved_grant(&id, reader));
        assert!(grant.unwrap().is_some(), "{reader}");
    }
}

/// The end of the list of readers, proved without its beginning.
fn pages_of_readers(owner: &Session, id: &VersionId, runtime: &tokio::runtime::Runtime) {
    let list = List::Readers(id.clone());
    let page = |from: u64| {
        runtime.block_on(owner.client().prove(&Subject::ListPage {
            list: list.clone(),
            from,
            at_height: None,
        }))
    };
    let whole = owner.client().proved_list::<AccountId>(list.clone(), None);
    let whole = runtime.block_on(whole).unwrap().value;
    assert_eq!(whole.len(), READERS + 1);
    let Claim::ListPage {
        from: 38,
        page: end,
    } = page(38).unwrap().0.claim
    else {
        panic!("a page")
    };
    let end: Vec<AccountId> = (end.entries.iter())
        .map(|entry| borsh::from_slice(&entry.value).unwrap())
        .collect();
    assert_eq!(end, whole[38..]);
    let beyond = page(whole.len() as u64).unwrap_err();
    assert!(beyond.is_refusal("bad_request"), "{beyond}");
}
