//! A store behind a bad network: nothing wrong reaches a caller, nobody waits for ever, the next store is asked.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cairn_artifacts::{BlobStore, PackageError, PushOptions, S3Limits, S3Store, StoreError, push};
use cairn_crypto::Digest;
use support::proxy::{Fault, Proxy};
use support::s3_server::{self, S3Server};
use support::{data_key, noise, pull_from, push_to, tree, write};

const LIMITS: S3Limits = S3Limits {
    connect: Duration::from_millis(500),
    silence: Duration::from_millis(500),
    operation: Duration::from_millis(1500),
};

/// A server, a proxy in front of it, and a store that goes through the proxy.
struct Setup {
    server: S3Server,
    proxy: Proxy,
    store: S3Store,
}

impl Setup {
    async fn new() -> Self {
        let server = S3Server::start();
        let proxy = Proxy::start(server.address).await;
        let store = s3_server::store(proxy.address, "p", LIMITS);
        Self {
            server,
            proxy,
            store,
        }
    }

    /// The same store, without the proxy.
    fn direct(&self) -> S3Store {
        s3_server::store(self.server.address, "p", S3Limits::default())
    }
}

const FAULTS: [Fault; 7] = [
    Fault::Silent,
    Fault::Stall(0),
    Fault::Stall(100_000),
    Fault::Cut(0),
    Fault::Cut(100_000),
    Fault::Busy,
    Fault::Refuse,
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_network_is_an_error_in_time_and_passes_when_the_fault_does() {
    let setup = Setup::new().await;
    let bytes = Bytes::from(noise(1, 1_000_000));
    let digest = Digest::of(&bytes);
    setup.store.put(&digest, bytes.clone()).await.unwrap();
    for fault in FAULTS {
        // A connection from before would not meet the refusal of new ones.
        let store = s3_server::store(setup.proxy.address, "p", LIMITS);
        setup.proxy.set(fault);
        let before = setup.proxy.met();
        let begun = Instant::now();
        let error = store.get(&digest).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Unavailable { .. }),
            "{fault:?}: {error}"
        );
        assert!(error.to_string().contains("s3://models/p"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{fault:?}");
        assert!(setup.proxy.met() > before, "{fault:?} was not met");
        setup.proxy.set(Fault::None);
        assert_eq!(store.get(&digest).await.unwrap(), bytes, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_changed_on_the_way_are_never_given_out() {
    let setup = Setup::new().await;
    let bytes = Bytes::from(noise(1, 1_000_000));
    let digest = Digest::of(&bytes);
    setup.store.put(&digest, bytes.clone()).await.unwrap();
    setup.proxy.set(Fault::Flip);
    let error = setup.store.get(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongDigest { .. }), "{error}");
    assert!(setup.proxy.met() > 0);
    setup.proxy.set(Fault::None);
    assert_eq!(setup.store.get(&digest).await.unwrap(), bytes);
}

fn small_model(folder: &Path) {
    write(folder, "a", &noise(1, 300_000));
    write(folder, "b", &noise(2, 200_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_store_the_next_one_is_asked() {
    let setup = Setup::new().await;
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    small_model(&model);
    let pushed = push_to(&setup.store, &model).await;
    let stores = [setup.store.clone(), setup.direct()];
    for (number, fault) in [Fault::Flip, Fault::Cut(50), Fault::Busy]
        .into_iter()
        .enumerate()
    {
        setup.proxy.set(fault);
        let before = setup.proxy.met();
        let copy = folder.path().join(format!("copy-{number}"));
        pull_from(&stores, &pushed, &copy).await.unwrap();
        assert_eq!(tree(&model), tree(&copy), "{fault:?}");
        assert!(setup.proxy.met() > before, "{fault:?} was not met");
    }
    // Alone it gives nothing, rather than something wrong.
    setup.proxy.set(Fault::Flip);
    let copy = folder.path().join("none");
    let error = pull_from(&stores[..1], &pushed, &copy).await.unwrap_err();
    assert!(matches!(error, PackageError::Blob { .. }), "{error}");
    assert!(!copy.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_outlasts_a_store_that_is_away_for_a_while() {
    let setup = Setup::new().await;
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    small_model(&model);
    setup.proxy.set(Fault::Busy);
    let proxy = &setup.proxy;
    let store = setup.store.clone();
    let pushing = tokio::spawn({
        let model = model.clone();
        async move { push(&store, &model, &data_key(1), PushOptions::default()).await }
    });
    // It has asked, was sent away, and asks again.
    let waited = async {
        while proxy.met() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited)
        .await
        .expect("a push that is refused tries again");
    proxy.set(Fault::None);
    let pushed = pushing.await.unwrap().unwrap();
    let copy = folder.path().join("copy");
    pull_from(&[setup.direct()], &pushed, &copy).await.unwrap();
    assert_eq!(tree(&model), tree(&copy));
}
