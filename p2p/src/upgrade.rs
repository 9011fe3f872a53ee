//! `/cairn/pq-tls/1`: the security upgrade that stands where libp2p would use noise.
//!
//! The TLS is that of `cairn-tls`: ML-KEM-1024, AES-256-GCM, and ML-DSA-87 raw public keys on both
//! sides. This is what libp2p needs around it: the PeerId, the list of peers as the policy that the
//! verifier asks, and a protocol name in ALPN that carries the plane and the chain, on which both sides insist.

use std::sync::Arc;

use cairn_crypto::{Digest, PublicKey, SigningKey};
use cairn_tls::{
    HandshakeError, PeerPolicy, TlsError, client_config, negotiated, peer_key, server_config,
    server_name,
};
use futures::{
    AsyncRead, AsyncWrite, FutureExt,
    future::BoxFuture,
    io::{BufReader, BufWriter},
};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use libp2p::{
    PeerId,
    core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
};

use crate::{allow::AllowList, config::Plane, identity::peer_id, metrics::Metrics};

/// The upgrade's name in multistream-select.
pub const PROTOCOL: &str = "/cairn/pq-tls/1";

/// The one protocol name that both sides insist on: `cairn/1/<plane>/<chain id in hex>`.
pub fn alpn(plane: Plane, chain_id: &Digest) -> String {
    format!("cairn/1/{plane}/{chain_id}")
}

/// What a finished handshake leaves: TLS between two buffers. The one above it puts a yamux header and its body
/// into one record and one write; the one below it takes from the socket what has arrived in one read, where rustls
/// alone would take 4 KiB at a time.
pub type SecureStream<T> = BufWriter<TlsStream<BufReader<T>>>;

/// Size of each buffer: the largest yamux frame and the largest TLS record, 16 KiB, with their headers.
const BUFFER_BYTES: usize = (16 << 10) + 256;

impl PeerPolicy for AllowList {
    fn allows(&self, key: &PublicKey) -> bool {
        self.contains(&peer_id(key))
    }
}

/// One node's side of the handshake on one plane. Clones share their configuration.
#[derive(Clone)]
pub struct PqTls {
    connector: TlsConnector,
    acceptor: TlsAcceptor,
    alpn: Arc<str>,
    plane: Plane,
    metrics: Arc<Metrics>,
}

impl PqTls {
    /// The handshake of the node `identity` with the listed peers, on one plane of one chain.
    ///
    /// # Errors
    /// [`TlsError::Configuration`] when rustls refuses the configuration.
    pub fn new(
        identity: &SigningKey,
        chain_id: &Digest,
        plane: Plane,
        allow: AllowList,
    ) -> Result<Self, TlsError> {
        Self::with_metrics(identity, chain_id, plane, allow, Arc::new(Metrics::new()))
    }

    pub(crate) fn with_metrics(
        identity: &SigningKey,
        chain_id: &Digest,
        plane: Plane,
        allow: AllowList,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        let policy: Arc<dyn PeerPolicy> = Arc::new(allow);
        let alpn = alpn(plane, chain_id);
        let client = client_config(Some(identity), policy.clone(), alpn.as_bytes())?;
        let server = server_config(identity, Some(policy), alpn.as_bytes())?;
        Ok(Self {
            connector: client.into(),
            acceptor: server.into(),
            alpn: alpn.into(),
            plane,
            metrics,
        })
    }

    /// Answers a handshake.
    ///
    /// # Errors
    /// Every way in which the peer can be the wrong one, by name.
    pub async fn accept<T>(&self, io: T) -> Result<(PeerId, SecureStream<T>), HandshakeError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted = self.acceptor.accept(buffered(io)).await;
        self.finish(accepted.map(TlsStream::Server))
    }

    /// Begins a handshake.
    ///
    /// In TLS 1.3 the dialler is done before the peer has seen its key: a success here does not say
    /// that the peer accepts us. The hello does.
    ///
    /// # Errors
    /// Every way in which the peer can be the wrong one, by name.
    pub async fn connect<T>(&self, io: T) -> Result<(PeerId, SecureStream<T>), HandshakeError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let connected = self.connector.connect(server_name(), buffered(io)).await;
        self.finish(connected.map(TlsStream::Client))
    }

    fn finish<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: std::io::Result<TlsStream<BufReader<T>>>,
    ) -> Result<(PeerId, SecureStream<T>), HandshakeError> {
        let alpn = self.alpn.as_bytes();
        stream
            .map_err(|error| HandshakeError::new(error, alpn))
            .and_then(|stream| {
                let connection = stream.get_ref().1;
                negotiated(connection, alpn)?;
                let peer = peer_id(&peer_key(connection)?);
                Ok((peer, BufWriter::with_capacity(BUFFER_BYTES, stream)))
            })
            .inspect_err(|error| self.metrics.handshake_failed(self.plane, error.label()))
    }
}

fn buffered<T: AsyncRead>(io: T) -> BufReader<T> {
    BufReader::with_capacity(BUFFER_BYTES, io)
}

impl UpgradeInfo for PqTls {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(PROTOCOL)
    }
}

impl<T> InboundConnectionUpgrade<T> for PqTls
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = (PeerId, SecureStream<T>);
    type Error = HandshakeError;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, io: T, _: Self::Info) -> Self::Future {
        async move { self.accept(io).await }.boxed()
    }
}

impl<T> OutboundConnectionUpgrade<T> for PqTls
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = (PeerId, SecureStream<T>);
    type Error = HandshakeError;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, io: T, _: Self::Info) -> Self::Future {
        async move { self.connect(io).await }.boxed()
    }
}
