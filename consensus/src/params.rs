//! The protocol's settings: part of genesis, the same for all validators.

use crate::Round;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Times and windows. All times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// How long a round may last before a validator gives it up, when nothing has failed yet.
    pub base_timeout_ms: u64,
    /// Each failed round lengthens the next by a fifth, up to this many times the base.
    pub max_timeout_factor: u32,
    /// The longest time between two blocks: then an empty one is built.
    pub heartbeat_ms: u64,
    /// How long a proposal waits for its parent's certificate, or a certificate for its block, before
    /// somebody is asked for it.
    pub certificate_wait_ms: u64,
    /// How long a leader with nothing to propose waits before it builds an empty block so that an
    /// ancestor becomes final.
    pub empty_block_ms: u64,
    /// How far a block's timestamp may lie ahead of a voter's clock.
    pub max_clock_skew_ms: u64,
    /// Messages for rounds further ahead or behind than this are not kept.
    pub round_window: u64,
    /// Final blocks that are missing are fetched one by one if they are at most this far above the last one here; beyond,
    /// block sync is asked for. Blocks that are certified and not final are fetched one by one, however far.
    pub fetch_window: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            base_timeout_ms: 1_000,
            max_timeout_factor: 6,
            heartbeat_ms: 10_000,
            certificate_wait_ms: 50,
            empty_block_ms: 250,
            max_clock_skew_ms: 2_000,
            round_window: 32,
            fetch_window: 8,
        }
    }
}

impl Params {
    /// Length of a round after `failed` failed rounds in a row: base x 1.2^failed, capped.
    #[must_use]
    pub fn timeout_ms(&self, failed: u32) -> u64 {
        let cap = self
            .base_timeout_ms
            .saturating_mul(u64::from(self.max_timeout_factor.max(1)));
        let mut timeout = self.base_timeout_ms;
        for _ in 0..failed {
            if timeout >= cap {
                break;
            }
            timeout = timeout.saturating_add((timeout / 5).max(1));
        }
        timeout.min(cap)
    }

    /// The least time between two answers to, or questions of, one peer.
    #[must_use]
    pub fn answer_interval_ms(&self) -> u64 {
        self.certificate_wait_ms.saturating_mul(4)
    }

    /// The last round that is kept for a replica in `round`.
    #[must_use]
    pub fn window_end(&self, round: Round) -> Round {
        Round(round.0.saturating_add(self.round_window))
    }

    /// The first round that is kept for a replica in `round`.
    #[must_use]
    pub fn window_start(&self, round: Round) -> Round {
        Round(round.0.saturating_sub(self.round_window))
    }
}
