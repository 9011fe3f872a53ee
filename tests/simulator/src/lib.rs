//! Networks of replicas on a virtual clock, under faults that a seed stands for.
//!
//! The replicas are those of `cairn-consensus`, unchanged. Everything around them is simulated on one thread: the
//! network, the clocks, the disks, the ledger, and members that break the rules. After every event, [`checks`]
//! decides by code of its own whether the protocol kept its promises.
//!
//! ```
//! use cairn_simulator::{plan::Plan, run};
//!
//! let outcome = run::run(Plan::random(7));
//! assert_eq!(outcome.violation, None, "simulate --seed 7 --trace shows what happened");
//! assert!(outcome.figures.final_blocks >= 10);
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`plan`] | [`plan::Plan`]: the scenario that a seed stands for |
//! | [`run`] | running a plan to its end |
//! | [`simulation`] | [`simulation::Simulation`]: the queue of events |
//! | `host` | what a replica asks for, done |
//! | `delivery` | messages on their way |
//! | `lifecycle`, `clients`, `stage` | nodes start; transactions arrive; members that break the rules act |
//! | `weather` | faults while they last, and their end |
//! | [`node`], [`disk`], [`clock`], [`network`] | what a replica runs on |
//! | `block_ids` | ids of blocks, computed once |
//! | [`committee`], [`ledger`], [`signing`] | members, validator sets, the toy ledger, signatures |
//! | [`behaviour`] | members that break the rules, one way a file |
//! | [`checks`] | what must hold |
//! | [`twins`] | small networks with a doubled member under all partitions |
//! | [`sweep`] | a crash at every write, sync and message |
//! | `mutants` | replicas that break one rule each, under the feature `mutations` |
//! | [`figures`], [`trace`], [`random`] | counts, a readable record, the seeded generator |
#![forbid(unsafe_code)]

pub mod behaviour;
mod block_ids;
pub mod checks;
mod clients;
pub mod clock;
pub mod committee;
mod delivery;
pub mod disk;
pub mod figures;
mod host;
pub mod ledger;
mod lifecycle;
#[cfg(feature = "mutations")]
pub mod mutants;
pub mod network;
pub mod node;
pub mod plan;
pub mod random;
pub mod run;
pub mod signing;
pub mod simulation;
mod stage;
pub mod sweep;
pub mod trace;
pub mod twins;
mod weather;
