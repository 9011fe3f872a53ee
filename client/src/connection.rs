//! Connections to one node: TLS, HTTP/1.1 with keep-alive, and a pool of those that are idle.

use crate::{CallError, Endpoint};
use bytes::Bytes;
use cairn_crypto::Digest;
use cairn_tls::HandshakeError;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Time for TCP to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Time for the TLS handshake, which the node limits to the same.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Nodes close connections that are idle for a minute; the pool forgets them earlier.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// Most idle connections that are kept for one node.
const MAX_IDLE: usize = 256;

/// How all nodes of the chain are connected to.
pub(crate) struct Connector {
    tls: TlsConnector,
    alpn: Vec<u8>,
}

impl Connector {
    pub(crate) fn new(config: Arc<ClientConfig>, alpn: Vec<u8>) -> Self {
        Self {
            tls: TlsConnector::from(config),
            alpn,
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, CallError> {
        let address = (endpoint.host(), endpoint.port());
        let stream = timeout(CONNECT_LIMIT, TcpStream::connect(address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(CallError::Connect)?;
        stream.set_nodelay(true).map_err(CallError::Connect)?;
        let handshake = self.tls.connect(cairn_tls::server_name(), stream);
        let stream = timeout(HANDSHAKE_LIMIT, handshake)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| HandshakeError::new(error, &self.alpn))?;
        let (_, state) = stream.get_ref();
        cairn_tls::negotiated(state, &self.alpn).map_err(HandshakeError::from)?;
        let peer = cairn_tls::peer_key(state).map_err(HandshakeError::from)?;
        let (sender, driver) = Builder::new().handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // Whoever waits for an answer is told of the error; nobody else needs it.
            let _ended = driver.await;
        });
        Ok(Connection {
            sender,
            peer: peer.fingerprint(),
        })
    }
}

/// One connection, at most one request at a time.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    peer: Digest,
}

impl Connection {
    /// Fingerprint of the transport key that the node proved to hold.
    pub(crate) fn peer(&self) -> &Digest {
        &self.peer
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }
}

/// A node and its idle connections.
pub(crate) struct Node {
    endpoint: Endpoint,
    connector: Arc<Connector>,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

/// A connection to use, and whether it was used before: then it may be closed at the other end.
pub(crate) struct Taken {
    pub(crate) connection: Connection,
    pub(crate) used: bool,
}

impl Node {
    pub(crate) fn new(endpoint: Endpoint, connector: Arc<Connector>) -> Self {
        Self {
            endpoint,
            connector,
            idle: Mutex::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The connection that was idle for the shortest time, or a new one.
    pub(crate) async fn take(&self) -> Result<Taken, CallError> {
        match self.take_idle() {
            Some(connection) => Ok(Taken {
                connection,
                used: true,
            }),
            None => self.connect().await,
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Taken, CallError> {
        Ok(Taken {
            connection: self.connector.connect(&self.endpoint).await?,
            used: false,
        })
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn keep(&self, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push((connection, Instant::now()));
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((connection, since)) = idle.pop() {
            if since.elapsed() > IDLE_LIMIT {
                // Those below were idle for longer.
                idle.clear();
                return None;
            }
            if !connection.sender.is_closed() {
                return Some(connection);
            }
        }
        None
    }
}
