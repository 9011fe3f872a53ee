//! The handshake by itself, against ends that are ours and ends that are not.

use std::{net::Ipv4Addr, time::Duration};

use cairn_crypto::{Digest, SigningKey};
use cairn_p2p::{
    AllowList, HandshakeError, Negotiated, PeerConfig, PeerRejected, Plane, PqTls, alpn, peer_id,
};
use futures_rustls::{TlsAcceptor, TlsConnector};
use libp2p::tcp::tokio::TcpStream;
use rustls::{
    CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme, crypto::aws_lc_rs::kx_group,
    pki_types::ServerName,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    foreign::{Foreign, ecdsa, ed25519, ml_dsa, spki},
    loopback::{PATIENCE, chain, key},
    relay::Relay,
};

const PLANE: Plane = Plane::Consensus;

fn listing(keys: &[&SigningKey]) -> AllowList {
    let addr = (Ipv4Addr::LOCALHOST, 1).into();
    AllowList::new(keys.iter().map(|key| PeerConfig {
        peer: peer_id(key.public_key()),
        consensus_addr: addr,
        data_addr: addr,
    }))
}

fn ours(key: &SigningKey, listed: &[&SigningKey]) -> PqTls {
    PqTls::new(key, &chain(), PLANE, listing(listed)).unwrap()
}

/// Two ends of one TCP connection.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let dialled = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (
        TcpStream(dialled),
        TcpStream(listener.accept().await.unwrap().0),
    )
}

type Settled = Result<Negotiated, HandshakeError>;

async fn between(client: &PqTls, server: &PqTls) -> (Settled, Settled) {
    let (a, b) = sockets().await;
    let client = async { client.connect(a).await };
    let server = async { server.accept(b).await };
    let (client, server) = timeout(PATIENCE, futures::future::join(client, server))
        .await
        .unwrap();
    // The streams are dropped only now, so that neither side sees the other leave.
    (client.map(|c| c.0), server.map(|s| s.0))
}

fn name() -> ServerName<'static> {
    ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into())
}

/// Our server against a foreign client.
async fn foreign_client(server: &PqTls, client: &Foreign) -> Settled {
    let (a, b) = sockets().await;
    let connector = TlsConnector::from(client.client());
    let both = futures::future::join(connector.connect(name(), a), server.accept(b));
    let (_client, server) = timeout(PATIENCE, both).await.unwrap();
    server.map(|s| s.0)
}

/// Our client against a foreign server.
async fn foreign_server(client: &PqTls, server: &Foreign) -> Settled {
    let (a, b) = sockets().await;
    let acceptor = TlsAcceptor::from(server.server());
    let both = futures::future::join(client.connect(a), acceptor.accept(b));
    let (client, _server) = timeout(PATIENCE, both).await.unwrap();
    client.map(|c| c.0)
}

#[tokio::test]
async fn what_was_negotiated_is_what_is_allowed_read_back_from_rustls() {
    let (a, b) = (key(), key());
    let (client, server) = between(&ours(&a, &[&b]), &ours(&b, &[&a])).await;
    let expected = |key: &SigningKey| Negotiated {
        peer: peer_id(key.public_key()),
        version: ProtocolVersion::TLSv1_3,
        cipher_suite: CipherSuite::TLS13_AES_256_GCM_SHA384,
        key_exchange: NamedGroup::MLKEM1024,
        alpn: format!("cairn/1/consensus/{}", chain()),
    };
    assert_eq!(client.unwrap(), expected(&b));
    assert_eq!(server.unwrap(), expected(&a));
}

#[tokio::test]
async fn both_sides_sign_with_ml_dsa_87_though_the_other_would_take_more() {
    let (us, them) = (key(), key());
    let foreign = Foreign::proper(&them, alpn(PLANE, &chain()));
    assert!(foreign_client(&ours(&us, &[&them]), &foreign).await.is_ok());
    assert!(foreign_server(&ours(&us, &[&them]), &foreign).await.is_ok());
    assert_eq!(
        *foreign.verifier.schemes.lock().unwrap(),
        [SignatureScheme::ML_DSA_87; 2]
    );
}

