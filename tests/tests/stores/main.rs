//! Stores, caches, signatures and the keeping of stores, by the commands that people use, on a live network.
//!
//! | file | what it establishes |
//! |---|---|
//! | `sharing` | a model goes through a bucket to another account, through caches, signed |
//! | `keeping` | `cairn gc` and `cairn fsck` |
//! | `faults` | what services that fail do to commands |
//! | `killed` | transfers of which one side is killed go on where they were |
//! | `changes` | what has not changed is not sent again |
//! | `quotas` | what a namespace may have of a node, and what nodes measure |
//! | `node` | the store that a node is keeps every promise of a store |

#![allow(clippy::unwrap_used)]

mod changes;
mod faults;
mod keeping;
mod killed;
mod node;
mod quotas;
mod sharing;
#[path = "../../../artifacts/tests/support/mod.rs"]
mod support;

use cairn_crypto::Digest;
use cairn_tests::{Network, Outcome, Person};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use support::tree;

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A demo account that knows the server's credentials.
pub(crate) fn person(network: &Network, name: &str) -> Person {
    let person = network.person(name);
    person
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "secret")
}

pub(crate) fn push(person: &Person, model: &Path, id: &str, more: &[&str]) -> Value {
    let (name, version) = id.split_once('@').unwrap();
    let mut words = vec!["push", text(model), "--name", name, "--version", version];
    words.extend(more);
    person.shown(&words)
}

pub(crate) fn pull(person: &Person, id: &str, copy: &Path, more: &[&str]) -> Outcome {
    let mut words = vec!["pull", id, "--output", text(copy)];
    words.extend(more);
    person.cairn(&words)
}

/// Blobs that the nodes have themselves.
pub(crate) fn on_nodes(network: &Network) -> usize {
    (0..network.validators())
        .map(|index| tree(&network.layout().validator(index).join("data").join("blobs")).len())
        .sum()
}

/// Every blob of a folder of blobs, by its name.
pub(crate) fn manifest_blobs(folder: &Path) -> BTreeSet<Digest> {
    let names = tree(folder).into_keys();
    names
        .map(|name| name.rsplit('/').next().unwrap().parse().unwrap())
        .collect()
}
