//! Mutated transactions, decoded and executed for as long as one likes. Nothing panics, what decodes is encoded back to the
//! same bytes, and executing twice gives the same.
//!
//! The corpus is the golden vectors of the operations and what lies in `tests/corpus`. A mutant joins it, for the run, when it
//! had an outcome that none had before: another kind of operation, error or event. What an hour found is kept for good with
//! CAIRN_FUZZ_KEEP:
//!
//! ```sh
//! CAIRN_FUZZ_SECONDS=3600 CAIRN_FUZZ_KEEP=runtime/tests/corpus \
//!     cargo test --release -p cairn-runtime --test fuzz -- --nocapture
//! ```
//!
//! A failure prints the operations in hex: put them into a file of `tests/corpus` and every run tries them first.

#![allow(clippy::unwrap_used)]

mod chain;

use cairn_crypto::{Digest, codec};
use cairn_runtime::*;
use chain::*;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a usual test run takes.
const SECONDS: u64 = 10;
/// Longest mutant: what a transaction may have.
const MAX_BYTES: usize = 64 * 1024;

/// PCG XSH RR 64/32.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        let old = self.0;
        self.0 = old
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((((old >> 18) ^ old) >> 27) as u32).rotate_right((old >> 59) as u32)
    }

    fn below(&mut self, limit: usize) -> usize {
        (u64::from(self.next()) * limit as u64 >> 32) as usize
    }
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Lists of operations in Borsh: each golden vector as a list of one, and the kept corpus.
fn corpus() -> Vec<Vec<u8>> {
    let files = |folder: &str, prefix: &str| -> Vec<Vec<u8>> {
        let mut paths: Vec<_> = fs::read_dir(tests().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(prefix)
            })
            .collect();
        paths.sort();
        let read = |path: &PathBuf| hex::decode(fs::read_to_string(path).unwrap().trim()).unwrap();
        paths.iter().map(read).collect()
    };
    let golden = files("golden", "operation_");
    assert!(golden.len() > 30, "the golden vectors of the operations");
    let one = |operation: Vec<u8>| [1u32.to_le_bytes().as_slice(), &operation].concat();
    files("corpus", "ops_")
        .into_iter()
        .chain(golden.into_iter().map(one))
        .collect()
}

