//! Messages: that they arrive, in order, and what happens to those that should not.

use std::time::Duration;

use bytes::Bytes;
use cairn_p2p::{NetworkEvent, Plane};

use crate::{
    loopback::{Node, config, connected_nodes, introduce, until},
    relay::Relay,
};

#[tokio::test]
async fn messages_of_all_sizes_arrive_in_order_on_their_own_plane() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    let to = nodes[1].id();
    let sizes = [0, 1, 5_000, 16_384, 16_385, 300_000, 4 << 20, 8 << 20, 3];
    for plane in Plane::ALL {
        for (n, &size) in sizes.iter().enumerate() {
            nodes[0]
                .network
                .send(plane, &to, Bytes::from(vec![n as u8; size]));
        }
    }
    let mut next = [0; 2];
    while next != [sizes.len(); 2] {
        let (plane, peer, bytes) = nodes[1].message().await;
        assert_eq!(peer, nodes[0].id());
        let n = next[plane as usize];
        assert!(
            bytes.len() == sizes[n] && bytes.iter().all(|b| *b == n as u8),
            "{plane} message {n}"
        );
        next[plane as usize] += 1;
    }
}

#[tokio::test]
async fn hello_tells_the_height() {
    let mut nodes = vec![Node::start(config()).await, Node::start(config()).await];
    nodes[1].network.set_height(41);
    introduce(&nodes);
    loop {
        if let NetworkEvent::Connected { height, .. } = nodes[0].event().await {
            assert_eq!(height, 41);
            break;
        }
    }
    let height = |node: &Node| {
        node.network.peers()[0]
            .consensus
            .map(|session| session.height)
    };
    until("the status to show it", || height(&nodes[0]) == Some(41)).await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_closes_the_connection() {
    let mut strict = config();
    strict.limits.consensus.message_bytes = 1000;
    let mut nodes = connected_nodes(vec![strict, config()]).await;
    let (strict, lax) = (nodes[0].id(), nodes[1].id());
    nodes[1]
        .network
        .send(Plane::Consensus, &strict, Bytes::from(vec![0; 1000]));
    assert_eq!(nodes[0].message().await.2.len(), 1000);
    nodes[1]
        .network
        .send(Plane::Consensus, &strict, Bytes::from(vec![0; 1001]));
    nodes[0].disconnected(Plane::Consensus, lax).await;
    nodes[0]
        .metric_reaches("cairn_p2p_overlong_frames_total", &["consensus"], 1.0)
        .await;
    assert_eq!(
        nodes[0].metric("cairn_p2p_overlong_frames_total", &["data"]),
        0.0
    );
}

#[tokio::test]
async fn our_own_message_beyond_the_limit_is_counted_and_not_sent() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    let to = nodes[1].id();
    nodes[0]
        .network
        .send(Plane::Data, &to, Bytes::from(vec![0; (8 << 20) + 1]));
    nodes[0]
        .network
        .send(Plane::Data, &to, Bytes::from_static(b"next"));
    assert_eq!(nodes[1].message().await.2, "next");
    assert_eq!(
        nodes[0].metric("cairn_p2p_dropped_messages_total", &["data", "too_long"]),
        1.0
    );
}

#[tokio::test]
async fn a_node_that_takes_no_events_delays_nobody_else() {
    let mut stuck = config();
    stuck.limits.queued_events = 1;
    let mut small = config();
    small.limits.data.queued_messages = 100;
    let mut nodes = vec![
        Node::start(small).await,
        Node::start(config()).await,
        Node::start(stuck).await,
    ];
    introduce(&nodes);
    let ids: Vec<_> = nodes.iter().map(Node::id).collect();
    nodes[0].connected(2 * 2).await;
    for n in 0u32..300 {
        let message = Bytes::from([&n.to_be_bytes()[..], &vec![0; 50_000]].concat());
        nodes[0].network.send(Plane::Data, &ids[2], message.clone());
        nodes[0].network.send(Plane::Data, &ids[1], message);
        let (_, _, bytes) = nodes[1].message().await;
        assert_eq!(bytes[..4], n.to_be_bytes());
    }
    assert!(nodes[0].metric("cairn_p2p_dropped_messages_total", &["data", "queue_full"]) > 0.0);
    // Once it takes events again, it gets the newest.
    loop {
        if nodes[2].message().await.2[..4] == 299u32.to_be_bytes() {
            break;
        }
    }
}

#[tokio::test]
async fn a_peer_beyond_its_rate_is_read_more_slowly_and_loses_nothing() {
    let mut slow = config();
    slow.limits.consensus.messages_per_second = 100;
    let mut nodes = connected_nodes(vec![config(), slow]).await;
    let to = nodes[1].id();
    for n in 0u8..120 {
        nodes[0]
            .network
            .send(Plane::Consensus, &to, Bytes::from(vec![n]));
    }
    for n in 0..120 {
        assert_eq!(nodes[1].message().await.2[0], n);
    }
    assert!(nodes[1].metric("cairn_p2p_throttled_total", &["consensus"]) >= 1.0);
}

#[tokio::test]
async fn a_peer_that_falls_silent_without_a_word_is_disconnected_and_found_again() {
    let brisk = || {
        let mut config = config();
        config.limits.heartbeat = Duration::from_millis(100);
        config
    };
    let mut nodes = [Node::start(brisk()).await, Node::start(brisk()).await];
    nodes.sort_by_key(Node::id);
    let relay = Relay::faithful();
    let mut peer = nodes[1].as_peer();
    peer.consensus_addr = Some(relay.start(peer.consensus_addr.unwrap()).await);
    nodes[0].network.set_peers(vec![peer]);
    nodes[1].network.set_peers(vec![nodes[0].as_peer()]);
    let (lower, higher) = (nodes[0].id(), nodes[1].id());
    nodes[0].connected(2).await;
    relay.set_silent(true);
    nodes[0].disconnected(Plane::Consensus, higher).await;
    nodes[1].disconnected(Plane::Consensus, lower).await;
    relay.set_silent(false);
    nodes[0].connected(1).await;
}

#[tokio::test]
async fn after_a_shutdown_events_end_and_the_ports_are_free() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    nodes[0].network.shutdown().await;
    while nodes[0].events.recv().await.is_some() {}
    let gone = nodes[0].id();
    nodes[1].disconnected(Plane::Data, gone).await;
    let address = nodes[0].network.listen_addr(Plane::Consensus);
    let mut again = config();
    again.consensus_listen = address;
    assert_eq!(
        Node::start(again)
            .await
            .network
            .listen_addr(Plane::Consensus),
        address
    );
}

#[tokio::test]
async fn two_nodes_cannot_listen_on_one_address() {
    let node = Node::start(config()).await;
    // SO_REUSEPORT on loopback would let a second one in; a foreign listener does not.
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut clash = config();
    clash.data_listen = foreign.local_addr().unwrap();
    let error = cairn_p2p::Network::start(clash).await.err().unwrap();
    assert!(
        matches!(
            error,
            cairn_p2p::NetworkError::Listen {
                plane: Plane::Data,
                ..
            }
        ),
        "{error}"
    );
    node.network.shutdown().await;
}
