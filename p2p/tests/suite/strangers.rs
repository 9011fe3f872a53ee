//! A flood of strangers.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use cairn_p2p::{PeerConfig, Plane};
use tokio::net::{TcpSocket, TcpStream};

use crate::loopback::{Node, config, connected_nodes};

async fn stranger(from: Ipv4Addr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.ok()
}

#[tokio::test]
async fn a_flood_of_strangers_leaves_peers_connected_and_lets_new_ones_in() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    let target = nodes[0].network.listen_addr(Plane::Consensus);
    let mut flood = Vec::new();
    for host in 2..=60 {
        for _ in 0..6 {
            flood.extend(stranger(Ipv4Addr::new(127, 0, 0, host), target).await);
        }
    }
    let refused = "cairn_p2p_refused_connections_total";
    nodes[0]
        .metric_reaches(refused, &["consensus", "pending_address"], 10.0)
        .await;
    nodes[0]
        .metric_reaches(refused, &["consensus", "pending"], 100.0)
        .await;

    nodes[1].network.send(
        Plane::Consensus,
        &nodes[0].id(),
        Bytes::from_static(b"still here"),
    );
    assert_eq!(nodes[0].message().await.2, "still here");
    assert_eq!(nodes[0].planes_with(nodes[1].id()), 2);

    // The new peer's own dial is let in, though nobody told where it is.
    let mut late = Node::start(config()).await;
    let late_peer = PeerConfig {
        peer: late.id(),
        consensus_addr: None,
        data_addr: None,
    };
    nodes[0]
        .network
        .set_peers(vec![nodes[1].as_peer(), late_peer]);
    late.network.set_peers(vec![nodes[0].as_peer()]);
    late.connected(2).await;
    drop(flood);
}
