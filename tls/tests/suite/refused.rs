//! Who is refused: by its key, its signature, or the protocol that it speaks.

use crate::{
    ends::{ALPN, allow, attempt, key, label, tls_error},
    foreign::{KEM, foreign_client, foreign_server, ml_dsa, permissive},
};
use cairn_tls::{PeerRefused, TlsError, client_config, negotiated, refusal, server_config};
use rustls::{AlertDescription, Error, sign::CertifiedKey};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn a_client_refuses_an_unlisted_server() {
    let (node, stranger) = (key(), key());
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let server = server_config(&stranger, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    let fingerprint = stranger.public_key().fingerprint();
    assert_eq!(
        refusal(&client.unwrap_err()),
        Some(PeerRefused::NotAllowed { fingerprint })
    );
    assert!(server.is_err());
}

#[tokio::test]
async fn a_server_refuses_an_unlisted_client_and_one_without_a_key() {
    let (node, listed, stranger) = (key(), key(), key());
    let server = server_config(&node, Some(allow(&[&listed])), ALPN).unwrap();

    let client = client_config(Some(&stranger), allow(&[&node]), ALPN).unwrap();
    let (client, refused) = attempt(client, server.clone()).await;
    let fingerprint = stranger.public_key().fingerprint();
    assert_eq!(
        refusal(&refused.unwrap_err()),
        Some(PeerRefused::NotAllowed { fingerprint })
    );
    assert!(client.is_err());

    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let (client, refused) = attempt(client, server).await;
    assert!(client.is_err() && refused.is_err());
}

#[tokio::test]
async fn a_listed_key_with_a_signature_of_another_key_is_refused() {
    let (node, thief) = (key(), key());
    // Shows the node's key and signs with its own.
    let stolen = CertifiedKey::new(ml_dsa(&node).cert.clone(), ml_dsa(&thief).key.clone());
    let stolen = Arc::new(stolen);
    let server = foreign_server(permissive(KEM), stolen.clone());
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let refused = attempt(client, server).await.0.unwrap_err();
    let expected = Error::InvalidCertificate(rustls::CertificateError::BadSignature);
    assert_eq!(tls_error(&refused), &expected);
    assert_eq!(label(refused), "bad_signature");

    let server = server_config(&node, Some(allow(&[&node])), ALPN).unwrap();
    let (client, _) = foreign_client(permissive(KEM), Some(stolen), &[ALPN]);
    let refused = attempt(client, server).await.1.unwrap_err();
    assert_eq!(tls_error(&refused), &expected);
}

#[tokio::test]
async fn a_key_with_something_after_it_is_refused() {
    let node = key();
    let own = ml_dsa(&node);
    let twice = vec![own.cert[0].clone(), own.cert[0].clone()];
    let server = foreign_server(
        permissive(KEM),
        Arc::new(CertifiedKey::new(twice, own.key.clone())),
    );
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    assert!(attempt(client, server).await.0.is_err());
}

#[tokio::test]
async fn another_application_protocol_ends_the_handshake() {
    let node = key();
    let client = client_config(None, allow(&[&node]), b"cairn/1/api/01").unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert_eq!(
        tls_error(&server.unwrap_err()),
        &Error::NoApplicationProtocol
    );
    let alert = Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    let client = client.unwrap_err();
    assert_eq!(tls_error(&client), &alert);
    assert_eq!(label(client), "alpn");
}

#[tokio::test]
async fn a_missing_application_protocol_is_an_error_on_both_sides() {
    let node = key();
    let missing = TlsError::Protocol {
        expected: ALPN.to_vec(),
        found: None,
    };

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
        socket
            .write_all(b"GET /v1/status HTTP/1.1\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
    };
    let (accepted, ()) = tokio::join!(accept, talk);
    assert!(matches!(
        tls_error(&accepted.unwrap_err()),
        Error::InvalidMessage(_)
    ));
}
