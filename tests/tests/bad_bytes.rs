//! What is no handshake, or no HTTP inside of one, is turned away at every port of a node, and the node goes on.

#![allow(clippy::unwrap_used)]

use cairn_crypto::Digest;
use cairn_tests::{Api, Network, Numbers};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends bytes to a port and reads until the other side ends the connection or has said something.
fn send_raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(15)))
        .unwrap();
    // The other side may end the connection before it has read everything.
    let _closed = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    answer
}

#[test]
fn what_is_no_handshake_is_turned_away_at_every_port() {
    let mut network = Network::start(4);
    let [consensus, data, api, operations] = network.ports(0);
    let mut numbers = Numbers::new(11);
    let plain = b"GET /v1/status HTTP/1.1\r\nhost: node\r\n\r\n".to_vec();
    // A record that promises more than any record has; a hello of TLS 1.0 without anything in it.
    let record = vec![0x16, 0x03, 0x03, 0xff, 0xff, 0x01];
    let hello = vec![0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00];
    for port in [consensus, data, api] {
        for bytes in [
            plain.clone(),
            record.clone(),
            hello.clone(),
            numbers.bytes(2_000),
        ] {
            let answer = send_raw(port, &bytes);
            let text = String::from_utf8_lossy(&answer);
            assert!(
                !text.contains("HTTP/1.1 200") && !text.contains("chain_id"),
                "{port}: {text}"
            );
        }
        for _ in 0..50 {
            let _opened_and_closed = TcpStream::connect(port).unwrap();
        }
    }
    // The operators' port speaks plain HTTP and has nothing of the API.
    let answer = send_raw(
        operations,
        b"GET /v1/status HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n",
    );
    assert!(answer.starts_with(b"HTTP/1.1 404"));
    let garbage = numbers.bytes(500);
    let answer = send_raw(operations, &[garbage, b"\r\n\r\n".to_vec()].concat());
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));

    // Inside TLS, what is no HTTP.
    for head in [
        b"\x00\x01\x02\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /v1/status HTTP/9.9\r\n\r\n".to_vec(),
        b"POST /v1/transactions HTTP/1.1\r\nhost: n\r\ncontent-length: x\r\n\r\n".to_vec(),
        format!("GET /{} HTTP/1.1\r\nhost: n\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        format!(
            "GET / HTTP/1.1\r\nhost: n\r\nx: {}\r\n\r\n",
            "a".repeat(100_000)
        )
        .into_bytes(),
    ] {
        let start = String::from_utf8_lossy(&head[..head.len().min(30)]).into_owned();
        match network.api(0).raw(&head, b"", true) {
            Ok(reply) => assert!(
                (400..500).contains(&reply.status),
                "{start:?}: {}",
                reply.status
            ),
            Err(error) => println!("{start:?}: closed ({error})"),
        }
    }
    // A client of another chain gets no connection, and neither does one that expects another key.
    let other = Digest::of(b"another chain");
    let key = network.account("alice").keys.signing.public_key().clone();
    let wrong_chain = Api::new(api, &other, &key).get("/v1/status");
    assert!(wrong_chain.is_err());
    let wrong_key = Api::new(api, &network.chain_id(), &key).get("/v1/status");
    assert!(wrong_key.is_err());
    network.expect_goes_on("after");
}
