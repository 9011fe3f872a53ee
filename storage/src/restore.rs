//! Beginning from a state snapshot instead of from every block.
//!
//! The leaves of the state at a certified height above the tip come in chunks. Each is checked against that state's
//! root and then written where it will stay: nodes and values of a height are keyed by it, and nobody reads
//! heights above the tip, so until the end the store is what it was. [`Store::adopt`] then moves the tip in one atomic,
//! synced write. After a crash there is the old state with the chunks that were written, or the new state. The safety
//! record is never touched: what the validator signed stays written.
//!
//! The blocks between the old tip and the new one are not here ([`Store::is_absent`]). Of those that consensus and
//! auditors need there is the header, and of an epoch's end the certificate and the validators that it named.

use crate::database::{Batch, Database};
use crate::safety::Staged;
use crate::schema::{self, Table};
use crate::tree::PRESENT;
use crate::{StorageError, Store, certificates};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_consensus::{FinalityCert, Header, Height, ValidatorSet};
use cairn_crypto::Digest;
use cairn_crypto::merkle::Frontier;
use cairn_runtime::tree::{RestoredChunk, StateChunk, check_chunk};
use jmt::storage::{LeafNode, Node, NodeKey};

/// What a node needs beside the state to go on from a final block. Whoever gives it to [`Store::adopt`] has
/// checked the certificates and that everything else follows from them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Snapshot {
    /// The final block.
    pub header: Header,
    /// Its certificate.
    pub certificate: FinalityCert,
    /// Over the ids of all blocks before it: its root is the header's `history_root`.
    pub history: Frontier,
    /// The headers right before it, lowest first.
    pub recent: Vec<Header>,
    /// The ends of epochs between the old tip and the block, oldest first.
    pub epochs: Vec<EpochEnding>,
}

/// The last block of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EpochEnding {
    /// The block.
    pub header: Header,
    /// Its certificate, by the validators of the epoch.
    pub certificate: FinalityCert,
    /// The validators of the next epoch.
    pub validators: ValidatorSet,
}

/// A snapshot that is being restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restoring {
    /// Height of the state.
    pub height: Height,
    /// Its root.
    pub state_root: Digest,
    /// The next chunk begins after this place in the state tree. None: at the first leaf.
    pub after: Option<Digest>,
    /// The whole state is here.
    pub complete: bool,
}

/// The same as it is stored.
#[derive(Clone, BorshSerialize, BorshDeserialize, PartialEq, Eq)]
struct Progress {
    height: Height,
    state_root: Digest,
    rightmost: Option<(NodeKey, Digest)>,
    complete: bool,
}

impl Progress {
    fn public(&self) -> Restoring {
        Restoring {
            height: self.height,
            state_root: self.state_root,
            after: self.rightmost.as_ref().map(|(_, place)| *place),
            complete: self.complete,
        }
    }
}