fn mutate(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(4) {
        let (at, other) = (random.below(bytes.len() + 1), random.below(corpus.len()));
        let length = 1 + random.below(16);
        match random.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes.insert(at, random.next() as u8),
            3 if at < bytes.len() => drop(bytes.drain(at..(at + length).min(bytes.len()))),
            4 => {
                // Numbers at the edges: lengths, heights, amounts, nonces.
                let edges = [
                    0,
                    1,
                    2,
                    64,
                    65,
                    255,
                    65_536,
                    u64::MAX / 2,
                    u64::MAX - 1,
                    u64::MAX,
                ];
                let number = edges[random.below(edges.len())].to_le_bytes();
                let width = [1, 4, 8][random.below(3)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            5 => {
                // A piece of another one, in place.
                let from = &corpus[other];
                let start = random.below(from.len());
                for (to, byte) in bytes[at..].iter_mut().zip(&from[start..]).take(length * 4) {
                    *to = *byte;
                }
            }
            6 if corpus[other].len() > 4 && bytes.len() >= 4 => {
                // Operations of both, one after the other.
                let count = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
                let sum = count(&bytes).saturating_add(count(&corpus[other]));
                bytes[..4].copy_from_slice(&sum.to_le_bytes());
                bytes.extend(&corpus[other][4..]);
            }
            7 if at < bytes.len() => {
                let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at.max(4)),
        }
        bytes.truncate(MAX_BYTES);
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// A ledger with something of everything in it, and who acts there.
fn begin() -> (Chain, Vec<Actor>) {
    let actors: Vec<_> = [1, 2, 3].map(actor).into();
    let accounts: Vec<_> = (actors.iter())
        .map(|actor| (actor, Role::ALL.map(|role| (role, Scope::Chain)).to_vec()))
        .collect();
    let mut genesis = genesis(&accounts, &[("acme", &actors[0])]);
    genesis.params.min_epoch_blocks = 2;
    genesis.validators = (20..23u8)
        .zip(&actors)
        .map(|(seed, operator)| validator(seed, 10, operator))
        .collect();
    let mut chain = Chain::new(&genesis);
    chain.must(&actors[0], vec![register("acme/bert")]);
    chain.must(&actors[0], vec![publish("acme/bert@1.0.0", "one")]);
    let private = "acme/bert@1.1.0";
    chain.must(&actors[0], vec![publish_private(private, "two")]);
    chain.must(&actors[0], vec![give_access(private, &actors[1])]);
    (chain, actors)
}

/// Decodes the operations, has an actor sign them, and executes the transaction, twice over. What became of it, in words:
/// mutants with new words are worth mutating further. `None` for bytes that are no operations.
fn try_input(chain: &mut Chain, actors: &[Actor], bytes: &[u8]) -> Option<Vec<String>> {
    let ops: Vec<Operation> = codec::decode(bytes, MAX_BYTES).ok()?;
    assert_eq!(borsh::to_vec(&ops).unwrap(), bytes);
    let sender = &actors[bytes.len() % actors.len()];
    let nonce = query::nonce(&chain.state(), sender.id).unwrap();
    let kinds: Vec<u8> = ops.iter().map(|op| borsh::to_vec(op).unwrap()[0]).collect();
    let transaction = chain.transaction(sender, nonce, ops);
    let signed = transaction.sign(&sender.key).unwrap();
    let encoded = signed.encode();
    let decoded = match SignedTransaction::decode(&encoded, &chain.params) {
        Ok(decoded) => decoded,
        Err(error) => {
            return Some(vec![format!("not admitted: {}", word(&error))]);
        }
    };
    assert_eq!(decoded, signed);
    let verified =
        VerifiedTransaction::verify(&encoded, sender.key.public_key(), &chain.params).unwrap();
    let transactions = [verified];
    let (results, executed) = chain.execute(&transactions);
    let (again, twin) = chain.execute(&transactions);
    assert_eq!((&results, &executed), (&again, &twin));
    let words = match &results[0] {
        Ok(Outcome::Applied(events)) => events.iter().map(|event| word(event)).collect(),
        Ok(Outcome::Failed { operation, error }) => {
            vec![format!(
                "{} fails: {}",
                kinds[*operation as usize],
                word(error)
            )]
        }
        Err(error) => vec![format!("not valid here: {}", word(error))],
    };
    if matches!(&results[0], Ok(Outcome::Failed { .. })) {
        // Nothing stays of it but the nonce: all else is what an empty block does.
        let mut expected = chain.execute(&[]).1.diff;
        let nonce = StateKey::Nonce(sender.id).encode();
        expected.insert(nonce.clone(), executed.diff[&nonce].clone());
        assert_eq!(executed.diff, expected);
    }
    chain.commit_diff(&executed.diff);
    Some(words)
}

/// The name of a variant.
fn word(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(text.len());
    text[..end].to_owned()
}

#[test]
fn mutated_transactions_never_panic_and_execute_the_same_twice() {
    let seconds = std::env::var("CAIRN_FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |text| text.parse().unwrap());
    let seed = std::env::var("CAIRN_FUZZ_SEED").ok();
    let seed = seed.map_or_else(
        || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
        |text| text.parse().unwrap(),
    );
    let keep = std::env::var_os("CAIRN_FUZZ_KEEP").map(PathBuf::from);
    println!("seed {seed}, {seconds} s");

    let mut random = Random(seed);
    let mut corpus = corpus();
    let kept = corpus.len();
    let (mut chain, actors) = begin();
    let mut seen = BTreeSet::new();
    let (mut tried, mut executed) = (0u64, 0u64);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut told = Instant::now();
    while Instant::now() < end {
        let first = usize::try_from(tried)
            .ok()
            .and_then(|tried| corpus.get(..kept)?.get(tried));
        let input = first
            .cloned()
            .unwrap_or_else(|| mutate(&mut random, &corpus));
        let run = AssertUnwindSafe(|| try_input(&mut chain, &actors, &input));
        let outcomes = catch_unwind(run).unwrap_or_else(|cause| {
            eprintln!("seed {seed}, input {}", hex::encode(&input));
            std::panic::resume_unwind(cause)
        });
        tried += 1;
        // A ledger that grew for long is slow, one in which everybody is suspended is dull.
        if chain.height > 400 {
            chain = begin().0;
        }
        let Some(words) = outcomes else { continue };
        executed += 1;
        let mut new = false;
        for word in words {
            new |= seen.insert(word);
        }
        if new && tried > kept as u64 {
            if let Some(folder) = &keep {
                let name = format!("ops_{}.hex", &Digest::of(&input).to_string()[..16]);
                fs::write(folder.join(name), hex::encode(&input) + "\n").unwrap();
            }
            corpus.push(input);
        }
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            println!(
                "{tried} tried, {executed} executed, {} outcomes",
                seen.len()
            );
        }
    }
    println!(
        "{tried} tried, {executed} executed, {} outcomes: {seen:?}",
        seen.len()
    );
    assert!(tried > kept as u64, "the whole corpus was tried");
    assert!(seen.len() > 30, "most operations have an outcome: {seen:?}");
}

#[test]
fn mutated_signed_transactions_are_refused_or_read_back_exactly() {
    let (chain, actors) = begin();
    let ops = corpus()
        .into_iter()
        .filter_map(|bytes| borsh::from_slice(&bytes).ok());
    let signed: Vec<Vec<u8>> = ops
        .map(|ops| {
            chain
                .transaction(&actors[0], 4, ops)
                .sign(&actors[0].key)
                .unwrap()
                .encode()
        })
        .collect();
    let mut random = Random(11);
    let (mut read, key) = (0, actors[0].key.public_key());
    for _ in 0..20_000 {
        let bytes = mutate(&mut random, &signed);
        if let Ok(decoded) = SignedTransaction::decode(&bytes, &chain.params) {
            assert_eq!(decoded.encode(), bytes);
            read += 1;
            if !signed.contains(&bytes) {
                assert!(VerifiedTransaction::verify(&bytes, key, &chain.params).is_err());
            }
        }
    }
    assert!(read > 100, "{read}");
}
