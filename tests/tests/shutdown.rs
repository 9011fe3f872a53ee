//! Ends and beginnings: an orderly stop, and what a node refuses to start on, with a message that helps.

#![allow(clippy::unwrap_used)]

use cairn_tests::person::{Outcome, program, run};
use cairn_tests::{Load, Network, ports, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the design promises for an orderly stop.
const STOP: Duration = Duration::from_secs(10);

/// `cairnd start`, for a node that ends by itself.
fn start(network: &Network, index: usize) -> Outcome {
    run(Command::new(program("cairnd"))
        .args(["start", "--config"])
        .arg(network.layout().config(index)))
}

#[test]
fn sigterm_ends_a_node_within_ten_seconds_with_exit_code_0_also_under_load() {
    let mut network = Network::start_with_load(4, 2);
    let load = Load::start(&network, 2, "load");
    until(network.patience(), "the load runs", || {
        (load.count() > 4).then_some(())
    });
    // One connection that says nothing, one that waits for what never comes.
    let mut silent = network.api(0);
    assert_eq!(silent.get("/v1/status").unwrap().status, 200);
    let _half = std::net::TcpStream::connect(network.ports(0)[2]).unwrap();
    for index in [0, 3, 1, 2] {
        let status = network.terminate(index, STOP);
        assert_eq!(status.code(), Some(0), "{}", network.log(index));
        assert!(
            network.log(index).contains("\"stopped\""),
            "{}",
            network.log(index)
        );
    }
    let told = load.stop();
    assert!(!told.is_empty());

    // They begin where they ended.
    network.launch_all();
    network.wait_for_height(
        told.values()
            .filter_map(|status| status["height"].as_u64())
            .max()
            .unwrap(),
    );
    let mut api = network.api(2);
    for (hash, status) in &told {
        assert_eq!(
            api.get(&format!("/v1/transactions/{hash}")).unwrap().json(),
            *status
        );
    }
    network.check_alive();
}

#[test]
fn a_second_node_on_the_same_data_is_refused_and_the_first_goes_on() {
    let mut network = Network::start(4);
    let second = start(&network, 0);
    assert_eq!(second.code, Some(1), "{second:#?}");
    second.expect_message("data").expect_message("another");
    network.check_alive();
    let height = network.status(0).unwrap().height;
    network.wait_for_height(height + 1);
}

#[test]
fn a_production_network_of_thirty_one_validators_is_refused_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let base_port = ports::free(31 * 4).to_string();
    let devnet = |kind: &str, validators: &str| {
        let dir = folder.path().join(kind);
        run(Command::new(program("cairnd"))
            .args([
                "devnet",
                "--validators",
                validators,
                "--kind",
                kind,
                "--base-port",
                &base_port,
            ])
            .arg("--dir")
            .arg(dir)
            .arg("--detach"))
    };
    let refused = devnet("production", "31");
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    refused.expect_message("31").expect_message("32");
    assert!(
        !folder.path().join("production/genesis.json").exists(),
        "nothing half made stays"
    );
}

/// The file of a validator's database whose name begins so; the longest if there are several.
fn database_file(network: &Network, index: usize, matches: impl Fn(&str) -> bool) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![network.layout().validator(index).join("data")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if matches(entry.file_name().to_str().unwrap()) {
                found.push((entry.metadata().unwrap().len(), path));
            }
        }
    }
    found.into_iter().max().unwrap().1
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    assert!(!bytes.is_empty(), "{}", path.display());
    let (from, to) = (bytes.len() / 3, bytes.len() / 3 + 64);
    let end = to.min(bytes.len());
    for byte in &mut bytes[from..end] {
        *byte ^= 0x5a;
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_database_is_refused_with_what_to_do_and_an_empty_one_fills_again() {
    let mut network = Network::start_with_load(4, 1);
    let load = Load::start(&network, 1, "load");
    until(network.patience(), "the load runs", || {
        (load.count() > 8).then_some(())
    });
    network.kill(3);
    assert!(!load.stop().is_empty());
    let height = network.status(0).unwrap().height;

    // First the list of the database's files, then the log that holds what was written last.
    for wanted in ["MANIFEST", "log"] {
        let file = database_file(&network, 3, |name| {
            if wanted == "log" {
                name.ends_with(".log")
            } else {
                name.starts_with(wanted)
            }
        });
        let sound = fs::read(&file).unwrap();
        damage(&file);
        let refused = start(&network, 3);
        assert_eq!(refused.code, Some(1), "{wanted}: {refused:#?}");
        refused
            .expect_message("damaged")
            .expect_message("To repair");
        fs::write(&file, sound).unwrap();
    }

    // What the message says: with an empty folder a validator gets everything from the others. (It also warns that
    // what keeps a validator from signing twice is lost; here all others are honest and remember.)
    let data = network.layout().validator(3).join("data");
    fs::rename(&data, data.with_extension("damaged")).unwrap();
    network.launch(3);
    network.wait_for_height(height);
    assert_eq!(network.block_ids(3, height), network.block_ids(0, height));
    network.check_alive();
}
