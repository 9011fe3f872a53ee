//! One connection's life after its streams are open: hello, then messages both ways until it ends.
//!
//! All of it is one task. Messages are read only as fast as the node takes them; a node that
//! does not take any stops the reading and nothing else. Each side acknowledges what its node has
//! taken, at least at every heartbeat, so that a peer which is gone without a word is noticed.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, future::try_join};
use libp2p::{PeerId, swarm::ConnectionId};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    config::{Limits, Plane},
    error::{FrameError, HelloError},
    event::NetworkEvent,
    frame::{read_ack, read_frame, write_ack, write_frames},
    hello::{Hello, MAX_HELLO_BYTES},
    link::Streams,
    metrics::Metrics,
    outbox::Outbox,
    rate::TokenBucket,
};

/// How long an acknowledgement may wait for more messages to share it. All that waiting costs is that the sender keeps
/// its messages for longer, and sends them once more should the connection be replaced meanwhile.
const ACK_DELAY: Duration = Duration::from_secs(2);
/// An acknowledgement goes out at once for this many messages, or bytes.
const ACK_MESSAGES: u64 = 64;
const ACK_BYTES: u64 = 1 << 20;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("closed by this node")]
    Cancelled,
    #[error("no hello in {0:?}")]
    NoHello(Duration),
    #[error(transparent)]
    Hello(#[from] HelloError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the peer acknowledged {0} messages, more than were sent")]
    Acknowledged(u64),
    #[error("the peer was silent for {0:?}")]
    Silent(Duration),
    #[error("the node takes no more events")]
    NodeGone,
}

/// What a session tells the plane's driver.
#[derive(Debug)]
pub(crate) enum SessionNews {
    /// The peer has said hello.
    Up {
        connection: ConnectionId,
        height: u64,
    },
    /// The session is over and its connection can be closed.
    Ended {
        connection: ConnectionId,
        why: SessionError,
    },
}

/// All that a session needs to know.
pub(crate) struct Session {
    pub(crate) connection: ConnectionId,
    pub(crate) plane: Plane,
    pub(crate) peer: PeerId,
    pub(crate) hello: Hello,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) events: mpsc::Sender<NetworkEvent>,
    pub(crate) news: mpsc::UnboundedSender<SessionNews>,
}

/// How far reading has come, for whoever acknowledges.
#[derive(Default)]
struct Taken {
    messages: AtomicU64,
    bytes: AtomicU64,
    news: Notify,
}

impl Session {
    /// Runs until the connection ends or `cancel` is dropped. Events wait for `previous`, the last session with
    /// the same peer, so that the node sees one end before the next begins.
    pub(crate) async fn run(
        self,
        streams: Streams,
        previous: Option<JoinHandle<()>>,
        mut cancel: oneshot::Receiver<Infallible>,
    ) {
        let Streams {
            mut inbound,
            mut outbound,
        } = streams;
        let patience = self.limits.handshake_timeout;
        let hello = tokio::select! {
            _ = &mut cancel => Err(SessionError::Cancelled),
            hello = timeout(patience, self.exchange_hello(&mut inbound, &mut outbound)) =>
                hello.unwrap_or(Err(SessionError::NoHello(patience))),
        };
        if let Some(previous) = previous {
            // It fails only if that session panicked or was aborted; either way it is over.
            let _ = previous.await;
        }
        let height = match hello {
            Ok(hello) => hello.height,
            Err(why) => return self.ended(why),
        };
        let _ = self.news.send(SessionNews::Up {
            connection: self.connection,
            height,
        });
        self.outbox.open(Instant::now());
        let connected = NetworkEvent::Connected {
            plane: self.plane,
            peer: self.peer,
            height,
        };
        let announced = std::sync::atomic::AtomicBool::new(false);
        let why = tokio::select! {
            biased;
            _ = &mut cancel => SessionError::Cancelled,
            Err(why) = self.carry(inbound, outbound, connected, &announced) => why,
        };
        self.outbox.close(Instant::now());
        self.ended(why);
        if announced.into_inner() {
            // A node that is gone needs no farewell.
            let _ = self
                .events
                .send(NetworkEvent::Disconnected {
                    plane: self.plane,
                    peer: self.peer,
                })
                .await;
        }
    }

    fn ended(&self, why: SessionError) {
        let _ = self.news.send(SessionNews::Ended {
            connection: self.connection,
            why,
        });
    }

