//! Who gets through a handshake over real TCP, and who does not.
#![allow(clippy::unwrap_used)]

use cairn_crypto::SigningKey;
use cairn_tls::{
    AllowList, PeerRefused, TlsError, client_config, negotiated, peer_key, refusal, server_config,
    server_name,
};
use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerIncompatible, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key},
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
        UnixTime,
    },
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use std::{
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

const ALPN: &[u8] = b"cairn/1/api/00";

type Server = io::Result<server::TlsStream<TcpStream>>;
type Client = io::Result<client::TlsStream<TcpStream>>;

/// Both ends of one attempt. The client also reads: in TLS 1.3 it learns only then that it was refused.
async fn attempt(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> (Client, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(server).accept(socket).await?;
        stream.write_all(b"x").await?;
        stream.flush().await?;
        Ok(stream)
    };
    let connect = async move {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut stream = TlsConnector::from(client).connect(server_name(), socket).await?;
        stream.read_exact(&mut [0]).await?;
        Ok(stream)
    };
    tokio::join!(connect, accept)
}

fn key() -> SigningKey {
    SigningKey::generate().unwrap()
}

fn allow(keys: &[&SigningKey]) -> Arc<AllowList> {
    Arc::new(AllowList::new(keys.iter().map(|key| key.public_key())))
}

fn tls_error(error: &io::Error) -> &Error {
    error.get_ref().and_then(|inner| inner.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"))
}

fn raw_key(key: Arc<dyn rustls::sign::SigningKey>) -> Arc<CertifiedKey> {
    let spki = CertificateDer::from(key.public_key().unwrap().as_ref().to_vec());
    Arc::new(CertifiedKey::new(vec![spki], key))
}

fn ml_dsa(key: &SigningKey) -> Arc<CertifiedKey> {
    let der = PrivatePkcs8KeyDer::from(key.pkcs8().unwrap().to_vec());
    raw_key(aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::Pkcs8(der)).unwrap())
}

/// Accepts every raw key, and remembers the signature schemes that it saw.
#[derive(Debug, Default)]
struct Anyone(Mutex<Vec<SignatureScheme>>);

impl Anyone {
    fn signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.lock().unwrap().push(signed.scheme);
        let spki = SubjectPublicKeyInfoDer::from(cert.as_ref());
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &spki, signed, &algorithms)
    }
}

