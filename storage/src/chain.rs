//! Reading final blocks, their transactions, and proofs over history.

use crate::schema::{self, Table};
use crate::{StorageError, Store};
use borsh::BorshDeserialize;
use cairn_consensus::{Block, BlockId, Header, Height};
use cairn_crypto::Digest;
use cairn_crypto::merkle::{self, ConsistencyProof, Frontier, InclusionProof};
use cairn_runtime::Receipt;

impl Store {
    /// Header of the last final block.
    ///
    /// # Errors
    /// [`StorageError::NotInitialized`] before there is a genesis block.
    pub fn tip(&self) -> Result<Header, StorageError> {
        self.with_chain(|chain| chain.tip.clone())
    }

    /// The frontier of the history tree: its leaves are the ids of blocks 0 to the tip, so its root is the
    /// `history_root` of the next block.
    ///
    /// # Errors
    /// [`StorageError::NotInitialized`] before there is a genesis block.
    pub fn history(&self) -> Result<Frontier, StorageError> {
        self.with_chain(|chain| chain.history.clone())
    }

    /// Header of the final block at `height`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn header(&self, height: Height) -> Result<Option<Header>, StorageError> {
        self.read_at(schema::HEADER, height)
    }

    /// The final headers of the last `count` heights up to and including `height`, or of all if there are fewer,
    /// lowest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn headers_up_to(&self, height: Height, count: u64) -> Result<Vec<Header>, StorageError> {
        let first = (height.0 + 1).saturating_sub(count);
        (first..=height.0)
            .filter_map(|height| self.lone_header(Height(height)).transpose())
            .collect()
    }

    /// Payload of the final block at `height`: the signed hashes of its transactions, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn payload(&self, height: Height) -> Result<Option<Vec<Digest>>, StorageError> {
        self.read_at(schema::PAYLOAD, height)
    }

    /// Receipts of the final block at `height`, in the order of its payload.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, StorageError> {
        self.read_at(schema::RECEIPTS, height)
    }

    /// The final block at `height`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn block(&self, height: Height) -> Result<Option<Block>, StorageError> {
        let Some(header) = self.header(height)? else {
            return Ok(None);
        };
        match self.payload(height)? {
            Some(payload) => Ok(Some(Block { header, payload })),
            // The tip that a snapshot began from has no more than a header.
            None if self.is_absent(height)? => Ok(None),
            None => Err(self
                .inner
                .db
                .damaged(format!("the payload of block {height} is missing"))),
        }
    }

    /// Height of a final block.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn height_of(&self, id: &BlockId) -> Result<Option<Height>, StorageError> {
        let db = &self.inner.db;
        db.get(Table::Index, &schema::block_height(id))?
            .map(|value| {
                <[u8; 8]>::try_from(&*value)
                    .map(|bytes| Height(u64::from_be_bytes(bytes)))
                    .map_err(|_| db.damaged("the height of a block has no 8 bytes"))
            })
            .transpose()
    }

    /// Where a final transaction stands: the height of its block, and its index in the payload.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn transaction_location(
        &self,
        tx_hash: &Digest,
    ) -> Result<Option<(Height, u32)>, StorageError> {
        let db = &self.inner.db;
        db.get(Table::Index, &schema::transaction(tx_hash))?
            .map(|value| {
                schema::parse_location(&value)
                    .ok_or_else(|| db.damaged("the location of a transaction has no 12 bytes"))
            })
            .transpose()
    }

    /// The bytes of a signed transaction that is final or belongs to a stored block.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn transaction(&self, signed_hash: &Digest) -> Result<Option<Vec<u8>>, StorageError> {
        let body = self.inner.db.get(Table::Bodies, signed_hash.as_bytes())?;
        Ok(body.map(|bytes| bytes.to_vec()))
    }

    /// Proves that block `height` is in the history of a header of height `size`: leaf `height` under that
    /// header's `history_root`, whose leaves are the blocks 0 to `size - 1`.
    ///
    /// # Errors
    /// [`StorageError::History`] unless `height < size`, and `size` is at most the tip's height + 1.
    pub fn history_proof(&self, height: Height, size: u64) -> Result<InclusionProof, StorageError> {
        self.check_history(height.0, size, height.0 < size)?;
        merkle::prove_from(height.0, size, |level, index| {
            self.history_node(level, index)
        })
    }

    /// Proves that the history of a header of height `new` continues that of a header of height `old`.
    ///
    /// # Errors
    /// [`StorageError::History`] unless `old <= new`, and `new` is at most the tip's height + 1.
    pub fn history_consistency(
        &self,
        old: u64,
        new: u64,
    ) -> Result<ConsistencyProof, StorageError> {
        self.check_history(old, new, old <= new)?;
        merkle::prove_consistency_from(old, new, |level, index| self.history_node(level, index))
    }

    fn check_history(&self, from: u64, to: u64, ordered: bool) -> Result<(), StorageError> {
        let blocks = self.with_chain(|chain| chain.history.len())?;
        if !ordered || to > blocks {
            return Err(StorageError::History { from, to, blocks });
        }
        Ok(())
    }

    fn history_node(&self, level: u8, index: u64) -> Result<Digest, StorageError> {
        let db = &self.inner.db;
        let node = db
            .get(Table::Chain, &schema::history_node(level, index))?
            .and_then(|value| Some(Digest::new(<[u8; 32]>::try_from(&*value).ok()?)));
        if let Some(node) = node {
            return Ok(node);
        }
        let (first, last) = (index << level, ((index + 1) << level) - 1);
        match self.with_chain(|chain| chain.lacks(Height(first), Height(last)))? {
            Some(height) => Err(StorageError::NotHere { height }),
            None => Err(db.damaged(format!(
                "node {index} of level {level} of the history tree is missing"
            ))),
        }
    }

    /// The frontier over the ids of the blocks 0 to `size - 1`.
    ///
    /// # Errors
    /// [`StorageError::History`] unless `size` is at most the tip's height + 1; [`StorageError::NotHere`] when a
    /// snapshot passed over a part of it.
    pub fn history_at(&self, size: u64) -> Result<Frontier, StorageError> {
        self.check_history(0, size, true)?;
        Frontier::from_nodes(size, |level, index| self.history_node(level, index))
    }

    pub(crate) fn read_at<T: BorshDeserialize>(
        &self,
        tag: u8,
        height: Height,
    ) -> Result<Option<T>, StorageError> {
        self.inner
            .db
            .read(Table::Chain, &schema::at_height(tag, height))
    }
}
