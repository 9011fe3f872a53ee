//! A process that writes is killed at random moments, again and again. Nothing that was acknowledged is lost, and
//! no block is ever there by half.
//!
//! The writer is this test binary itself, run again with the folder in an environment variable. It reports every
//! acknowledged write on its standard output.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_storage::{SafetyWrite, Store, StoreOptions};
use chain::{TestChain, bodies, check_block, record};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

const FOLDER: &str = "CAIRN_CRASH_TEST_FOLDER";
const SEED: u64 = 7;
/// Small buffers, so that flushes and merges are among the moments of death.
fn options() -> StoreOptions {
    StoreOptions {
        write_buffer_mib: 1,
        block_cache_mib: 1,
        max_log_mib: 1,
        ..StoreOptions::default()
    }
}

/// The seed of block `height`: the whole chain follows from the heights, so the parent knows what to expect.
fn seed_of(height: u64) -> u64 {
    (height + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Appends block after block to `chain` until it has `height`.
fn grow(chain: &mut TestChain, height: u64) {
    while chain.tip().height.0 < height {
        let next = chain.tip().height.0 + 1;
        let seed = seed_of(next);
        let list = TestChain::transactions(next, (seed % 5) as usize);
        // The vote for a block is stored in round 2h, its finality in round 2h + 1.
        let block = chain.propose(2 * next, seed, list);
        chain.append(block, seed);
    }
}

/// The writer. Does nothing unless it was started as one.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = Store::open(folder, &options()).unwrap();
    let mut chain = TestChain::new(SEED);
    if store.chain_id().unwrap().is_none() {
        chain.initialize(&store);
    }
    grow(&mut chain, store.tip().unwrap().height.0);
    let mut out = std::io::stdout();
    loop {
        let height = chain.tip().height.0 + 1;
        grow(&mut chain, height);
        let block = chain.blocks.last().unwrap();
        let vote = record(2 * height, &block.block, 0xff);
        store
            .persist(&vote, &[Arc::clone(&block.block)], &bodies(block))
            .unwrap();
        // If the parent is gone, so is this process soon.
        let _ = writeln!(out, "\nacknowledged {height} {}", 2 * height);
        let after = record(2 * height + 1, &block.block, 0xff);
        let safety = SafetyWrite {
            record: &after,
            blocks: &[],
            transactions: &[],
        };
        let cert = TestChain::certificate(&block.block.header);
        store
            .commit(std::slice::from_ref(block), &cert, Some(safety))
            .unwrap();
        let _ = writeln!(out, "\nacknowledged {} {}", height + 1, 2 * height + 1);
    }
}

#[test]
fn a_killed_writer_loses_nothing_acknowledged_and_leaves_no_half_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = SEED;
    let mut checked = 0;
    for kill in 0..25 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (lines, spins) = ((random >> 33) % 40, (random >> 40) % 2_000_000);
        let (next, round) = run_and_kill(folder.path(), lines, spins);

        let store = Store::open(folder.path(), &options()).unwrap();
        let Some(id) = store.chain_id().unwrap() else {
            assert_eq!(
                round, 0,
                "kill {kill}: a chain that was acknowledged is gone"
            );
            continue;
        };
        let mut chain = TestChain::new(SEED);
        assert_eq!(id, chain.tip().chain_id);
        let tip = store.tip().unwrap().height.0;
        assert!(
            tip + 1 >= next,
            "kill {kill} after {lines} lines and {spins} spins: block {} was acknowledged, the tip is {tip}",
            next - 1
        );
        grow(&mut chain, tip);
        for height in checked..=tip {
            check_block(&store, &chain, height);
        }
        checked = tip;
        assert_eq!(store.history().unwrap(), chain.history);
        if tip > 0 {
            assert_eq!(
                store.certificate(chain.tip().height).unwrap(),
                Some(TestChain::certificate(chain.tip()))
            );
        }
        check_record(&store, &mut chain, round);
    }
    assert!(checked > 25, "the writer came to block {checked} only");
}

/// Runs the writer until it has reported `lines` writes and a little longer, kills it, and returns the first height that
/// was not acknowledged as final and the last round acknowledged.
fn run_and_kill(folder: &std::path::Path, lines: u64, spins: u64) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = (0, 0);
    let mut seen = 0;
    let mut note = |line: &str| {
        let Some(numbers) = line.strip_prefix("acknowledged ") else {
            return false;
        };
        let (next, round) = numbers.split_once(' ').unwrap();
        last = (next.parse().unwrap(), round.parse().unwrap());
        true
    };
    while seen < lines {
        let line = output.next().expect("the writer ended by itself").unwrap();
        seen += u64::from(note(&line));
    }
    for _ in 0..spins {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it reported before it died counts, too; only a line that is cut off does not.
    let rest: Vec<String> = output.map_while(Result::ok).collect();
    for line in rest.iter().take(rest.len().saturating_sub(1)) {
        note(line);
    }
    last
}

/// The safety record is the last one acknowledged, or the one whose write was under way; whole in either case.
fn check_record(store: &Store, chain: &mut TestChain, acknowledged: u64) {
    let Some(found) = store.safety_record().unwrap() else {
        assert_eq!(acknowledged, 0, "the safety record is gone");
        return;
    };
    let round = found.last_voted_round.0;
    assert!(
        round >= acknowledged,
        "round {round} is older than {acknowledged}"
    );
    let tip = chain.tip().height.0;
    grow(chain, round / 2);
    let block = chain.blocks[(round / 2) as usize].clone();
    assert_eq!(found, record(round, &block.block, 0xff));
    let pending = store.pending_blocks().unwrap();
    if round % 2 == 0 {
        // Voted for and not final: the block and its payload are at hand.
        assert_eq!(pending, [Arc::clone(&block.block)]);
        for (signed, bytes) in bodies(&block) {
            assert_eq!(
                store.transaction(&signed).unwrap().as_deref(),
                Some(&*bytes)
            );
        }
    } else {
        assert_eq!((pending.len(), round / 2), (0, tip));
    }
}
