//! `/cairn/pq-tls/1`: the security upgrade that stands where libp2p would use noise.
//!
//! TLS 1.3 (RFC 8446) from rustls, narrowed until one combination is left: key exchange ML-KEM-1024
//! (FIPS 203), cipher AES-256-GCM with SHA-384, and on both sides an ML-DSA-87 (FIPS 204) raw public key
//! (RFC 7250). No certificates, no resumption, no tickets, no early data, no server name. The
//! protocol name in ALPN carries the plane and the chain, and both sides insist that it was agreed.

use std::{net::Ipv4Addr, sync::Arc};

use cairn_crypto::{Digest, SigningKey};
use futures::{AsyncRead, AsyncWrite, FutureExt, future::BoxFuture};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use libp2p::{
    PeerId,
    core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
};
use rustls::{
    CipherSuite, ClientConfig, NamedGroup, ProtocolVersion, ServerConfig,
    client::{AlwaysResolvesClientRawPublicKeys, Resumption},
    crypto::{CryptoProvider, aws_lc_rs as provider},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
    sign::CertifiedKey,
};

use crate::{
    allow::AllowList,
    config::Plane,
    error::{HandshakeError, NetworkError},
    identity::{peer_id, peer_id_of_spki},
    metrics::Metrics,
    verifier::PeerVerifier,
};

/// The upgrade's name in multistream-select.
pub const PROTOCOL: &str = "/cairn/pq-tls/1";

/// The one protocol name that both sides insist on: `cairn/1/<plane>/<chain id in hex>`.
pub fn alpn(plane: Plane, chain_id: &Digest) -> String {
    format!("cairn/1/{plane}/{chain_id}")
}

/// The rustls provider with nothing in it but ML-KEM-1024 and AES-256-GCM.
fn narrow_provider() -> Arc<CryptoProvider> {
    let mut narrow = provider::default_provider();
    narrow.kx_groups = vec![provider::kx_group::MLKEM1024];
    narrow.cipher_suites = vec![provider::cipher_suite::TLS13_AES_256_GCM_SHA384];
    Arc::new(narrow)
}

/// One node's side of the handshake on one plane. Clones share their configuration.
#[derive(Clone)]
pub struct PqTls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    alpn: Arc<str>,
    plane: Plane,
    metrics: Arc<Metrics>,
}

/// What a finished handshake settled on, as rustls tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The peer, from the key with which it signed.
    pub peer: PeerId,
    /// Always TLS 1.3.
    pub version: ProtocolVersion,
    /// Always AES-256-GCM with SHA-384.
    pub cipher_suite: CipherSuite,
    /// Always ML-KEM-1024.
    pub key_exchange: NamedGroup,
    /// The agreed protocol name ([`alpn`]).
    pub alpn: String,
}

impl PqTls {
    /// The handshake of the node `identity` with the listed peers, on one plane of one chain.
    ///
    /// # Errors
    /// [`NetworkError::Identity`] when rustls cannot use the key.
    pub fn new(
        identity: &SigningKey,
        chain_id: &Digest,
        plane: Plane,
        allow: AllowList,
    ) -> Result<Self, NetworkError> {
        Self::with_metrics(identity, chain_id, plane, allow, Arc::new(Metrics::new()))
    }

