//! The SDK against four validators: a model there and back, and errors that say what is the matter.

#![allow(clippy::unwrap_used)]

use cairn_artifacts::NoProgress;
use cairn_audit::Claim;
use cairn_client::{
    Client, ClientConfig, ClientError, PushRequest, Resealed, Session, Subject, audit,
};
use cairn_crypto::AccountKeys;
use cairn_runtime::{AccountId, ModelName, Operation, VersionId};
use cairn_tests::Network;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

fn client(network: &Network, indices: &[usize]) -> Client {
    let nodes = network
        .nodes(indices)
        .split(',')
        .map(|url| url.parse().unwrap())
        .collect();
    Client::new(ClientConfig::new(
        nodes,
        Arc::new(network.genesis().clone()),
    ))
    .unwrap()
}

fn session(network: &Network, name: &str, indices: &[usize]) -> Session {
    Session::new(client(network, indices), network.account(name).keys)
}

fn version(version: &str) -> VersionId {
    VersionId {
        model: ModelName {
            namespace: "acme".into(),
            name: "net".into(),
        },
        version: version.into(),
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn a_model_goes_there_and_back_and_an_auditor_needs_nobody() {
    let mut network = Network::start(4);
    let alice = session(&network, "alice", &[0, 1, 2, 3]);
    let bob = session(&network, "bob", &[0, 1, 2, 3]);
    let model = network.folder().join("model");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("weights"), vec![3; 5_000_000]).unwrap();
    std::fs::write(model.join("readme"), b"a model").unwrap();
    let out = network.folder().join("out");
    let id = version("1.0.0");

    run(async {
        // No namespace yet: nothing is sent.
        let early = alice
            .push(PushRequest::new(&model, id.clone()))
            .await
            .unwrap_err();
        assert!(
            matches!(&early, ClientError::Refused { problem, .. } if problem.code == "namespace_not_found"),
            "{early:?}"
        );
        let namespace = Operation::CreateNamespace {
            namespace: "acme".into(),
        };
        alice.transact(vec![namespace]).await.unwrap();

        let pushed = alice
            .push(PushRequest::new(&model, id.clone()))
            .await
            .unwrap();
        assert_eq!((pushed.files, pushed.bytes), (2, 5_000_007));
        let taken = alice
            .push(PushRequest::new(&model, id.clone()))
            .await
            .unwrap_err();
        assert!(taken.to_string().contains("already"), "{taken}");

        // The reader gets it when it is granted, not before.
        let progress = Arc::new(NoProgress);
        let refused = bob.pull(&id, &out, progress.clone()).await.unwrap_err();
        assert!(
            matches!(refused, ClientError::NoGrant { .. }),
            "{refused:?}"
        );
        let nobody = AccountId(cairn_crypto::Digest::of(b"nobody"));
        let unknown = alice.grant(&id, &nobody).await.unwrap_err();
        assert!(
            matches!(unknown, ClientError::NotFound { .. }),
            "{unknown:?}"
        );
        alice.grant(&id, &bob.account()).await.unwrap();
        let pulled = bob.pull(&id, &out, progress).await.unwrap();
        assert_eq!(pulled.version.model_hash, pushed.model_hash);
        assert_eq!(pulled.bytes, pushed.bytes);
        for file in ["weights", "readme"] {
            let (sent, got) = (
                std::fs::read(model.join(file)),
                std::fs::read(out.join(file)),
            );
            assert!(sent.unwrap() == got.unwrap(), "{file} differs");
        }
        bob.verify_local(&out, &id).await.unwrap();
        std::fs::write(out.join("readme"), b"another").unwrap();
        let differs = bob.verify_local(&out, &id).await.unwrap_err();
        assert!(differs.to_string().contains("readme"), "{differs}");

        // A bundle holds for an auditor with the genesis document; the absence of a version, too.
        let (bundle, verified) = bob
            .client()
            .prove(&Subject::Version(id.clone()))
            .await
            .unwrap();
        assert!(verified.height.0 >= pushed.published.height);
        let bytes = bundle.encode().unwrap();
        let audited = audit(
            &bytes,
            network.genesis(),
            Some(Duration::from_secs(3_600)),
            None,
        )
        .unwrap();
        assert!(matches!(audited.bundle.claim, Claim::Version { .. }));
        let (absent, _) = bob
            .client()
            .prove(&Subject::Version(version("9.0.0")))
            .await
            .unwrap();
        assert!(matches!(absent.claim, Claim::Absent { .. }));
        let missing = bob
            .client()
            .proved_version(&version("9.0.0"))
            .await
            .unwrap_err();
        assert!(
            matches!(missing, ClientError::NotFound { .. }),
            "{missing:?}"
        );
        for place in (0..bytes.len()).step_by(bytes.len() / 500) {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(
                audit(&changed, network.genesis(), None, None).is_err(),
                "byte {place}"
            );
        }
    });
    network.check_alive();
}

#[test]
fn a_data_key_moves_to_the_newest_key_when_the_earlier_one_is_at_hand() {
    let mut network = Network::start(4);
    let nodes = [0, 1, 2, 3];
    let alice = session(&network, "alice", &nodes);
    let bob = session(&network, "bob", &nodes);
    let model = network.folder().join("model");
    std::fs::create_dir_all(&model).unwrap();
    std::fs::write(model.join("weights"), b"weights").unwrap();
    let id = version("1.0.0");
    run(async {
        let namespace = Operation::CreateNamespace {
            namespace: "acme".into(),
        };
        alice.transact(vec![namespace]).await.unwrap();
        let mut request = PushRequest::new(&model, id.clone());
        request.readers.push(bob.account());
        alice.push(request).await.unwrap();

        let keys = AccountKeys::generate().unwrap();
        bob.rotate_keys(&keys).await.unwrap();
        let open = |former| Session::open(bob.client().clone(), keys.clone(), former);
        let alone = open(Vec::new()).await.unwrap();
        let locked = alone.reseal_all().await.unwrap();
        assert_eq!((locked.moved, locked.locked), (vec![], vec![id.clone()]));
        let refused = alone.data_key(&id).await;
        assert!(
            matches!(refused, Err(ClientError::OtherKey { .. })),
            "{refused:?}"
        );

        let both = open(vec![network.account("bob").keys]).await.unwrap();
        let moved = both.reseal_all().await.unwrap();
        assert_eq!((moved.moved, moved.locked), (vec![id.clone()], vec![]));
        assert_eq!(both.reseal_all().await.unwrap(), Resealed::default());
        assert!(alone.data_key(&id).await.unwrap().is_some());
    });
    network.check_alive();
}

#[test]
fn two_sessions_of_one_account_push_at_the_same_time_and_both_succeed() {
    let mut network = Network::start(4);
    let first = session(&network, "alice", &[0]);
    let second = session(&network, "alice", &[1]);
    let mut highest = 0;
    run(async {
        let create = |name: String| vec![Operation::CreateNamespace { namespace: name }];
        for round in 0..2 {
            let (one, two) = tokio::join!(
                first.transact(create(format!("one-{round}"))),
                second.transact(create(format!("two-{round}")))
            );
            highest = highest.max(one.unwrap().height).max(two.unwrap().height);
        }
    });
    network.wait_for_height(highest);
    let page = network.api(2).get("/v1/namespaces").unwrap().json();
    assert_eq!(page["items"].as_array().unwrap().len(), 4);
    network.check_alive();
}

#[test]
fn a_node_that_is_gone_is_passed_over_and_without_any_the_error_names_them_all() {
    let mut network = Network::start(4);
    let alice = session(&network, "alice", &[3, 1]);
    run(async {
        let create = |name: &str| {
            vec![Operation::CreateNamespace {
                namespace: name.into(),
            }]
        };
        alice.transact(create("before")).await.unwrap();
    });
    network.kill(3);
    run(async {
        let alice = session(&network, "alice", &[3, 1]);
        let namespace = Operation::CreateNamespace {
            namespace: "while".into(),
        };
        alice.transact(vec![namespace]).await.unwrap();
    });
    network.kill(1);
    let error = run(async {
        let alice = session(&network, "alice", &[3, 1]);
        alice.client().prove(&Subject::Block(1)).await.unwrap_err()
    });
    let text = error.to_string();
    for index in [1, 3] {
        let address = network.ports(index)[2].to_string();
        assert!(text.contains(&address), "{address} is not in {text}");
    }
    network.check_alive();
}