impl Store {
    /// The snapshot that is being restored, if there is one above the tip.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn restoring(&self) -> Result<Option<Restoring>, StorageError> {
        let tip = self.tip()?.height;
        let progress = progress(&self.inner.db)?.filter(|progress| progress.height > tip);
        Ok(progress.map(|progress| progress.public()))
    }

    /// Begins to restore the state at `height`, or goes on with it. A state of a lower height that was begun is
    /// given up.
    ///
    /// # Errors
    /// [`StorageError::Snapshot`] unless `height` is above the tip and at or above what was begun before.
    pub fn begin_restore(
        &self,
        height: Height,
        state_root: Digest,
    ) -> Result<Restoring, StorageError> {
        let mut writer = self.writer()?;
        let tip = self.tip()?.height;
        if height <= tip {
            return Err(mismatch(height, "height above", tip, height));
        }
        if let Some(begun) = progress(&self.inner.db)?.filter(|begun| begun.height >= height) {
            // Nodes of a higher height would be taken for ones of this restore.
            if begun.height != height {
                return Err(mismatch(height, "height at least", begun.height, height));
            }
            if begun.state_root != state_root {
                let expected = begun.state_root;
                return Err(mismatch(height, "state root", expected, state_root));
            }
            return Ok(begun.public());
        }
        let begun = Progress {
            height,
            state_root,
            rightmost: None,
            complete: false,
        };
        let mut batch = self.inner.db.batch();
        batch.put(Table::Meta, schema::META_RESTORE, &begun)?;
        writer.write(batch)?;
        Ok(begun.public())
    }

    /// Checks the next chunk of the state that is being restored, and writes it. One thread at a time.
    ///
    /// # Errors
    /// [`StorageError::Chunk`] when it is not what comes next: nothing is written.
    /// [`StorageError::Snapshot`] when nothing is being restored, or the chain has passed its height.
    pub fn restore_chunk(&self, chunk: &StateChunk) -> Result<Restoring, StorageError> {
        let db = &self.inner.db;
        let before = self.open_restore()?;
        let rightmost = match &before.rightmost {
            None => None,
            Some((key, _)) => Some((key.clone(), self.restored_leaf(key)?)),
        };
        // Hashing takes a while; consensus writes meanwhile.
        let (height, root) = (before.height, before.state_root);
        let checked = check_chunk(self.tree(), height.0, root, rightmost, chunk)?;
        let mut writer = self.writer()?;
        if self.open_restore()? != before {
            return Err(mismatch(height, "one restore at a time from", height, root));
        }
        let after = Progress {
            rightmost: checked.rightmost.clone().or(before.rightmost),
            complete: checked.complete,
            ..before
        };
        let mut batch = db.batch();
        stage_chunk(height, &checked, &mut batch)?;
        batch.put(Table::Meta, schema::META_RESTORE, &after)?;
        writer.write(batch)?;
        Ok(after.public())
    }

    /// What is being restored and not complete.
    fn open_restore(&self) -> Result<Progress, StorageError> {
        let tip = self.tip()?.height;
        match progress(&self.inner.db)? {
            Some(progress) if progress.height > tip && !progress.complete => Ok(progress),
            Some(progress) => Err(mismatch(
                progress.height,
                "an incomplete state above",
                tip,
                progress.height,
            )),
            None => Err(mismatch(tip, "an incomplete state above", tip, "nothing")),
        }
    }

    fn restored_leaf(&self, key: &NodeKey) -> Result<LeafNode, StorageError> {
        let db = &self.inner.db;
        match db.read(Table::Nodes, schema::node(&key.into()).as_ref())? {
            Some(Node::Leaf(leaf)) => Ok(leaf),
            _ => Err(db.damaged("the last leaf of a state that is being restored is missing")),
        }
    }

    /// Makes the block of `snapshot`, whose state was restored whole, the tip. One atomic, synced write; the safety
    /// record stays as it is.
    ///
    /// # Errors
    /// [`StorageError::Snapshot`] when it does not go with the restored state or with this chain: nothing is written.
    pub fn adopt(&self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let db = &self.inner.db;
        let mut writer = self.writer()?;
        let mut chain = self.with_chain(Clone::clone)?;
        let (header, height) = (&snapshot.header, snapshot.header.height);
        check(snapshot, chain.id, chain.tip.height, progress(db)?)?;

        let mut batch = db.batch();
        let mut staged = Staged::default();
        stage_deletions(db, height, &mut batch)?;
        let first = chain.tip.height.next();
        for header in &snapshot.recent {
            if header.height >= first {
                let key = schema::at_height(schema::LONE_HEADER, header.height);
                batch.put(Table::Chain, &key, header)?;
            }
        }
        for end in &snapshot.epochs {
            let height = end.header.height;
            let key = schema::at_height(schema::LONE_HEADER, height);
            batch.put(Table::Chain, &key, &end.header)?;
            let key = schema::at_height(schema::VALIDATORS, height);
            batch.put(Table::Chain, &key, &end.validators)?;
            certificates::keep(&end.certificate, &mut batch)?;
        }
        certificates::keep(&snapshot.certificate, &mut batch)?;
        certificates::sweep(db, first, height, chain.tip.height, &mut batch)?;

        chain.history = snapshot.history.clone();
        for (level, index, hash) in snapshot.history.peaks() {
            let key = schema::history_node(level, index);
            batch.put_bytes(Table::Chain, &key, hash.as_bytes());
        }
        chain.absent.push((first, height));
        batch.put(Table::Meta, schema::META_ABSENT, &chain.absent)?;
        chain.append(header, &mut batch)?;
        writer.safety.drop_decided(height, &mut staged, &mut batch);
        batch.delete(Table::Meta, schema::META_RESTORE);
        chain.stage(&mut batch)?;
        writer.write(batch)?;
        self.inner.cache.begin_at(height.0);
        writer.safety.apply(staged);
        self.set_chain(chain)
    }

    /// Whether the block at `height`, its transactions and its state are not here because the node began from a later
    /// snapshot. The block that the snapshot began from counts as absent, too: only its header and state are here.
    ///
    /// # Errors
    /// [`StorageError::NotInitialized`] before there is a genesis block.
    pub fn is_absent(&self, height: Height) -> Result<bool, StorageError> {
        self.with_chain(|chain| chain.lacks(height, height).is_some())
    }

    /// The header of a final block, also of one that is otherwise absent, if it is here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn lone_header(&self, height: Height) -> Result<Option<Header>, StorageError> {
        match self.header(height)? {
            Some(header) => Ok(Some(header)),
            None => self.read_at(schema::LONE_HEADER, height),
        }
    }

    /// The validators that an absent block at the end of an epoch named for the next one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn absent_validators(&self, height: Height) -> Result<Option<ValidatorSet>, StorageError> {
        self.read_at(schema::VALIDATORS, height)
    }
}

