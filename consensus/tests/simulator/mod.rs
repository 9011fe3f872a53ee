//! Validators for tests: committees whose keys come from fixed seeds, and signatures that cost nothing.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

pub mod committee;
pub mod stub;
