//! What the network tells the node.

use bytes::Bytes;
use libp2p::PeerId;

use crate::{config::Plane, requests::Responder};

/// Something that happened. For one peer on one plane the order is always `Connected`, any number of
/// `Message`s, `Disconnected`.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A peer is connected and has said hello.
    Connected {
        /// On which plane.
        plane: Plane,
        /// Which peer.
        peer: PeerId,
        /// The height that it said it is at.
        height: u64,
    },
    /// A peer's connection ended. It is dialled again without anyone asking.
    Disconnected {
        /// On which plane.
        plane: Plane,
        /// Which peer.
        peer: PeerId,
    },
    /// A message, as it was sent. After a reconnect it may arrive a second time.
    Message {
        /// On which plane.
        plane: Plane,
        /// From which peer.
        peer: PeerId,
        /// The message.
        bytes: Bytes,
    },
    /// A request on the data plane that wants an answer.
    Request {
        /// From which peer.
        peer: PeerId,
        /// The request.
        body: Bytes,
        /// Takes the answer.
        reply: Responder,
    },
}
