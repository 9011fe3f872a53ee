//! Finality: everything about the new final blocks in one atomic, synced write.

use crate::database::Batch;
use crate::safety::{Safety, SafetyWrite, Staged};
use crate::schema::{self, Table};
use crate::state_cache::StateCache;
use crate::store::Chain;
use crate::{StorageError, Store, certificates, tree};
use cairn_consensus::{Block, BlockId, FinalityCert, Height};
use cairn_crypto::Digest;
use cairn_runtime::Receipt;
use cairn_runtime::tree::TreeBatch;
use std::sync::Arc;

/// A final block with everything that executing it gave.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// Header and payload.
    pub block: Arc<Block>,
    /// One for each entry of the payload, in its order: transaction hash, signed hash, bytes.
    pub transactions: Vec<(Digest, Digest, Arc<[u8]>)>,
    /// One for each transaction, in the same order.
    pub receipts: Arc<Vec<Receipt>>,
    /// What the block changes in the state tree.
    pub batch: Arc<TreeBatch>,
}

impl Store {
    /// Makes blocks final: `blocks` are the next ones after the tip, lowest first, and `cert` is for the last of
    /// them. Headers, payloads, transactions, receipts, state, history and certificate go to disk together, with
    /// the safety record if there is one to be written; stored blocks that lost go away. When it returns, all of
    /// it is on disk.
    ///
    /// # Errors
    /// When the blocks are not the next ones, or do not go with their transactions, receipts and certificate
    /// (nothing is written), or when the database cannot write.
    pub fn commit(
        &self,
        blocks: &[FinalBlock],
        cert: &FinalityCert,
        safety: Option<SafetyWrite<'_>>,
    ) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        let mut chain = self.with_chain(Clone::clone)?;
        let first = chain.tip.height.next();
        let mut batch = self.inner.db.batch();
        let mut staged = Staged::default();
        if let Some(safety) = safety {
            writer
                .safety
                .stage(&self.inner.db, safety, &mut staged, &mut batch)?;
        }
        for block in blocks {
            check(block, &chain)?;
            stage_block(
                block,
                &mut chain,
                &writer.safety,
                &self.inner.cache,
                &mut staged,
                &mut batch,
            )?;
        }
        let last = &blocks.last().ok_or(StorageError::Empty)?.block.header;
        check_certificate(cert, chain.tip_id, last.height)?;
        let ends_epoch = last.validators_hash != last.next_validators_hash;
        certificates::stage(&self.inner.db, first, ends_epoch, cert, &mut batch)?;
        writer
            .safety
            .drop_decided(last.height, &mut staged, &mut batch);
        chain.stage(&mut batch)?;
        writer.write(batch)?;
        for block in blocks {
            self.inner.cache.commit(&block.batch);
        }
        writer.safety.apply(staged);
        self.set_chain(chain)
    }
}

fn stage_block(
    block: &FinalBlock,
    chain: &mut Chain,
    safety: &Safety,
    cache: &StateCache,
    staged: &mut Staged,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    let header = &block.block.header;
    let height = header.height;
    chain.append(header, batch)?;
    batch.put(
        Table::Chain,
        &schema::at_height(schema::PAYLOAD, height),
        &block.block.payload,
    )?;
    batch.put(
        Table::Chain,
        &schema::at_height(schema::RECEIPTS, height),
        &*block.receipts,
    )?;
    for (index, (tx_hash, signed_hash, bytes)) in (0u32..).zip(&block.transactions) {
        safety.finalize_body(signed_hash, bytes, staged, batch);
        batch.put_bytes(
            Table::Index,
            &schema::transaction(tx_hash),
            &schema::location(height, index),
        );
    }
    tree::stage(&block.batch, cache, batch)
}

/// The block has to extend the tip and go with what was given beside it.
fn check(block: &FinalBlock, chain: &Chain) -> Result<(), StorageError> {
    let (header, payload) = (&block.block.header, &block.block.payload);
    let height = header.height;
    let expected = chain.tip.height.next();
    if height != expected {
        return Err(StorageError::NotNext {
            expected,
            got: height,
        });
    }
    if header.parent != chain.tip_id {
        return Err(StorageError::NotExtending {
            height,
            expected: chain.tip_id,
            got: header.parent,
        });
    }
    let history = chain.history.root();
    for (what, expected, got) in [
        ("chain id", chain.id, header.chain_id),
        ("history root", history, header.history_root),
    ] {
        if expected != got {
            return Err(StorageError::Header {
                height,
                what,
                expected,
                got,
            });
        }
    }
    for (what, got) in [
        ("transactions", block.transactions.len()),
        ("receipts", block.receipts.len()),
    ] {
        if got != payload.len() {
            return Err(StorageError::Count {
                height,
                what,
                expected: payload.len(),
                got,
            });
        }
    }
    let given = block.transactions.iter().map(|(_, signed, _)| signed);
    match payload
        .iter()
        .zip(given)
        .enumerate()
        .find(|(_, (a, b))| a != b)
    {
        None => Ok(()),
        Some((index, (expected, got))) => Err(StorageError::Transaction {
            height,
            index,
            expected: *expected,
            got: *got,
        }),
    }
}

fn check_certificate(
    cert: &FinalityCert,
    expected: BlockId,
    height: Height,
) -> Result<(), StorageError> {
    if cert.block_id != expected || cert.height != height {
        return Err(StorageError::Certificate {
            height,
            expected,
            got_height: cert.height,
            got: cert.block_id,
        });
    }
    Ok(())
}
