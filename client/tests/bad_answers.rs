//! Whatever a node answers, the client gives a typed error or asks the next node.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_api::code;
use cairn_client::{CallError, Client, ClientError, NodeFailure, Subject, Wait};
use cairn_crypto::{Digest, SigningKey};
use cairn_tls::{HandshakeError, PeerRefused, TlsError};
use chain::{Answer, CHAIN, key, node, node_with, ok, problem, status};
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn namespaces(client: &Client) -> Result<usize, ClientError> {
    client.namespaces().await.map(|list| list.len())
}

/// The one failure of a client with one node.
async fn failure(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> CallError {
    let client = CHAIN.client(vec![node(answer).await.endpoint]);
    only(namespaces(&client).await)
}

fn only<T: std::fmt::Debug>(result: Result<T, ClientError>) -> CallError {
    let Err(ClientError::Unreachable { mut failures }) = result else {
        panic!("expected that nobody answered, got {result:?}")
    };
    assert_eq!(failures.len(), 1);
    let NodeFailure { error, .. } = failures.remove(0);
    error
}

const EMPTY: &[u8] = br#"{"height":1,"time":"2025-01-01T00:00:00Z","items":[]}"#;

#[tokio::test]
async fn a_truncated_body_is_a_broken_connection() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"height\"".to_vec();
    let error = failure(move |_| Answer::Last(half.clone())).await;
    assert!(matches!(error, CallError::Http(_)), "{error}");
}

#[tokio::test]
async fn what_is_not_http_is_a_broken_connection() {
    let error = failure(|_| Answer::Last(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())).await;
    assert!(matches!(error, CallError::Http(_)), "{error}");
}

#[tokio::test]
async fn json_of_another_form_names_the_route() {
    for body in [&b"{}"[..], b"[]", b"not json", b"\xff\xfe", b""] {
        let error = failure(move |_| ok("application/json", body)).await;
        let CallError::Malformed { route, .. } = error else {
            panic!("{error}")
        };
        assert!(route.starts_with("GET /v1/namespaces"), "{route}");
    }
}

