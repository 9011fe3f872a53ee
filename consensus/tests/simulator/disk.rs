//! What survives a crash: everything up to the last synced write, and perhaps more.

use super::committee::Committee;
use cairn_consensus::{Block, BlockId, Epoch, FinalityCert, Header, Recovery, SafetyRecord};
use cairn_crypto::merkle;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Final blocks in one atomic write.
#[derive(Clone, Debug)]
pub struct Commit {
    pub blocks: Vec<Arc<Block>>,
    pub cert: Arc<FinalityCert>,
    /// The fresh record, if an epoch ends.
    pub record: Option<SafetyRecord>,
}

#[derive(Clone, Debug)]
pub struct Disk {
    pub record: SafetyRecord,
    pub pending: BTreeMap<BlockId, Arc<Block>>,
    pub genesis: Header,
    /// Final blocks from height 1.
    pub chain: Vec<Arc<Block>>,
    pub cert: Option<Arc<FinalityCert>>,
    pub epoch_ends: BTreeMap<Epoch, Arc<FinalityCert>>,
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
            epoch_ends: BTreeMap::new(),
            unsynced: Vec::new(),
        }
    }

    pub fn persist(&mut self, record: SafetyRecord, blocks: Vec<Arc<Block>>) {
        self.sync();
        assert!(record.epoch >= self.record.epoch, "S0");
        self.record = record;
        self.pending
            .extend(blocks.into_iter().map(|block| (block.id(), block)));
    }

    pub fn commit(&mut self, commit: Commit) {
        let ends_epoch = commit.record.is_some();
        self.unsynced.push(commit);
        if ends_epoch {
            self.sync();
        }
    }

    pub fn sync(&mut self) {
        for commit in std::mem::take(&mut self.unsynced) {
            for block in commit.blocks {
                assert_eq!(
                    block.header.height.0,
                    self.chain.len() as u64 + 1,
                    "final blocks leave no gap"
                );
                self.chain.push(block);
            }
            let tip = self.final_header().height;
            self.pending.retain(|_, block| block.header.height > tip);
            if self.final_header().ends_epoch() {
                let cert = Arc::clone(&commit.cert);
                self.epoch_ends.insert(cert.epoch, cert);
            }
            self.cert = Some(commit.cert);
            if let Some(record) = commit.record {
                assert!(record.epoch > self.record.epoch, "S0");
                self.record = record;
            }
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

    pub fn recovery(&self, committee: &Committee) -> Recovery {
        let mut history = merkle::Frontier::new();
        history.push(merkle::leaf_hash(self.genesis.id().0.as_bytes()));
        for block in &self.chain {
            history.push(merkle::leaf_hash(block.id().0.as_bytes()));
        }
        let headers = std::iter::once(&self.genesis).chain(self.chain.iter().map(|it| &it.header));
        let recent = usize::try_from(Recovery::RECENT).unwrap();
        let passed_by = (self.chain.len() + 1).saturating_sub(recent);
        Recovery {
            final_header: self.final_header().clone(),
            final_cert: self.cert.clone(),
            validators: committee.set_of(self.final_header().next_epoch()),
            recent: headers.skip(passed_by).cloned().collect(),
            history,
            record: self.record.clone(),
            pending: self.pending.values().cloned().collect(),
        }
    }
}
