//! Whole-system tests on real networks: validators are `cairnd` processes on loopback, people use the
//! `cairn` program, and what speaks to a node directly does so over the same post-quantum TLS as everybody.
//!
//! ```no_run
//! use cairn_tests::Network;
//!
//! let mut network = Network::start(4);
//! network.kill(3);
//! let created = network.person("alice").cairn(&["namespace", "create", "acme"]);
//! created.expect_code(0);
//! ```
//!
//! Networks never run at the same time: each holds a lock file while it lives, so that tests in several
//! binaries wait for each other. A network stops its processes when it goes, also when a test panics;
//! then its folder stays, and the end of each log is shown.
//!
//! | file | what it holds |
//! |---|---|
//! | [`network`] | [`Network`]: validators that are started, killed and started again one by one |
//! | [`api`] | [`Api`]: a blocking HTTP client of one node, which can also send what no client would |
//! | [`cairnd`] | the program that validators run |
//! | [`account`] | [`Account`]: keys that sign transactions and tokens, right and wrong ones |
//! | [`person`] | [`Person`]: somebody with a key file and the `cairn` program |
//! | [`following`] | [`Following`](following::Following): the events that `cairn` tells, all of them or as they happen |
//! | [`joining`] | validators that are not in the genesis document |
//! | [`load`] | [`Load`]: accounts that send transactions until they are told to stop |
//! | [`numbers`] | [`Numbers`]: bytes that look random and are the same in each run |
//! | [`ports`] | free ports |
//! | [`settings`] | the configuration of validators, read and changed |
//! | [`wait`] | waiting for a condition, with a deadline |

#![forbid(unsafe_code)]

pub mod account;
pub mod api;
pub mod cairnd;
pub mod following;
pub mod joining;
pub mod load;
pub mod network;
pub mod numbers;
pub mod person;
pub mod ports;
pub mod settings;
pub mod wait;

pub use account::Account;
pub use api::{Api, Reply};
pub use load::Load;
pub use network::Network;
pub use numbers::Numbers;
pub use person::{Outcome, Person};
pub use wait::until;