fn progress(db: &Database) -> Result<Option<Progress>, StorageError> {
    db.read(Table::Meta, schema::META_RESTORE)
}

fn mismatch(
    height: Height,
    what: &'static str,
    expected: impl ToString,
    got: impl ToString,
) -> StorageError {
    StorageError::Snapshot {
        height,
        what,
        expected: expected.to_string(),
        got: got.to_string(),
    }
}

fn check(
    snapshot: &Snapshot,
    chain_id: Digest,
    tip: Height,
    progress: Option<Progress>,
) -> Result<(), StorageError> {
    let header = &snapshot.header;
    let height = header.height;
    if height <= tip {
        return Err(mismatch(height, "height above", tip, height));
    }
    let Some(progress) = progress.filter(|progress| progress.complete) else {
        return Err(mismatch(height, "a complete state of", height, "none"));
    };
    if progress.height != height {
        return Err(mismatch(height, "height", progress.height, height));
    }
    if snapshot.history.len() != height.0 {
        let got = snapshot.history.len();
        return Err(mismatch(height, "blocks before it", height, got));
    }
    let cert = &snapshot.certificate;
    let (id, history) = (header.id().0, snapshot.history.root());
    for (what, expected, got) in [
        ("chain id", chain_id, header.chain_id),
        ("state root", progress.state_root, header.state_root),
        ("history root", header.history_root, history),
        ("certified block", id, cert.block_id.0),
    ] {
        if expected != got {
            return Err(mismatch(height, what, expected, got));
        }
    }
    Ok(())
}

fn stage_chunk(
    height: Height,
    chunk: &RestoredChunk,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    for (key, node) in &chunk.nodes {
        batch.put(Table::Nodes, schema::node(&key.into()).as_ref(), node)?;
    }
    for (place, key, value) in &chunk.values {
        let at = schema::value(*place, height.0);
        batch.put_parts(Table::Values, &at, &[&[PRESENT], value]);
        batch.put_bytes(Table::Values, &place.0, key);
    }
    Ok(())
}

/// What this store had and the restored state does not was deleted in between.
fn stage_deletions(
    db: &Database,
    height: Height,
    batch: &mut Batch<'_>,
) -> Result<(), StorageError> {
    let mut seen = None;
    db.each(Table::Values, |key, value| {
        let Some((place, at)) = key.split_first_chunk::<32>() else {
            return Err(db.damaged("the key of a value of the state is too short"));
        };
        // The first entry with a height is the newest one.
        if at.is_empty() || seen == Some(*place) {
            return Ok(());
        }
        seen = Some(*place);
        let newest = schema::value(jmt::KeyHash(*place), height.0);
        if key != newest && value.first() == Some(&PRESENT) {
            batch.put_bytes(Table::Values, &newest, &[crate::tree::DELETED]);
        }
        Ok(())
    })
}
