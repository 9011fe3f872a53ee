//! A chain for the store to keep. Signatures and payloads are made up, since the store checks neither; ids, roots, history
//! and the state tree are real.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use cairn_consensus::{
    Block, BlockId, CommitVote, Epoch, FinalityCert, Header, Height, Proposal, QuorumCert, Round,
    SafetyRecord, SignerSet, ValidatorIndex, Vote, payload_root,
};
use cairn_crypto::merkle::{Frontier, leaf_hash};
use cairn_crypto::{Digest, Signature};
use cairn_runtime::tree::{self, MemoryTree, TreeBatch};
use cairn_runtime::{AccountId, Outcome, Receipt, StateDiff, StateKey, receipts_root};
use cairn_storage::{FinalBlock, Store};
use std::sync::Arc;

pub type Transactions = Vec<(Digest, Digest, Arc<[u8]>)>;

/// Everything that the store was given, in memory.
#[derive(Clone)]
pub struct TestChain {
    pub blocks: Vec<FinalBlock>,
    pub genesis_batch: Arc<TreeBatch>,
    pub history: Frontier,
    pub tree: MemoryTree,
    /// For each height the records of the state, by number of the account.
    pub states: Vec<Vec<Option<Vec<u8>>>>,
}

/// Number of records that the state has.
pub const RECORDS: u8 = 12;

pub fn key(record: u8) -> StateKey {
    StateKey::Nonce(AccountId(Digest::of(&[record])))
}

pub fn signature(seed: u64) -> Signature {
    let mut bytes = vec![0; 4627];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (i % 57)) as u8 ^ i as u8;
    }
    Signature::from_bytes(&bytes).unwrap()
}

impl TestChain {
    /// Height 0 only.
    pub fn new(seed: u64) -> Self {
        let state: Vec<_> = (0..RECORDS).map(|r| Some(vec![r; 9])).collect();
        let diff: StateDiff = (0..RECORDS)
            .map(|r| (key(r).encode(), Some(vec![r; 9])))
            .collect();
        let mut memory = MemoryTree::new();
        let (state_root, batch) = tree::apply(&memory, 0, &diff).unwrap();
        memory.commit(&batch);
        let header = Header {
            chain_id: Digest::of(&seed.to_le_bytes()),
            epoch: Epoch(0),
            round: Round(0),
            height: Height(0),
            parent: BlockId(Digest::ZERO),
            parent_round: Round(0),
            timestamp_ms: 1,
            proposer: Digest::ZERO,
            payload_root: payload_root(&[]),
            state_root,
            receipts_root: receipts_root(&[]),
            history_root: Frontier::new().root(),
            validators_hash: Digest::of(b"validators"),
            next_validators_hash: Digest::of(b"validators"),
        };
        let batch = Arc::new(batch);
        let mut history = Frontier::new();
        history.push(leaf_hash(header.id().0.as_bytes()));
        Self {
            blocks: vec![FinalBlock {
                block: Arc::new(Block {
                    header,
                    payload: Vec::new(),
                }),
                transactions: Vec::new(),
                receipts: Arc::new(Vec::new()),
                batch: Arc::clone(&batch),
            }],
            genesis_batch: batch,
            history,
            tree: memory,
            states: vec![state],
        }
    }

    pub fn tip(&self) -> &Header {
        &self.blocks.last().unwrap().block.header
    }

    pub fn initialize(&self, store: &Store) {
        store
            .initialize(&self.blocks[0].block.header, &self.genesis_batch)
            .unwrap();
    }

    /// Transactions that depend on `seed` alone, with bodies on both sides of what is stored apart from its key.
    pub fn transactions(seed: u64, count: usize) -> Transactions {
        (0..count)
            .map(|i| {
                let mut bytes = format!("transaction {seed} {i} ").into_bytes();
                bytes.resize(100 + 3_000 * (i % 3), i as u8);
                let signed = Digest::of(&bytes);
                let tx_hash = Digest::of(signed.as_bytes());
                (tx_hash, signed, Arc::from(bytes))
            })
            .collect()
    }

    /// A block on the tip, in `round`, without making it the tip. Its writes depend on `seed`.
    pub fn propose(&self, round: u64, seed: u64, transactions: Transactions) -> FinalBlock {
        let parent = self.tip();
        let height = parent.height.next();
        let receipts: Vec<Receipt> = transactions
            .iter()
            .map(|(tx_hash, _, _)| Receipt {
                tx_hash: *tx_hash,
                outcome: Outcome::Applied(Vec::new()),
            })
            .collect();
        let (state_root, batch) = tree::apply(&self.tree, height.0, &Self::diff(seed)).unwrap();
        let payload: Vec<Digest> = transactions.iter().map(|(_, signed, _)| *signed).collect();
        let header = Header {
            epoch: Epoch(0),
            round: Round(round),
            height,
            parent: parent.id(),
            parent_round: parent.round,
            timestamp_ms: parent.timestamp_ms + 1 + seed % 7,
            payload_root: payload_root(&payload),
            state_root,
            receipts_root: receipts_root(&receipts),
            history_root: self.history.root(),
            ..parent.clone()
        };
        FinalBlock {
            block: Arc::new(Block { header, payload }),
            transactions,
            receipts: Arc::new(receipts),
            batch: Arc::new(batch),
        }
    }

