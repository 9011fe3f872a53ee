//! Which connections may begin and which may stay: a libp2p behaviour that holds no protocol, only the limits.
//!
//! A TLS server signs before it knows the client, so strangers cost something. Inbound handshakes
//! of strangers' addresses share a bounded number of slots, with a bound per address; the addresses of listed
//! peers have slots of their own, two for each peer there.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use crate::{
    allow::AllowList,
    config::{Limits, Plane},
    metrics::Metrics,
};

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{limit} inbound handshakes of strangers are under way")]
    Pending { limit: usize },
    #[error("{limit} inbound handshakes from {address} are under way")]
    PendingAddress { limit: usize, address: IpAddr },
    #[error("the connection has no IP address")]
    NoAddress,
    #[error("peer {0} is not in the list of peers")]
    NotListed(PeerId),
    #[error("{limit} connections exist")]
    Connections { limit: usize },
    #[error("{limit} connections with this peer exist")]
    ConnectionsPerPeer { limit: usize },
}

impl Refused {
    fn label(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::PendingAddress { .. } => "pending_address",
            Self::NoAddress => "no_address",
            Self::NotListed(_) => "not_listed",
            Self::Connections { .. } => "connections",
            Self::ConnectionsPerPeer { .. } => "connections_per_peer",
        }
    }
}

pub(crate) struct Admission {
    plane: Plane,
    allow: AllowList,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
    pending: BTreeMap<ConnectionId, IpAddr>,
    established: BTreeMap<ConnectionId, PeerId>,
}

impl Admission {
    pub(crate) fn new(
        plane: Plane,
        allow: AllowList,
        limits: Arc<Limits>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            plane,
            allow,
            limits,
            metrics,
            pending: BTreeMap::new(),
            established: BTreeMap::new(),
        }
    }

    fn begin(&mut self, id: ConnectionId, address: Option<IpAddr>) -> Result<(), Refused> {
        let address = address.ok_or(Refused::NoAddress)?;
        let here = self.pending.values().filter(|a| **a == address).count();
        let reserved = 2 * self.allow.peers_at(address);
        if reserved > 0 {
            if here >= reserved {
                return Err(Refused::PendingAddress {
                    limit: reserved,
                    address,
                });
            }
        } else {
            let limit = self.limits.pending_inbound_per_address;
            if here >= limit {
                return Err(Refused::PendingAddress { limit, address });
            }
            let strangers = self
                .pending
                .values()
                .filter(|a| self.allow.peers_at(**a) == 0)
                .count();
            let limit = self.limits.pending_inbound;
            if strangers >= limit {
                return Err(Refused::Pending { limit });
            }
        }
        self.pending.insert(id, address);
        Ok(())
    }

    fn establish(&mut self, id: ConnectionId, peer: PeerId) -> Result<(), Refused> {
        self.pending.remove(&id);
        // The TLS verifier has asked the same; the list may have changed since.
        if !self.allow.contains(&peer) {
            return Err(Refused::NotListed(peer));
        }
        let limit = self.limits.connections;
        if self.established.len() >= limit {
            return Err(Refused::Connections { limit });
        }
        let limit = self.limits.connections_per_peer;
        if self.established.values().filter(|p| **p == peer).count() >= limit {
            return Err(Refused::ConnectionsPerPeer { limit });
        }
        self.established.insert(id, peer);
        Ok(())
    }

    fn denied(&self, refused: Refused) -> ConnectionDenied {
        self.metrics.connection_refused(self.plane, refused.label());
        ConnectionDenied::new(refused)
    }
}

/// The IP address in a multiaddress.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    })
}

impl NetworkBehaviour for Admission {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.begin(id, ip(remote))
            .map_err(|refused| self.denied(refused))
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.establish(id, peer)
            .map_err(|refused| self.denied(refused))?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.establish(id, peer)
            .map_err(|refused| self.denied(refused))?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(closed) => {
                self.established.remove(&closed.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                self.pending.remove(&failure.connection_id);
                self.established.remove(&failure.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.established.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::PeerConfig;
    use cairn_crypto::SigningKey;

    fn peer(address: &str) -> PeerConfig {
        let addr = format!("{address}:1").parse().unwrap();
        let peer = crate::peer_id(SigningKey::generate().unwrap().public_key());
        PeerConfig {
            peer,
            consensus_addr: Some(addr),
            data_addr: Some(addr),
        }
    }

    fn admission(peers: Vec<PeerConfig>) -> Admission {
        let limits = Limits {
            pending_inbound: 6,
            connections: 3,
            connections_per_peer: 2,
            ..Limits::default()
        };
        Admission::new(
            Plane::Data,
            AllowList::new(peers),
            Arc::new(limits),
            Arc::new(Metrics::new()),
        )
    }

    fn id(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn one_strangers_address_cannot_take_all_slots_nor_all_strangers_those_of_peers() {
        let mut admission = admission(vec![peer("10.0.0.1"), peer("10.0.0.1")]);
        let stranger = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        (0..4).for_each(|n| admission.begin(id(n), stranger(1)).unwrap());
        assert!(matches!(
            admission.begin(id(4), stranger(1)),
            Err(Refused::PendingAddress { limit: 4, .. })
        ));
        (5..7).for_each(|n| admission.begin(id(n), stranger(2)).unwrap());
        assert_eq!(
            admission.begin(id(7), stranger(3)),
            Err(Refused::Pending { limit: 6 })
        );
        let listed = Some(IpAddr::from([10, 0, 0, 1]));
        (10..14).for_each(|n| admission.begin(id(n), listed).unwrap());
        assert!(matches!(
            admission.begin(id(14), listed),
            Err(Refused::PendingAddress { limit: 4, .. })
        ));
        assert_eq!(admission.begin(id(15), None), Err(Refused::NoAddress));
    }

    #[test]
    fn established_connections_are_bounded_per_peer_and_in_all_and_listed_peers_only() {
        let (a, b) = (peer("10.0.0.1"), peer("10.0.0.2"));
        let mut admission = admission(vec![a.clone(), b.clone()]);
        admission.establish(id(1), a.peer).unwrap();
        admission.establish(id(2), a.peer).unwrap();
        assert_eq!(
            admission.establish(id(3), a.peer),
            Err(Refused::ConnectionsPerPeer { limit: 2 })
        );
        admission.establish(id(4), b.peer).unwrap();
        assert_eq!(
            admission.establish(id(5), b.peer),
            Err(Refused::Connections { limit: 3 })
        );
        let stranger = peer("10.0.0.3").peer;
        assert_eq!(
            admission.establish(id(6), stranger),
            Err(Refused::NotListed(stranger))
        );
    }
}
