//! Who gets through, on what the connection then runs, and that it stays the policy's decision.

use crate::{
    ends::{ALPN, allow, attempt, key},
    foreign::{Anyone, KEM, foreign_client, ml_dsa, permissive},
};
use cairn_tls::{
    AllowList, PeerRefused, TlsError, client_config, negotiated, peer_key, refusal, server_config,
};
use rustls::{
    NamedGroup, ServerConfig, SignatureScheme, crypto::aws_lc_rs,
    server::AlwaysResolvesServerRawPublicKeys,
};
use std::sync::Arc;

#[tokio::test]
async fn an_anonymous_client_reaches_a_listed_server_over_ml_kem_1024() {
    let node = key();
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    let (client, server) = (client.unwrap(), server.unwrap());

    for connection in [
        &**client.get_ref().1 as &rustls::CommonState,
        &**server.get_ref().1,
    ] {
        let found = negotiated(connection, ALPN).unwrap();
        assert_eq!(found.version, rustls::ProtocolVersion::TLSv1_3);
        assert_eq!(found.group, rustls::NamedGroup::MLKEM1024);
        assert_eq!(
            found.cipher_suite,
            rustls::CipherSuite::TLS13_AES_256_GCM_SHA384
        );
    }
    assert_eq!(&peer_key(client.get_ref().1).unwrap(), node.public_key());
    assert_eq!(
        peer_key(server.get_ref().1),
        Err(TlsError::Peer(PeerRefused::NoKey))
    );
}

#[tokio::test]
async fn two_listed_peers_know_each_other() {
    let (a, b) = (key(), key());
    let client = client_config(Some(&a), allow(&[&b]), ALPN).unwrap();
    let server = server_config(&b, Some(allow(&[&a])), ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert_eq!(
        &peer_key(client.unwrap().get_ref().1).unwrap(),
        b.public_key()
    );
    assert_eq!(
        &peer_key(server.unwrap().get_ref().1).unwrap(),
        a.public_key()
    );
}

#[tokio::test]
async fn both_sides_sign_with_ml_dsa_87_although_the_other_would_take_anything() {
    let (a, b) = (key(), key());
    let (client, seen) = foreign_client(permissive(KEM), Some(ml_dsa(&a)), &[ALPN]);
    let server = server_config(&b, Some(allow(&[&a])), ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert_eq!(
        &peer_key(server.unwrap().get_ref().1).unwrap(),
        a.public_key()
    );
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
async fn a_policy_that_changes_is_asked_anew_by_configurations_in_use() {
    let (node, peer) = (key(), key());
    let list = AllowList::new([peer.public_key()]);
    let server = server_config(&node, Some(Arc::new(list.clone())), ALPN).unwrap();
    let client = client_config(Some(&peer), allow(&[&node]), ALPN).unwrap();
    assert!(attempt(client.clone(), server.clone()).await.1.is_ok());
    list.replace([]);
    let refused = attempt(client.clone(), server.clone()).await.1.unwrap_err();
    assert!(matches!(
        refusal(&refused),
        Some(PeerRefused::NotAllowed { .. })
    ));
    list.replace([peer.public_key().fingerprint()]);
    assert!(attempt(client, server).await.1.is_ok());
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
        assert_eq!(
            connection.handshake_kind(),
            Some(rustls::HandshakeKind::Full)
        );
        assert_eq!(connection.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn a_peer_that_prefers_classical_key_exchange_still_gets_ml_kem_1024() {
    use aws_lc_rs::kx_group::{MLKEM1024, X25519};
    let node = key();
    let server = server_config(&node, None, ALPN).unwrap();
    let (client, _) = foreign_client(permissive(&[X25519, MLKEM1024]), None, &[ALPN]);
    let stream = attempt(client, server).await.1.unwrap();
    let found = negotiated(stream.get_ref().1, ALPN).unwrap();
    assert_eq!(found.group, NamedGroup::MLKEM1024);
}