    /// What a block changes.
    pub fn diff(seed: u64) -> StateDiff {
        Self::writes(seed)
            .map(|(r, value)| (key(r).encode(), value))
            .collect()
    }

    /// Which records a block writes or deletes. Some write nothing.
    fn writes(seed: u64) -> impl Iterator<Item = (u8, Option<Vec<u8>>)> {
        (0..(seed % 4) as u8).map(move |i| {
            let record = ((seed >> 8) as u8).wrapping_add(i) % RECORDS;
            let deleted = (seed >> (16 + i)) & 7 == 0;
            let value = (!deleted).then(|| seed.to_le_bytes().repeat(1 + usize::from(i)));
            (record, value)
        })
    }

    /// Makes a proposed block the tip. `seed` as it was proposed with.
    pub fn append(&mut self, block: FinalBlock, seed: u64) {
        self.history.push(leaf_hash(block.block.id().0.as_bytes()));
        self.tree.commit(&block.batch);
        let mut state = self.states.last().unwrap().clone();
        for (record, value) in Self::writes(seed) {
            state[usize::from(record)] = value;
        }
        self.states.push(state);
        self.blocks.push(block);
    }

    /// A certificate for a block.
    pub fn certificate(header: &Header) -> FinalityCert {
        let (signers, signatures) = signers(header.height.0);
        FinalityCert {
            chain_id: header.chain_id,
            epoch: header.epoch,
            round: header.round,
            height: header.height,
            block_id: header.id(),
            signers,
            signatures,
        }
    }
}

fn signers(seed: u64) -> (SignerSet, Vec<Signature>) {
    let mut signers = SignerSet::new(4);
    for i in 0..3 {
        signers.insert(ValidatorIndex(i));
    }
    (signers, (0..3).map(|i| signature(seed + i)).collect())
}

/// A safety record whose parts come and go with the bits of `parts`, for block `block` of round `round`.
pub fn record(round: u64, block: &Arc<Block>, parts: u8) -> SafetyRecord {
    let (chain_id, block_id) = (block.header.chain_id, block.id());
    let (signers, signatures) = signers(round);
    let has = |bit: u8| parts & (1 << bit) != 0;
    SafetyRecord {
        last_voted_round: Round(round),
        highest_timeout_round: Round(round / 2),
        high_qc: has(0).then(|| {
            Arc::new(QuorumCert {
                chain_id,
                epoch: Epoch(0),
                round: Round(round),
                block_id,
                signers,
                signatures,
            })
        }),
        last_vote: has(1).then(|| Vote {
            chain_id,
            epoch: Epoch(0),
            round: Round(round),
            block_id,
            voter: ValidatorIndex(1),
            signature: signature(round),
        }),
        last_commit_vote: has(2).then(|| CommitVote {
            chain_id,
            epoch: Epoch(0),
            round: Round(round),
            height: block.header.height,
            block_id,
            voter: ValidatorIndex(1),
            signature: signature(round + 1),
        }),
        last_proposal: has(3).then(|| Proposal {
            block: Arc::clone(block),
            timeout_cert: None,
            signature: signature(round + 2),
        }),
        ..SafetyRecord::genesis(Epoch(0))
    }
}

/// The bodies of a block as `persist` takes them.
pub fn bodies(block: &FinalBlock) -> Vec<(Digest, Arc<[u8]>)> {
    block
        .transactions
        .iter()
        .map(|(_, signed, bytes)| (*signed, Arc::clone(bytes)))
        .collect()
}

/// Everything about the block at `height` is there and fits together.
pub fn check_block(store: &Store, chain: &TestChain, height: u64) {
    let expected = &chain.blocks[height as usize];
    let at = Height(height);
    assert_eq!(store.block(at).unwrap().as_ref(), Some(&*expected.block));
    assert_eq!(store.height_of(&expected.block.id()).unwrap(), Some(at));
    assert_eq!(
        store.receipts(at).unwrap(),
        Some((*expected.receipts).clone())
    );
    for (index, (tx_hash, signed, bytes)) in (0u32..).zip(&expected.transactions) {
        assert_eq!(
            store.transaction_location(tx_hash).unwrap(),
            Some((at, index))
        );
        assert_eq!(
            store.transaction(signed).unwrap().as_deref(),
            Some(&**bytes)
        );
    }
    check_state(store, chain, height);
}

/// The state at `height` has the right records, and each of them, or its absence, is proved under the header's root.
pub fn check_state(store: &Store, chain: &TestChain, height: u64) {
    let root = chain.blocks[height as usize].block.header.state_root;
    for (r, expected) in (0..RECORDS).zip(&chain.states[height as usize]) {
        let (value, proof) = tree::prove(&store.tree(), height, &key(r)).unwrap();
        assert_eq!(&value, expected, "record {r} at height {height}");
        match value {
            Some(value) => proof.verify_presence(&root, &key(r), &value).unwrap(),
            None => proof.verify_absence(&root, &key(r)).unwrap(),
        }
    }
}
