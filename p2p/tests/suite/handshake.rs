//! The upgrade by itself, between two nodes.

use std::{net::Ipv4Addr, time::Duration};

use cairn_crypto::{Digest, SigningKey};
use cairn_p2p::{
    AllowList, HandshakeError, PeerConfig, PeerId, PeerRefused, Plane, PqTls, SecureStream,
    TlsError, peer_id,
};
use cairn_tls::Negotiated;
use futures_rustls::rustls::{CipherSuite, NamedGroup, ProtocolVersion};
use libp2p::tcp::tokio::TcpStream;
use tokio::{net::TcpListener, time::timeout};

use crate::loopback::{PATIENCE, chain, key};

const PLANE: Plane = Plane::Consensus;

fn listing(keys: &[&SigningKey]) -> AllowList {
    let addr = Some((Ipv4Addr::LOCALHOST, 1).into());
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

/// The peer, and what was agreed with it.
type Settled = Result<(PeerId, Negotiated, String), HandshakeError>;

fn settled(done: Result<(PeerId, SecureStream<TcpStream>), HandshakeError>) -> Settled {
    let (peer, stream) = done?;
    let connection = stream.get_ref().get_ref().1;
    let agreed = connection.alpn_protocol().unwrap().to_vec();
    let negotiated = cairn_tls::negotiated(connection, &agreed)?;
    Ok((peer, negotiated, String::from_utf8(agreed).unwrap()))
}

async fn between(client: &PqTls, server: &PqTls) -> (Settled, Settled) {
    let (a, b) = sockets().await;
    let both = futures::future::join(client.connect(a), server.accept(b));
    // Neither side is dropped before both are done, so that neither sees the other leave.
    let (client, server) = timeout(PATIENCE, both).await.unwrap();
    (settled(client), settled(server))
}

#[tokio::test]
async fn what_was_negotiated_is_what_is_allowed_read_back_from_rustls() {
    let (a, b) = (key(), key());
    let (client, server) = between(&ours(&a, &[&b]), &ours(&b, &[&a])).await;
    let negotiated = Negotiated {
        version: ProtocolVersion::TLSv1_3,
        group: NamedGroup::MLKEM1024,
        cipher_suite: CipherSuite::TLS13_AES_256_GCM_SHA384,
    };
    let expected = |key: &SigningKey| {
        let alpn = format!("cairn/1/consensus/{}", chain());
        (peer_id(key.public_key()), negotiated, alpn)
    };
    assert_eq!(client.unwrap(), expected(&b));
    assert_eq!(server.unwrap(), expected(&a));
}

#[tokio::test]
async fn an_unlisted_key_is_turned_away_by_either_side() {
    let (a, b) = (key(), key());
    let (_, server) = between(&ours(&a, &[&b]), &ours(&b, &[])).await;
    let not_listed = |key: &SigningKey, error| {
        let fingerprint = key.public_key().fingerprint();
        let expected = TlsError::Peer(PeerRefused::NotAllowed { fingerprint });
        assert!(
            matches!(&error, HandshakeError::Tls(e) if *e == expected),
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
        Err(HandshakeError::Tls(TlsError::Peer(_)))
    ));
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
            assert!(
                matches!(error, HandshakeError::Tls(TlsError::Protocol { .. })),
                "{error:?}"
            );
        }
    }
}

#[tokio::test]
async fn plain_text_is_no_handshake() {
    use tokio::io::AsyncWriteExt;
    let us = key();
    let (mut client, server) = sockets().await;
    client.0.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let error = ours(&us, &[]).accept(server).await.err().unwrap();
    assert!(matches!(error, HandshakeError::Violation(_)), "{error:?}");
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
