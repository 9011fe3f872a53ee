//! Requests and responses of the data plane: the size-limited codec under libp2p's request-response,
//! and the answer that the node gives.

use std::io;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    StreamProtocol,
    request_response::{self, ProtocolSupport, ResponseChannel},
};
use tokio::sync::mpsc;

use crate::{
    config::Limits,
    error::FrameError,
    frame::{read_frame, write_frames},
};

pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/cairn/request/1");

const ANSWERED: u8 = 0;
const REFUSED: u8 = 1;

/// What comes back for a request. On the wire one byte, and for a body a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Body(Bytes),
    Refused,
}

/// Reads and writes requests and responses as frames, each with its own limit.
#[derive(Clone, Debug)]
pub(crate) struct Codec {
    request_bytes: usize,
    response_bytes: usize,
}

pub(crate) type Behaviour = request_response::Behaviour<Codec>;

pub(crate) fn behaviour(limits: &Limits) -> Behaviour {
    let codec = Codec {
        request_bytes: limits.request_bytes,
        response_bytes: limits.response_bytes,
    };
    let config = request_response::Config::default()
        .with_request_timeout(limits.request_timeout)
        .with_max_concurrent_streams(2 * limits.requests_per_peer);
    Behaviour::with_codec(codec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

fn to_io(error: FrameError) -> io::Error {
    match error {
        FrameError::Io(error) => error,
        long @ FrameError::TooLong { .. } => io::Error::new(io::ErrorKind::InvalidData, long),
    }
}

impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Bytes;
    type Response = Reply;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, self.request_bytes).await.map_err(to_io)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Reply>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut status = [0];
        io.read_exact(&mut status).await?;
        match status[0] {
            ANSWERED => read_frame(io, self.response_bytes)
                .await
                .map(Reply::Body)
                .map_err(to_io),
            REFUSED => Ok(Reply::Refused),
            other => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("response status {other}"),
            )),
        }
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Bytes,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frames(io, &[request], &mut Vec::new())
            .await
            .map_err(to_io)
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        reply: Reply,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match reply {
            Reply::Body(body) => {
                io.write_all(&[ANSWERED]).await?;
                write_frames(io, &[body], &mut Vec::new())
                    .await
                    .map_err(to_io)
            }
            Reply::Refused => {
                io.write_all(&[REFUSED]).await?;
                io.flush().await
            }
        }
    }
}

/// An answer on its way to the swarm.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) channel: ResponseChannel<Reply>,
    pub(crate) reply: Reply,
}

/// Answers one request. Dropping it tells the peer that the request is refused.
#[derive(Debug)]
pub struct Responder {
    channel: Option<ResponseChannel<Reply>>,
    answers: mpsc::UnboundedSender<Answer>,
    limit: usize,
}

impl Responder {
    pub(crate) fn new(
        channel: ResponseChannel<Reply>,
        answers: mpsc::UnboundedSender<Answer>,
        limit: usize,
    ) -> Self {
        Self {
            channel: Some(channel),
            answers,
            limit,
        }
    }

    /// Sends the response. One longer than [`Limits::response_bytes`] is not sent: the peer would
    /// not read it, and is told that the request is refused.
    pub fn send(mut self, body: Bytes) {
        if body.len() <= self.limit {
            self.answer(Reply::Body(body));
        } else {
            tracing::warn!(
                len = body.len(),
                limit = self.limit,
                "response not sent: beyond the limit on responses"
            );
        }
    }

    fn answer(&mut self, reply: Reply) {
        if let Some(channel) = self.channel.take() {
            // Fails only when the network is gone, and the request with it.
            let _ = self.answers.send(Answer { channel, reply });
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.answer(Reply::Refused);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::{executor::block_on, io::Cursor};
    use libp2p::request_response::Codec as _;
    use proptest::prelude::*;

    fn codec() -> Codec {
        Codec {
            request_bytes: 100,
            response_bytes: 200,
        }
    }

    #[test]
    fn replies_are_read_as_written() {
        for reply in [
            Reply::Refused,
            Reply::Body(Bytes::new()),
            Reply::Body(Bytes::from(vec![7; 200])),
        ] {
            let mut io = Cursor::new(Vec::new());
            block_on(codec().write_response(&PROTOCOL, &mut io, reply.clone())).unwrap();
            io.set_position(0);
            assert_eq!(
                block_on(codec().read_response(&PROTOCOL, &mut io)).unwrap(),
                reply
            );
        }
    }

    #[test]
    fn overlong_requests_and_responses_and_unknown_statuses_are_refused() {
        let mut io = Cursor::new(101u32.to_be_bytes());
        assert!(block_on(codec().read_request(&PROTOCOL, &mut io)).is_err());
        let mut io = Cursor::new([&[ANSWERED][..], &201u32.to_be_bytes()].concat());
        assert!(block_on(codec().read_response(&PROTOCOL, &mut io)).is_err());
        assert!(block_on(codec().read_response(&PROTOCOL, &mut Cursor::new([2u8; 300]))).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(random in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = block_on(codec().read_request(&PROTOCOL, &mut Cursor::new(&random)));
            let _ = block_on(codec().read_response(&PROTOCOL, &mut Cursor::new(&random)));
        }
    }
}