#[tokio::test]
async fn an_unlisted_key_is_turned_away_by_either_side() {
    let (a, b) = (key(), key());
    let (_, server) = between(&ours(&a, &[&b]), &ours(&b, &[])).await;
    let not_listed = |key: &SigningKey, error| {
        let expected = PeerRejected::NotListed(peer_id(key.public_key()));
        assert!(
            matches!(&error, HandshakeError::Rejected(e) if *e == expected),
            "{error:?}"
        );
    };
    not_listed(&a, server.unwrap_err());
    let (client, server) = between(&ours(&a, &[]), &ours(&b, &[&a])).await;
    not_listed(&b, client.unwrap_err());
    assert!(server.is_err());
}

#[tokio::test]
async fn a_key_is_turned_away_the_moment_it_is_delisted() {
    let (a, b) = (key(), key());
    let allow = listing(&[&a]);
    let server = PqTls::new(&b, &chain(), PLANE, allow.clone()).unwrap();
    assert!(between(&ours(&a, &[&b]), &server).await.1.is_ok());
    allow.replace([]);
    assert!(matches!(
        between(&ours(&a, &[&b]), &server).await.1,
        Err(HandshakeError::Rejected(_))
    ));
}

#[tokio::test]
async fn a_listed_key_with_a_bad_signature_is_turned_away_by_either_side() {
    let (us, listed, thief) = (key(), key(), key());
    let mut foreign = Foreign::proper(&thief, alpn(PLANE, &chain()));
    foreign.shown = spki(&ml_dsa(&listed));
    let us = ours(&us, &[&listed]);
    assert!(matches!(
        foreign_client(&us, &foreign).await,
        Err(HandshakeError::BadSignature)
    ));
    assert!(matches!(
        foreign_server(&us, &foreign).await,
        Err(HandshakeError::BadSignature)
    ));
}

#[tokio::test]
async fn classical_and_hybrid_key_exchange_is_refused_by_either_side() {
    let (us, them) = (key(), key());
    let us = ours(&us, &[&them]);
    for group in [
        kx_group::X25519,
        kx_group::SECP256R1,
        kx_group::SECP384R1,
        kx_group::X25519MLKEM768,
        kx_group::MLKEM768,
    ] {
        let mut foreign = Foreign::proper(&them, alpn(PLANE, &chain()));
        foreign.groups = vec![group];
        let error = foreign_client(&us, &foreign).await.unwrap_err();
        assert!(
            matches!(error, HandshakeError::NoCommonKeyExchange),
            "{group:?}: {error:?}"
        );
        assert!(foreign_server(&us, &foreign).await.is_err(), "{group:?}");
    }
}

#[tokio::test]
async fn a_peer_that_prefers_classical_key_exchange_still_gets_ml_kem_1024() {
    let (us, them) = (key(), key());
    let mut foreign = Foreign::proper(&them, alpn(PLANE, &chain()));
    foreign.groups = vec![kx_group::X25519, kx_group::MLKEM1024];
    let settled = foreign_client(&ours(&us, &[&them]), &foreign)
        .await
        .unwrap();
    assert_eq!(settled.key_exchange, NamedGroup::MLKEM1024);
}

