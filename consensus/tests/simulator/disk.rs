//! What survives a crash: everything up to the last synced write, and perhaps more.

use cairn_consensus::{
    Block, BlockId, Epoch, FinalityCert, Header, Recovery, SafetyRecord, ValidatorSet,
};
use cairn_crypto::merkle;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Final blocks in one atomic write.
#[derive(Clone, Debug)]
pub struct Commit {
    pub blocks: Vec<Arc<Block>>,
    pub cert: Arc<FinalityCert>,
}

#[derive(Clone, Debug)]
pub struct Disk {
    pub record: SafetyRecord,
    pub pending: BTreeMap<BlockId, Arc<Block>>,
    pub genesis: Header,
    /// Final blocks from height 1.
    pub chain: Vec<Arc<Block>>,
    pub cert: Option<Arc<FinalityCert>>,
    /// Written and not synced.
    unsynced: Vec<Commit>,
}

impl Disk {
    pub fn new(genesis: Header) -> Self {
        Self {
            record: SafetyRecord::genesis(Epoch(0)),
            pending: BTreeMap::new(),
            genesis,
            chain: Vec::new(),
            cert: None,
            unsynced: Vec::new(),
        }
    }

    pub fn persist(&mut self, record: SafetyRecord, blocks: Vec<Arc<Block>>) {
        self.record = record;
        self.pending
            .extend(blocks.into_iter().map(|block| (block.id(), block)));
        self.sync();
    }

    pub fn commit(&mut self, commit: Commit) {
        self.unsynced.push(commit);
    }

    pub fn sync(&mut self) {
        for commit in std::mem::take(&mut self.unsynced) {
            for block in commit.blocks {
                assert_eq!(
                    block.header.height.0,
                    self.chain.len() as u64 + 1,
                    "final blocks leave no gap"
                );
                self.pending.remove(&block.id());
                self.chain.push(block);
            }
            self.cert = Some(commit.cert);
        }
    }

    /// Power is lost.
    pub fn lose_unsynced(&mut self) {
        self.unsynced.clear();
    }

    pub fn final_header(&self) -> &Header {
        self.chain
            .last()
            .map_or(&self.genesis, |block| &block.header)
    }

    /// Whether a block can be read back after a crash.
    pub fn has(&self, id: &BlockId) -> bool {
        self.pending.contains_key(id) || self.chain.iter().rev().any(|block| block.id() == *id)
    }

    pub fn recovery(&self, validators: &ValidatorSet) -> Recovery {
        let mut history = merkle::Frontier::new();
        history.push(merkle::leaf_hash(self.genesis.id().0.as_bytes()));
        for block in &self.chain {
            history.push(merkle::leaf_hash(block.id().0.as_bytes()));
        }
        Recovery {
            final_header: self.final_header().clone(),
            final_cert: self.cert.clone(),
            validators: validators.clone(),
            history,
            record: self.record.clone(),
            pending: self.pending.values().cloned().collect(),
        }
    }
}
