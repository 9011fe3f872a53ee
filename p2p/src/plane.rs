//! The driver of one plane: it owns the swarm, dials, decides between two connections with one
//! peer, replaces connections when their keys are old, and passes requests. It never waits for
//! the node, nor for a peer.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use libp2p::{
    PeerId, Swarm,
    core::transport::ListenerId,
    swarm::{
        ConnectionId, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use crate::{
    config::Plane,
    dialing::{DialSlots, Dialing, jitter},
    error::{FrameError, RequestError},
    event::NetworkEvent,
    exchange::Exchange,
    link::{LinkEvent, LinkOutcome, Streams},
    peers::{Connection, Deadline, Due, Peer},
    session::{Session, SessionError, SessionNews},
    shared::Shared,
    swarm::{self, Behaviour, BehaviourEvent},
};

/// What the handle asks of a driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// The list of peers is another one now.
    PeersChanged,
    /// Ask a peer something (data plane only).
    Request {
        to: PeerId,
        body: Bytes,
        reply: oneshot::Sender<Result<Bytes, RequestError>>,
    },
    /// Close everything and end.
    ShutDown,
}

pub(crate) struct Driver {
    plane: Plane,
    shared: Arc<Shared>,
    swarm: Swarm<Behaviour>,
    listener: ListenerId,
    listen: SocketAddr,
    bound: Option<oneshot::Sender<Result<SocketAddr, String>>>,
    peers: BTreeMap<PeerId, Peer>,
    /// Sessions with peers that are not listed any more, which may still have their end to tell: should the peer
    /// come back, that goes first.
    leaving: BTreeMap<PeerId, JoinHandle<()>>,
    connections: BTreeMap<ConnectionId, Connection>,
    slots: DialSlots,
    exchange: Exchange,
    events: mpsc::Sender<NetworkEvent>,
    commands: mpsc::UnboundedReceiver<Command>,
    news: (
        mpsc::UnboundedSender<SessionNews>,
        mpsc::UnboundedReceiver<SessionNews>,
    ),
}

