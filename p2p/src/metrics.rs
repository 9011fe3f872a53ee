//! What an operator can see of the network, as Prometheus metrics.

use prometheus::{
    IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::{AtomicI64, AtomicU64, GenericCounterVec, GenericGaugeVec},
};

use crate::config::Plane;

/// Counters of one network. Cheap to touch; label lookups are made once per plane.
pub(crate) struct Metrics {
    planes: [PlaneMetrics; 2],
    handshake_failures: IntCounterVec,
    refused_connections: IntCounterVec,
    dropped_messages: IntCounterVec,
    requests: IntCounterVec,
    sessions: IntGaugeVec,
    /// Every counter, for registration.
    counters: Vec<IntCounterVec>,
}

/// Counters of one plane, label already resolved.
pub(crate) struct PlaneMetrics {
    pub(crate) sessions: prometheus::IntGauge,
    pub(crate) messages_sent: IntCounter,
    pub(crate) bytes_sent: IntCounter,
    pub(crate) messages_received: IntCounter,
    pub(crate) bytes_received: IntCounter,
    pub(crate) throttled: IntCounter,
    pub(crate) rekeys: IntCounter,
    pub(crate) dial_failures: IntCounter,
    pub(crate) inbound_failures: IntCounter,
    pub(crate) overlong_frames: IntCounter,
}

fn counter(name: &str, help: &str, labels: &[&str]) -> GenericCounterVec<AtomicU64> {
    GenericCounterVec::new(Opts::new(name, help), labels)
        .expect("metric names are constants and valid")
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> GenericGaugeVec<AtomicI64> {
    GenericGaugeVec::new(Opts::new(name, help), labels)
        .expect("metric names are constants and valid")
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let plane = &["plane"];
        let sessions: IntGaugeVec = gauge(
            "cairn_p2p_sessions",
            "Peers connected, hello exchanged.",
            plane,
        );
        let messages_sent = counter(
            "cairn_p2p_messages_sent_total",
            "Messages written to peers.",
            plane,
        );
        let bytes_sent = counter(
            "cairn_p2p_bytes_sent_total",
            "Message bytes written to peers.",
            plane,
        );
        let messages_received = counter(
            "cairn_p2p_messages_received_total",
            "Messages read from peers.",
            plane,
        );
        let bytes_received = counter(
            "cairn_p2p_bytes_received_total",
            "Message bytes read from peers.",
            plane,
        );
        let throttled = counter(
            "cairn_p2p_throttled_total",
            "Times a peer exceeded its rate and was read more slowly.",
            plane,
        );
        let rekeys = counter(
            "cairn_p2p_rekeys_total",
            "Connections closed to be replaced with fresh keys.",
            plane,
        );
        let dial_failures = counter(
            "cairn_p2p_dial_failures_total",
            "Outbound connections that failed.",
            plane,
        );
        let inbound_failures = counter(
            "cairn_p2p_inbound_failures_total",
            "Inbound connections that failed or were refused.",
            plane,
        );
        let overlong_frames = counter(
            "cairn_p2p_overlong_frames_total",
            "Connections closed for a frame beyond the limit.",
            plane,
        );
        let handshake_failures = counter(
            "cairn_p2p_handshake_failures_total",
            "TLS handshakes that failed, by reason.",
            &["plane", "reason"],
        );
        let refused_connections = counter(
            "cairn_p2p_refused_connections_total",
            "Connections refused by a limit, by limit.",
            &["plane", "limit"],
        );
        let dropped_messages = counter(
            "cairn_p2p_dropped_messages_total",
            "Outbound messages dropped, by reason.",
            &["plane", "reason"],
        );
        let requests = counter(
            "cairn_p2p_requests_total",
            "Requests, by direction and outcome.",
            &["direction", "outcome"],
        );

        let planes = Plane::ALL.map(|plane| {
            let labels = &[plane.as_str()];
            PlaneMetrics {
                sessions: sessions.with_label_values(labels),
                messages_sent: messages_sent.with_label_values(labels),
                bytes_sent: bytes_sent.with_label_values(labels),
                messages_received: messages_received.with_label_values(labels),
                bytes_received: bytes_received.with_label_values(labels),
                throttled: throttled.with_label_values(labels),
                rekeys: rekeys.with_label_values(labels),
                dial_failures: dial_failures.with_label_values(labels),
                inbound_failures: inbound_failures.with_label_values(labels),
                overlong_frames: overlong_frames.with_label_values(labels),
            }
        });
        let counters = vec![
            messages_sent,
            bytes_sent,
            messages_received,
            bytes_received,
            throttled,
            rekeys,
            dial_failures,
            inbound_failures,
            overlong_frames,
            handshake_failures.clone(),
            refused_connections.clone(),
            dropped_messages.clone(),
            requests.clone(),
        ];
        Self {
            planes,
            handshake_failures,
            refused_connections,
            dropped_messages,
            requests,
            sessions,
            counters,
        }
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.sessions.clone()))?;
        self.counters
            .iter()
            .try_for_each(|counter| registry.register(Box::new(counter.clone())))
    }

    pub(crate) fn plane(&self, plane: Plane) -> &PlaneMetrics {
        &self.planes[plane.index()]
    }

    pub(crate) fn handshake_failed(&self, plane: Plane, reason: &str) {
        self.handshake_failures
            .with_label_values(&[plane.as_str(), reason])
            .inc();
    }

    pub(crate) fn connection_refused(&self, plane: Plane, limit: &str) {
        self.refused_connections
            .with_label_values(&[plane.as_str(), limit])
            .inc();
    }

    pub(crate) fn dropped(&self, plane: Plane, reason: &str, count: u64) {
        if count > 0 {
            self.dropped_messages
                .with_label_values(&[plane.as_str(), reason])
                .inc_by(count);
        }
    }

    pub(crate) fn request(&self, direction: &str, outcome: &str) {
        self.requests.with_label_values(&[direction, outcome]).inc();
    }
}
