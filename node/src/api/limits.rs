//! Every limit of the API in one place.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the API allows. An address is an IPv4 address or an IPv6 /64 network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLimits {
    /// Connections in all.
    pub max_connections: usize,
    /// Connections of one address.
    pub max_connections_per_address: u32,
    /// TLS handshakes at one time; further connections wait in the listener's queue.
    pub max_handshakes: usize,
    /// Time for a TLS handshake, milliseconds.
    pub handshake_timeout_ms: u64,
    /// Time for the head of a request, and the longest that a connection may be idle, milliseconds.
    pub header_timeout_ms: u64,
    /// How long a peer may neither take what is sent to it nor send the rest of a body, milliseconds.
    pub stall_timeout_ms: u64,
    /// Time for a request, apart from waits and blobs, milliseconds.
    pub request_timeout_ms: u64,
    /// Time for a blob to be sent or received, milliseconds.
    pub blob_timeout_ms: u64,
    /// Longest `timeout_s` of `wait=final`, seconds; longer ones are cut to it.
    pub max_wait_s: u64,
    /// Requests per second of one address, on average.
    pub requests_per_second: u32,
    /// Requests that one address may make at once after a pause.
    pub request_burst: u32,
    /// Requests of one address that are being answered at one time, waits for finality included.
    pub max_concurrent_requests: u32,
    /// Blobs being sent or received in all: each sent one is in memory, at most 64 MiB.
    pub max_concurrent_blobs: usize,
    /// Blobs being sent to or received from one account at one time; further ones of it wait.
    pub max_concurrent_blobs_per_account: usize,
    /// Bytes that must stay free on the disk of the blobs, which is often that of the database too; a blob that
    /// would take from them is refused.
    pub min_free_bytes: u64,
    /// Reads of the ledger being answered at one time; further ones wait.
    pub max_concurrent_reads: usize,
    /// Streams of events in all.
    pub max_event_streams: usize,
    /// Streams of events of one address.
    pub max_event_streams_per_address: u32,
    /// How long a stream of events may be silent before it says how far it has come, milliseconds.
    pub event_heartbeat_ms: u64,
    /// Bytes of the head of a request; access tokens have about 6,700.
    pub max_head_bytes: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            max_connections: 2_048,
            max_connections_per_address: 512,
            max_handshakes: 64,
            handshake_timeout_ms: 5_000,
            header_timeout_ms: 60_000,
            stall_timeout_ms: 30_000,
            request_timeout_ms: 10_000,
            blob_timeout_ms: 300_000,
            max_wait_s: 60,
            requests_per_second: 5_000,
            request_burst: 10_000,
            max_concurrent_requests: 2_048,
            max_concurrent_blobs: 16,
            max_concurrent_blobs_per_account: 8,
            min_free_bytes: 2 * 1_024 * 1_024 * 1_024,
            max_concurrent_reads: 64,
            max_event_streams: 256,
            max_event_streams_per_address: 64,
            event_heartbeat_ms: 10_000,
            max_head_bytes: 32 * 1_024,
        }
    }
}

impl ApiLimits {
    pub(super) fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    pub(super) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(super) fn stall_timeout(&self) -> Duration {
        Duration::from_millis(self.stall_timeout_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn blob_timeout(&self) -> Duration {
        Duration::from_millis(self.blob_timeout_ms)
    }

    /// A wait, and the time for the request around it.
    pub(super) fn wait_timeout(&self) -> Duration {
        Duration::from_secs(self.max_wait_s) + self.request_timeout()
    }
}
