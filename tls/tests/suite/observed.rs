//! Whoever asks is told of the cryptography of real connections.

use crate::ends::{ALPN, allow, attempt, key};
use cairn_tls::{CryptoObserver, client_config, observe, server_config};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static KEYS: AtomicU64 = AtomicU64::new(0);
static SEALED: AtomicU64 = AtomicU64::new(0);
static OPENED: AtomicU64 = AtomicU64::new(0);

struct Counts;

impl CryptoObserver for Counts {
    fn key_generated(&self, elapsed: Duration) {
        assert!(elapsed > Duration::ZERO);
        KEYS.fetch_add(1, Ordering::SeqCst);
    }

    fn sealed(&self, _: Duration) {
        SEALED.fetch_add(1, Ordering::SeqCst);
    }

    fn opened(&self, _: Duration) {
        OPENED.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_connection_tells_of_its_key_pair_and_of_its_first_records() {
    assert!(observe(Box::new(Counts)));
    assert!(!observe(Box::new(Counts)), "there is one for a process");
    // Other tests connect too, at the same time.
    let before = [&KEYS, &SEALED, &OPENED].map(|count| count.load(Ordering::SeqCst));
    let node = key();
    let client = client_config(None, allow(&[&node]), ALPN).unwrap();
    let server = server_config(&node, None, ALPN).unwrap();
    let (client, server) = attempt(client, server).await;
    assert!(client.is_ok() && server.is_ok());
    let after = [&KEYS, &SEALED, &OPENED].map(|count| count.load(Ordering::SeqCst));
    // One key pair; and the first record of each key: two keys of the handshake, one of the server's data.
    for (index, least) in [1, 3, 3].into_iter().enumerate() {
        assert!(
            after[index] >= before[index] + least,
            "{before:?} {after:?}"
        );
    }
}
