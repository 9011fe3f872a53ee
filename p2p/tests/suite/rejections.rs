//! Who never becomes a peer of a running node.

use std::time::Duration;

use cairn_crypto::Digest;
use cairn_p2p::{PeerConfig, Plane, peer_id};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::loopback::{Node, PATIENCE, config, connected_nodes, introduce, key};

const FAILURES: &str = "cairn_p2p_handshake_failures_total";

#[tokio::test]
async fn a_node_that_is_not_listed_never_connects() {
    let (node, stranger) = (Node::start(config()).await, Node::start(config()).await);
    stranger.network.set_peers(vec![node.as_peer()]);
    for plane in Plane::ALL {
        node.metric_reaches(FAILURES, &[plane.as_str(), "not_listed"], 2.0)
            .await;
    }
    assert_eq!(stranger.planes_with(node.id()), 0);
}

#[tokio::test]
async fn a_node_of_another_genesis_never_connects() {
    let mut other = config();
    other.chain_id = Digest::of(b"another genesis");
    let nodes = [Node::start(config()).await, Node::start(other).await];
    introduce(&nodes);
    let dialled = if nodes[0].id() < nodes[1].id() {
        &nodes[1]
    } else {
        &nodes[0]
    };
    for plane in Plane::ALL {
        dialled
            .metric_reaches(FAILURES, &[plane.as_str(), "alpn"], 2.0)
            .await;
    }
    assert_eq!(
        nodes[0].planes_with(nodes[1].id()) + nodes[1].planes_with(nodes[0].id()),
        0
    );
}

#[tokio::test]
async fn a_node_that_is_listed_under_the_address_of_another_is_not_taken_for_it() {
    let (node, other) = (Node::start(config()).await, Node::start(config()).await);
    let expected = peer_id(key().public_key());
    let nowhere = Some("127.0.0.1:9".parse().unwrap());
    // Both are listed, and both ends of the handshake agree; only the answer comes from the wrong one.
    other.network.set_peers(vec![PeerConfig {
        consensus_addr: nowhere,
        data_addr: nowhere,
        ..node.as_peer()
    }]);
    node.network.set_peers(vec![
        PeerConfig {
            peer: expected,
            ..other.as_peer()
        },
        PeerConfig {
            consensus_addr: nowhere,
            data_addr: nowhere,
            ..other.as_peer()
        },
    ]);
    node.metric_reaches("cairn_p2p_dial_failures_total", &["consensus"], 6.0)
        .await;
    assert_eq!(
        node.metric(FAILURES, &[]) + other.metric(FAILURES, &[]),
        0.0
    );
    assert_eq!(node.planes_with(expected) + node.planes_with(other.id()), 0);
}

#[tokio::test]
async fn plain_tcp_is_closed_and_counted_and_peers_stay() {
    let mut impatient = config();
    impatient.limits.handshake_timeout = Duration::from_millis(500);
    let nodes = connected_nodes(vec![impatient, config()]).await;
    for plane in Plane::ALL {
        for words in [
            &b"GET / HTTP/1.0\r\n\r\n"[..],
            &[0xff; 5000],
            b"\x13/multistream/1.0.0\n\x0d/noise/wrong\n",
        ] {
            let mut socket = TcpStream::connect(nodes[0].network.listen_addr(plane))
                .await
                .unwrap();
            socket.write_all(words).await.unwrap();
            let mut said = Vec::new();
            // Closed with an answer or with a reset; either is an end.
            let _ = timeout(PATIENCE, socket.read_to_end(&mut said))
                .await
                .expect("closed in time");
        }
        nodes[0]
            .metric_reaches("cairn_p2p_inbound_failures_total", &[plane.as_str()], 3.0)
            .await;
    }
    assert_eq!(nodes[0].planes_with(nodes[1].id()), 2);
}

#[tokio::test]
async fn a_delisted_peer_is_disconnected_and_a_relisted_one_comes_back() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    let (other, peer) = (nodes[1].id(), nodes[1].as_peer());
    nodes[0].network.set_peers(vec![]);
    let mut left = vec![Plane::Consensus, Plane::Data];
    while !left.is_empty() {
        if let cairn_p2p::NetworkEvent::Disconnected { plane, peer } = nodes[0].event().await {
            assert_eq!(peer, other);
            left.retain(|p| *p != plane);
        }
    }
    assert!(nodes[0].network.peers().is_empty());
    nodes[0].network.set_peers(vec![peer]);
    nodes[0].connected(2).await;
}
