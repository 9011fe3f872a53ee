//! The safety record, and blocks that are not final yet.
//!
//! The record is kept in parts, and a write carries only the parts that changed: a certificate has 100 KB
//! and stays the same while votes and timeouts come and go. All parts are written in one batch, so together they
//! are always one record that was handed in.

use crate::database::{Batch, Database};
use crate::schema::{self, Table};
use crate::{StorageError, Store};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::{Block, BlockId, Epoch, Height, Round, SafetyRecord};
use cairn_crypto::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What has to be on disk before anything that it allows is sent.
#[derive(Clone, Copy, Debug)]
pub struct SafetyWrite<'a> {
    /// The record.
    pub record: &'a SafetyRecord,
    /// Blocks that it speaks of and that are not stored yet.
    pub blocks: &'a [Arc<Block>],
    /// Their transactions, each as signed hash and bytes. One that is stored already may be left out.
    pub transactions: &'a [(Digest, Arc<[u8]>)],
}

/// The parts of a record that have no key of their own.
#[derive(BorshSerialize, BorshDeserialize, PartialEq, Eq)]
struct Positions {
    epoch: Epoch,
    last_voted_round: Round,
    highest_timeout_round: Round,
}

/// What is on disk, in memory as well.
#[derive(Default)]
pub(crate) struct Safety {
    pub(crate) record: Option<SafetyRecord>,
    /// Blocks that are stored and not final.
    blocks: BTreeMap<BlockId, Arc<Block>>,
    /// Signed hashes of bodies that are stored and not final.
    bodies: BTreeSet<Digest>,
}

/// Changes to [`Safety`] that a batch brings about once it is written.
#[derive(Default)]
pub(crate) struct Staged {
    record: Option<SafetyRecord>,
    new_blocks: Vec<(BlockId, Arc<Block>)>,
    new_bodies: BTreeSet<Digest>,
    gone_blocks: Vec<BlockId>,
    gone_bodies: Vec<Digest>,
}

impl Store {
    /// Writes the safety record, and the blocks and transactions that it speaks of, in one synced write.
    /// When it returns, the messages that the record holds may be sent.
    ///
    /// # Errors
    /// When the database cannot write. Then nothing may be sent.
    pub fn persist(
        &self,
        record: &SafetyRecord,
        blocks: &[Arc<Block>],
        transactions: &[(Digest, Arc<[u8]>)],
    ) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        let mut batch = self.inner.db.batch();
        let mut staged = Staged::default();
        let write = SafetyWrite {
            record,
            blocks,
            transactions,
        };
        writer
            .safety
            .stage(&self.inner.db, write, &mut staged, &mut batch)?;
        if !batch.is_empty() {
            writer.write(batch)?;
        }
        writer.safety.apply(staged);
        Ok(())
    }

    /// The safety record that was last written, if there ever was one.
    ///
    /// # Errors
    /// [`StorageError::Poisoned`] after a failed write.
    pub fn safety_record(&self) -> Result<Option<SafetyRecord>, StorageError> {
        Ok(self.writer()?.safety.record.clone())
    }

    /// Blocks that are stored and not final, lowest first.
    ///
    /// # Errors
    /// [`StorageError::Poisoned`] after a failed write.
    pub fn pending_blocks(&self) -> Result<Vec<Arc<Block>>, StorageError> {
        let mut blocks: Vec<_> = self.writer()?.safety.blocks.values().cloned().collect();
        blocks.sort_by_key(|block| (block.header.height, block.header.round));
        Ok(blocks)
    }
}

impl Safety {
    pub(crate) fn load(db: &Database) -> Result<Self, StorageError> {
        let mut safety = Self::default();
        if let Some(positions) = db.read::<Positions>(Table::Meta, schema::SAFETY_POSITIONS)? {
            safety.record = Some(SafetyRecord {
                epoch: positions.epoch,
                last_voted_round: positions.last_voted_round,
                highest_timeout_round: positions.highest_timeout_round,
                high_qc: db.read(Table::Meta, schema::SAFETY_HIGH_QC)?,
                high_tc: db.read(Table::Meta, schema::SAFETY_HIGH_TC)?,
                last_vote: db.read(Table::Meta, schema::SAFETY_VOTE)?,
                last_commit_vote: db.read(Table::Meta, schema::SAFETY_COMMIT_VOTE)?,
                last_timeout: db.read(Table::Meta, schema::SAFETY_TIMEOUT)?,
                last_proposal: db.read(Table::Meta, schema::SAFETY_PROPOSAL)?,
            });
        }
        db.each_with_tag(Table::Meta, schema::PENDING_BLOCK, |_, value| {
            let block: Block = db.decode(Table::Meta, value)?;
            safety.blocks.insert(block.id(), Arc::new(block));
            Ok(())
        })?;
        db.each_with_tag(Table::Meta, schema::PENDING_BODY, |key, _| {
            let digest = key[1..]
                .try_into()
                .map_err(|_| db.damaged("the mark of a transaction has no digest"))?;
            safety.bodies.insert(Digest::new(digest));
            Ok(())
        })?;
        Ok(safety)
    }

