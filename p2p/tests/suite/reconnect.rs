//! Fresh keys: connections are replaced under load, and nothing is lost.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use cairn_p2p::{Network, NetworkError, NetworkEvent, Plane, RekeySchedule};

use crate::loopback::{config, connected_nodes};

fn often() -> RekeySchedule {
    RekeySchedule {
        from: Duration::from_millis(150),
        to: Duration::from_millis(250),
        hard: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn reconnecting_under_load_loses_no_message() {
    let rekeying = || cairn_p2p::NetworkConfig {
        rekey: often(),
        ..config()
    };
    let mut nodes = connected_nodes(vec![rekeying(), rekeying()]).await;
    let to = nodes[1].id();
    let rekeys = |nodes: &[crate::loopback::Node]| {
        nodes
            .iter()
            .map(|node| node.metric("cairn_p2p_rekeys_total", &["consensus"]))
            .sum::<f64>()
    };
    let mut missing = BTreeSet::new();
    let mut sent = 0u64;
    let mut reconnects = 0;
    while rekeys(&nodes) < 6.0 || !missing.is_empty() {
        // Keep some hundred messages under way, until keys were replaced often enough.
        while missing.len() < 500 && rekeys(&nodes) < 6.0 {
            let message = [&sent.to_be_bytes()[..], &vec![7; 2000]].concat();
            nodes[0]
                .network
                .send(Plane::Consensus, &to, Bytes::from(message));
            missing.insert(sent);
            sent += 1;
        }
        match nodes[1].event().await {
            NetworkEvent::Message {
                plane: Plane::Consensus,
                bytes,
                ..
            } => {
                missing.remove(&u64::from_be_bytes(bytes[..8].try_into().unwrap()));
            }
            NetworkEvent::Connected {
                plane: Plane::Consensus,
                ..
            } => reconnects += 1,
            _ => {}
        }
        // The sender's own events are of no interest, and must not fill its queue.
        while nodes[0].events.try_recv().is_ok() {}
    }
    assert!(reconnects >= 5, "{reconnects} reconnects");
    assert!(sent > 1000, "{sent} messages");
    assert_eq!(
        nodes[0].metric("cairn_p2p_dropped_messages_total", &[]),
        0.0
    );
}

#[tokio::test]
async fn messages_sent_while_a_peer_is_away_for_a_moment_wait_for_it() {
    let mut nodes = connected_nodes(vec![config(), config()]).await;
    let (peer, to) = (nodes[1].as_peer(), nodes[1].id());
    let from = nodes[0].as_peer();
    // The other side turns us away for a moment.
    nodes[1].network.set_peers(vec![]);
    nodes[0].disconnected(Plane::Consensus, to).await;
    for n in 0u8..10 {
        nodes[0]
            .network
            .send(Plane::Consensus, &peer.peer, Bytes::from(vec![n]));
    }
    nodes[1].network.set_peers(vec![from]);
    for n in 0..10 {
        assert_eq!(nodes[1].message().await.2[0], n);
    }
}

#[tokio::test]
async fn the_age_of_keys_is_shown_and_bounded() {
    let schedule = RekeySchedule {
        from: Duration::from_secs(3600),
        to: Duration::from_secs(3600),
        ..often()
    };
    let error = Network::start(cairn_p2p::NetworkConfig {
        rekey: schedule,
        ..config()
    })
    .await
    .err()
    .unwrap();
    assert!(matches!(error, NetworkError::Rekey { .. }));
    let too_old = RekeySchedule {
        hard: RekeySchedule::MAX_AGE + Duration::from_secs(1),
        ..RekeySchedule::default()
    };
    assert!(
        Network::start(cairn_p2p::NetworkConfig {
            rekey: too_old,
            ..config()
        })
        .await
        .is_err()
    );

    let nodes = connected_nodes(vec![config(), config()]).await;
    nodes[0]
        .metric_reaches("cairn_p2p_sessions", &[], 2.0)
        .await;
    nodes[0]
        .metric_reaches("cairn_p2p_oldest_session_seconds", &[], 0.001)
        .await;
    assert!(nodes[0].network.peers()[0].consensus.unwrap().age > Duration::ZERO);
}

#[tokio::test]
async fn the_hard_limit_closes_a_connection_that_its_dialler_does_not_replace() {
    let hard = RekeySchedule {
        from: Duration::from_millis(300),
        to: Duration::from_millis(300),
        hard: Duration::from_millis(300),
    };
    let mut configs = [config(), config()];
    configs.sort_by_key(|config| cairn_p2p::peer_id(config.identity.public_key()));
    // The lower one dials, and by its own schedule would keep the connection for hours.
    configs[1].rekey = hard;
    let mut nodes = connected_nodes(configs.into()).await;
    let higher = nodes[1].id();
    nodes[0].disconnected(Plane::Consensus, higher).await;
    nodes[1]
        .metric_reaches("cairn_p2p_rekeys_total", &["consensus"], 1.0)
        .await;
    assert_eq!(nodes[0].metric("cairn_p2p_rekeys_total", &[]), 0.0);
}
