//! The safety rules, by number. Each table begins with a case that is allowed and changes one thing.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod after_votes;
mod case;
#[path = "../committee/mod.rs"]
mod committee;
mod votes;