    /// Adds to the batch what is new in `write`.
    pub(crate) fn stage(
        &self,
        db: &Database,
        write: SafetyWrite<'_>,
        staged: &mut Staged,
        batch: &mut Batch<'_>,
    ) -> Result<(), StorageError> {
        if self.record.as_ref() != Some(write.record) {
            stage_record(self.record.as_ref(), write.record, batch)?;
            staged.record = Some(write.record.clone());
        }
        for block in write.blocks {
            let id = block.id();
            if !self.blocks.contains_key(&id) {
                let key = schema::by_digest(schema::PENDING_BLOCK, &id.0);
                batch.put(Table::Meta, &key, &**block)?;
                staged.new_blocks.push((id, Arc::clone(block)));
            }
        }
        for (signed_hash, bytes) in write.transactions {
            // A body that is there without a mark is final already, and stays.
            if self.bodies.contains(signed_hash)
                || staged.new_bodies.contains(signed_hash)
                || db.get(Table::Bodies, signed_hash.as_bytes())?.is_some()
            {
                continue;
            }
            batch.put_bytes(Table::Bodies, signed_hash.as_bytes(), bytes);
            let mark = schema::by_digest(schema::PENDING_BODY, signed_hash);
            batch.put_bytes(Table::Meta, &mark, &[]);
            staged.new_bodies.insert(*signed_hash);
        }
        Ok(())
    }

    /// Makes a body final: writes it unless it is there, and takes its mark away.
    pub(crate) fn finalize_body(
        &self,
        signed_hash: &Digest,
        bytes: &[u8],
        staged: &mut Staged,
        batch: &mut Batch<'_>,
    ) {
        if self.bodies.contains(signed_hash) || staged.new_bodies.contains(signed_hash) {
            let mark = schema::by_digest(schema::PENDING_BODY, signed_hash);
            batch.delete(Table::Meta, &mark);
            staged.gone_bodies.push(*signed_hash);
        } else {
            batch.put_bytes(Table::Bodies, signed_hash.as_bytes(), bytes);
        }
    }

    /// Drops the blocks at or below the new tip: they are final now and stored as such, or they lost.
    /// Transactions of those that lost go with them, unless they are final or another block lists them.
    pub(crate) fn drop_decided(&self, tip: Height, staged: &mut Staged, batch: &mut Batch<'_>) {
        let new_blocks = std::mem::take(&mut staged.new_blocks);
        let all = || {
            let stored = self.blocks.iter();
            stored.chain(new_blocks.iter().map(|(id, block)| (id, block)))
        };
        let decided = |block: &Block| block.header.height <= tip;
        let final_now: BTreeSet<Digest> = staged.gone_bodies.iter().copied().collect();
        let mut lost: BTreeSet<Digest> = BTreeSet::new();
        for (id, block) in all().filter(|(_, block)| decided(block)) {
            let key = schema::by_digest(schema::PENDING_BLOCK, &id.0);
            batch.delete(Table::Meta, &key);
            staged.gone_blocks.push(*id);
            lost.extend(block.payload.iter().filter(|hash| {
                let marked = self.bodies.contains(hash) || staged.new_bodies.contains(hash);
                marked && !final_now.contains(hash)
            }));
        }
        if !lost.is_empty() {
            for (_, block) in all().filter(|(_, block)| !decided(block)) {
                for hash in &block.payload {
                    lost.remove(hash);
                }
            }
        }
        for hash in lost {
            batch.delete(Table::Bodies, hash.as_bytes());
            let mark = schema::by_digest(schema::PENDING_BODY, &hash);
            batch.delete(Table::Meta, &mark);
            staged.gone_bodies.push(hash);
        }
        staged.new_blocks = new_blocks;
    }

    /// Takes over what has been written.
    pub(crate) fn apply(&mut self, staged: Staged) {
        if let Some(record) = staged.record {
            self.record = Some(record);
        }
        self.blocks.extend(staged.new_blocks);
        self.bodies.extend(staged.new_bodies);
        for id in &staged.gone_blocks {
            self.blocks.remove(id);
        }
        for hash in &staged.gone_bodies {
            self.bodies.remove(hash);
        }
    }
}

/// Writes the parts of `new` that `old` does not have.
fn stage_record(
    old: Option<&SafetyRecord>,
    new: &SafetyRecord,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    let positions = |record: &SafetyRecord| Positions {
        epoch: record.epoch,
        last_voted_round: record.last_voted_round,
        highest_timeout_round: record.highest_timeout_round,
    };
    if old.map(positions) != Some(positions(new)) {
        batch.put(Table::Meta, schema::SAFETY_POSITIONS, &positions(new))?;
    }
    let mut part = Parts { old, new, batch };
    part.stage(schema::SAFETY_HIGH_QC, |record| &record.high_qc)?;
    part.stage(schema::SAFETY_HIGH_TC, |record| &record.high_tc)?;
    part.stage(schema::SAFETY_VOTE, |record| &record.last_vote)?;
    part.stage(schema::SAFETY_COMMIT_VOTE, |record| {
        &record.last_commit_vote
    })?;
    part.stage(schema::SAFETY_TIMEOUT, |record| &record.last_timeout)?;
    part.stage(schema::SAFETY_PROPOSAL, |record| &record.last_proposal)
}

struct Parts<'a, 'b, 'db> {
    old: Option<&'a SafetyRecord>,
    new: &'a SafetyRecord,
    batch: &'b mut Batch<'db>,
}

impl<'a> Parts<'a, '_, '_> {
    fn stage<T: BorshSerialize + Eq + 'a>(
        &mut self,
        key: &[u8],
        part: impl Fn(&'a SafetyRecord) -> &'a Option<T>,
    ) -> Result<(), StorageError> {
        let old = self.old.and_then(|record| part(record).as_ref());
        match part(self.new) {
            // `Arc`s compare by address first, so an unchanged certificate costs nothing.
            new if new.as_ref() == old => Ok(()),
            Some(new) => self.batch.put(Table::Meta, key, new),
            None => {
                self.batch.delete(Table::Meta, key);
                Ok(())
            }
        }
    }
}
