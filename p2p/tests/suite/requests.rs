//! Requests and responses on the data plane.

use std::time::Duration;

use bytes::Bytes;
use cairn_p2p::{NetworkEvent, RequestError, Responder};

use crate::loopback::{Node, config, connected_nodes, until};

async fn request(node: &mut Node) -> (Bytes, Responder) {
    loop {
        if let NetworkEvent::Request { body, reply, .. } = node.event().await {
            return (body, reply);
        }
    }
}

async fn up(nodes: &[Node]) {
    until("both nodes to see each other", || {
        nodes[0].planes_with(nodes[1].id()) == 2
    })
    .await;
}

#[tokio::test]
async fn a_request_gets_its_response_and_many_at_once_get_theirs() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    up(&nodes).await;
    let (asker, to) = (nodes[0].network.clone(), nodes[1].id());
    let asking = async {
        let all = (0u8..60).map(|n| asker.request(to, Bytes::from(vec![n; 1000])));
        futures::future::join_all(all).await
    };
    let answering = async {
        for _ in 0..60 {
            let (body, reply) = request(&mut nodes[1]).await;
            reply.send(Bytes::from(vec![body[0]; 200_000]));
        }
    };
    let (responses, ()) = futures::future::join(asking, answering).await;
    for (n, response) in responses.into_iter().enumerate() {
        let response = response.unwrap();
        assert!(
            response.len() == 200_000 && response.iter().all(|b| *b == n as u8),
            "response {n}"
        );
    }
}

#[tokio::test]
async fn a_dropped_responder_and_an_overlong_response_are_refusals() {
    let mut small = config();
    small.limits.response_bytes = 1000;
    let mut nodes = connected_nodes(vec![config(), small]).await;
    up(&nodes).await;
    let (asker, to) = (nodes[0].network.clone(), nodes[1].id());
    for too_long in [false, true] {
        let answering = async {
            let (_, reply) = request(&mut nodes[1]).await;
            if too_long {
                reply.send(Bytes::from(vec![0; 1001]));
            }
        };
        let (response, ()) =
            futures::future::join(asker.request(to, Bytes::new()), answering).await;
        assert_eq!(response, Err(RequestError::Refused));
    }
}

#[tokio::test]
async fn requests_that_cannot_be_made_say_why() {
    let mut late = config();
    late.limits.request_timeout = Duration::from_millis(300);
    late.limits.requests_per_peer = 1;
    let nodes = connected_nodes(vec![late, config()]).await;
    up(&nodes).await;
    let (node, to) = (&nodes[0].network, nodes[1].id());
    let stranger = cairn_p2p::peer_id(crate::loopback::key().public_key());
    assert_eq!(
        node.request(stranger, Bytes::new()).await,
        Err(RequestError::NotConnected(stranger))
    );
    let long = Bytes::from(vec![0; (1 << 20) + 1]);
    let too_long = RequestError::TooLong {
        len: (1 << 20) + 1,
        limit: 1 << 20,
    };
    assert_eq!(node.request(to, long).await, Err(too_long));
    // Nobody answers the first, and there may be one at a time.
    let two = futures::future::join(
        node.request(to, Bytes::new()),
        node.request(to, Bytes::new()),
    )
    .await;
    assert_eq!(
        two,
        (
            Err(RequestError::TimedOut),
            Err(RequestError::TooMany { limit: 1 })
        )
    );
    node.shutdown().await;
    assert_eq!(
        node.request(to, Bytes::new()).await,
        Err(RequestError::ShutDown)
    );
}

#[tokio::test]
async fn requests_beyond_the_rate_are_refused() {
    let mut strict = config();
    strict.limits.requests_per_second = 1;
    let mut nodes = connected_nodes(vec![config(), strict]).await;
    up(&nodes).await;
    let (asker, to) = (nodes[0].network.clone(), nodes[1].id());
    let asking = futures::future::join_all((0..5).map(|_| asker.request(to, Bytes::new())));
    let answering = async {
        let (_, reply) = request(&mut nodes[1]).await;
        reply.send(Bytes::from_static(b"yes"));
    };
    let (responses, ()) = futures::future::join(asking, answering).await;
    assert!(responses.iter().filter(|r| r.is_ok()).count() >= 1);
    assert!(
        responses
            .iter()
            .filter(|r| **r == Err(RequestError::Refused))
            .count()
            >= 3
    );
}