#[tokio::test]
async fn a_body_that_is_declared_too_long_is_not_read() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let error = failure(move |_| Answer::Raw(head.clone())).await;
    assert!(matches!(error, CallError::TooLong { .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_does_not_say_how_long_it_is_is_read_up_to_the_limit() {
    let mut endless = b"HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..40 {
        endless.extend_from_slice(b"4000\r\n");
        endless.extend_from_slice(&[b' '; 0x4000]);
        endless.extend_from_slice(b"\r\n");
    }
    let error = failure(move |_| Answer::Raw(endless.clone())).await;
    assert!(matches!(error, CallError::TooLong { .. }), "{error}");
}

#[tokio::test]
async fn an_error_without_a_problem_document_is_malformed() {
    let error = failure(|_| status("404 Not Found", "text/html", b"<h1>")).await;
    assert!(matches!(error, CallError::Malformed { .. }), "{error}");
    let error = failure(|_| status("302 Found", "text/plain", b"")).await;
    assert!(matches!(error, CallError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_carries_the_problem_and_the_node() {
    let node = node(|_| problem(404, code::NAMESPACE_NOT_FOUND)).await;
    let client = CHAIN.client(vec![node.endpoint.clone()]);
    let error = client.namespace("acme").await.unwrap_err();
    assert!(error.is_refusal(code::NAMESPACE_NOT_FOUND));
    assert!(error.to_string().contains(&node.endpoint.to_string()));
}

#[tokio::test]
async fn a_node_that_fails_is_passed_over_and_not_asked_first_again() {
    let failing = node(|_| problem(503, code::NODE_SYNCING)).await;
    let working = node(|_| ok("application/json", EMPTY)).await;
    let client = CHAIN.client(vec![failing.endpoint, working.endpoint]);
    for _ in 0..3 {
        assert_eq!(namespaces(&client).await.unwrap(), 0);
    }
    assert_eq!(failing.connections.load(Ordering::SeqCst), 1);
    assert_eq!(working.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn when_all_nodes_fail_the_error_names_each() {
    let down = "cairn://127.0.0.1:1".parse().unwrap();
    let failing = node(|_| problem(500, code::INTERNAL)).await;
    let client = CHAIN.client(vec![down, failing.endpoint.clone()]);
    let error = namespaces(&client).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("cairn://127.0.0.1:1: cannot connect"),
        "{text}"
    );
    assert!(text.contains(&failing.endpoint.to_string()), "{text}");
    let ClientError::Unreachable { failures } = error else {
        panic!("{text}")
    };
    assert!(matches!(failures[0].error, CallError::Connect(_)));
    assert!(matches!(failures[1].error, CallError::Unavailable(_)));
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_made_anew() {
    let closing = node(|_| {
        let Answer::Raw(bytes) = ok("application/json", EMPTY) else {
            unreachable!()
        };
        Answer::Last(bytes)
    });
    let closing = closing.await;
    let client = CHAIN.client(vec![closing.endpoint]);
    for _ in 0..3 {
        assert_eq!(namespaces(&client).await.unwrap(), 0);
    }
    assert_eq!(closing.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_key_that_is_not_in_the_genesis_document_is_refused_unless_configured() {
    let stranger = SigningKey::generate().unwrap();
    let chain_id = CHAIN.genesis.chain_id();
    let node = node_with(&stranger, &chain_id, |_| ok("application/json", EMPTY)).await;
    let client = CHAIN.client(vec![node.endpoint.clone()]);
    let error = only(namespaces(&client).await);
    let expected = PeerRefused::NotAllowed {
        fingerprint: stranger.public_key().fingerprint(),
    };
    let CallError::Handshake(HandshakeError::Tls(TlsError::Peer(refused))) = error else {
        panic!("{error}")
    };
    assert_eq!(refused, expected);

    let genesis = std::sync::Arc::clone(&CHAIN.genesis);
    let mut config = cairn_client::ClientConfig::new(vec![node.endpoint], genesis);
    config.node_keys = vec![stranger.public_key().fingerprint()];
    let client = Client::new(config).unwrap();
    assert_eq!(namespaces(&client).await.unwrap(), 0);
}

#[tokio::test]
async fn a_node_of_another_chain_is_refused_in_the_handshake() {
    let node = node_with(&key(2, 0), &Digest::ZERO, |_| ok("application/json", EMPTY)).await;
    let client = CHAIN.client(vec![node.endpoint]);
    let error = only(namespaces(&client).await);
    let tls = matches!(
        error,
        CallError::Handshake(HandshakeError::Tls(TlsError::Protocol { .. }))
    );
    assert!(tls, "{error}");
}

#[tokio::test]
async fn a_status_of_another_chain_is_not_believed() {
    let status = serde_json::json!({
        "network": "x", "chain_id": Digest::ZERO, "node": "n", "version": "1", "epoch": 0,
        "round": 1, "height": 1, "block_id": Digest::ZERO, "time": "", "final_age_ms": 0,
        "peers_consensus": 0, "peers_data": 0, "validators": 4, "mempool_transactions": 0,
        "syncing": false,
    });
    let body = serde_json::to_vec(&status).unwrap();
    let node = node(move |_| ok("application/json", &body)).await;
    let client = CHAIN.client(vec![node.endpoint.clone()]);
    let error = only(client.status_of(&node.endpoint).await);
    assert!(matches!(error, CallError::OtherChain { .. }), "{error}");
}

#[tokio::test]
async fn a_proof_that_is_cut_short_altered_or_nonsense_is_the_error_that_is_told() {
    let whole = CHAIN.block(3).encode().unwrap();
    let mut altered = whole.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let cut = whole[..whole.len() / 2].to_vec();
    for body in [altered, cut, b"nonsense".to_vec(), Vec::new()] {
        let node = node(move |_| ok(cairn_api::OCTET_STREAM, &body)).await;
        let client = CHAIN.client(vec![node.endpoint]);
        let error = client.prove(&Subject::Block(3)).await.unwrap_err();
        let told = matches!(error, ClientError::Bundle(_) | ClientError::Audit(_));
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn a_list_without_end_is_followed_page_by_page() {
    let node = node(|line| {
        let more = !line.contains("cursor=2");
        let cursor = if line.contains("cursor=1") { 2 } else { 1 };
        let next = if more {
            format!(",\"next\":\"{cursor}\"")
        } else {
            String::new()
        };
        let namespace = format!(
            r#"{{"name":"n{cursor}","owner":"{}","created_at":1,"models":0}}"#,
            Digest::ZERO.reference()
        );
        let body =
            format!(r#"{{"height":1,"time":"2025-01-01T00:00:00Z","items":[{namespace}]{next}}}"#);
        ok("application/json", body.as_bytes())
    })
    .await;
    let client = CHAIN.client(vec![node.endpoint]);
    assert_eq!(namespaces(&client).await.unwrap(), 3);
    assert_eq!(node.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_transaction_that_does_not_become_final_in_time_is_named() {
    let tx_hash = Digest::of(b"transaction");
    let node = node(move |_| {
        let problem = cairn_api::Problem::new(504, code::WAIT_TIMEOUT, "not yet")
            .with("tx_hash", tx_hash.reference());
        let body = serde_json::to_vec(&problem).unwrap();
        status("504 X", cairn_api::PROBLEM_JSON, &body)
    })
    .await;
    let client = CHAIN.client(vec![node.endpoint]);
    let wait = Wait::Final {
        timeout: Duration::from_millis(1),
    };
    let bytes = bytes::Bytes::from_static(b"transaction");
    let error = client.submit_bytes(bytes, wait).await.unwrap_err();
    let ClientError::NotFinal { tx_hash: got, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(got, tx_hash);
}

#[tokio::test]
async fn an_answer_that_says_final_without_a_receipt_is_malformed() {
    let body = format!(
        r#"{{"tx_hash":"{}","status":"final"}}"#,
        Digest::ZERO.reference()
    );
    let node = node(move |_| ok("application/json", body.as_bytes())).await;
    let client = CHAIN.client(vec![node.endpoint]);
    let wait = Wait::Final {
        timeout: Duration::from_secs(1),
    };
    let submitted = client.submit_bytes(bytes::Bytes::from_static(b"x"), wait);
    let error = only(submitted.await);
    assert!(matches!(error, CallError::Malformed { .. }), "{error}");
}
