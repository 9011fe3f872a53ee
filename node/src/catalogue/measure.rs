//! What is measured of the catalogue.

use prometheus::{IntCounter, IntGauge, Registry};

/// Metrics of the catalogue.
#[derive(Debug)]
pub(super) struct Measure {
    /// Height that it has reached.
    pub(super) height: IntGauge,
    /// Final blocks that it has not reached.
    pub(super) lag: IntGauge,
    /// Failures to follow, since the start.
    pub(super) failures: IntCounter,
}

impl Measure {
    /// Makes and registers them.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let measure = Self {
            height: IntGauge::new(
                "cairn_catalogue_height",
                "Height of the last final block that the catalogue reflects",
            )?,
            lag: IntGauge::new(
                "cairn_catalogue_lag_blocks",
                "Final blocks that the catalogue does not reflect yet",
            )?,
            failures: IntCounter::new(
                "cairn_catalogue_failures_total",
                "Times that the catalogue could not follow the ledger",
            )?,
        };
        registry.register(Box::new(measure.height.clone()))?;
        registry.register(Box::new(measure.lag.clone()))?;
        registry.register(Box::new(measure.failures.clone()))?;
        Ok(measure)
    }

    /// The catalogue is at `height`, the chain at `last`.
    pub(super) fn set(&self, height: u64, last: u64) {
        self.height.set(i64::try_from(height).unwrap_or(i64::MAX));
        let lag = last.saturating_sub(height);
        self.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
    }
}
