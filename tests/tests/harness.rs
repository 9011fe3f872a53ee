//! What every other test relies on: a network never outlives its test.

#![allow(clippy::unwrap_used)]

use cairn_tests::Network;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;

#[test]
fn a_test_that_panics_leaves_no_process_and_the_next_network_can_start() {
    let seen = Mutex::new(None);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let network = Network::start(2);
        let pids = [network.pid(0), network.pid(1)];
        *seen.lock().unwrap() = Some((pids, network.ports(0), network.folder().to_owned()));
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    let (pids, ports, folder) = seen.lock().unwrap().take().unwrap();
    for pid in pids {
        assert!(
            !Path::new(&format!("/proc/{pid}")).exists(),
            "process {pid} is still there"
        );
    }
    for port in ports {
        assert!(
            TcpStream::connect(port).is_err(),
            "somebody still listens at {port}"
        );
    }
    // What happened can be looked at.
    assert!(folder.join("network/genesis.json").exists());
    std::fs::remove_dir_all(folder).unwrap();

    // The lock is free again, and a network that ends well takes its folder with it.
    let network = Network::start(2);
    let folder = network.folder().to_owned();
    drop(network);
    assert!(!folder.exists());
}
