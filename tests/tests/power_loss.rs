//! All validators are killed at once (SIGKILL) while transactions are on their way: after a restart nothing
//! that anybody was told was final is lost or changed, and the chain goes on.

#![allow(clippy::unwrap_used)]

use cairn_tests::{Load, Network, until};
use serde_json::Value;
use std::collections::BTreeMap;

/// Accounts that send at the same time.
const ACCOUNTS: usize = 4;

/// What was told to be final, over all rounds.
#[derive(Default)]
struct Told {
    transactions: BTreeMap<String, Value>,
    blocks: BTreeMap<u64, String>,
}

impl Told {
    /// What one validator says is final now.
    fn ask(&mut self, network: &Network, index: usize) {
        if let Some(status) = network.status(index) {
            let id = status.block_id.reference();
            let known = self
                .blocks
                .entry(status.height)
                .or_insert_with(|| id.clone());
            assert_eq!(*known, id, "two final blocks of height {}", status.height);
        }
    }

    /// The highest final block that anybody heard of.
    fn height(&self) -> u64 {
        let of_blocks = self.blocks.keys().next_back().copied().unwrap_or(0);
        let of_transactions = self
            .transactions
            .values()
            .filter_map(|status| status["height"].as_u64());
        of_transactions.max().unwrap_or(0).max(of_blocks)
    }

    /// Every validator has all of it.
    fn check(&self, network: &Network) {
        let height = self.height();
        let expected = network.block_ids(0, height);
        for (height, id) in &self.blocks {
            assert_eq!(
                expected[usize::try_from(*height).unwrap()],
                *id,
                "height {height}"
            );
        }
        for index in network.running() {
            assert_eq!(
                network.block_ids(index, height),
                expected,
                "validator {index}"
            );
            let mut api = network.api(index);
            for (hash, status) in &self.transactions {
                let now = api.get(&format!("/v1/transactions/{hash}")).unwrap().json();
                assert_eq!(now, *status, "validator {index}");
            }
        }
    }
}

fn lose_power(validators: usize, times: usize, transactions: usize) {
    let mut network = Network::start_with_load(validators, ACCOUNTS);
    let mut told = Told::default();
    for time in 0..times {
        let load = Load::start(&network, ACCOUNTS, &format!("time-{time}"));
        let mut asked = 0;
        until(
            network.patience(),
            "transactions become final under load",
            || {
                network.check_alive();
                told.ask(&network, asked % validators);
                asked += 1;
                (load.count() >= transactions).then_some(())
            },
        );
        network.kill_all();
        let finals = load.stop();
        assert!(finals.len() >= transactions);
        told.transactions.extend(finals);

        network.launch_all();
        network.wait_for_height(told.height());
        told.check(&network);
    }
    // It goes on: each account gets another transaction through.
    let before = told.height();
    let load = Load::start(&network, ACCOUNTS, "at-last");
    until(
        network.patience(),
        "transactions become final after all",
        || {
            network.check_alive();
            (load.count() >= ACCOUNTS).then_some(())
        },
    );
    told.transactions.extend(load.stop());
    assert!(told.height() > before);
    network.wait_for_height(told.height());
    told.check(&network);
}

#[test]
fn four_validators_that_lose_power_again_and_again_lose_nothing_final() {
    lose_power(4, 5, 24);
}

#[test]
fn thirty_two_validators_that_lose_power_lose_nothing_final() {
    lose_power(32, 1, 8);
}
