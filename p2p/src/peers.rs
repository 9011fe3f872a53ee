//! What the driver of a plane remembers of each peer and each connection.

use std::convert::Infallible;

use libp2p::{PeerId, swarm::ConnectionId};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

use crate::dialing::Dialing;

/// A listed peer.
pub(crate) struct Peer {
    /// The connection that carries messages.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) dialing: Dialing,
    /// The session of the last connection, while it may still have events to tell.
    pub(crate) previous: Option<JoinHandle<()>>,
}

/// A connection, from its establishment until it is closed.
pub(crate) struct Connection {
    pub(crate) peer: PeerId,
    pub(crate) dialled_by_us: bool,
    pub(crate) since: Instant,
    /// When it has to be closed or replaced next; `None` once it is being closed.
    pub(crate) deadline: Option<Deadline>,
    pub(crate) session: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
}

/// A point in time at which a connection is closed, and why.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) what: Due,
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Both streams open, or it is closed.
    Link,
    /// Replaced to get fresh keys.
    Replace,
}
