//! One replica at a time: what it asks for, what it drops, what it refuses.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod blocks;
#[path = "../committee/mod.rs"]
mod committee;
mod epoch_recovery;
mod epochs;
mod fixture;
mod limits;
mod missing;
mod stragglers;
mod voices;
