//! The libp2p side of one plane: TCP, then `/cairn/pq-tls/1`, then yamux; and what runs on it.

use std::{net::SocketAddr, time::Duration};

use libp2p::{
    Multiaddr, Swarm, Transport,
    core::upgrade::Version,
    multiaddr::Protocol,
    swarm::{Config, NetworkBehaviour, behaviour::toggle::Toggle},
    tcp, yamux,
};

use crate::{
    admission::Admission, config::Plane, link::Link, requests, shared::Shared, upgrade::PqTls,
};

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    admission: Admission,
    link: Link,
    pub(crate) requests: Toggle<requests::Behaviour>,
}

/// Builds the swarm. `SwarmBuilder` cannot: it derives the PeerId from a key type of its own.
pub(crate) fn build(plane: Plane, tls: PqTls, shared: &Shared) -> Swarm<Behaviour> {
    let limits = &shared.limits;
    let requests = match plane {
        Plane::Consensus => None,
        Plane::Data => Some(requests::behaviour(limits)),
    };
    // Each direction has one link and its requests; a stream that is just closing still counts,
    // and the peer that opens one too many loses its connection, so there is room to spare.
    let streams = if requests.is_some() {
        16 + 4 * limits.requests_per_peer
    } else {
        16
    };
    let mut multiplexing = yamux::Config::default();
    multiplexing.set_max_num_streams(streams);
    let transport = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(tls)
        .multiplex(multiplexing)
        .timeout(limits.handshake_timeout)
        .boxed();
    let behaviour = Behaviour {
        admission: Admission::new(
            plane,
            shared.allow.clone(),
            limits.clone(),
            shared.metrics.clone(),
        ),
        link: Link::new(limits.handshake_timeout),
        requests: requests.into(),
    };
    // The default closes connections after 10 s without streams; ours are closed by age.
    let config = Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(24 * 3600))
        .with_max_negotiating_inbound_streams(streams);
    Swarm::new(transport, behaviour, shared.local, config)
}

/// `/ip4/../tcp/..` or `/ip6/../tcp/..`.
pub(crate) fn multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

/// The TCP port in a multiaddress.
pub(crate) fn port(address: &Multiaddr) -> Option<u16> {
    address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    })
}
