//! One replica at a time: what it asks for, what it drops, what it refuses.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod blocks;
mod epoch_recovery;
mod epochs;
mod fixture;
mod limits;
mod missing;
#[path = "../simulator/mod.rs"]
mod simulator;
mod voices;
