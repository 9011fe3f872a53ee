//! Requests on their way: ours, until their responses come, and the peers', until the node answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use libp2p::{
    PeerId,
    request_response::{Event, Message, OutboundFailure, OutboundRequestId, ResponseChannel},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    error::RequestError,
    event::NetworkEvent,
    rate::TokenBucket,
    requests::{Answer, Behaviour, Reply, Responder},
    shared::Shared,
};

/// Requests of one peer that wait for its hello.
const EARLY_REQUESTS: usize = 16;

type Waiting = oneshot::Sender<Result<Bytes, RequestError>>;

pub(crate) struct Exchange {
    shared: Arc<Shared>,
    events: mpsc::Sender<NetworkEvent>,
    outstanding: BTreeMap<OutboundRequestId, (PeerId, Waiting)>,
    up: BTreeSet<PeerId>,
    early: BTreeMap<PeerId, Vec<(Bytes, ResponseChannel<Reply>)>>,
    rates: BTreeMap<PeerId, TokenBucket>,
    answers: (
        mpsc::UnboundedSender<Answer>,
        mpsc::UnboundedReceiver<Answer>,
    ),
}

impl Exchange {
    pub(crate) fn new(shared: Arc<Shared>, events: mpsc::Sender<NetworkEvent>) -> Self {
        Self {
            shared,
            events,
            outstanding: BTreeMap::new(),
            up: BTreeSet::new(),
            early: BTreeMap::new(),
            rates: BTreeMap::new(),
            answers: mpsc::unbounded_channel(),
        }
    }

    /// The next answer that the node gives. Waits for ever when it gives none.
    pub(crate) async fn next_answer(&mut self) -> Answer {
        self.answers
            .1
            .recv()
            .await
            .expect("the sender beside it is never dropped")
    }

    /// Sends the node's answer.
    pub(crate) fn answer(&mut self, behaviour: Option<&mut Behaviour>, answer: Answer) {
        let outcome = match answer.reply {
            Reply::Body(_) => "answered",
            Reply::Refused => "refused",
        };
        self.shared.metrics.request("inbound", outcome);
        if let Some(behaviour) = behaviour {
            // It fails when the asker has gone or has given up.
            let _ = behaviour.send_response(answer.channel, answer.reply);
        }
    }

    /// Asks a peer.
    pub(crate) fn request(
        &mut self,
        behaviour: Option<&mut Behaviour>,
        to: PeerId,
        body: Bytes,
        reply: Waiting,
    ) {
        let limit = self.shared.limits.requests_per_peer;
        let at_peer = self
            .outstanding
            .values()
            .filter(|(peer, _)| *peer == to)
            .count();
        match behaviour {
            Some(behaviour) if self.up.contains(&to) && at_peer < limit => {
                let id = behaviour.send_request(&to, body);
                self.outstanding.insert(id, (to, reply));
            }
            Some(_) if at_peer >= limit => self.finish(reply, Err(RequestError::TooMany { limit })),
            _ => self.finish(reply, Err(RequestError::NotConnected(to))),
        }
    }

    /// The peer has said hello: what it asked early is asked now.
    pub(crate) fn peer_up(&mut self, behaviour: Option<&mut Behaviour>, peer: PeerId) {
        self.up.insert(peer);
        let Some(behaviour) = behaviour else { return };
        for (body, channel) in self.early.remove(&peer).unwrap_or_default() {
            self.inbound(behaviour, peer, body, channel);
        }
    }

    /// The peer's connection has ended, and with it what it asked early.
    pub(crate) fn peer_down(&mut self, behaviour: Option<&mut Behaviour>, peer: PeerId) {
        self.up.remove(&peer);
        let early = self.early.remove(&peer).unwrap_or_default();
        if let Some(behaviour) = behaviour {
            for (_, channel) in early {
                self.refuse(behaviour, channel);
            }
        }
        if !self.shared.allow.contains(&peer) {
            self.rates.remove(&peer);
        }
    }

    pub(crate) fn on_event(
        &mut self,
        behaviour: Option<&mut Behaviour>,
        event: Event<Bytes, Reply>,
    ) {
        match event {
            Event::Message {
                peer,
                message:
                    Message::Request {
                        request, channel, ..
                    },
                ..
            } => {
                let Some(behaviour) = behaviour else { return };
                if self.up.contains(&peer) {
                    return self.inbound(behaviour, peer, request, channel);
                }
                let early = self.early.entry(peer).or_default();
                if early.len() < EARLY_REQUESTS {
                    early.push((request, channel));
                } else {
                    self.refuse(behaviour, channel);
                }
            }
            Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => {
                let result = match response {
                    Reply::Body(body) => Ok(body),
                    Reply::Refused => Err(RequestError::Refused),
                };
                self.finish_id(request_id, result);
            }
            Event::OutboundFailure {
                request_id,
                peer,
                error,
                ..
            } => {
                let error = match error {
                    OutboundFailure::DialFailure => RequestError::NotConnected(peer),
                    OutboundFailure::Timeout => RequestError::TimedOut,
                    other => RequestError::Failed(other.to_string()),
                };
                self.finish_id(request_id, Err(error));
            }
            Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "a peer's request failed");
                self.shared.metrics.request("inbound", "failed");
            }
            Event::ResponseSent { .. } => {}
        }
    }

    fn inbound(
        &mut self,
        behaviour: &mut Behaviour,
        peer: PeerId,
        body: Bytes,
        channel: ResponseChannel<Reply>,
    ) {
        let now = Instant::now();
        let rate = self.shared.limits.requests_per_second;
        let within = self
            .rates
            .entry(peer)
            .or_insert_with(|| TokenBucket::new(rate, now))
            .try_take_one(now);
        match self.events.try_reserve() {
            Ok(slot) if within => {
                let reply = Responder::new(
                    channel,
                    self.answers.0.clone(),
                    self.shared.limits.response_bytes,
                );
                slot.send(NetworkEvent::Request { peer, body, reply });
            }
            // A node that is behind must not stop the swarm: the peer can ask another.
            _ => self.refuse(behaviour, channel),
        }
    }

    fn refuse(&self, behaviour: &mut Behaviour, channel: ResponseChannel<Reply>) {
        self.shared.metrics.request("inbound", "too_many");
        // It fails when the asker has gone or has given up.
        let _ = behaviour.send_response(channel, Reply::Refused);
    }

    fn finish_id(&mut self, id: OutboundRequestId, result: Result<Bytes, RequestError>) {
        if let Some((_, reply)) = self.outstanding.remove(&id) {
            self.finish(reply, result);
        }
    }

    fn finish(&self, reply: Waiting, result: Result<Bytes, RequestError>) {
        self.shared.metrics.request(
            "outbound",
            if result.is_ok() { "answered" } else { "failed" },
        );
        // The asker may have given up.
        let _ = reply.send(result);
    }
}
