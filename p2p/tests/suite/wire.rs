//! What someone on the wire can read.

use bytes::Bytes;
use cairn_p2p::Plane;

use crate::{
    loopback::{Node, chain, config},
    relay::Relay,
};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Two connected nodes, and for each plane the relay between them.
async fn relayed() -> (Vec<Node>, [Relay; 2]) {
    let mut nodes = vec![Node::start(config()).await, Node::start(config()).await];
    nodes.sort_by_key(Node::id);
    let relays = [Relay::faithful(), Relay::faithful()];
    let mut peer = nodes[1].as_peer();
    peer.consensus_addr = Some(relays[0].start(peer.consensus_addr.unwrap()).await);
    peer.data_addr = Some(relays[1].start(peer.data_addr.unwrap()).await);
    nodes[0].network.set_peers(vec![peer]);
    nodes[1].network.set_peers(vec![nodes[0].as_peer()]);
    nodes[0].connected(2).await;
    (nodes, relays)
}

#[tokio::test]
async fn no_payload_key_or_hello_is_readable_on_the_wire() {
    let (mut nodes, relays) = relayed().await;
    let payload = b"the weights of an unreleased model, in the clear";
    let repeated = Bytes::from(payload.repeat(1000));
    let ids = [nodes[0].id(), nodes[1].id()];
    for plane in Plane::ALL {
        nodes[0].network.send(plane, &ids[1], repeated.clone());
        nodes[1].network.send(plane, &ids[0], repeated.clone());
        for node in &mut nodes {
            assert_eq!(node.message().await.2, repeated);
        }
    }
    let (asker, to) = (nodes[0].network.clone(), ids[1]);
    let answering = async {
        loop {
            if let cairn_p2p::NetworkEvent::Request { body, reply, .. } = nodes[1].event().await {
                return reply.send(body);
            }
        }
    };
    let (response, ()) =
        futures::future::join(asker.request(to, repeated.clone()), answering).await;
    assert_eq!(response.unwrap(), repeated);

    for (relay, plane) in relays.iter().zip(Plane::ALL) {
        let seen = relay.seen();
        assert!(
            seen.len() > 2 * repeated.len(),
            "the {plane} plane went around the relay"
        );
        assert!(
            contains(&seen, cairn_p2p::PROTOCOL.as_bytes()),
            "the capture shows what is not encrypted"
        );
        assert!(!contains(&seen, payload), "{plane}: payload");
        assert!(
            !contains(&seen, chain().as_bytes()),
            "{plane}: chain id of the hello"
        );
        assert!(
            !contains(&seen, b"/cairn/link/1"),
            "{plane}: protocols inside the connection"
        );
        assert!(!contains(&seen, b"/yamux/1.0.0"), "{plane}: multiplexing");
    }
}

#[tokio::test]
async fn a_vote_travels_in_one_record_with_its_headers() {
    const VOTE: u16 = 5000;
    let (mut nodes, relays) = relayed().await;
    let to = nodes[1].id();
    // One may share its record with something that yamux has to say at the same moment; not all do.
    for _ in 0..10 {
        let vote = Bytes::from(vec![7; usize::from(VOTE)]);
        nodes[0].network.send(Plane::Consensus, &to, vote);
        nodes[1].message().await;
    }
    // The frame's length, yamux's header, and what TLS 1.3 adds: the content type and AES-GCM's tag.
    let [high, low] = (VOTE + 4 + 12 + 1 + 16).to_be_bytes();
    let record = [0x17, 0x03, 0x03, high, low];
    assert!(contains(&relays[0].seen(), &record));
}
