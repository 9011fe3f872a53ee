//! Whatever is written in whatever order, every read and every proof agrees with a model in memory, before and after
//! the store is opened again.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_consensus::{Block, BlockId, Height, SafetyRecord};
use cairn_crypto::Digest;
use cairn_crypto::merkle::leaf_hash;
use cairn_storage::{
    CERTIFICATE_INTERVAL, CERTIFICATE_WINDOW, FinalBlock, SafetyWrite, StorageError, Store,
    StoreOptions,
};
use chain::{TestChain, bodies, check_block, check_state, record};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Step {
    /// Blocks proposed on the tip and stored, with a safety record; the first one is used by the next commit.
    Propose {
        rivals: u8,
        transactions: u8,
        parts: u8,
        seed: u64,
    },
    /// Blocks become final: the first pending one on the tip, if there is one, and `fresh` ones that were never stored.
    Commit {
        fresh: u8,
        transactions: u8,
        safety: bool,
        seed: u64,
    },
    /// The store is closed and opened.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..4, 0u8..4, any::<u8>(), any::<u64>()).prop_map(
            |(rivals, transactions, parts, seed)| Step::Propose { rivals, transactions, parts, seed }
        ),
        4 => (0u8..3, 0u8..4, any::<bool>(), any::<u64>()).prop_map(
            |(fresh, transactions, safety, seed)| Step::Commit { fresh, transactions, safety, seed }
        ),
        1 => Just(Step::Reopen),
    ]
}

struct Model {
    chain: TestChain,
    /// Stored and not final, with the seed of its writes.
    pending: BTreeMap<BlockId, (FinalBlock, u64)>,
    /// Every body ever handed in.
    bodies: BTreeMap<Digest, Arc<[u8]>>,
    record: Option<SafetyRecord>,
    /// Heights with certificates.
    certificates: Vec<u64>,
    round: u64,
}

impl Model {
    fn propose(&mut self, store: &Store, rivals: u8, transactions: u8, parts: u8, seed: u64) {
        let mut blocks = Vec::new();
        let mut handed_in = Vec::new();
        for rival in 0..rivals {
            self.round += 1;
            let seed = seed.wrapping_add(u64::from(rival));
            // Rivals share their first transactions, as blocks from one pool do.
            let mut list =
                TestChain::transactions(self.chain.tip().height.0, usize::from(transactions));
            list.extend(TestChain::transactions(seed, usize::from(rival)));
            let block = self.chain.propose(self.round, seed, list);
            handed_in.extend(bodies(&block));
            blocks.push(Arc::clone(&block.block));
            self.pending.insert(block.block.id(), (block, seed));
        }
        let record = record(self.round, &blocks[0], parts);
        store.persist(&record, &blocks, &handed_in).unwrap();
        // The same again changes nothing.
        store.persist(&record, &blocks, &handed_in).unwrap();
        self.bodies.extend(handed_in);
        self.record = Some(record);
    }

    fn commit(&mut self, store: &Store, fresh: u8, transactions: u8, safety: bool, seed: u64) {
        let tip = self.chain.tip().id();
        let mut blocks = Vec::new();
        let decided = self
            .pending
            .values()
            .find(|(block, _)| block.block.header.parent == tip)
            .cloned();
        if let Some((block, seed)) = decided {
            self.chain.append(block.clone(), seed);
            blocks.push(block);
        }
        for i in 0..fresh {
            self.round += 1;
            let seed = seed.wrapping_add(u64::from(i));
            let list = TestChain::transactions(seed, usize::from(transactions));
            let block = self.chain.propose(self.round, seed, list);
            self.chain.append(block.clone(), seed);
            blocks.push(block);
        }
        let Some(last) = blocks.last() else {
            return;
        };
        for block in &blocks {
            self.bodies.extend(bodies(block));
        }
        let cert = TestChain::certificate(&last.block.header);
        let mut stored: Vec<Arc<Block>> = Vec::new();
        let mut handed_in = Vec::new();
        if safety {
            // A vote for the next block goes to disk in the same write.
            self.round += 1;
            let next = self
                .chain
                .propose(self.round, seed, TestChain::transactions(!seed, 2));
            stored.push(Arc::clone(&next.block));
            handed_in = bodies(&next);
            self.bodies.extend(handed_in.clone());
            self.record = Some(record(self.round, &next.block, seed as u8));
            self.pending.insert(next.block.id(), (next, seed));
        }
        let write = self.record.as_ref().filter(|_| safety);
        let write = write.map(|record| SafetyWrite {
            record,
            blocks: &stored,
            transactions: &handed_in,
        });
        store.commit(&blocks, &cert, write).unwrap();
        let height = self.chain.tip().height;
        self.certificates.push(height.0);
        self.pending
            .retain(|_, (block, _)| block.block.header.height > height);
    }

