//! The store that a node is keeps every promise of a store.

use crate::support::promises;
use cairn_artifacts::{BlobStore, StoreError};
use cairn_client::{Client, ClientConfig, NodeBlobStore, Session};
use cairn_crypto::Digest;
use cairn_tests::Network;
use std::sync::Arc;

/// The store of validator 0, as this account sees it.
async fn store(network: &Network, name: &str) -> NodeBlobStore {
    let node = network.nodes(&[0]).parse().unwrap();
    let genesis = Arc::new(network.genesis().clone());
    let client = Client::new(ClientConfig::new(vec![node], genesis)).unwrap();
    let session = Session::new(client, network.account(name).keys);
    session.stores().await.unwrap().remove(0)
}

#[test]
fn a_node_keeps_every_promise_of_a_store_and_refuses_those_who_may_not_publish() {
    let mut network = Network::start(4);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let of_alice = store(&network, "alice").await;
        promises::of_a_store(&of_alice).await;

        let of_bob = store(&network, "bob").await;
        let bytes = b"bob may read and not publish".as_slice();
        let digest = Digest::of(bytes);
        let error = of_bob.put(&digest, bytes.into()).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        of_alice.put(&digest, bytes.into()).await.unwrap();
        assert_eq!(of_bob.get(&digest).await.unwrap(), bytes);
    });
    network.check_alive();
    network.kill(0);
    runtime.block_on(async {
        let gone = store_error(&network).await;
        assert!(gone.contains(&network.ports(0)[2].to_string()), "{gone}");
    });
}

/// What a store says whose node is gone: the session was opened when it was there.
async fn store_error(network: &Network) -> String {
    let nodes = network.nodes(&[0, 1]);
    let nodes = nodes.split(',').map(|node| node.parse().unwrap()).collect();
    let genesis = Arc::new(network.genesis().clone());
    let client = Client::new(ClientConfig::new(nodes, genesis)).unwrap();
    let session = Session::new(client, network.account("alice").keys);
    let stores = session.stores().await.unwrap();
    let name = network.ports(0)[2].to_string();
    let store = stores.iter().find(|store| store.name().contains(&name));
    let error = store.unwrap().get(&Digest::ZERO).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    error.to_string()
}