impl Driver {
    /// A driver whose swarm listens. `bound` is told the address once there is one.
    pub(crate) fn new(
        plane: Plane,
        shared: Arc<Shared>,
        mut swarm: Swarm<Behaviour>,
        listen: SocketAddr,
        bound: oneshot::Sender<Result<SocketAddr, String>>,
        events: mpsc::Sender<NetworkEvent>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<Self, String> {
        let listener = swarm
            .listen_on(swarm::multiaddr(listen))
            .map_err(|e| e.to_string())?;
        let limits = &shared.limits;
        let slots = DialSlots::new(limits.dials_at_once, limits.handshake_timeout / 2);
        let exchange = Exchange::new(shared.clone(), events.clone());
        let mut driver = Self {
            plane,
            shared,
            swarm,
            listener,
            listen,
            bound: Some(bound),
            peers: BTreeMap::new(),
            leaving: BTreeMap::new(),
            connections: BTreeMap::new(),
            slots,
            exchange,
            events,
            commands,
            news: mpsc::unbounded_channel(),
        };
        driver.update_peers(Instant::now());
        Ok(driver)
    }

    pub(crate) async fn run(mut self) {
        loop {
            let wake = self.next_deadline();
            tokio::select! {
                command = self.commands.recv() => match command {
                    None | Some(Command::ShutDown) => break,
                    Some(Command::PeersChanged) => self.update_peers(Instant::now()),
                    Some(Command::Request { to, body, reply }) => {
                        self.exchange.request(self.swarm.behaviour_mut().requests.as_mut(), to, body, reply);
                    }
                },
                Some(news) = self.news.1.recv() => self.on_session(news),
                answer = self.exchange.next_answer() => {
                    self.exchange.answer(self.swarm.behaviour_mut().requests.as_mut(), answer);
                }
                event = self.swarm.select_next_some() => self.on_swarm(event),
                () = sleep_until(wake) => {}
            }
            self.act_on_deadlines(Instant::now());
        }
        for connection in self.connections.into_values() {
            if let Some((_, task)) = connection.session {
                task.abort();
            }
            self.shared.session_down(self.plane, connection.peer);
        }
        let previous = self.peers.into_values().filter_map(|peer| peer.previous);
        for task in previous.chain(self.leaving.into_values()) {
            task.abort();
        }
    }

    fn update_peers(&mut self, now: Instant) {
        let listed = self.shared.allow.snapshot();
        let gone: Vec<_> = self
            .peers
            .keys()
            .filter(|peer| !listed.contains_key(peer))
            .copied()
            .collect();
        for peer in gone {
            if let Some(id) = self.peers.get(&peer).and_then(|p| p.connection) {
                tracing::info!(plane = %self.plane, %peer, "peer is not listed any more, closing its connection");
                self.close(id, now);
            }
            if let Some(task) = self.peers.remove(&peer).and_then(|state| state.previous) {
                self.leaving.insert(peer, task);
            }
        }
        self.leaving.retain(|_, task| !task.is_finished());
        for &peer in listed.keys() {
            let lower = self.shared.local < peer;
            let leaving = &mut self.leaving;
            self.peers.entry(peer).or_insert_with(|| Peer {
                connection: None,
                dialing: Dialing::new(lower, now),
                previous: leaving.remove(&peer),
            });
        }
    }

    fn next_deadline(&self) -> Instant {
        let dials = self.peers.values().filter_map(|peer| {
            let due = peer.dialing.next()?;
            Some(self.slots.earliest(due))
        });
        let connections = self
            .connections
            .values()
            .filter_map(|c| c.deadline.map(|d| d.at));
        dials
            .chain(connections)
            .min()
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600))
    }

    fn act_on_deadlines(&mut self, now: Instant) {
        let due: Vec<_> = self
            .connections
            .iter()
            .filter_map(|(id, c)| {
                c.deadline
                    .filter(|d| d.at <= now)
                    .map(|d| (*id, c.peer, d.what))
            })
            .collect();
        for (id, peer, what) in due {
            match what {
                Due::Link => {
                    tracing::debug!(plane = %self.plane, %peer, "no streams in time, closing")
                }
                Due::Replace => {
                    tracing::debug!(plane = %self.plane, %peer, "replacing the connection for fresh keys");
                    self.shared.metrics.plane(self.plane).rekeys.inc();
                }
            }
            self.close(id, now);
        }
        self.dial_due(now);
    }

    /// Dials the peers that are due, the longest due first, as many as there are slots.
    fn dial_due(&mut self, now: Instant) {
        let mut due: Vec<_> = self
            .peers
            .iter()
            .filter_map(|(peer, state)| state.dialing.next().map(|at| (at, *peer)))
            .filter(|(at, _)| *at <= now)
            .collect();
        if due.is_empty() {
            return;
        }
        due.sort_unstable();
        let listed = self.shared.allow.snapshot();
        for (_, peer) in due.into_iter().take(self.slots.free(now)) {
            let (Some(config), Some(state)) = (listed.get(&peer), self.peers.get_mut(&peer)) else {
                continue;
            };
            let Some(address) = config.address(self.plane) else {
                // Looked at again now and then: a changed list may say where it is.
                state.dialing.dialled(now);
                state.dialing.failed(now);
                continue;
            };
            state.dialing.dialled(now);
            let dial = DialOpts::peer_id(peer)
                .addresses(vec![swarm::multiaddr(address)])
                .condition(PeerCondition::Always)
                .allocate_new_port()
                .build();
            let id = dial.connection_id();
            match self.swarm.dial(dial) {
                Ok(()) => self.slots.take(id, now),
                Err(error) => {
                    tracing::debug!(plane = %self.plane, %peer, %error, "cannot dial");
                    state.dialing.failed(now);
                }
            }
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Link(LinkEvent {
                connection,
                outcome,
            })) => match outcome {
                LinkOutcome::Open(streams) => self.start_session(connection, *streams, now),
                LinkOutcome::Failed(why) => {
                    tracing::debug!(plane = %self.plane, %why, "no stream to the peer, closing");
                    self.close(connection, now);
                }
            },
            SwarmEvent::Behaviour(BehaviourEvent::Requests(event)) => {
                self.exchange
                    .on_event(self.swarm.behaviour_mut().requests.as_mut(), event);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Admission(never)) => match never {},
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_established(connection_id, peer_id, endpoint.is_dialer(), now);
            }
            SwarmEvent::ConnectionClosed {
                connection_id,
                peer_id,
                cause,
                ..
            } => {
                tracing::debug!(plane = %self.plane, peer = %peer_id, ?cause, "connection closed");
                self.detach(connection_id, now);
                self.connections.remove(&connection_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                peer_id,
                error,
            } => {
                self.slots.release(connection_id);
                tracing::debug!(plane = %self.plane, peer = ?peer_id, %error, "dial failed");
                self.shared.metrics.plane(self.plane).dial_failures.inc();
                let peer = peer_id.and_then(|peer| self.peers.get_mut(&peer));
                if let Some(peer) = peer.filter(|p| p.connection.is_none()) {
                    peer.dialing.failed(now);
                }
            }
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => {
                tracing::debug!(plane = %self.plane, from = %send_back_addr, %error, "inbound connection failed");
                self.shared.metrics.plane(self.plane).inbound_failures.inc();
            }
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } if listener_id == self.listener => {
                if let Some(port) = swarm::port(&address) {
                    self.tell_bound(Ok(SocketAddr::new(self.listen.ip(), port)));
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(plane = %self.plane, %error, "listener");
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                reason,
                ..
            } if listener_id == self.listener => {
                tracing::error!(plane = %self.plane, ?reason, "listener closed: no peer can connect to this node");
                self.tell_bound(Err(format!("{reason:?}")));
            }
            _ => {}
        }
    }

    fn tell_bound(&mut self, result: Result<SocketAddr, String>) {
        if let Ok(address) = result {
            self.shared.set_listening(self.plane, address);
        }
        if let Some(bound) = self.bound.take() {
            // Nobody waits any more when starting was given up.
            let _ = bound.send(result);
        }
    }

    /// A connection is there. When the peer has another: two that were dialled from both sides at once
    /// are settled the same way at both ends, the lower PeerId's stays; otherwise the peer would not
    /// have connected anew unless it had lost the old one.
    fn on_established(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        dialled_by_us: bool,
        now: Instant,
    ) {
        let deadline = Deadline {
            at: now + self.shared.limits.handshake_timeout,
            what: Due::Link,
        };
        let connection = Connection {
            peer,
            dialled_by_us,
            since: now,
            deadline: Some(deadline),
            session: None,
        };
        self.connections.insert(id, connection);
        let Some(state) = self.peers.get_mut(&peer) else {
            return self.close(id, now);
        };
        if let Some(old) = state.connection {
            let keep_old = self.connections.get(&old).is_some_and(|old| {
                let at_once =
                    now.saturating_duration_since(old.since) < self.shared.limits.handshake_timeout;
                let by_lower = old.dialled_by_us == (self.shared.local < peer);
                at_once && old.dialled_by_us != dialled_by_us && by_lower
            });
            if keep_old {
                return self.close(id, now);
            }
            self.close(old, now);
        }
        if let Some(state) = self.peers.get_mut(&peer) {
            state.connection = Some(id);
            state.dialing.connected();
        }
    }

    fn start_session(&mut self, id: ConnectionId, streams: Streams, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let peer = connection.peer;
        let Some(state) = self
            .peers
            .get_mut(&peer)
            .filter(|state| state.connection == Some(id))
        else {
            return;
        };
        let Some(outbox) = self.shared.outboxes(self.plane).get(&peer).cloned() else {
            return self.close(id, now);
        };
        // The dialler replaces; the other side closes only what is too old whatever happens.
        let rekey = &self.shared.rekey;
        let age = if connection.dialled_by_us {
            rekey.from + (rekey.to - rekey.from).mul_f64(jitter())
        } else {
            rekey.hard
        };
        connection.deadline = Some(Deadline {
            at: connection.since + age,
            what: Due::Replace,
        });
        let session = Session {
            connection: id,
            plane: self.plane,
            peer,
            hello: self.shared.hello(),
            limits: self.shared.limits.clone(),
            metrics: self.shared.metrics.clone(),
            outbox,
            events: self.events.clone(),
            news: self.news.0.clone(),
        };
        let (cancel, cancelled) = oneshot::channel();
        let task = tokio::spawn(session.run(streams, state.previous.take(), cancelled));
        connection.session = Some((cancel, task));
    }

    fn on_session(&mut self, news: SessionNews) {
        let now = Instant::now();
        match news {
            SessionNews::Up {
                connection: id,
                height,
            } => {
                self.slots.release(id);
                let Some(connection) = self.connections.get(&id) else {
                    return;
                };
                let Some(state) = self.peers.get_mut(&connection.peer) else {
                    return;
                };
                if state.connection == Some(id) {
                    state.dialing.established();
                    self.shared
                        .session_up(self.plane, connection.peer, connection.since, height);
                    let peer = connection.peer;
                    self.exchange
                        .peer_up(self.swarm.behaviour_mut().requests.as_mut(), peer);
                }
            }
            SessionNews::Ended {
                connection: id,
                why,
            } => {
                if let Some(connection) = self.connections.get(&id) {
                    let peer = connection.peer;
                    match why {
                        SessionError::Hello(_)
                        | SessionError::Frame(FrameError::TooLong { .. })
                        | SessionError::Acknowledged(_)
                        | SessionError::Silent(_) => {
                            tracing::warn!(plane = %self.plane, %peer, %why, "session ended");
                        }
                        _ => tracing::debug!(plane = %self.plane, %peer, %why, "session ended"),
                    }
                }
                self.close(id, now);
            }
        }
    }

    /// Closes a connection. Its peer counts as disconnected from now on, for closing can take as
    /// long as TCP does not give up.
    fn close(&mut self, id: ConnectionId, now: Instant) {
        self.detach(id, now);
        self.swarm.close_connection(id);
    }

    fn detach(&mut self, id: ConnectionId, now: Instant) {
        self.slots.release(id);
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.deadline = None;
        // Dropping the sender is what cancels the session.
        let task = connection.session.take().map(|(_cancel, task)| task);
        let Some(state) = self
            .peers
            .get_mut(&connection.peer)
            .filter(|s| s.connection == Some(id))
        else {
            return;
        };
        state.connection = None;
        if task.is_some() {
            state.previous = task;
        }
        state.dialing.disconnected(now);
        self.shared.session_down(self.plane, connection.peer);
        self.exchange.peer_down(
            self.swarm.behaviour_mut().requests.as_mut(),
            connection.peer,
        );
    }
}
