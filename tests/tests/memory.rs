//! A model may be larger than the memory of those who handle it.

#![allow(clippy::unwrap_used)]

use cairn_tests::Network;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

const MODEL: u64 = 1 << 30;
const MEBIBYTE: u64 = 1 << 20;
/// Most memory that the program may ever have had, bytes.
const CLIENT: u64 = 200 * MEBIBYTE;
/// Most memory that a node may ever have had: its database's caches and sixteen blobs on their way.
const NODE: u64 = 512 * MEBIBYTE;

/// Bytes that do not compress and never repeat.
fn write_model(path: &Path) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..MODEL / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).unwrap();
    }
    file.flush().unwrap();
}

/// The most memory that a process ever had, bytes; `None` when it has ended.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024)
}

/// Waits for a process and returns the most memory that it was seen to have had. The figure never falls, so only
/// what comes after the last look is missed.
fn watch(mut child: Child) -> u64 {
    let mut highest = 0;
    loop {
        highest = highest.max(peak(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return highest;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_gigabyte_is_pushed_and_pulled_within_bounded_memory() {
    let mut network = Network::start(1);
    let alice = network.person("alice");
    alice.cairn(&["namespace", "create", "acme"]).expect_code(0);
    let model = network.folder().join("model.bin");
    write_model(&model);

    let run = |arguments: &[&str]| watch(alice.command(arguments).arg("--quiet").spawn().unwrap());
    let path = model.to_str().unwrap();
    let pushing = run(&["push", path, "--name", "acme/large", "--version", "1.0.0"]);
    let out = network.folder().join("out");
    let pulling = run(&["pull", "acme/large@1.0.0", "-o", out.to_str().unwrap()]);
    let node = peak(network.pid(0)).unwrap();
    println!(
        "peak memory: push {} MiB, pull {} MiB, node {} MiB",
        pushing / MEBIBYTE,
        pulling / MEBIBYTE,
        node / MEBIBYTE
    );
    let same = Command::new("cmp")
        .arg(&model)
        .arg(out.join("model.bin"))
        .status()
        .unwrap();
    assert!(same.success(), "the pulled model differs");
    assert!(pushing > 0 && pushing < CLIENT, "push had {pushing} bytes");
    assert!(pulling > 0 && pulling < CLIENT, "pull had {pulling} bytes");
    assert!(node < NODE, "the node had {node} bytes");
    network.check_alive();
}
