//! What makes an export complete and true, record by record:
//!
//! 1. The epochs lead from genesis to the validators whose quorum made the last block final.
//! 2. Each block names the one before it as its parent, from the first height of the range to that last block. So each is
//!    the block of its height, and none is left out.
//! 3. The transactions of a block are exactly the leaves under its `payload_root`, its receipts those under its
//!    `receipts_root`, and each receipt is that of the transaction at its place.
//! 4. A transaction is given whole exactly when it had an effect on the model that the export is about: an event of its
//!    receipt names it. Without a model, all are.

use super::{ExportBlock, ExportRange, ExportRecord, ExportTransaction};
use crate::verify::{EpochSeen, follow};
use crate::{Anchor, AuditError, Claim, Verified, verify};
use cairn_consensus::{BlockId, Height, payload_root};
use cairn_crypto::{Digest, codec};
use cairn_runtime::params::TRANSACTION_BYTES_CEILING;
use cairn_runtime::{Outcome, SignedTransaction, receipts_root};
use serde::Serialize;

/// An export that was found complete and true. Only [`ExportCheck`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportVerified {
    /// First block.
    pub from: Height,
    /// Id of the first block.
    pub first_block: BlockId,
    /// The model that it is about; all of them without one.
    pub model: Option<String>,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of transactions in them.
    pub transactions: u64,
    /// Number of those that are given whole.
    pub whole: u64,
    /// Number of transactions that failed.
    pub failed: u64,
    /// Number of events.
    pub events: u64,
    /// The last block: that it is final, by whom.
    #[serde(flatten)]
    pub last: Verified,
}

/// Checks an export while it is read or written; it holds one record at a time.
#[derive(Debug)]
pub struct ExportCheck {
    anchor: Anchor,
    epochs: Vec<EpochSeen>,
    stage: Stage,
    range: Option<ExportRange>,
    first: Option<BlockId>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    blocks: u64,
    transactions: u64,
    whole: u64,
    failed: u64,
    events: u64,
}

#[derive(Debug)]
enum Stage {
    Begin,
    Epochs,
    Blocks {
        tip: Box<Verified>,
        /// Height of the next block, and its parent if a block came before it.
        next: Height,
        parent: Option<BlockId>,
    },
    Ended(Box<Verified>),
}

impl ExportCheck {
    /// Begins with the genesis anchor.
    #[must_use]
    pub fn new(genesis: Anchor) -> Self {
        Self {
            anchor: genesis,
            epochs: Vec::new(),
            stage: Stage::Begin,
            range: None,
            first: None,
            counts: Counts::default(),
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// The first check that fails. Then the rest of the file says nothing either.
    pub fn record(&mut self, record: &ExportRecord) -> Result<(), AuditError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Begin);
        self.stage = match (stage, record) {
            (Stage::Begin, ExportRecord::Begin(range)) if self.range.is_none() => {
                self.begin(range)?;
                Stage::Epochs
            }
            (Stage::Epochs, ExportRecord::Epoch(change)) => {
                let (mut seen, newest) = follow(std::slice::from_ref(change), &self.anchor)?;
                // The second is the epoch that the change leads to, which the next record ends or the tip is in.
                seen.truncate(1);
                self.epochs.append(&mut seen);
                self.anchor = newest;
                Stage::Epochs
            }
            (Stage::Epochs, ExportRecord::Tip(bundle)) => {
                let mut tip = verify(bundle, &self.anchor, None, None)?;
                let range = self.range()?;
                if bundle.claim != Claim::Block || tip.height != range.to {
                    return Err(AuditError::Order {
                        expected: format!("the proof that block {} is final", range.to),
                        got: format!("a proof about block {}", tip.height),
                    });
                }
                let next = range.from;
                tip.epochs = std::mem::take(&mut self.epochs)
                    .into_iter()
                    .chain(tip.epochs)
                    .collect();
                Stage::Blocks {
                    tip: Box::new(tip),
                    next,
                    parent: None,
                }
            }
            (Stage::Blocks { tip, next, parent }, ExportRecord::Block(block)) => {
                let id = self.block(block, next, parent)?;
                Stage::Blocks {
                    tip,
                    next: next.next(),
                    parent: Some(id),
                }
            }
            (
                Stage::Blocks { tip, parent, .. },
                ExportRecord::End {
                    blocks,
                    transactions,
                },
            ) => {
                self.end(&tip, parent, (*blocks, *transactions))?;
                Stage::Ended(tip)
            }
            (stage, record) => {
                return Err(AuditError::Order {
                    expected: stage.expects().to_owned(),
                    got: record.kind().to_owned(),
                });
            }
        };
        Ok(())
    }

    /// What was verified, after the last record.
    ///
    /// # Errors
    /// [`AuditError::Order`] when the last record has not come: the file is cut short.
    pub fn finish(self) -> Result<ExportVerified, AuditError> {
        match (self.stage, self.range, self.first) {
            (Stage::Ended(last), Some(range), Some(first_block)) => Ok(ExportVerified {
                from: range.from,
                first_block,
                model: range.model.map(|model| model.to_string()),
                blocks: self.counts.blocks,
                transactions: self.counts.transactions,
                whole: self.counts.whole,
                failed: self.counts.failed,
                events: self.counts.events,
                last: *last,
            }),
            (stage, ..) => Err(AuditError::Order {
                expected: stage.expects().to_owned(),
                got: "the end of the file".to_owned(),
            }),
        }
    }