    pub(crate) fn with_metrics(
        identity: &SigningKey,
        chain_id: &Digest,
        plane: Plane,
        allow: AllowList,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NetworkError> {
        let unusable = |e: &dyn std::fmt::Display| NetworkError::Identity(e.to_string());
        let pkcs8 = identity.pkcs8().map_err(|e| unusable(&e))?;
        let key = provider::sign::any_supported_type(&PrivateKeyDer::Pkcs8(
            PrivatePkcs8KeyDer::from(pkcs8.as_slice()),
        ))
        .map_err(|e| unusable(&e))?;
        let spki = key
            .public_key()
            .ok_or_else(|| unusable(&"rustls gives no public key for it"))?;
        if peer_id_of_spki(&spki) != Some(peer_id(identity.public_key())) {
            return Err(unusable(
                &"its public key is not the one that rustls derives",
            ));
        }
        let certified = Arc::new(CertifiedKey::new(
            vec![CertificateDer::from(spki.to_vec())],
            key,
        ));

        let provider = narrow_provider();
        let verifier = Arc::new(PeerVerifier::new(
            allow,
            provider.signature_verification_algorithms,
        ));
        let alpn = alpn(plane, chain_id);

        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| unusable(&e))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(
                certified.clone(),
            )));
        client.resumption = Resumption::disabled();
        client.enable_sni = false;
        client.enable_early_data = false;
        client.alpn_protocols = vec![alpn.clone().into_bytes()];

        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| unusable(&e))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;
        server.alpn_protocols = vec![alpn.clone().into_bytes()];

        Ok(Self {
            client: Arc::new(client),
            server: Arc::new(server),
            alpn: alpn.into(),
            plane,
            metrics,
        })
    }

    /// Answers a handshake.
    ///
    /// # Errors
    /// Every way in which the peer can be the wrong one, by name.
    pub async fn accept<T>(&self, io: T) -> Result<(Negotiated, TlsStream<T>), HandshakeError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted = TlsAcceptor::from(self.server.clone()).accept(io).await;
        self.finish(accepted.map(TlsStream::Server))
    }

    /// Begins a handshake.
    ///
    /// In TLS 1.3 the dialler is done before the peer has seen its key: a success here does not say
    /// that the peer accepts us. The hello does.
    ///
    /// # Errors
    /// Every way in which the peer can be the wrong one, by name.
    pub async fn connect<T>(&self, io: T) -> Result<(Negotiated, TlsStream<T>), HandshakeError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        // Peers are known by their keys; rustls wants some name, which is neither sent nor checked.
        let name = ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into());
        let connected = TlsConnector::from(self.client.clone())
            .connect(name, io)
            .await;
        self.finish(connected.map(TlsStream::Client))
    }

    fn finish<T>(
        &self,
        stream: std::io::Result<TlsStream<T>>,
    ) -> Result<(Negotiated, TlsStream<T>), HandshakeError> {
        let finished = stream.map_err(HandshakeError::from).and_then(|stream| {
            let negotiated = self.inspect(stream.get_ref().1)?;
            Ok((negotiated, stream))
        });
        finished.map_err(|error| {
            let error = match error {
                HandshakeError::Alpn { .. } => HandshakeError::Alpn {
                    expected: self.alpn.to_string(),
                },
                other => other,
            };
            self.metrics.handshake_failed(self.plane, error.label());
            error
        })
    }

    /// Reads back what was negotiated. rustls allows a peer without ALPN; we do not.
    fn inspect(&self, tls: &rustls::CommonState) -> Result<Negotiated, HandshakeError> {
        let agreed = tls.alpn_protocol().ok_or_else(|| HandshakeError::Alpn {
            expected: self.alpn.to_string(),
        })?;
        if agreed != self.alpn.as_bytes() {
            return Err(HandshakeError::Alpn {
                expected: self.alpn.to_string(),
            });
        }
        let version = settled("TLS 1.3", ProtocolVersion::TLSv1_3, tls.protocol_version())?;
        let key_exchange = settled(
            "ML-KEM-1024",
            NamedGroup::MLKEM1024,
            tls.negotiated_key_exchange_group()
                .map(|group| group.name()),
        )?;
        let cipher_suite = settled(
            "AES-256-GCM with SHA-384",
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            tls.negotiated_cipher_suite().map(|suite| suite.suite()),
        )?;
        let key = tls
            .peer_certificates()
            .and_then(|keys| keys.first())
            .ok_or(HandshakeError::NoKey)?;
        let peer = peer_id_of_spki(key).ok_or(HandshakeError::NoKey)?;
        Ok(Negotiated {
            peer,
            version,
            cipher_suite,
            key_exchange,
            alpn: self.alpn.to_string(),
        })
    }
}

fn settled<T: PartialEq + std::fmt::Debug>(
    name: &'static str,
    expected: T,
    got: Option<T>,
) -> Result<T, HandshakeError> {
    match got {
        Some(got) if got == expected => Ok(got),
        other => Err(HandshakeError::Parameters {
            expected: name,
            got: format!("{other:?}"),
        }),
    }
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
    type Output = (PeerId, TlsStream<T>);
    type Error = HandshakeError;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, io: T, _: Self::Info) -> Self::Future {
        async move {
            self.accept(io)
                .await
                .map(|(negotiated, stream)| (negotiated.peer, stream))
        }
        .boxed()
    }
}

impl<T> OutboundConnectionUpgrade<T> for PqTls
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = (PeerId, TlsStream<T>);
    type Error = HandshakeError;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, io: T, _: Self::Info) -> Self::Future {
        async move {
            self.connect(io)
                .await
                .map(|(negotiated, stream)| (negotiated.peer, stream))
        }
        .boxed()
    }
}
