//! A store that is far behind takes over another one's state chunk by chunk: checked before it is written, resumable,
//! and in force all at once.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_consensus::{Height, SafetyRecord};
use cairn_crypto::merkle::leaf_hash;
use cairn_runtime::tree::{self, StateAt, StateChunk};
use cairn_runtime::{StateError, StateReader};
use cairn_storage::{Snapshot, StorageError, Store, StoreOptions};
use chain::{RECORDS, TestChain, bodies, check_block, check_state, key, record};
use proptest::prelude::*;
use std::sync::Arc;
use tempfile::TempDir;

/// Blocks that the one that restores has.
const OLD: u64 = 4;
/// Blocks that the others have when they are asked.
const NEW: u64 = 60;

fn seed_of(height: u64) -> u64 {
    (height + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn grow(chain: &mut TestChain, height: u64) {
    while chain.tip().height.0 < height {
        let next = chain.tip().height.0 + 1;
        let block = chain.propose(2 * next, seed_of(next), TestChain::transactions(next, 2));
        chain.append(block, seed_of(next));
    }
}

fn commit(store: &Store, chain: &TestChain, heights: std::ops::RangeInclusive<u64>) {
    for height in heights {
        let block = &chain.blocks[height as usize];
        let cert = TestChain::certificate(&block.block.header);
        store
            .commit(std::slice::from_ref(block), &cert, None)
            .unwrap();
    }
}

/// Commits blocks with what they write to the store's own tree: the nodes of a restored state have other keys than
/// those of the tree that the blocks were proposed with.
fn execute(store: &Store, chain: &TestChain, heights: std::ops::RangeInclusive<u64>) {
    for height in heights {
        let mut block = chain.blocks[height as usize].clone();
        let header = &block.block.header;
        let diff = TestChain::diff(seed_of(height));
        let (root, batch) = tree::apply(&store.tree(), height, &diff).unwrap();
        assert_eq!(root, header.state_root);
        let cert = TestChain::certificate(header);
        block.batch = Arc::new(batch);
        store.commit(&[block], &cert, None).unwrap();
    }
}

struct Case {
    folder: TempDir,
    chain: TestChain,
    source: Store,
    target: Store,
    /// What the one that restores has signed.
    record: SafetyRecord,
}

fn open(folder: &TempDir, name: &str) -> Store {
    Store::open(folder.path().join(name), &StoreOptions::default()).unwrap()
}

impl Case {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut chain = TestChain::new(3);
        let (source, target) = (open(&folder, "source"), open(&folder, "target"));
        chain.initialize(&source);
        chain.initialize(&target);
        grow(&mut chain, OLD);
        commit(&target, &chain, 1..=OLD);
        // It voted for a block that the others did not make final.
        let lost = chain.propose(999, 12345, TestChain::transactions(777, 2));
        let record = record(999, &lost.block, 0xff);
        let blocks = [Arc::clone(&lost.block)];
        target.persist(&record, &blocks, &bodies(&lost)).unwrap();
        grow(&mut chain, NEW);
        commit(&source, &chain, 1..=NEW);
        Self {
            folder,
            chain,
            source,
            target,
            record,
        }
    }

    fn snapshot(&self, height: u64) -> Snapshot {
        let header = self.chain.blocks[height as usize].block.header.clone();
        Snapshot {
            certificate: TestChain::certificate(&header),
            history: self.source.history_at(height).unwrap(),
            recent: self
                .source
                .headers_up_to(header.height.previous(), 20)
                .unwrap(),
            epochs: Vec::new(),
            header,
        }
    }

    fn begin(&self, height: u64) -> cairn_storage::Restoring {
        let root = self.chain.blocks[height as usize].block.header.state_root;
        self.target.begin_restore(Height(height), root).unwrap()
    }

    /// The next chunk, of two leaves or few more.
    fn chunk(&self, height: u64, max_bytes: usize) -> StateChunk {
        let after = self.target.restoring().unwrap().unwrap().after;
        tree::read_chunk(self.source.tree(), height, after, max_bytes).unwrap()
    }

    /// Fetches the rest; how many chunks that were.
    fn fetch(&self, height: u64, max_bytes: usize) -> usize {
        for count in 1.. {
            let chunk = self.chunk(height, max_bytes);
            if self.target.restore_chunk(&chunk).unwrap().complete {
                return count;
            }
        }
        unreachable!("a state has finitely many leaves")
    }

    fn reopen(&mut self) {
        let folder = self.folder.path().join("spare");
        self.target = Store::open(folder, &StoreOptions::default()).unwrap();
        self.target = open(&self.folder, "target");
    }

    /// The store is at its old tip with all that it had.
    fn expect_old(&self) {
        assert_eq!(self.target.tip().unwrap().height, Height(OLD));
        for height in 1..=OLD {
            check_block(&self.target, &self.chain, height);
        }
        assert_eq!(
            self.target.safety_record().unwrap().as_ref(),
            Some(&self.record)
        );
        assert_eq!(self.target.pending_blocks().unwrap().len(), 1);
    }

    /// The store is at `height` with the whole state, what it had before, and no more.
    fn expect_new(&self, height: u64) {
        let (store, chain) = (&self.target, &self.chain);
        let header = &chain.blocks[height as usize].block.header;
        assert_eq!(&store.tip().unwrap(), header);
        check_state(store, chain, height);
        for (number, expected) in (0..RECORDS).zip(&chain.states[height as usize]) {
            let state = StateAt::new(store.tree(), height);
            assert_eq!(
                &state.get(&key(number)).unwrap(),
                expected,
                "record {number}"
            );
        }
        for old in 1..=OLD {
            check_block(store, chain, old);
        }
        for absent in OLD + 1..height {
            assert!(store.is_absent(Height(absent)).unwrap());
            assert_eq!(store.header(Height(absent)).unwrap(), None);
            assert_eq!(store.block(Height(absent)).unwrap(), None);
            let root = tree::root(&store.tree(), absent);
            assert!(matches!(root, Err(StateError::Unreadable { .. })));
        }
        assert_eq!(store.block(Height(height)).unwrap(), None);
        assert_eq!(store.safety_record().unwrap().as_ref(), Some(&self.record));
        assert_eq!(store.pending_blocks().unwrap(), []);
        let expected = self.source.headers_up_to(Height(height), 20).unwrap();
        assert_eq!(store.headers_up_to(Height(height), 20).unwrap(), expected);
        assert_eq!(
            store.certificate(Height(height)).unwrap(),
            Some(TestChain::certificate(header))
        );
        assert_eq!(store.restoring().unwrap(), None);
    }
}

#[test]
fn a_restored_state_is_the_whole_state_and_the_chain_goes_on_from_it() {
    for max_bytes in [1, 60, 4 << 20] {
        let mut case = Case::new();
        case.begin(50);
        let chunks = case.fetch(50, max_bytes);
        assert_eq!(chunks > 2, max_bytes < 100, "{chunks} chunks");
        case.expect_old();
        case.target.adopt(&case.snapshot(50)).unwrap();
        case.expect_new(50);
        case.reopen();
        case.expect_new(50);

        execute(&case.target, &case.chain, 51..=NEW);
        for height in 51..=NEW {
            check_block(&case.target, &case.chain, height);
        }
        let root = case.chain.history.root();
        for height in 50..=NEW {
            let leaf = leaf_hash(case.chain.blocks[height as usize].block.id().0.as_bytes());
            let proof = case.target.history_proof(Height(height), NEW + 1).unwrap();
            proof.verify(&leaf, &root).unwrap();
        }
        for height in [1, OLD, 20] {
            let proof = case.target.history_proof(Height(height), NEW + 1);
            assert!(
                matches!(proof, Err(StorageError::NotHere { .. })),
                "{proof:?}"
            );
        }
    }
}

#[test]
fn a_crash_between_two_chunks_leaves_the_old_state_and_what_was_checked() {
    let mut case = Case::new();
    case.begin(50);
    let mut chunks = 0;
    loop {
        case.reopen();
        case.expect_old();
        let chunk = case.chunk(50, 1);
        chunks += 1;
        if case.target.restore_chunk(&chunk).unwrap().complete {
            break;
        }
    }
    case.reopen();
    case.expect_old();
    assert!(
        chunks > 3 && chunks < usize::from(RECORDS),
        "nothing is fetched twice"
    );
    case.target.adopt(&case.snapshot(50)).unwrap();
    case.expect_new(50);
}

#[test]
fn a_wrong_or_missing_chunk_is_refused_and_nothing_of_it_is_kept() {
    let case = Case::new();
    case.begin(50);
    let first = case.chunk(50, 1);
    case.target.restore_chunk(&first).unwrap();
    let before = case.target.restoring().unwrap();
    let right = case.chunk(50, 1);
    let entries = case.target.scan().unwrap().entries;

    let change = |change: &dyn Fn(&mut StateChunk)| {
        let mut chunk = right.clone();
        change(&mut chunk);
        chunk
    };
    let after = right.leaves.last().unwrap().0.clone();
    let after = cairn_crypto::Digest::of(&after);
    let missed = tree::read_chunk(case.source.tree(), 50, Some(after), 1).unwrap();
    let other_height = tree::read_chunk(case.source.tree(), 20, before.unwrap().after, 1).unwrap();
    let wrong = [
        ("value", change(&|chunk| chunk.leaves[1].1.push(0))),
        ("key", change(&|chunk| chunk.leaves[1].0[3] ^= 1)),
        ("order", change(&|chunk| chunk.leaves.swap(0, 1))),
        (
            "leaf left out",
            change(&|chunk| drop(chunk.leaves.remove(0))),
        ),
        (
            "twice",
            change(&|chunk| chunk.leaves.push(chunk.leaves[1].clone())),
        ),
        (
            "proof",
            change(&|chunk| *chunk.proof.last_mut().unwrap() ^= 1),
        ),
        ("no proof", change(&|chunk| chunk.proof.clear())),
        ("last", change(&|chunk| chunk.last = true)),
        ("empty", change(&|chunk| chunk.leaves.clear())),
        (
            "empty and last",
            change(&|chunk| {
                chunk.leaves.clear();
                chunk.last = true;
            }),
        ),
        ("the first again", first.clone()),
        ("one is missing", missed),
        ("another height", other_height),
    ];
    for (what, chunk) in wrong {
        let refused = case.target.restore_chunk(&chunk);
        assert!(
            matches!(refused, Err(StorageError::Chunk(_))),
            "{what}: {refused:?}"
        );
        assert_eq!(case.target.restoring().unwrap(), before, "{what}");
        assert_eq!(case.target.scan().unwrap().entries, entries, "{what}");
    }
    case.target.restore_chunk(&right).unwrap();
    case.fetch(50, 1);
    case.target.adopt(&case.snapshot(50)).unwrap();
    case.expect_new(50);
}

#[test]
fn a_snapshot_that_does_not_fit_is_refused_and_changes_nothing() {
    let case = Case::new();
    case.begin(50);
    case.target.restore_chunk(&case.chunk(50, 1)).unwrap();
    let right = case.snapshot(50);
    let refused = |snapshot: &Snapshot, what: &str| {
        let result = case.target.adopt(snapshot);
        assert!(
            matches!(result, Err(StorageError::Snapshot { .. })),
            "{what}: {result:?}"
        );
        case.expect_old();
    };
    refused(&right, "an incomplete state");
    case.fetch(50, 1);
    refused(&case.snapshot(51), "another height");
    let change = |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = right.clone();
        change(&mut snapshot);
        snapshot
    };
    let other = case.snapshot(51);
    refused(
        &change(&|s| s.certificate = other.certificate.clone()),
        "certificate",
    );
    refused(&change(&|s| s.history = other.history.clone()), "history");
    refused(
        &change(&|s| s.header.state_root = s.header.history_root),
        "state root",
    );
    refused(
        &change(&|s| s.header.chain_id = s.header.history_root),
        "chain",
    );

    // What was begun is not replaced by a lower one, and what lies below the tip is not restored.
    for height in [30, OLD] {
        let root = case.chain.blocks[height as usize].block.header.state_root;
        let begun = case.target.begin_restore(Height(height), root);
        assert!(matches!(begun, Err(StorageError::Snapshot { .. })));
    }
    case.target.adopt(&right).unwrap();
    case.expect_new(50);
}

