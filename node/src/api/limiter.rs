//! What one address may use: connections, requests at one time, requests per second.

use super::ApiLimits;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Shared by all connections. One lock, held for the time of a look-up.
#[derive(Clone, Debug)]
pub(super) struct Limiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: ApiLimits,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    addresses: BTreeMap<IpAddr, Usage>,
    /// The table is swept when it has grown to this size.
    sweep_at: usize,
}

#[derive(Debug)]
struct Usage {
    connections: u32,
    requests: u32,
    streams: u32,
    /// Requests that may be made at once (token bucket).
    tokens: f64,
    refilled: Instant,
}

/// Which limit an address has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Connections { limit: u32 },
    Concurrent { limit: u32 },
    Streams { limit: u32 },
    Rate { per_second: u32 },
}

/// Sweeping a smaller table is not worth it.
const SMALLEST_SWEEP: usize = 1_024;

impl Limiter {
    pub(super) fn new(limits: &ApiLimits) -> Self {
        let table = Table {
            addresses: BTreeMap::new(),
            sweep_at: SMALLEST_SWEEP,
        };
        Self(Arc::new(Shared {
            limits: limits.clone(),
            table: Mutex::new(table),
        }))
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn connect(&self, from: IpAddr, now: Instant) -> Result<ConnectionGuard, Refused> {
        let from = network(from);
        let limit = self.0.limits.max_connections_per_address;
        let mut table = self.0.lock();
        let usage = table.usage(from, &self.0.limits, now);
        if usage.connections >= limit {
            return Err(Refused::Connections { limit });
        }
        usage.connections += 1;
        Ok(ConnectionGuard(self.clone(), from))
    }

    /// Counts a request until the guard is dropped.
    pub(super) fn request(&self, from: IpAddr, now: Instant) -> Result<RequestGuard, Refused> {
        let from = network(from);
        let limits = &self.0.limits;
        let mut table = self.0.lock();
        let usage = table.usage(from, limits, now);
        if usage.requests >= limits.max_concurrent_requests {
            return Err(Refused::Concurrent {
                limit: limits.max_concurrent_requests,
            });
        }
        if usage.tokens < 1.0 {
            return Err(Refused::Rate {
                per_second: limits.requests_per_second,
            });
        }
        usage.tokens -= 1.0;
        usage.requests += 1;
        Ok(RequestGuard(self.clone(), from))
    }

    /// Counts a stream of events until the guard is dropped.
    pub(super) fn stream(&self, from: IpAddr, now: Instant) -> Result<StreamGuard, Refused> {
        let from = network(from);
        let limit = self.0.limits.max_event_streams_per_address;
        let mut table = self.0.lock();
        let usage = table.usage(from, &self.0.limits, now);
        if usage.streams >= limit {
            return Err(Refused::Streams { limit });
        }
        usage.streams += 1;
        Ok(StreamGuard(self.clone(), from))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // Counters only: a panic elsewhere leaves nothing half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn usage(&mut self, from: IpAddr, limits: &ApiLimits, now: Instant) -> &mut Usage {
        if self.addresses.len() >= self.sweep_at {
            self.addresses.retain(|_, usage| {
                usage.refill(limits, now);
                !usage.is_idle(limits)
            });
            self.sweep_at = (self.addresses.len() * 2).max(SMALLEST_SWEEP);
        }
        let usage = self.addresses.entry(from).or_insert_with(|| Usage {
            connections: 0,
            requests: 0,
            streams: 0,
            tokens: f64::from(limits.request_burst),
            refilled: now,
        });
        usage.refill(limits, now);
        usage
    }
}

impl Usage {
    fn refill(&mut self, limits: &ApiLimits, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs_f64();
        let tokens = self.tokens + seconds * f64::from(limits.requests_per_second);
        self.tokens = tokens.min(f64::from(limits.request_burst));
        self.refilled = now;
    }

