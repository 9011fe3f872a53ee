//! Classical cryptography in any place.

use crate::{
    ends::{ALPN, allow, attempt, key, label, tls_error},
    foreign::{KEM, foreign_client, foreign_server, ml_dsa, permissive, raw_key},
};
use cairn_tls::{PeerRefused, client_config, refusal, server_config};
use rustls::{
    AlertDescription, Error, PeerIncompatible,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};
use std::sync::Arc;

#[tokio::test]
async fn classical_and_hybrid_key_exchange_are_refused_by_both_sides() {
    use aws_lc_rs::kx_group::{
        MLKEM768, SECP256R1, SECP256R1MLKEM768, SECP384R1, X25519, X25519MLKEM768,
    };
    let node = key();
    for group in [
        X25519,
        SECP256R1,
        SECP384R1,
        X25519MLKEM768,
        SECP256R1MLKEM768,
        MLKEM768,
    ] {
        let server = server_config(&node, None, ALPN).unwrap();
        let (client, _) = foreign_client(permissive(&[group]), None, &[ALPN]);
        let (refused_client, refused) = attempt(client, server).await;
        let expected = Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon);
        assert_eq!(
            tls_error(&refused.unwrap_err()),
            &expected,
            "{:?}",
            group.name()
        );
        assert!(refused_client.is_err());

        let server = foreign_server(permissive(&[group]), ml_dsa(&node));
        let client = client_config(None, allow(&[&node]), ALPN).unwrap();
        let (client, server) = attempt(client, server).await;
        assert_eq!(
            tls_error(&server.unwrap_err()),
            &expected,
            "{:?}",
            group.name()
        );
        let alert = Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(tls_error(&client.unwrap_err()), &alert);
    }
}

/// A fixed Ed25519 and a fixed P-256 key in PKCS#8, made for this test.
fn classical_keys() -> [(&'static str, Arc<CertifiedKey>); 2] {
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;
    let ed25519 = [
        &[
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ][..],
        &[7; 32],
    ]
    .concat();
    // SEC1 `ECPrivateKey` with the curve's OID and the scalar 0x0707..07, without the public key.
    let p256 = [
        &[0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20][..],
        &[7; 32],
        &[
            0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
        ],
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
        assert!(client.is_err(), "{name}");
        assert_eq!(label(server.unwrap_err()), "no_key", "{name}");
    }
}

#[tokio::test]
async fn a_classical_key_shown_under_an_ml_dsa_signature_is_refused_by_its_form() {
    let node = key();
    let (_, classical) = classical_keys().into_iter().next().unwrap();
    let length = classical.cert[0].len();
    let dressed = Arc::new(CertifiedKey::new(
        classical.cert.clone(),
        ml_dsa(&node).key.clone(),
    ));

    let server = foreign_server(permissive(KEM), dressed.clone());
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let refused = attempt(client, server).await.0.unwrap_err();
    assert_eq!(refusal(&refused), Some(PeerRefused::NotMlDsa87 { length }));

    let server = server_config(&node, Some(allow(&[&node])), ALPN).unwrap();
    let (client, _) = foreign_client(permissive(KEM), Some(dressed), &[ALPN]);
    let refused = attempt(client, server).await.1.unwrap_err();
    assert_eq!(refusal(&refused), Some(PeerRefused::NotMlDsa87 { length }));
    assert_eq!(label(refused), "not_ml_dsa_87");
}
