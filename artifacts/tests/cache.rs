//! A cache saves reads of the store, and whatever it does, it breaks nothing.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use bytes::Bytes;
use cairn_artifacts::cache::{BlobCache, CachedStore, MemoryCache, RedisCache, RedisLimits};
use cairn_artifacts::{BlobStore, MAX_STORED_MANIFEST, StoreError};
use cairn_crypto::Digest;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use support::redis_server::RedisServer;
use support::{Faulty, noise, pull_from, push_to, sample_model, tree};

/// No pause: a test asks again at once.
const LIMITS: RedisLimits = RedisLimits {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    pause: Duration::ZERO,
    keep: Duration::from_secs(3600),
};

fn reads(store: &Faulty) -> u64 {
    store.was_got.lock().unwrap().values().sum()
}

fn redis(server: &RedisServer) -> RedisCache {
    RedisCache::new(&server.url(), LIMITS).unwrap()
}

async fn saves_reads_and_is_not_believed<C: BlobCache + Clone>(cache: C) {
    let folder = tempfile::tempdir().unwrap();
    let store = Faulty::new(&folder.path().join("blobs"), "behind the cache");
    let cached = CachedStore::new(store, cache.clone());
    let model = folder.path().join("model");
    sample_model(&model);
    let pushed = push_to(&cached, &model).await;
    let stores = [cached];
    let store = stores[0].store();
    pull_from(&stores, &pushed, &folder.path().join("first"))
        .await
        .unwrap();
    let first = reads(store);
    assert!(first >= 7, "{first}");
    pull_from(&stores, &pushed, &folder.path().join("second"))
        .await
        .unwrap();
    assert_eq!(reads(store), first, "everything was in the cache");
    assert_eq!(tree(&model), tree(&folder.path().join("second")));

    // Lies about every blob: each is read from the store again, and the lies are forgotten.
    let blobs: Vec<Digest> = store.was_got.lock().unwrap().keys().copied().collect();
    for blob in &blobs {
        cache.put(blob, Bytes::from_static(b"something else")).await;
    }
    pull_from(&stores, &pushed, &folder.path().join("third"))
        .await
        .unwrap();
    assert_eq!(reads(store), 2 * first);
    assert_eq!(tree(&model), tree(&folder.path().join("third")));
    for blob in &blobs {
        assert_eq!(Digest::of(&cache.get(blob).await.unwrap()), *blob);
    }
    // What the store does not have, nobody has.
    let missing = Digest::of(b"missing");
    let error = stores[0].get(&missing).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }));
    assert!(cache.get(&missing).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_in_memory_saves_reads_and_is_not_believed() {
    saves_reads_and_is_not_believed(MemoryCache::new(256 << 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_saves_reads_and_is_not_believed() {
    let server = RedisServer::start();
    saves_reads_and_is_not_believed(redis(&server)).await;
}

#[tokio::test]
async fn memory_is_bounded_by_bytes_whatever_is_put() {
    const LIMIT: u64 = 8 << 20;
    let cache = MemoryCache::new(LIMIT);
    for seed in 0..200 {
        let bytes = Bytes::from(noise(seed, 100_000 + 1000 * seed as usize));
        cache.put(&Digest::of(&bytes), bytes).await;
        assert!(cache.bytes() <= LIMIT, "{}", cache.bytes());
    }
    assert!(cache.bytes() > LIMIT / 2, "{}", cache.bytes());
    let huge = Bytes::from(vec![0; LIMIT as usize + 1]);
    cache.put(&Digest::of(&huge), huge).await;
    assert!(cache.bytes() <= LIMIT);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_store_gives_wrong_is_neither_cached_nor_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = Faulty::new(folder.path(), "wrong");
    let bytes = Bytes::from_static(b"right");
    let digest = Digest::of(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    let wrong = Bytes::from_static(b"wrong");
    store.replaced.lock().unwrap().insert(digest, wrong);
    let cache = MemoryCache::new(1 << 20);
    let cached = CachedStore::new(store, cache.clone());
    let error = cached.get(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::WrongDigest { .. }), "{error}");
    assert!(cache.get(&digest).await.is_none());
    cached.store().replaced.lock().unwrap().clear();
    assert_eq!(cached.get(&digest).await.unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_goes_away_and_comes_back_is_not_missed_and_then_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Faulty::new(folder.path(), "behind Redis");
    let bytes = Bytes::from(noise(1, 100_000));
    let digest = Digest::of(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    let server = RedisServer::start();
    let cached = CachedStore::new(store, redis(&server));
    let read = || async { assert_eq!(cached.get(&digest).await.unwrap(), bytes) };
    read().await;
    read().await;
    assert_eq!(reads(cached.store()), 1);

    let place = server.kill();
    read().await;
    read().await;
    assert_eq!(reads(cached.store()), 3);

    let _server = RedisServer::start_in(place);
    // The new one is empty: one more read, and then none.
    read().await;
    read().await;
    assert_eq!(reads(cached.store()), 4);
}

/// A connection that waits for its answers.
async fn patient(server: &RedisServer) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
    let client = redis::Client::open(server.url()).unwrap();
    let connected = client.get_multiplexed_async_connection_with_config(&config);
    connected.await.unwrap()
}

/// Bytes that a Redis has sent so far.
async fn sent_by(connection: &mut MultiplexedConnection) -> u64 {
    let told: String = redis::cmd("INFO")
        .arg("stats")
        .query_async(connection)
        .await
        .unwrap();
    let sent = told
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    sent.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_longer_than_a_blob_can_be_is_not_fetched_and_is_replaced() {
    const FOREIGN: u64 = 200 << 20;
    let folder = tempfile::tempdir().unwrap();
    let store = Faulty::new(folder.path(), "behind Redis");
    let bytes = Bytes::from_static(b"content");
    let digest = Digest::of(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    let server = RedisServer::start();
    let mut connection = patient(&server).await;
    let length: u64 = redis::cmd("SETRANGE")
        .arg(format!("cairn/blob/{digest}"))
        .arg(FOREIGN - 1)
        .arg("x")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(length, FOREIGN);

    let limits = RedisLimits {
        answer: Duration::from_secs(60),
        ..LIMITS
    };
    let cache = RedisCache::new(&server.url(), limits).unwrap();
    let cached = CachedStore::new(store, cache);
    let before = sent_by(&mut connection).await;
    assert_eq!(cached.get(&digest).await.unwrap(), bytes);
    let sent = sent_by(&mut connection).await - before;
    assert!(sent < MAX_STORED_MANIFEST + (1 << 20), "{sent}");
    assert_eq!(cached.get(&digest).await.unwrap(), bytes);
    assert_eq!(reads(cached.store()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_does_not_answer_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Faulty::new(folder.path(), "behind Redis");
    let bytes = Bytes::from_static(b"content");
    let digest = Digest::of(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    // Takes connections and says nothing.
    let socket = folder.path().join("mute");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let limits = RedisLimits {
        connect: Duration::from_millis(200),
        answer: Duration::from_millis(200),
        pause: Duration::from_secs(3600),
        ..LIMITS
    };
    let url = format!("redis+unix://{}", socket.display());
    let cached = CachedStore::new(store, RedisCache::new(&url, limits).unwrap());
    let mute = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.push(connection);
            assert_eq!(connections.len(), 1, "it was to be left alone");
        }
    });
    for _ in 0..100 {
        assert_eq!(cached.get(&digest).await.unwrap(), bytes);
    }
    assert!(!mute.is_finished());
    mute.abort();
    let none = RedisCache::new("http://user:secret@host", limits).unwrap_err();
    assert!(!none.to_string().contains("secret"), "{none}");
}
