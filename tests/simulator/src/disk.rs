//! A disk: what is written survives a crash only once it is synced, or by luck.

use crate::block_ids::id_of;
use crate::committee::Committee;
use cairn_consensus::{Block, BlockId, Epoch, FinalityCert, Header, SafetyRecord};
use cairn_crypto::merkle;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One atomic write.
#[derive(Clone, Debug)]
pub enum Write {
    /// The safety record and the blocks that it depends on.
    Record {
        /// The whole record.
        record: Box<SafetyRecord>,
        /// Blocks voted for or proposed.
        blocks: Vec<Arc<Block>>,
    },
    /// Final blocks.
    Final {
        /// In order, from just above the last one.
        blocks: Vec<Arc<Block>>,
        /// Certificate of the last one.
        cert: Arc<FinalityCert>,
        /// The record of the next epoch, if the last block ends one.
        record: Option<Box<SafetyRecord>>,
        /// Certificates of the last blocks of epochs among them, if block sync brought them.
        ends: Option<Vec<Arc<FinalityCert>>>,
    },
}

/// What can be read back.
#[derive(Clone, Debug)]
pub struct Disk {
    genesis: Header,
    record: SafetyRecord,
    pending: BTreeMap<BlockId, Arc<Block>>,
    chain: Vec<Arc<Block>>,
    /// Certificates of the blocks that have their own, by height.
    certs: BTreeMap<u64, Arc<FinalityCert>>,
    written: Vec<Write>,
}

impl Disk {
    /// An empty one.
    #[must_use]
    pub fn new(committee: &Committee) -> Self {
        Self {
            genesis: committee.genesis.clone(),
            record: SafetyRecord::genesis(Epoch(0)),
            pending: BTreeMap::new(),
            chain: Vec::new(),
            certs: BTreeMap::new(),
            written: Vec::new(),
        }
    }

    /// Writes, without a sync.
    pub fn write(&mut self, write: Write) {
        self.written.push(write);
    }

    /// Writes that a crash would lose, in order.
    #[must_use]
    pub fn unsynced(&self) -> &[Write] {
        &self.written
    }

    /// Makes the first of the writes that are not synced durable, if there is one.
    pub fn sync_next(&mut self) {
        if !self.written.is_empty() {
            let write = self.written.remove(0);
            self.apply(write);
        }
    }

    /// Power is lost.
    pub fn lose_unsynced(&mut self) {
        self.written.clear();
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Record { record, blocks } => {
                self.record = *record;
                for block in blocks {
                    if block.header.height.0 > self.height() {
                        self.pending.insert(id_of(&block), block);
                    }
                }
            }
            Write::Final {
                blocks,
                cert,
                record,
                ends,
            } => {
                for block in blocks {
                    if block.header.height.0 == self.height() + 1 {
                        self.chain.push(block);
                    }
                }
                let height = self.height();
                // Suffix blocks repeat the height of their epoch's last block.
                self.pending
                    .retain(|_, block| block.header.height.0 > height);
                for end in ends.into_iter().flatten() {
                    self.certs.insert(end.height.0, end);
                }
                self.certs.insert(height, cert);
                if let Some(record) = record {
                    self.record = *record;
                }
            }
        }
    }

    /// The safety record.
    #[must_use]
    pub fn record(&self) -> &SafetyRecord {
        &self.record
    }

    /// Height of the last final block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.chain.len() as u64
    }

    /// The final header of a height.
    #[must_use]
    pub fn header(&self, height: u64) -> Option<&Header> {
        if height == 0 {
            return Some(&self.genesis);
        }
        let index = usize::try_from(height - 1).ok()?;
        self.chain.get(index).map(|block| &block.header)
    }

    /// The last final header.
    #[must_use]
    pub fn last(&self) -> &Header {
        self.chain
            .last()
            .map_or(&self.genesis, |block| &block.header)
    }

    /// The last final block's certificate; none for genesis.
    #[must_use]
    pub fn cert(&self) -> Option<&Arc<FinalityCert>> {
        self.certs.get(&self.height())
    }

    /// The certificate that ended an epoch, if it did end here.
    #[must_use]
    pub fn epoch_end(&self, epoch: Epoch) -> Option<&Arc<FinalityCert>> {
        self.certs.iter().rev().find_map(|(height, cert)| {
            let header = self.header(*height)?;
            (header.epoch == epoch && header.validators_hash != header.next_validators_hash)
                .then_some(cert)
        })
    }

    /// The last certificate of each epoch that ended.
    #[must_use]
    pub fn epoch_ends(&self) -> Vec<Arc<FinalityCert>> {
        let last = self.last().epoch.0;
        (0..=last)
            .filter_map(|epoch| self.epoch_end(Epoch(epoch)).cloned())
            .collect()
    }

    /// The final headers of the last heights, genesis among them.
    #[must_use]
    pub fn recent(&self, most: u64) -> Vec<Header> {
        let first = self.height().saturating_sub(most.saturating_sub(1));
        (first..=self.height())
            .filter_map(|height| self.header(height).cloned())
            .collect()
    }

    /// Final blocks above a height.
    #[must_use]
    pub fn above(&self, height: u64) -> Vec<Arc<Block>> {
        let from = usize::try_from(height).unwrap_or(usize::MAX);
        self.chain
            .get(from..)
            .map(<[_]>::to_vec)
            .unwrap_or_default()
    }

    /// A block that is stored, final or not.
    #[must_use]
    pub fn block(&self, id: &BlockId) -> Option<&Arc<Block>> {
        self.pending
            .get(id)
            .or_else(|| self.chain.iter().rev().find(|block| id_of(block) == *id))
    }

    /// Blocks that are stored and not final.
    #[must_use]
    pub fn pending(&self) -> Vec<Arc<Block>> {
        self.pending.values().cloned().collect()
    }

    /// Whether a block could be read back.
    #[must_use]
    pub fn has(&self, id: &BlockId) -> bool {
        self.genesis.id() == *id || self.block(id).is_some()
    }

    /// Leaves: the ids of all final blocks up to a height, and of genesis.
    #[must_use]
    pub fn history(&self) -> merkle::Frontier {
        let mut history = merkle::Frontier::new();
        history.push(merkle::leaf_hash(self.genesis.id().0.as_bytes()));
        for block in &self.chain {
            history.push(merkle::leaf_hash(id_of(block).0.as_bytes()));
        }
        history
    }
}