    /// Forgetting it changes nothing.
    fn is_idle(&self, limits: &ApiLimits) -> bool {
        self.connections == 0
            && self.requests == 0
            && self.streams == 0
            && self.tokens >= f64::from(limits.request_burst)
    }
}

/// One connection of an address.
#[derive(Debug)]
pub(super) struct ConnectionGuard(Limiter, IpAddr);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Some(usage) = self.0.0.lock().addresses.get_mut(&self.1) {
            usage.connections = usage.connections.saturating_sub(1);
        }
    }
}

/// One request of an address.
#[derive(Debug)]
pub(super) struct RequestGuard(Limiter, IpAddr);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        if let Some(usage) = self.0.0.lock().addresses.get_mut(&self.1) {
            usage.requests = usage.requests.saturating_sub(1);
        }
    }
}

/// One stream of events of an address.
#[derive(Debug)]
pub(super) struct StreamGuard(Limiter, IpAddr);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        if let Some(usage) = self.0.0.lock().addresses.get_mut(&self.1) {
            usage.streams = usage.streams.saturating_sub(1);
        }
    }
}

/// An IPv6 host commonly has a whole /64, so that is what counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn limits() -> ApiLimits {
        ApiLimits {
            max_connections_per_address: 2,
            max_concurrent_requests: 2,
            max_event_streams_per_address: 1,
            requests_per_second: 10,
            request_burst: 3,
            ..ApiLimits::default()
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_are_counted_for_each_address_until_they_end() {
        let (limiter, now) = (Limiter::new(&limits()), Instant::now());
        let first = limiter.connect(address("10.0.0.1"), now).unwrap();
        let _second = limiter.connect(address("10.0.0.1"), now).unwrap();
        let refused = limiter.connect(address("10.0.0.1"), now).unwrap_err();
        assert_eq!(refused, Refused::Connections { limit: 2 });
        let _other = limiter.connect(address("10.0.0.2"), now).unwrap();
        drop(first);
        limiter.connect(address("10.0.0.1"), now).unwrap();
    }

    #[test]
    fn requests_are_limited_at_one_time_and_per_second() {
        let (limiter, now, from) = (Limiter::new(&limits()), Instant::now(), address("10.0.0.1"));
        let first = limiter.request(from, now).unwrap();
        let second = limiter.request(from, now).unwrap();
        assert_eq!(
            limiter.request(from, now).unwrap_err(),
            Refused::Concurrent { limit: 2 }
        );
        drop((first, second));
        drop(limiter.request(from, now).unwrap());
        assert_eq!(
            limiter.request(from, now).unwrap_err(),
            Refused::Rate { per_second: 10 }
        );
        drop(
            limiter
                .request(from, now + Duration::from_millis(100))
                .unwrap(),
        );
    }

    #[test]
    fn streams_of_events_are_counted_for_each_address_until_they_end() {
        let (limiter, now) = (Limiter::new(&limits()), Instant::now());
        let first = limiter.stream(address("10.0.0.1"), now).unwrap();
        let refused = limiter.stream(address("10.0.0.1"), now).unwrap_err();
        assert_eq!(refused, Refused::Streams { limit: 1 });
        let _other = limiter.stream(address("10.0.0.2"), now).unwrap();
        drop(first);
        limiter.stream(address("10.0.0.1"), now).unwrap();
    }

    #[test]
    fn a_whole_ipv6_network_is_one_address() {
        let (limiter, now) = (Limiter::new(&limits()), Instant::now());
        let _one = limiter.connect(address("2001:db8::1"), now).unwrap();
        let _two = limiter.connect(address("2001:db8::2"), now).unwrap();
        assert!(limiter.connect(address("2001:db8::3"), now).is_err());
        limiter.connect(address("2001:db8:0:1::1"), now).unwrap();
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let (limiter, now) = (Limiter::new(&limits()), Instant::now());
        let _stays = limiter.connect(address("10.1.0.0"), now).unwrap();
        for n in 0..10_000_u32 {
            let at = now + Duration::from_secs(u64::from(n));
            drop(
                limiter
                    .request(IpAddr::V4((0x0b00_0000 + n).into()), at)
                    .unwrap(),
            );
        }
        let table = limiter.0.lock();
        assert!(table.addresses.len() <= SMALLEST_SWEEP);
        assert_eq!(table.addresses[&address("10.1.0.0")].connections, 1);
    }
}