    fn range(&self) -> Result<&ExportRange, AuditError> {
        self.range.as_ref().ok_or_else(|| AuditError::Order {
            expected: Stage::Begin.expects().to_owned(),
            got: "another record".to_owned(),
        })
    }

    fn begin(&mut self, range: &ExportRange) -> Result<(), AuditError> {
        if range.chain_id != *self.anchor.chain_id() {
            return Err(AuditError::WrongChain {
                expected: *self.anchor.chain_id(),
                got: range.chain_id,
            });
        }
        if range.from > range.to {
            return Err(AuditError::Order {
                expected: format!("a range that ends at height {} or above", range.from),
                got: format!("one that ends at {}", range.to),
            });
        }
        self.range = Some(range.clone());
        Ok(())
    }

    /// Checks a block but for what follows from the blocks after it: its finality.
    fn block(
        &mut self,
        block: &ExportBlock,
        height: Height,
        parent: Option<BlockId>,
    ) -> Result<BlockId, AuditError> {
        let header = &block.header;
        let in_place = header.height == height
            && height <= self.range()?.to
            && parent.is_none_or(|parent| header.parent == parent);
        if !in_place {
            return Err(AuditError::Order {
                expected: format!("block {height} on top of the one before"),
                got: format!("block {}, {}", header.height, header.id()),
            });
        }
        let mut hashes = Vec::with_capacity(block.transactions.len());
        for (index, transaction) in block.transactions.iter().enumerate() {
            hashes.push(self.transaction(block, index, transaction)?);
        }
        for (what, got, expected) in [
            ("transactions", payload_root(&hashes), header.payload_root),
            (
                "receipts",
                receipts_root(&block.receipts),
                header.receipts_root,
            ),
        ] {
            if got != expected {
                return Err(AuditError::Root {
                    what,
                    height,
                    expected,
                    got,
                });
            }
        }
        if block.receipts.len() != block.transactions.len() {
            return Err(AuditError::Order {
                expected: format!("{} receipts in block {height}", block.transactions.len()),
                got: format!("{}", block.receipts.len()),
            });
        }
        self.counts.blocks += 1;
        self.counts.transactions += block.transactions.len() as u64;
        let id = header.id();
        self.first.get_or_insert(id);
        Ok(id)
    }

    /// The transaction's signed hash, checked against the receipt at its place.
    fn transaction(
        &mut self,
        block: &ExportBlock,
        index: usize,
        transaction: &ExportTransaction,
    ) -> Result<Digest, AuditError> {
        let height = block.header.height;
        let receipt = block.receipts.get(index).ok_or_else(|| AuditError::Order {
            expected: format!("a receipt of transaction {index} of block {height}"),
            got: "none".to_owned(),
        })?;
        let events = match &receipt.outcome {
            Outcome::Applied(events) => events.as_slice(),
            Outcome::Failed { .. } => {
                self.counts.failed += 1;
                &[]
            }
        };
        self.counts.events += events.len() as u64;
        let belongs = match &self.range()?.model {
            None => true,
            Some(model) => events.iter().any(|event| event.model() == Some(model)),
        };
        let tx_hash = receipt.tx_hash;
        match transaction {
            ExportTransaction::Hash(_) if belongs => Err(AuditError::LeftOut { height, tx_hash }),
            ExportTransaction::Whole(_) if !belongs => Err(AuditError::Unasked { height, tx_hash }),
            ExportTransaction::Hash(hash) => Ok(*hash),
            ExportTransaction::Whole(bytes) => {
                let limit = usize::try_from(TRANSACTION_BYTES_CEILING).unwrap_or(usize::MAX);
                let signed: SignedTransaction =
                    codec::decode(bytes, limit).map_err(AuditError::Transaction)?;
                let expected = signed.transaction.hash();
                if tx_hash != expected {
                    return Err(AuditError::Disagree {
                        what: "transaction of the receipt",
                        expected: expected.to_string(),
                        got: tx_hash.to_string(),
                    });
                }
                self.counts.whole += 1;
                Ok(signed.signed_hash())
            }
        }
    }

    fn end(
        &self,
        tip: &Verified,
        last: Option<BlockId>,
        (blocks, transactions): (u64, u64),
    ) -> Result<(), AuditError> {
        if last != Some(tip.block_id) {
            return Err(AuditError::Order {
                expected: format!("blocks up to {}, {}", tip.height, tip.block_id),
                got: last.map_or_else(|| "none".to_owned(), |last| format!("blocks up to {last}")),
            });
        }
        if (blocks, transactions) != (self.counts.blocks, self.counts.transactions) {
            return Err(AuditError::Order {
                expected: format!(
                    "{} blocks and {} transactions counted",
                    self.counts.blocks, self.counts.transactions
                ),
                got: format!("{blocks} and {transactions}"),
            });
        }
        Ok(())
    }
}

impl Stage {
    fn expects(&self) -> &'static str {
        match self {
            Self::Begin => "what the file is about",
            Self::Epochs => "an epoch change, or the proof that the last block is final",
            Self::Blocks { .. } => "the next block, or the end of the range",
            Self::Ended(_) => "nothing more",
        }
    }
}

impl ExportRecord {
    fn kind(&self) -> &'static str {
        match self {
            Self::Begin(_) => "what the file is about",
            Self::Epoch(_) => "an epoch change",
            Self::Tip(_) => "the proof that the last block is final",
            Self::Block(_) => "a block",
            Self::End { .. } => "the end of the range",
        }
    }
}
