//! Thirty-two nodes in one process: 496 connections on each plane.

use std::time::Instant;

use bytes::Bytes;
use cairn_p2p::Plane;

use crate::loopback::{config, connected_nodes};

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_nodes_connect_on_both_planes_and_hear_a_broadcast() {
    const NODES: usize = 32;
    let start = Instant::now();
    let mut nodes = connected_nodes((0..NODES).map(|_| config()).collect()).await;
    println!(
        "{NODES} nodes connected on both planes after {:?}",
        start.elapsed()
    );
    let speaker = nodes[0].id();
    nodes[0]
        .network
        .broadcast(Plane::Consensus, Bytes::from_static(b"proposal"));
    for node in &mut nodes[1..] {
        assert_eq!(
            node.message().await,
            (Plane::Consensus, speaker, Bytes::from_static(b"proposal"))
        );
    }
    println!("all heard a broadcast after {:?}", start.elapsed());
    for node in &nodes {
        // All of them at rest: whoever dialled, one connection per pair is left.
        node.metric_reaches("cairn_p2p_sessions", &["consensus"], (NODES - 1) as f64)
            .await;
        node.metric_reaches("cairn_p2p_sessions", &["data"], (NODES - 1) as f64)
            .await;
        assert_eq!(node.metric("cairn_p2p_refused_connections_total", &[]), 0.0);
    }
}
