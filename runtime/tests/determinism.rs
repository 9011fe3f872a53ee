//! One history, one outcome: in other processes (whose hash maps are seeded otherwise), with other numbers of threads
//! checking signatures, and with other points at which everything in memory is lost and executed again from the bytes.
//!
//! A history is all in its seed. `CAIRN_SEED=7 cargo test --release -p cairn-runtime --test determinism replay -- --nocapture`
//! prints what it gives.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::{Digest, PublicKey};
use cairn_runtime::tree::{self, Borrowed, Layered, MemoryTree, StateAt};
use cairn_runtime::*;
use chain::*;
use proptest::collection::vec;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::process::Command;
use std::sync::Arc;

const BLOCKS: usize = 24;

/// How many operations there are.
const OPERATIONS: u8 = 35;

/// How a process executes.
#[derive(Clone, Debug)]
struct Manner {
    threads: usize,
    /// Heights after which all that is in memory is lost.
    restarts: Vec<u64>,
}

/// A block as it lies in a log: the bytes of its transactions with the keys that the state named for them.
struct Logged {
    context: BlockContext,
    transactions: Vec<(Vec<u8>, PublicKey)>,
}

fn founded() -> (Vec<Actor>, GenesisState) {
    let actors: Vec<_> = [1, 2, 3].map(actor).into();
    let roles = [
        Role::Admin,
        Role::Registrar,
        Role::Publisher,
        Role::Certifier,
    ];
    let accounts: Vec<_> = (actors.iter())
        .map(|actor| (actor, roles.map(|role| (role, Scope::Chain)).to_vec()))
        .collect();
    let mut genesis = genesis(&accounts, &[]);
    genesis.params.min_epoch_blocks = 2;
    genesis.validators = (20..23u8)
        .zip(&actors)
        .map(|(seed, operator)| validator(seed, 10, operator))
        .collect();
    (actors, genesis)
}

/// A process's memory: the committed tree, and blocks on top of it that are not written yet.
struct Memory {
    base: MemoryTree,
    written: u64,
    layers: Vec<Arc<tree::TreeBatch>>,
}

impl Memory {
    fn begin(genesis: &GenesisState) -> Self {
        Self {
            base: Chain::new(genesis).tree,
            written: 0,
            layers: vec![],
        }
    }

    /// Executes a block from its bytes, signatures on several threads; a line that says all that came of it.
    fn execute(&mut self, block: &Logged, params: &ChainParams, threads: usize) -> String {
        let share = block.transactions.len().div_ceil(threads).max(1);
        let verified: Vec<VerifiedTransaction> = std::thread::scope(|scope| {
            let check = |part: &[(Vec<u8>, PublicKey)]| -> Vec<_> {
                let one = |(bytes, key): &(Vec<u8>, PublicKey)| {
                    VerifiedTransaction::verify(bytes, key, params).unwrap()
                };
                part.iter().map(one).collect()
            };
            let parts = block.transactions.chunks(share);
            let parts: Vec<_> = parts.map(|part| scope.spawn(move || check(part))).collect();
            parts
                .into_iter()
                .flat_map(|part| part.join().unwrap())
                .collect()
        });
        let layered = Layered::new(Borrowed(&self.base), self.layers.clone());
        let state = StateAt::new(layered.clone(), block.context.height - 1);
        let mut executor = BlockExecutor::new(&state, block.context).unwrap();
        let refusals: Vec<_> = verified
            .iter()
            .filter_map(|transaction| executor.apply(transaction).unwrap().err())
            .collect();
        let executed = executor.finish().unwrap();
        let (root, batch) = tree::apply(&layered, block.context.height, &executed.diff).unwrap();
        self.layers.push(Arc::new(batch));
        let next = borsh::to_vec(&executed.next_validators).unwrap();
        format!(
            "{} state {root} receipts {} next {} refused {}",
            block.context.height,
            executed.receipts_root,
            Digest::of(&next),
            Digest::of(format!("{refusals:?}").as_bytes()),
        )
    }

    /// Writes some of the layers, as a node does in the background.
    fn write(&mut self, up_to: u64) {
        while self.written < up_to && !self.layers.is_empty() {
            self.base.commit(&self.layers.remove(0));
            self.written += 1;
        }
    }
}