    async fn exchange_hello<S>(
        &self,
        inbound: &mut S,
        outbound: &mut S,
    ) -> Result<Hello, SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let ours = [Bytes::from(self.hello.encode())];
        let mut scratch = Vec::new();
        let (theirs, ()) = try_join(
            read_frame(inbound, MAX_HELLO_BYTES),
            write_frames(outbound, &ours, &mut scratch),
        )
        .await?;
        Ok(self.hello.accept(&theirs)?)
    }

    async fn carry<S>(
        &self,
        inbound: S,
        outbound: S,
        connected: NetworkEvent,
        announced: &std::sync::atomic::AtomicBool,
    ) -> Result<Infallible, SessionError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (messages_in, acks_out) = inbound.split();
        let (acks_in, messages_out) = outbound.split();
        let taken = Taken::default();
        let reading = async {
            self.events
                .send(connected)
                .await
                .map_err(|_| SessionError::NodeGone)?;
            announced.store(true, Ordering::Relaxed);
            self.read_messages(messages_in, &taken).await
        };
        tokio::select! {
            end = reading => end,
            end = self.write_acks(acks_out, &taken) => end,
            end = self.write_messages(messages_out) => end,
            end = self.read_acks(acks_in) => end,
        }
    }

    async fn read_messages<R>(&self, mut io: R, taken: &Taken) -> Result<Infallible, SessionError>
    where
        R: AsyncRead + Unpin,
    {
        let limits = self.limits.plane(self.plane);
        let metrics = self.metrics.plane(self.plane);
        let now = Instant::now();
        let mut messages = TokenBucket::new(limits.messages_per_second, now);
        let mut bytes = TokenBucket::new(limits.bytes_per_second, now);
        loop {
            let message = read_frame(&mut io, limits.message_bytes)
                .await
                .inspect_err(|error| {
                    if matches!(error, FrameError::TooLong { .. }) {
                        metrics.overlong_frames.inc();
                    }
                })?;
            let len = message.len() as u64;
            let now = Instant::now();
            let wait = messages.take(1, now).max(bytes.take(len, now));
            if wait > Duration::ZERO {
                metrics.throttled.inc();
                sleep(wait).await;
            }
            metrics.messages_received.inc();
            metrics.bytes_received.inc_by(len);
            let event = NetworkEvent::Message {
                plane: self.plane,
                peer: self.peer,
                bytes: message,
            };
            self.events
                .send(event)
                .await
                .map_err(|_| SessionError::NodeGone)?;
            taken.messages.fetch_add(1, Ordering::Relaxed);
            taken.bytes.fetch_add(len, Ordering::Relaxed);
            taken.news.notify_one();
        }
    }

    async fn write_acks<W>(&self, mut io: W, taken: &Taken) -> Result<Infallible, SessionError>
    where
        W: AsyncWrite + Unpin,
    {
        let (mut messages, mut bytes) = (0, 0);
        loop {
            // Elapsing is the heartbeat: the same count is said again.
            let _ = timeout(
                self.limits.heartbeat,
                taken.wait_for(messages + 1, u64::MAX),
            )
            .await;
            if taken.messages.load(Ordering::Relaxed) > messages {
                let _ = timeout(
                    ACK_DELAY,
                    taken.wait_for(messages + ACK_MESSAGES, bytes + ACK_BYTES),
                )
                .await;
            }
            messages = taken.messages.load(Ordering::Relaxed);
            bytes = taken.bytes.load(Ordering::Relaxed);
            write_ack(&mut io, messages).await?;
        }
    }

    async fn write_messages<W>(&self, mut io: W) -> Result<Infallible, SessionError>
    where
        W: AsyncWrite + Unpin,
    {
        let metrics = self.metrics.plane(self.plane);
        let (mut batch, mut scratch) = (Vec::new(), Vec::new());
        loop {
            self.outbox.next_batch(&mut batch).await;
            write_frames(&mut io, &batch, &mut scratch).await?;
            metrics.messages_sent.inc_by(batch.len() as u64);
            metrics
                .bytes_sent
                .inc_by(batch.iter().map(|m| m.len() as u64).sum());
        }
    }

    async fn read_acks<R>(&self, mut io: R) -> Result<Infallible, SessionError>
    where
        R: AsyncRead + Unpin,
    {
        let patience = self.limits.heartbeat.saturating_mul(3);
        loop {
            let count = timeout(patience, read_ack(&mut io))
                .await
                .map_err(|_| SessionError::Silent(patience))??;
            if !self.outbox.acknowledge(count) {
                return Err(SessionError::Acknowledged(count));
            }
        }
    }
}

impl Taken {
    /// Returns once so many messages, or so many bytes, have been taken.
    async fn wait_for(&self, messages: u64, bytes: u64) {
        while self.messages.load(Ordering::Relaxed) < messages
            && self.bytes.load(Ordering::Relaxed) < bytes
        {
            self.news.notified().await;
        }
    }
}