#[test]
fn a_restore_that_is_given_up_harms_neither_the_blocks_nor_a_later_one() {
    let case = Case::new();
    case.begin(30);
    case.fetch(30, 1);
    // A block that is executed on the tip does not see the state that lies above it.
    let tip = case.chain.states[OLD as usize].clone();
    for (number, expected) in (0..RECORDS).zip(&tip) {
        let state = StateAt::new(case.target.tree(), 40);
        assert_eq!(
            &state.get(&key(number)).unwrap(),
            expected,
            "record {number}"
        );
    }
    commit(&case.target, &case.chain, OLD + 1..=40);
    for height in 1..=40 {
        check_block(&case.target, &case.chain, height);
    }
    assert_eq!(case.target.restoring().unwrap(), None);

    let case = Case::new();
    case.begin(30);
    case.target.restore_chunk(&case.chunk(30, 60)).unwrap();
    case.begin(50);
    case.fetch(50, 1);
    case.target.adopt(&case.snapshot(50)).unwrap();
    case.expect_new(50);
}

proptest! {
    #[test]
    fn a_chunk_of_random_bytes_is_an_error_and_never_a_panic(
        leaves in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 0..40)), 0..6),
        proof in prop::collection::vec(any::<u8>(), 0..200),
        last in any::<bool>(),
    ) {
        thread_local!(static CASE: Case = {
            let case = Case::new();
            case.begin(50);
            case.target.restore_chunk(&case.chunk(50, 1)).unwrap();
            case
        });
        CASE.with(|case| {
            let right = case.chunk(50, 1);
            let mut sorted = leaves;
            sorted.sort_by_key(|(key, _)| cairn_crypto::Digest::of(key));
            let chunks = [
                StateChunk { leaves: sorted.clone(), proof, last },
                StateChunk { leaves: sorted, proof: right.proof, last },
            ];
            for chunk in chunks {
                prop_assert!(matches!(case.target.restore_chunk(&chunk), Err(StorageError::Chunk(_))));
            }
            Ok(())
        })?;
    }
}