/// Makes the history of a seed, and executes it in this manner. With it come the kinds of operations that were tried.
fn run(seed: u64, manner: &Manner) -> (Vec<String>, BTreeSet<u8>) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let blocks = vec(attempts(), BLOCKS)
        .new_tree(&mut runner)
        .unwrap()
        .current();

    let (mut actors, genesis) = founded();
    let mut author = Chain::new(&genesis);
    let mut memory = Memory::begin(&genesis);
    let (mut log, mut lines, mut kinds) = (Vec::new(), Vec::new(), BTreeSet::new());
    for block in blocks.into_iter().map(|block| block.concat()) {
        let mut sent = [0; 3];
        let mut rotated = None;
        let mut transactions = vec![];
        for attempt in block {
            let sender = &actors[attempt.sender];
            let ops = operations(&author, &actors, &attempt.ops);
            kinds.extend(ops.iter().map(|op| borsh::to_vec(op).unwrap()[0]));
            if let [Operation::RotateKeys { signing_key, .. }] = ops.as_slice() {
                rotated = (60..69u8)
                    .map(actor)
                    .find(|next| next.key.public_key() == signing_key)
                    .map(|next| (attempt.sender, next));
            }
            let ahead = sent[attempt.sender] + 5 * u64::from(attempt.invalid);
            sent[attempt.sender] += u64::from(!attempt.invalid);
            transactions.push((
                author.signed(sender, ahead, ops),
                sender.key.public_key().clone(),
            ));
        }
        let logged = Logged {
            context: author.next(),
            transactions: (transactions.iter())
                .map(|(transaction, key)| (transaction.signed().encode(), key.clone()))
                .collect(),
        };
        let verified: Vec<_> = transactions.into_iter().map(|(one, _)| one).collect();
        let results = author.commit(&verified);
        // Whoever has new keys signs with them from now on.
        if let Some((holder, next)) = rotated
            && results.iter().any(|result| applied_rotation(result))
        {
            let id = actors[holder].id;
            actors[holder] = Actor { id, ..next };
        }

        let line = memory.execute(&logged, &genesis.params, manner.threads);
        log.push(logged);
        if manner.restarts.contains(&author.height) {
            // Everything is lost but the log; what comes of it again is what came of it before.
            memory = Memory::begin(&genesis);
            let again: Vec<_> = log
                .iter()
                .map(|block| memory.execute(block, &genesis.params, manner.threads))
                .collect();
            assert_eq!(again.last(), Some(&line), "seed {seed}, {manner:?}");
            memory.write(author.height / 2);
        }
        lines.push(line);
    }
    assert!(lines.last().unwrap().contains(&author.root.to_string()));
    (lines, kinds)
}

fn applied_rotation(result: &Result<Outcome, AdmissionError>) -> bool {
    let Ok(Outcome::Applied(events)) = result else {
        return false;
    };
    let rotated = |event: &Event| matches!(event, Event::KeysRotated { .. });
    events.iter().any(rotated)
}

/// Runs the history of a seed in a process of its own.
fn elsewhere(seed: u64, manner: &Manner) -> Vec<String> {
    let restarts: Vec<_> = manner.restarts.iter().map(u64::to_string).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "replay", "--nocapture", "--test-threads=1"])
        .env("CAIRN_SEED", seed.to_string())
        .env("CAIRN_THREADS", manner.threads.to_string())
        .env("CAIRN_RESTARTS", restarts.join(","))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "seed {seed}, {manner:?}: {text}");
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("history: "));
    lines.map(str::to_owned).collect()
}

/// What a process does for the test below, and what replays a seed by hand.
#[test]
fn replay() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seed = number("CAIRN_SEED").unwrap_or(1);
    let restarts = std::env::var("CAIRN_RESTARTS").unwrap_or_default();
    let manner = Manner {
        threads: number("CAIRN_THREADS").unwrap_or(1) as usize,
        restarts: (restarts.split(','))
            .filter_map(|height| height.parse().ok())
            .collect(),
    };
    let (lines, _) = run(seed, &manner);
    assert_eq!(lines.len(), BLOCKS);
    println!("\nhash seed: {:x}", RandomState::new().hash_one(0));
    for line in lines {
        println!("history: {line}");
    }
}

#[test]
fn processes_with_other_threads_hash_seeds_and_restarts_give_the_same_roots() {
    let fresh = RandomState::new().hash_one(seed_of_the_day());
    for seed in (1..=4).chain([fresh]) {
        println!("seed {seed}");
        let plain = elsewhere(
            seed,
            &Manner {
                threads: 1,
                restarts: vec![],
            },
        );
        assert_eq!(plain.len(), BLOCKS, "seed {seed}");
        for manner in [
            Manner {
                threads: 2,
                restarts: vec![1, 9, 10],
            },
            Manner {
                threads: 7,
                restarts: vec![seed % BLOCKS as u64, 23],
            },
        ] {
            let other = elsewhere(seed, &manner);
            assert_eq!(plain, other, "seed {seed}, {manner:?}");
        }
    }
}

/// Something that no earlier run had: which seed it gives is printed.
fn seed_of_the_day() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_nanos()
}

#[test]
fn histories_try_every_kind_of_operation_and_change_the_validators() {
    let manner = Manner {
        threads: 1,
        restarts: vec![],
    };
    let (mut kinds, mut epochs) = (BTreeSet::new(), BTreeSet::new());
    for seed in 1..=4 {
        let (lines, tried) = run(seed, &manner);
        kinds.extend(tried);
        let next = |line: &String| line.split(" next ").nth(1).unwrap()[..64].to_owned();
        epochs.extend(lines.iter().map(next));
    }
    // Discriminants are dense from 0.
    let missing: Vec<_> = (0..OPERATIONS)
        .filter(|kind| !kinds.contains(kind))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(borsh::from_slice::<Operation>(&[OPERATIONS]).is_err());
    assert!(epochs.len() > 3, "no epoch ended");
}
