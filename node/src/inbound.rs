//! Takes what the network brings and hands it to whoever deals with it. Nothing here waits for
//! anyone: a queue that is full costs the sender its message, never others theirs.

use crate::committee::Committee;
use crate::driver::DriverInput;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::serve::Answers;
use crate::sync::SyncHandle;
use crate::wire::DataMessage;
use bytes::Bytes;
use cairn_consensus::{Input, Message};
use cairn_p2p::{NetworkEvent, PeerId, Plane};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;

/// Consensus messages of one peer that may wait to be checked.
const MESSAGES: usize = 1_024;
/// Batches of transactions of one peer that may wait to be checked.
const BATCHES: usize = 16;

/// What one peer may have waiting here: a flooder spends its own places, not others'.
#[derive(Debug)]
struct Places {
    messages: Arc<Semaphore>,
    batches: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            messages: Arc::new(Semaphore::new(MESSAGES)),
            batches: Arc::new(Semaphore::new(BATCHES)),
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct Inbound {
    /// Who is who.
    pub committee: Arc<Committee>,
    /// Takes consensus messages.
    pub driver: Sender<DriverInput>,
    /// Takes transactions.
    pub intake: Arc<Intake>,
    /// Is told how far others are.
    pub sync: SyncHandle,
    /// Answers requests.
    pub answers: Arc<Answers>,
    /// Measurements.
    pub metrics: Arc<Metrics>,
}

impl Inbound {
    /// Works until the network stops.
    pub async fn run(self, mut events: Receiver<NetworkEvent>) {
        let mut places: HashMap<PeerId, Places> = HashMap::new();
        while let Some(event) = events.recv().await {
            match event {
                NetworkEvent::Connected {
                    plane,
                    peer,
                    height,
                } => self.connected(plane, peer, height),
                NetworkEvent::Disconnected { plane, peer } => {
                    tracing::debug!(%peer, ?plane, "disconnected");
                    // Those who left the committee for good leave nothing behind.
                    places.retain(|peer, _| self.committee.id(peer).is_some());
                }
                NetworkEvent::Message { plane, peer, bytes } => {
                    // The transport lets nobody in who is not listed, so these are few.
                    let places = places.entry(peer).or_default();
                    match plane {
                        Plane::Consensus => self.consensus(peer, &bytes, &places.messages),
                        Plane::Data => self.data(peer, &bytes, &places.batches),
                    }
                }
                NetworkEvent::Request { peer, body, reply } => {
                    self.answers.answer(peer, body, reply);
                }
            }
        }
    }

    fn connected(&self, plane: Plane, peer: PeerId, height: u64) {
        tracing::debug!(%peer, ?plane, height, "connected");
        self.sync.peer_is_at(height, peer);
        if plane == Plane::Consensus
            && let Some(id) = self.committee.id(&peer)
        {
            self.tell(DriverInput::Step(Box::new(Input::PeerConnected(id))));
        }
    }

    fn consensus(&self, peer: PeerId, bytes: &Bytes, places: &Arc<Semaphore>) {
        let Some(from) = self.committee.id(&peer) else {
            return; // The transport lets validators only onto this plane; they may just have changed.
        };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            self.metrics.messages.with_label_values(&["flood"]).inc();
            return;
        };
        match Message::decode(bytes) {
            Ok(message) => self.tell(DriverInput::Received {
                from,
                message,
                place,
            }),
            Err(error) => {
                self.metrics
                    .messages
                    .with_label_values(&["malformed"])
                    .inc();
                tracing::warn!(%peer, %error, "malformed consensus message");
            }
        }
    }

    fn data(&self, peer: PeerId, bytes: &Bytes, places: &Arc<Semaphore>) {
        match DataMessage::decode(bytes) {
            Ok(DataMessage::Transactions(batch)) => self.intake.take_batch(batch, places),
            Err(error) => {
                self.metrics
                    .messages
                    .with_label_values(&["malformed"])
                    .inc();
                tracing::warn!(%peer, %error, "malformed data message");
            }
        }
    }

    fn tell(&self, input: DriverInput) {
        // A driver that is gone means that the node is stopping.
        let _stopping = self.driver.send(input);
    }
}