    fn check(&self, store: &Store) {
        let tip = self.chain.tip();
        assert_eq!(&store.tip().unwrap(), tip);
        assert_eq!(store.chain_id().unwrap(), Some(tip.chain_id));
        assert_eq!(store.history().unwrap(), self.chain.history);
        assert_eq!(store.safety_record().unwrap(), self.record);
        let pending: BTreeSet<BlockId> = store
            .pending_blocks()
            .unwrap()
            .iter()
            .map(|block| block.id())
            .collect();
        assert_eq!(pending, self.pending.keys().copied().collect());
        for height in 0..=tip.height.0 {
            check_block(store, &self.chain, height);
        }
        assert_eq!(store.block(tip.height.next()).unwrap(), None);
        self.check_bodies(store);
        self.check_certificates(store);
        self.check_history(store);
    }

    /// A body is there exactly if a final or a pending block lists it.
    fn check_bodies(&self, store: &Store) {
        let all = self.chain.blocks.iter();
        let listed: BTreeSet<Digest> = all
            .chain(self.pending.values().map(|(block, _)| block))
            .flat_map(|block| block.block.payload.iter().copied())
            .collect();
        for (signed, bytes) in &self.bodies {
            let expected = listed.contains(signed).then_some(&**bytes);
            assert_eq!(store.transaction(signed).unwrap().as_deref(), expected);
        }
    }

    fn check_certificates(&self, store: &Store) {
        for height in 0..=self.chain.tip().height.0 {
            let own = store.certificate(Height(height)).unwrap();
            assert_eq!(own.is_some(), self.certificates.contains(&height));
            let next = self.certificates.iter().find(|h| **h >= height).copied();
            let found = store.certificate_at_or_after(Height(height)).unwrap();
            assert_eq!(found.as_ref().map(|(h, _)| h.0), next);
            if let Some((h, cert)) = found {
                assert_eq!(cert.block_id, self.chain.blocks[h.0 as usize].block.id());
            }
        }
    }

    fn check_history(&self, store: &Store) {
        let roots: Vec<Digest> = self.chain.blocks[1..]
            .iter()
            .map(|block| block.block.header.history_root)
            .chain([self.chain.history.root()])
            .collect();
        let sizes = roots.len() as u64;
        for size in 1..=sizes {
            let root = &roots[size as usize - 1];
            for height in 0..size {
                let leaf = leaf_hash(self.chain.blocks[height as usize].block.id().0.as_bytes());
                let proof = store.history_proof(Height(height), size).unwrap();
                proof.verify(&leaf, root).unwrap();
                if height > 0 {
                    let consistency = store.history_consistency(height, size).unwrap();
                    consistency
                        .verify(&roots[height as usize - 1], root)
                        .unwrap();
                }
            }
        }
        for (height, size) in [(sizes, sizes), (0, sizes + 1)] {
            assert!(matches!(
                store.history_proof(Height(height), size),
                Err(StorageError::History { .. })
            ));
        }
    }
}

fn open(path: &Path) -> Store {
    Store::open(path, &StoreOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_read_and_proof_agrees_with_the_model(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 1..14),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let mut model = Model {
            chain: TestChain::new(seed),
            pending: BTreeMap::new(),
            bodies: BTreeMap::new(),
            record: None,
            certificates: Vec::new(),
            round: 0,
        };
        model.chain.initialize(&store);
        for step in steps {
            match step {
                Step::Propose { rivals, transactions, parts, seed } => {
                    model.propose(&store, rivals, transactions, parts, seed);
                }
                Step::Commit { fresh, transactions, safety, seed } => {
                    model.commit(&store, fresh, transactions, safety, seed);
                }
                Step::Reopen => {
                    drop(store);
                    store = open(folder.path());
                }
            }
        }
        model.check(&store);
        drop(store);
        model.check(&open(folder.path()));
    }
}