#[tokio::test]
async fn ecdsa_and_ed25519_keys_are_refused_by_either_side() {
    let (us, them) = (key(), key());
    let us = ours(&us, &[&them]);
    for classical in [ecdsa(), ed25519()] {
        let foreign = Foreign::with_key(classical.clone(), alpn(PLANE, &chain()));
        let error = foreign_client(&us, &foreign).await.unwrap_err();
        assert!(matches!(error, HandshakeError::NoKey), "{error:?}");
        assert!(foreign_server(&us, &foreign).await.is_err());

        // And one that shows such a key while it signs as we ask.
        let mut foreign = Foreign::proper(&them, alpn(PLANE, &chain()));
        foreign.shown = spki(&classical);
        for settled in [
            foreign_client(&us, &foreign).await,
            foreign_server(&us, &foreign).await,
        ] {
            let error = settled.unwrap_err();
            assert!(
                matches!(
                    error,
                    HandshakeError::Rejected(PeerRejected::NotMlDsa87 { .. })
                ),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn another_chain_or_plane_is_refused_by_both_sides() {
    let (a, b) = (key(), key());
    let server = ours(&b, &[&a]);
    for (chain, plane) in [
        (Digest::of(b"another genesis"), PLANE),
        (chain(), Plane::Data),
    ] {
        let client = PqTls::new(&a, &chain, plane, listing(&[&b])).unwrap();
        let (client, server) = between(&client, &server).await;
        for error in [client.unwrap_err(), server.unwrap_err()] {
            assert!(matches!(error, HandshakeError::Alpn { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_peer_without_alpn_is_refused_by_either_side() {
    let (us, them) = (key(), key());
    let us = ours(&us, &[&them]);
    let mut foreign = Foreign::proper(&them, String::new());
    foreign.alpn = None;
    assert!(matches!(
        foreign_client(&us, &foreign).await,
        Err(HandshakeError::Alpn { .. })
    ));
    assert!(matches!(
        foreign_server(&us, &foreign).await,
        Err(HandshakeError::Alpn { .. })
    ));
}

#[tokio::test]
async fn plain_text_is_no_handshake() {
    use tokio::io::AsyncWriteExt;
    let us = key();
    let (mut client, server) = sockets().await;
    client.0.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let error = ours(&us, &[]).accept(server).await.err().unwrap();
    assert!(matches!(error, HandshakeError::Tls(_)), "{error:?}");
}

/// Runs a handshake through a relay and tells how both sides fared.
async fn through(relay: Relay, client: &PqTls, server: &PqTls) -> (bool, bool) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let through = relay.start(listener.local_addr().unwrap()).await;
    let client = async {
        let socket = tokio::net::TcpStream::connect(through).await.unwrap();
        client.connect(TcpStream(socket)).await
    };
    let server = async {
        let socket = listener.accept().await.unwrap().0;
        server.accept(TcpStream(socket)).await
    };
    let (client, server) = timeout(PATIENCE, futures::future::join(client, server))
        .await
        .unwrap();
    (client.is_ok(), server.is_ok())
}

#[tokio::test]
async fn a_truncated_handshake_fails_wherever_it_is_cut() {
    let (a, b) = (key(), key());
    let (client, server) = (ours(&a, &[&b]), ours(&b, &[&a]));
    assert_eq!(
        through(Relay::faithful(), &client, &server).await,
        (true, true)
    );
    for cut in (0..9000).step_by(331) {
        assert!(
            !through(Relay::cutting_client(cut), &client, &server)
                .await
                .1,
            "client cut at {cut}"
        );
        assert_eq!(
            through(Relay::cutting_server(cut), &client, &server).await,
            (false, false),
            "server cut at {cut}"
        );
    }
}

#[tokio::test]
async fn an_altered_handshake_fails_wherever_it_is_altered() {
    let (a, b) = (key(), key());
    let (client, server) = (ours(&a, &[&b]), ours(&b, &[&a]));
    for at in (0..9000).step_by(149) {
        assert!(
            !through(Relay::altering_client(at), &client, &server)
                .await
                .1,
            "client altered at {at}"
        );
        assert!(
            !through(Relay::altering_server(at), &client, &server)
                .await
                .1,
            "server altered at {at}"
        );
    }
}

#[tokio::test]
async fn a_silent_client_holds_a_slot_no_longer_than_the_handshake_may_take() {
    use crate::loopback::{Node, config};
    use tokio::io::AsyncReadExt;
    let mut config = config();
    config.limits.handshake_timeout = Duration::from_millis(200);
    let node = Node::start(config).await;
    let mut silent = tokio::net::TcpStream::connect(node.network.listen_addr(PLANE))
        .await
        .unwrap();
    let mut said = Vec::new();
    timeout(PATIENCE, silent.read_to_end(&mut said))
        .await
        .expect("closed in time")
        .unwrap();
    node.metric_reaches("cairn_p2p_inbound_failures_total", &["consensus"], 1.0)
        .await;
}
