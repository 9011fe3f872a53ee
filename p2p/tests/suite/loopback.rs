//! Nodes on loopback, and waiting for what they do.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use cairn_crypto::{Digest, SigningKey};
use cairn_p2p::{
    Limits, Network, NetworkConfig, NetworkEvent, PeerConfig, PeerId, Plane, RekeySchedule,
};
use prometheus::Registry;
use tokio::{sync::mpsc, time::timeout};

/// Longer than anything here takes, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) network: Network,
    pub(crate) events: mpsc::Receiver<NetworkEvent>,
    pub(crate) registry: Registry,
}

pub(crate) fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

pub(crate) fn chain() -> Digest {
    Digest::of(b"a chain for tests")
}

pub(crate) fn config() -> NetworkConfig {
    let free = "127.0.0.1:0".parse().unwrap();
    NetworkConfig {
        identity: key(),
        chain_id: chain(),
        consensus_listen: free,
        data_listen: free,
        peers: vec![],
        limits: Limits::default(),
        rekey: RekeySchedule::default(),
    }
}

impl Node {
    pub(crate) async fn start(config: NetworkConfig) -> Self {
        let (network, events) = Network::start(config).await.unwrap();
        let registry = Registry::new();
        network.register(&registry).unwrap();
        Self {
            network,
            events,
            registry,
        }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.network.local_peer()
    }

    pub(crate) fn as_peer(&self) -> PeerConfig {
        PeerConfig {
            peer: self.id(),
            consensus_addr: Some(self.network.listen_addr(Plane::Consensus)),
            data_addr: Some(self.network.listen_addr(Plane::Data)),
        }
    }

    /// The next event; a test whose event does not come fails.
    pub(crate) async fn event(&mut self) -> NetworkEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event in time")
            .expect("a running network")
    }

    /// Takes events until so many (plane, peer) pairs are connected.
    pub(crate) async fn connected(&mut self, count: usize) {
        let mut up = BTreeSet::new();
        while up.len() < count {
            match self.event().await {
                NetworkEvent::Connected { plane, peer, .. } => {
                    up.insert((plane, peer));
                }
                NetworkEvent::Disconnected { plane, peer } => {
                    up.remove(&(plane, peer));
                }
                _ => {}
            }
        }
    }

    /// Takes events until a message comes.
    pub(crate) async fn message(&mut self) -> (Plane, PeerId, Bytes) {
        loop {
            if let NetworkEvent::Message { plane, peer, bytes } = self.event().await {
                return (plane, peer, bytes);
            }
        }
    }

    /// Takes events until this peer is disconnected.
    pub(crate) async fn disconnected(&mut self, from: Plane, whom: PeerId) {
        loop {
            if let NetworkEvent::Disconnected { plane, peer } = self.event().await
                && (plane, peer) == (from, whom)
            {
                return;
            }
        }
    }

    /// The sum of a metric over all label sets that contain these values.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == name);
        let metrics = family
            .flat_map(|family| family.get_metric())
            .filter(|metric| {
                labels.iter().all(|wanted| {
                    metric
                        .get_label()
                        .iter()
                        .any(|label| label.value() == *wanted)
                })
            });
        metrics
            .map(|m| m.get_counter().get_value() + m.get_gauge().get_value())
            .sum()
    }

    /// Waits until a metric reaches a value.
    pub(crate) async fn metric_reaches(&self, name: &str, labels: &[&str], value: f64) {
        until(&format!("{name} {labels:?} to reach {value}"), || {
            self.metric(name, labels) >= value
        })
        .await;
    }

    /// On how many planes this peer is connected.
    pub(crate) fn planes_with(&self, peer: PeerId) -> usize {
        let status = self
            .network
            .peers()
            .into_iter()
            .find(|status| status.peer == peer);
        status.map_or(0, |s| {
            usize::from(s.consensus.is_some()) + usize::from(s.data.is_some())
        })
    }
}

/// Looks again and again until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let looking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !holds() {
            ticks.tick().await;
        }
    };
    assert!(
        timeout(PATIENCE, looking).await.is_ok(),
        "waited in vain for {what}"
    );
}

/// Makes each node a peer of all others.
pub(crate) fn introduce(nodes: &[Node]) {
    let all: Vec<_> = nodes.iter().map(Node::as_peer).collect();
    nodes
        .iter()
        .for_each(|node| node.network.set_peers(all.clone()));
}

/// Nodes that know each other and are connected on both planes.
pub(crate) async fn connected_nodes(configs: Vec<NetworkConfig>) -> Vec<Node> {
    let mut nodes = Vec::new();
    for config in configs {
        nodes.push(Node::start(config).await);
    }
    introduce(&nodes);
    let peers = nodes.len() - 1;
    for node in &mut nodes {
        node.connected(2 * peers).await;
    }
    nodes
}