#[test]
fn what_is_not_the_next_block_is_refused_and_nothing_of_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut chain = TestChain::new(1);
    assert!(matches!(
        store.tip(),
        Err(StorageError::NotInitialized { .. })
    ));
    chain.initialize(&store);
    assert!(matches!(
        store.initialize(
            &TestChain::new(2).blocks[0].block.header,
            &chain.genesis_batch
        ),
        Err(StorageError::AlreadyInitialized { .. })
    ));
    let good = chain.propose(1, 3, TestChain::transactions(1, 2));
    let cert = TestChain::certificate(&good.block.header);
    let changed = |change: fn(&mut cairn_consensus::Header)| {
        let mut block = good.clone();
        change(&mut Arc::make_mut(&mut block.block).header);
        store.commit(&[block], &cert, None).unwrap_err()
    };
    assert!(matches!(
        changed(|h| h.height = Height(2)),
        StorageError::NotNext { .. }
    ));
    assert!(matches!(
        changed(|h| h.parent.0 = Digest::ZERO),
        StorageError::NotExtending { .. }
    ));
    assert!(matches!(
        changed(|h| h.chain_id = Digest::ZERO),
        StorageError::Header {
            what: "chain id",
            ..
        }
    ));
    assert!(matches!(
        changed(|h| h.history_root = Digest::ZERO),
        StorageError::Header {
            what: "history root",
            ..
        }
    ));
    assert!(matches!(
        changed(|h| h.timestamp_ms += 1),
        StorageError::Certificate { .. }
    ));
    let mut short = good.clone();
    short.transactions.pop();
    assert!(matches!(
        store.commit(&[short], &cert, None),
        Err(StorageError::Count {
            what: "transactions",
            ..
        })
    ));
    let mut swapped = good.clone();
    swapped.transactions.swap(0, 1);
    assert!(matches!(
        store.commit(&[swapped], &cert, None),
        Err(StorageError::Transaction { index: 0, .. })
    ));
    let mut without = good.clone();
    without.receipts = Arc::new(Vec::new());
    assert!(matches!(
        store.commit(&[without], &cert, None),
        Err(StorageError::Count {
            what: "receipts",
            ..
        })
    ));
    assert!(matches!(
        store.commit(&[], &cert, None),
        Err(StorageError::Empty)
    ));
    assert_eq!(store.tip().unwrap().height, Height(0));
    assert_eq!(store.header(Height(1)).unwrap(), None);
    assert_eq!(store.transaction(&good.block.payload[0]).unwrap(), None);
    // After all of that the right block goes in, once.
    store
        .commit(std::slice::from_ref(&good), &cert, None)
        .unwrap();
    chain.append(good.clone(), 3);
    check_block(&store, &chain, 1);
    assert!(matches!(
        store.commit(&[good], &cert, None),
        Err(StorageError::NotNext { .. })
    ));
}

#[test]
fn old_certificates_go_and_one_in_128_and_those_that_end_an_epoch_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut chain = TestChain::new(5);
    chain.initialize(&store);
    let end = CERTIFICATE_WINDOW + 1_000;
    let epoch_end = 700;
    // Blocks in batches, so that 11,000 of them cost 40 writes; a single one where it matters.
    let mut certified = Vec::new();
    let mut next_stop = 1;
    while chain.tip().height.0 < end {
        let first = chain.blocks.len();
        while chain.tip().height.0 < next_stop {
            let mut block = chain.propose(chain.tip().round.0 + 1, 0, Vec::new());
            let header = &mut Arc::make_mut(&mut block.block).header;
            if header.height.0 == epoch_end {
                header.next_validators_hash = Digest::of(b"others");
            } else {
                header.next_validators_hash = header.validators_hash;
            }
            chain.append(block, 0);
        }
        let cert = TestChain::certificate(chain.tip());
        store.commit(&chain.blocks[first..], &cert, None).unwrap();
        certified.push(next_stop);
        next_stop = match next_stop {
            1..100 => next_stop + 33,
            100..260 => next_stop + 1,
            n if n < epoch_end => epoch_end,
            n => (n + 400).min(end),
        };
    }
    let kept = |height: u64| store.certificate(Height(height)).unwrap().is_some();
    // 128 and 256 lie among blocks that became final one by one.
    for height in [CERTIFICATE_INTERVAL, 2 * CERTIFICATE_INTERVAL, epoch_end] {
        assert!(kept(height), "{height}");
    }
    for height in [1, 34, 67, 100, 101, 127, 129, 255, 257] {
        assert!(certified.contains(&height) && !kept(height), "{height}");
    }
    // Everything within the window is there, and every old block has a certificate within reach.
    for height in certified.iter().filter(|h| **h > end - CERTIFICATE_WINDOW) {
        assert!(kept(*height), "{height}");
    }
    let (next, _) = store.certificate_at_or_after(Height(2)).unwrap().unwrap();
    assert_eq!(next, Height(CERTIFICATE_INTERVAL));
    check_state(&store, &chain, end);
}