fn all_schemes() -> Vec<SignatureScheme> {
    aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("only TLS 1.3 is offered")
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        all_schemes()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Anyone {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("only TLS 1.3 is offered")
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(message, cert, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        all_schemes()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// Everything that AWS-LC can do, with these key exchange groups.
fn permissive(groups: &[&'static dyn rustls::crypto::SupportedKxGroup]) -> Arc<CryptoProvider> {
    let all = aws_lc_rs::default_provider();
    Arc::new(CryptoProvider { kx_groups: groups.to_vec(), ..all })
}

const KEM: &[&dyn rustls::crypto::SupportedKxGroup] = &[aws_lc_rs::kx_group::MLKEM1024];

/// A server that was not made by this crate.
fn foreign_server(provider: Arc<CryptoProvider>, key: Arc<CertifiedKey>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

/// A client that was not made by this crate, and what it saw.
fn foreign_client(
    provider: Arc<CryptoProvider>,
    key: Option<Arc<CertifiedKey>>,
    alpn: &[&[u8]],
) -> (Arc<ClientConfig>, Arc<Anyone>) {
    let seen = Arc::new(Anyone::default());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(seen.clone());
    let mut config = match key {
        Some(key) => {
            let resolver = AlwaysResolvesClientRawPublicKeys::new(key);
            builder.with_client_cert_resolver(Arc::new(resolver))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|one| one.to_vec()).collect();
    (Arc::new(config), seen)
}

#[tokio::test]
async fn an_anonymous_client_reaches_a_listed_server_over_ml_kem_1024() {
    let node = key();
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    let (client, server) = (client.unwrap(), server.unwrap());

    for connection in [&**client.get_ref().1 as &rustls::CommonState, &**server.get_ref().1] {
        let found = negotiated(connection, ALPN).unwrap();
        assert_eq!(found.version, rustls::ProtocolVersion::TLSv1_3);
        assert_eq!(found.group, rustls::NamedGroup::MLKEM1024);
        assert_eq!(found.cipher_suite, rustls::CipherSuite::TLS13_AES_256_GCM_SHA384);
    }
    assert_eq!(&peer_key(client.get_ref().1).unwrap(), node.public_key());
    assert_eq!(peer_key(server.get_ref().1), Err(TlsError::Peer(PeerRefused::NoKey)));
}

#[tokio::test]
async fn two_listed_peers_know_each_other() {
    let (a, b) = (key(), key());
    let client = client_config(Some(&a), allow(&[&b]), ALPN).unwrap();
    let server = server_config(&b, Some(allow(&[&a])), ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert_eq!(&peer_key(client.unwrap().get_ref().1).unwrap(), b.public_key());
    assert_eq!(&peer_key(server.unwrap().get_ref().1).unwrap(), a.public_key());
}

#[tokio::test]
async fn both_sides_sign_with_ml_dsa_87_although_the_other_would_take_anything() {
    let (a, b) = (key(), key());
    let (client, seen) = foreign_client(permissive(KEM), Some(ml_dsa(&a)), &[ALPN]);
    let server = server_config(&b, Some(allow(&[&a])), ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert_eq!(&peer_key(server.unwrap().get_ref().1).unwrap(), a.public_key());
    client.unwrap();
    assert_eq!(*seen.0.lock().unwrap(), [SignatureScheme::ML_DSA_87]);

    let seen = Arc::new(Anyone::default());
    let mut server = ServerConfig::builder_with_provider(permissive(KEM))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(seen.clone())
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(ml_dsa(&b))));
    server.alpn_protocols = vec![ALPN.to_vec()];
    let client = client_config(Some(&a), allow(&[&b]), ALPN).unwrap();
    let (client, server) = attempt(client, Arc::new(server)).await;
    assert!(client.is_ok() && server.is_ok());
    assert_eq!(*seen.0.lock().unwrap(), [SignatureScheme::ML_DSA_87]);
}

#[tokio::test]
async fn a_client_refuses_an_unlisted_server() {
    let (node, stranger) = (key(), key());
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let server = server_config(&stranger, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    let fingerprint = stranger.public_key().fingerprint();
    assert_eq!(refusal(&client.unwrap_err()), Some(PeerRefused::NotAllowed { fingerprint }));
    assert!(server.is_err());
}

#[tokio::test]
async fn a_server_refuses_an_unlisted_client_and_one_without_a_key() {
    let (node, listed, stranger) = (key(), key(), key());
    let server = server_config(&node, Some(allow(&[&listed])), ALPN).unwrap();

    let client = client_config(Some(&stranger), allow(&[&node]), ALPN).unwrap();
    let (client, refused) = attempt(client, server.clone()).await;
    let fingerprint = stranger.public_key().fingerprint();
    assert_eq!(refusal(&refused.unwrap_err()), Some(PeerRefused::NotAllowed { fingerprint }));
    assert!(client.is_err());

    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let (client, refused) = attempt(client, server).await;
    assert!(client.is_err() && refused.is_err());
}

#[tokio::test]
async fn a_policy_that_changes_is_asked_anew_by_configurations_in_use() {
    let (node, peer) = (key(), key());
    let list = AllowList::new([peer.public_key()]);
    let server = server_config(&node, Some(Arc::new(list.clone())), ALPN).unwrap();
    let client = client_config(Some(&peer), allow(&[&node]), ALPN).unwrap();
    assert!(attempt(client.clone(), server.clone()).await.1.is_ok());
    list.replace([]);
    let refused = attempt(client.clone(), server.clone()).await.1.unwrap_err();
    assert!(matches!(refusal(&refused), Some(PeerRefused::NotAllowed { .. })));
    list.replace([peer.public_key().fingerprint()]);
    assert!(attempt(client, server).await.1.is_ok());
}

#[tokio::test]
async fn a_listed_key_with_a_signature_of_another_key_is_refused() {
    let (node, thief) = (key(), key());
    // Shows the node's key and signs with its own.
    let stolen = CertifiedKey::new(ml_dsa(&node).cert.clone(), ml_dsa(&thief).key.clone());
    let server = foreign_server(permissive(KEM), Arc::new(stolen));
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let refused = attempt(client, server).await.0.unwrap_err();
    let expected = Error::InvalidCertificate(rustls::CertificateError::BadSignature);
    assert_eq!(tls_error(&refused), &expected);
}

#[tokio::test]
async fn classical_and_hybrid_key_exchange_are_refused_by_both_sides() {
    use aws_lc_rs::kx_group::{
        MLKEM768, SECP256R1, SECP256R1MLKEM768, SECP384R1, X25519, X25519MLKEM768,
    };
    let node = key();
    for group in [X25519, SECP256R1, SECP384R1, X25519MLKEM768, SECP256R1MLKEM768, MLKEM768] {
        let server = server_config(&node, None, ALPN).unwrap();
        let (client, _) = foreign_client(permissive(&[group]), None, &[ALPN]);
        let (refused_client, refused) = attempt(client, server).await;
        let expected = Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon);
        assert_eq!(tls_error(&refused.unwrap_err()), &expected, "{:?}", group.name());
        assert!(refused_client.is_err());

        let server = foreign_server(permissive(&[group]), ml_dsa(&node));
        let client = client_config(None, allow(&[&node]), ALPN).unwrap();
        let (client, server) = attempt(client, server).await;
        assert_eq!(tls_error(&server.unwrap_err()), &expected, "{:?}", group.name());
        let alert = Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(tls_error(&client.unwrap_err()), &alert);
    }
}

/// A fixed Ed25519 and a fixed P-256 key in PKCS#8, made for this test.
fn classical_keys() -> [(&'static str, Arc<CertifiedKey>); 2] {
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    let ed25519 = [
        &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20][..],
        &[7; 32],
    ]
    .concat();
    // SEC1 `ECPrivateKey` with the curve's OID and the scalar 0x0707..07, without the public key.
    let p256 = [
        &[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20][..],
        &[7; 32],
        &[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    ]
    .concat();
    let ed25519 = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(ed25519));
    let p256 = PrivateKeyDer::Sec1(p256.into());
    [("Ed25519", ed25519), ("ECDSA P-256", p256)]
        .map(|(name, der)| (name, raw_key(any_supported_type(&der).unwrap())))
}

#[tokio::test]
async fn ecdsa_and_ed25519_keys_are_refused_by_both_sides() {
    let node = key();
    for (name, classical) in classical_keys() {
        // A server that can sign with a classical key only finds no scheme in common.
        let server = foreign_server(permissive(KEM), classical.clone());
        let client = client_config(None, allow(&[&node]), ALPN).unwrap();
        let (client, server) = attempt(client, server).await;
        let expected = Error::PeerIncompatible(PeerIncompatible::NoSignatureSchemesInCommon);
        assert_eq!(tls_error(&server.unwrap_err()), &expected, "{name}");
        assert!(client.is_err());

        // A client with a classical key cannot answer the request for ML-DSA-87 and stays without a key.
        let server = server_config(&node, Some(allow(&[&node])), ALPN).unwrap();
        let (client, _) = foreign_client(permissive(KEM), Some(classical), &[ALPN]);
        let (client, server) = attempt(client, server).await;
        assert!(client.is_err() && server.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_classical_key_shown_under_an_ml_dsa_signature_is_refused_by_its_form() {
    let node = key();
    let (_, classical) = classical_keys().into_iter().next().unwrap();
    let length = classical.cert[0].len();
    let dressed = Arc::new(CertifiedKey::new(classical.cert.clone(), ml_dsa(&node).key.clone()));

    let server = foreign_server(permissive(KEM), dressed.clone());
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let refused = attempt(client, server).await.0.unwrap_err();
    assert_eq!(refusal(&refused), Some(PeerRefused::NotMlDsa87 { length }));

    let server = server_config(&node, Some(allow(&[&node])), ALPN).unwrap();
    let (client, _) = foreign_client(permissive(KEM), Some(dressed), &[ALPN]);
    let refused = attempt(client, server).await.1.unwrap_err();
    assert_eq!(refusal(&refused), Some(PeerRefused::NotMlDsa87 { length }));
}

#[tokio::test]
async fn a_key_with_something_after_it_is_refused() {
    let node = key();
    let own = ml_dsa(&node);
    let twice = vec![own.cert[0].clone(), own.cert[0].clone()];
    let server = foreign_server(permissive(KEM), Arc::new(CertifiedKey::new(twice, own.key.clone())));
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    assert!(attempt(client, server).await.0.is_err());
}

#[tokio::test]
async fn another_application_protocol_ends_the_handshake() {
    let node = key();
    let client = client_config(None, allow(&[&node]), b"cairn/1/api/01").unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert_eq!(tls_error(&server.unwrap_err()), &Error::NoApplicationProtocol);
    let alert = Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    assert_eq!(tls_error(&client.unwrap_err()), &alert);
}

#[tokio::test]
async fn a_missing_application_protocol_is_an_error_on_both_sides() {
    let node = key();
    let missing = TlsError::Protocol { expected: ALPN.to_vec(), found: None };

    let server = server_config(&node, None, ALPN).unwrap();
    let (client, _) = foreign_client(permissive(KEM), None, &[]);
    let stream = attempt(client, server).await.1.unwrap();
    assert_eq!(negotiated(stream.get_ref().1, ALPN), Err(missing.clone()));

    let mut server = (*foreign_server(permissive(KEM), ml_dsa(&node))).clone();
    server.alpn_protocols.clear();
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let stream = attempt(client, Arc::new(server)).await.0.unwrap();
    assert_eq!(negotiated(stream.get_ref().1, ALPN), Err(missing));
}

#[tokio::test]
async fn no_tickets_are_given_and_nothing_is_resumed() {
    let node = key();
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    for _ in 0..2 {
        let (client, _) = attempt(client.clone(), server.clone()).await;
        let stream = client.unwrap();
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(connection.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn plain_text_is_no_handshake() {
    let node = key();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    let accept = async {
        let (socket, _) = listener.accept().await.unwrap();
        TlsAcceptor::from(server).accept(socket).await
    };
    let talk = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /v1/status HTTP/1.1\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
    };
    let (accepted, ()) = tokio::join!(accept, talk);
    assert!(matches!(tls_error(&accepted.unwrap_err()), Error::InvalidMessage(_)));
}
