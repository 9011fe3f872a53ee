//! Two long-lived streams per connection, one in each direction: a libp2p behaviour that opens the outbound one,
//! takes the inbound one, and hands both over together.
//!
//! libp2p-stream does the opening too, but drops inbound streams when many arrive at once (its channel has one
//! slot) and cannot say which connection a stream belongs to, which replacing connections needs.

use std::{
    collections::VecDeque,
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/cairn/link/1");

/// Both streams of a connection.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) inbound: Stream,
    pub(crate) outbound: Stream,
}

/// What the link of a connection came to.
#[derive(Debug)]
pub(crate) enum LinkOutcome {
    Open(Box<Streams>),
    Failed(String),
}

/// The outcome, and for which connection.
#[derive(Debug)]
pub(crate) struct LinkEvent {
    pub(crate) connection: ConnectionId,
    pub(crate) outcome: LinkOutcome,
}

pub(crate) struct Link {
    timeout: Duration,
    events: VecDeque<LinkEvent>,
}

impl Link {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            events: VecDeque::new(),
        }
    }

    fn handler(&self) -> LinkHandler {
        LinkHandler {
            timeout: self.timeout,
            requested: false,
            inbound: None,
            outbound: None,
            failed: None,
            done: false,
        }
    }
}

impl NetworkBehaviour for Link {
    type ConnectionHandler = LinkHandler;
    type ToSwarm = LinkEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        connection: ConnectionId,
        outcome: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(LinkEvent {
            connection,
            outcome,
        });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, |event| {
            Poll::Ready(ToSwarm::GenerateEvent(event))
        })
    }
}

pub(crate) struct LinkHandler {
    timeout: Duration,
    requested: bool,
    inbound: Option<Stream>,
    outbound: Option<Stream>,
    failed: Option<String>,
    done: bool,
}

impl LinkHandler {
    fn protocol(&self) -> SubstreamProtocol<ReadyUpgrade<StreamProtocol>> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()).with_timeout(self.timeout)
    }
}

impl ConnectionHandler for LinkHandler {
    type FromBehaviour = Infallible;
    type ToBehaviour = LinkOutcome;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        self.protocol()
    }

    /// Connections are closed by their age, their peer or a limit, never for being idle.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        if !self.requested {
            self.requested = true;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: self.protocol(),
            });
        }
        if self.done {
            return Poll::Pending;
        }
        let outcome = match (
            self.failed.take(),
            self.inbound.take(),
            self.outbound.take(),
        ) {
            (Some(why), _, _) => LinkOutcome::Failed(why),
            (None, Some(inbound), Some(outbound)) => {
                LinkOutcome::Open(Box::new(Streams { inbound, outbound }))
            }
            (None, inbound, outbound) => {
                (self.inbound, self.outbound) = (inbound, outbound);
                return Poll::Pending;
            }
        };
        self.done = true;
        Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome))
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            // A second inbound stream is dropped, which resets it: one is all that a peer needs.
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) if self.inbound.is_none() && !self.done => {
                self.inbound = Some(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol, ..
            }) => {
                self.outbound = Some(protocol);
            }
            ConnectionEvent::DialUpgradeError(error) => self.failed = Some(error.error.to_string()),
            _ => {}
        }
    }
}
