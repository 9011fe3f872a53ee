//! Final transactions per second, and the time to finality; also when a third of the validators is gone.

use crate::devnet::Devnet;
use crate::primitives::{Primitives, verification_us};
use crate::sender::{Crowd, Load, percentile};
use anyhow::Context;
use serde::Serialize;

/// What one network did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finality {
    /// How many validators.
    pub(crate) validators: usize,
    /// Transactions sent, all of which became final.
    pub(crate) transactions: u64,
    /// Final transactions a second.
    pub(crate) per_second: f64,
    /// Time of one ML-DSA-87 verification, the mean of before and after the load, microseconds.
    pub(crate) verify_us: f64,
    /// Final transactions a second, divided by cores / (n x time of one verification).
    pub(crate) ratio: f64,
    /// Median time to finality of single transactions on an idle network, milliseconds.
    pub(crate) idle_median_ms: f64,
    /// 99th percentile of the same.
    pub(crate) idle_p99_ms: f64,
    /// Median time to finality under the full load, milliseconds.
    pub(crate) loaded_median_ms: f64,
    /// 99th percentile of the same.
    pub(crate) loaded_p99_ms: f64,
}

impl std::fmt::Display for Finality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "n = {}: {} transactions, {:.0} final a second, ratio {:.3} of what verification alone allows ({:.1} us each); time to finality idle {:.0} ms (p99 {:.0}), loaded {:.0} ms (p99 {:.0})",
            self.validators,
            self.transactions,
            self.per_second,
            self.ratio,
            self.verify_us,
            self.idle_median_ms,
            self.idle_p99_ms,
            self.loaded_median_ms,
            self.loaded_p99_ms
        )
    }
}

/// What a network did after as many validators as may fail were killed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stopped {
    /// How many validators there were.
    pub(crate) validators: usize,
    /// How many of them were killed.
    pub(crate) stopped: usize,
    /// Final transactions a second before.
    pub(crate) before_per_second: f64,
    /// Final transactions a second while the turns of those that are gone come up for the first time.
    pub(crate) first_per_second: f64,
    /// Final transactions a second afterwards.
    pub(crate) after_per_second: f64,
    /// After, divided by before.
    pub(crate) ratio: f64,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "n = {}, {} of them killed: {:.0} final a second before, {:.0} while their turns come up for the first time, {:.0} afterwards, ratio {:.2}",
            self.validators,
            self.stopped,
            self.before_per_second,
            self.first_per_second,
            self.after_per_second,
            self.ratio
        )
    }
}

/// Loads a network and times it.
pub(crate) async fn measure(
    network: &Devnet,
    crowd: &mut Crowd,
    load: Load,
    primitives: &Primitives,
) -> anyhow::Result<Finality> {
    let all: Vec<usize> = (0..network.validators).collect();
    let idle = crowd.probe(network, &all, 30).await?;
    let verify_before = verification_us()?;
    let loaded = crowd.load(network, &all, load).await?;
    let verify_us = f64::midpoint(verify_before, verification_us()?);
    let per_second = loaded.transactions as f64 / loaded.seconds;
    Ok(Finality {
        validators: network.validators,
        transactions: loaded.transactions,
        per_second,
        verify_us,
        ratio: per_second / primitives.transactions_bound(network.validators, verify_us),
        idle_median_ms: percentile(&idle, 0.5),
        idle_p99_ms: percentile(&idle, 0.99),
        loaded_median_ms: percentile(&loaded.probes, 0.5),
        loaded_p99_ms: percentile(&loaded.probes, 0.99),
    })
}

/// Kills as many validators as may fail, the last ones, and loads the rest. `before` is what the whole network did.
pub(crate) async fn measure_stopped(
    network: &mut Devnet,
    crowd: &mut Crowd,
    load: Load,
    before: &Finality,
) -> anyhow::Result<Stopped> {
    let stopped = (network.validators - 1) / 3;
    let left: Vec<usize> = (0..network.validators - stopped).collect();
    for index in left.len()..network.validators {
        network.kill(index).context("cannot kill a validator")?;
    }
    let rate = |loaded: &crate::sender::Loaded| loaded.transactions as f64 / loaded.seconds;
    let first = rate(&crowd.load(network, &left, load).await?);
    let after = rate(&crowd.load(network, &left, load).await?);
    Ok(Stopped {
        validators: network.validators,
        stopped,
        before_per_second: before.per_second,
        first_per_second: first,
        after_per_second: after,
        ratio: after / before.per_second,
    })
}
