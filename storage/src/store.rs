//! The store: opening it, the genesis block, and checking it.

use crate::database::{Batch, Database};
use crate::safety::Safety;
use crate::schema::{self, Table};
use crate::state_cache::StateCache;
use crate::witness::Witness;
use crate::{StorageError, StoreOptions};
use cairn_consensus::{BlockId, Header, Height};
use cairn_crypto::Digest;
use cairn_crypto::merkle::{self, Frontier};
use cairn_runtime::tree::TreeBatch;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};

/// A node's data folder, open. Cloning is cheap; all clones are the same store, and every method may be called
/// from any thread. Writes follow one another.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Database,
    /// What was read and written of the state not long ago.
    pub(crate) cache: StateCache,
    chain: RwLock<Option<Chain>>,
    writer: Mutex<Writer>,
}

/// Where the chain stands.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) id: Digest,
    pub(crate) tip: Header,
    pub(crate) tip_id: BlockId,
    /// Over the ids of blocks 0..=tip.
    pub(crate) history: Frontier,
    /// Ranges of blocks that a snapshot passed over, first and last height, in order.
    pub(crate) absent: Vec<(Height, Height)>,
}

/// What only the one who writes needs.
pub(crate) struct Writer {
    /// Number of the last synced write.
    sequence: u64,
    witness: Witness,
    pub(crate) safety: Safety,
}

/// What [`Store::scan`] read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Entries of all tables.
    pub entries: u64,
    /// Their keys and values together, in bytes.
    pub bytes: u64,
}

impl Store {
    /// Opens the store in the folder `path`, creating an empty one if there is none.
    ///
    /// # Errors
    /// [`StorageError::InUse`] when another process has it open, [`StorageError::Damaged`] or
    /// [`StorageError::LostWrites`] when it is not what was written, [`StorageError::Schema`] when other
    /// software wrote it.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Self, StorageError> {
        let path = path.as_ref();
        std::fs::create_dir_all(path).map_err(|source| StorageError::File {
            path: path.to_owned(),
            source,
        })?;
        // The engine's lock comes first: until it is held, nothing in the folder may be touched.
        let db = Database::open(path, options)?;
        let (witness, acknowledged) = Witness::open(path)?;
        let sequence = check_sequence(&db, acknowledged)?;
        let writer = Writer {
            sequence,
            witness,
            safety: Safety::load(&db)?,
        };
        let chain = Chain::load(&db)?;
        let height = chain.as_ref().map_or(0, |chain| chain.tip.height.0);
        let store = Self {
            inner: Arc::new(Inner {
                db,
                cache: StateCache::new(height),
                chain: RwLock::new(chain),
                writer: Mutex::new(writer),
            }),
        };
        if sequence == 0 {
            store.create()?;
        }
        Ok(store)
    }

    /// The first write of a new store.
    fn create(&self) -> Result<(), StorageError> {
        let mut writer = self.writer()?;
        writer.witness.create(self.inner.db.path())?;
        let mut batch = self.inner.db.batch();
        batch.put(Table::Meta, schema::META_SCHEMA, &schema::SCHEMA)?;
        writer.write(batch)
    }

    /// Puts the genesis block in. `batch` is the state tree at height 0.
    ///
    /// # Errors
    /// [`StorageError::AlreadyInitialized`] when the store holds a chain, the same one or another;
    /// [`StorageError::NotGenesis`] when the header is not of height 0.
    pub fn initialize(&self, header: &Header, batch: &TreeBatch) -> Result<(), StorageError> {
        if header.height != Height(0) {
            return Err(StorageError::NotGenesis { got: header.height });
        }
        let mut writer = self.writer()?;
        if let Some(existing) = self.chain_id()? {
            return Err(StorageError::AlreadyInitialized {
                path: self.inner.db.path().to_owned(),
                existing,
                got: header.chain_id,
            });
        }
        let mut chain = Chain {
            id: header.chain_id,
            tip: header.clone(),
            tip_id: header.id(),
            history: Frontier::new(),
            absent: Vec::new(),
        };
        let mut writes = self.inner.db.batch();
        writes.put(Table::Meta, schema::META_CHAIN, &chain.id)?;
        writes.put(
            Table::Chain,
            &schema::at_height(schema::PAYLOAD, header.height),
            &Vec::<Digest>::new(),
        )?;
        writes.put(
            Table::Chain,
            &schema::at_height(schema::RECEIPTS, header.height),
            &Vec::<cairn_runtime::Receipt>::new(),
        )?;
        chain.append(header, &mut writes)?;
        crate::tree::stage(batch, &self.inner.cache, &mut writes)?;
        chain.stage(&mut writes)?;
        writer.write(writes)?;
        self.inner.cache.commit(batch);
        self.set_chain(chain)
    }

    /// The chain that the store belongs to, once it is initialized.
    ///
    /// # Errors
    /// [`StorageError::Poisoned`] after a failed write.
    pub fn chain_id(&self) -> Result<Option<Digest>, StorageError> {
        Ok(self.chain_lock()?.as_ref().map(|chain| chain.id))
    }

    /// Reads the whole store once, so that every checksum is checked. Takes as long as the disk needs to read
    /// everything.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] with the file that is.
    pub fn scan(&self) -> Result<Scan, StorageError> {
        let (entries, bytes) = self.inner.db.scan()?;
        Ok(Scan { entries, bytes })
    }

    pub(crate) fn writer(&self) -> Result<MutexGuard<'_, Writer>, StorageError> {
        self.inner.writer.lock().map_err(|_| StorageError::Poisoned)
    }

    fn chain_lock(&self) -> Result<RwLockReadGuard<'_, Option<Chain>>, StorageError> {
        self.inner.chain.read().map_err(|_| StorageError::Poisoned)
    }

    /// Calls `read` with where the chain stands.
    pub(crate) fn with_chain<T>(&self, read: impl FnOnce(&Chain) -> T) -> Result<T, StorageError> {
        self.chain_lock()?
            .as_ref()
            .map(read)
            .ok_or_else(|| StorageError::NotInitialized {
                path: self.inner.db.path().to_owned(),
            })
    }

    pub(crate) fn set_chain(&self, chain: Chain) -> Result<(), StorageError> {
        *self
            .inner
            .chain
            .write()
            .map_err(|_| StorageError::Poisoned)? = Some(chain);
        Ok(())
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.inner.db.path())
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// Numbers the batch, writes it, and notes that it is on disk.
    pub(crate) fn write(&mut self, mut batch: Batch<'_>) -> Result<(), StorageError> {
        let sequence = self.sequence + 1;
        batch.put(Table::Meta, schema::META_SEQUENCE, &sequence)?;
        batch.write_synced()?;
        self.sequence = sequence;
        self.witness.note(sequence)
    }
}

impl Chain {
    fn load(db: &Database) -> Result<Option<Self>, StorageError> {
        let Some(id) = db.read(Table::Meta, schema::META_CHAIN)? else {
            return Ok(None);
        };
        let missing = |what: &str| db.damaged(format!("the {what} is missing"));
        let height: Height = db
            .read(Table::Meta, schema::META_TIP)?
            .ok_or_else(|| missing("height of the tip"))?;
        let tip: Header = db
            .read(Table::Chain, &schema::at_height(schema::HEADER, height))?
            .ok_or_else(|| missing("header of the tip"))?;
        let history: Frontier = db
            .read(Table::Meta, schema::META_HISTORY)?
            .ok_or_else(|| missing("history frontier"))?;
        if tip.height != height || tip.chain_id != id || history.len() != height.0 + 1 {
            return Err(db.damaged(format!(
                "tip, header and history disagree: heights {height} and {}, {} history leaves",
                tip.height,
                history.len()
            )));
        }
        let absent = db
            .read(Table::Meta, schema::META_ABSENT)?
            .unwrap_or_default();
        let tip_id = tip.id();
        Ok(Some(Self {
            id,
            tip,
            tip_id,
            history,
            absent,
        }))
    }

    /// The first absent block of `first..=last`, if there is one.
    pub(crate) fn lacks(&self, first: Height, last: Height) -> Option<Height> {
        let mut ranges = self.absent.iter();
        let range = ranges.find(|range| range.0 <= last && first <= range.1)?;
        Some(range.0.max(first))
    }

    /// Makes `header` the tip: its header, its id, and its leaf of the history tree.
    pub(crate) fn append(
        &mut self,
        header: &Header,
        writes: &mut Batch<'_>,
    ) -> Result<(), StorageError> {
        let id = header.id();
        writes.put(
            Table::Chain,
            &schema::at_height(schema::HEADER, header.height),
            header,
        )?;
        writes.put_bytes(
            Table::Index,
            &schema::block_height(&id),
            &header.height.0.to_be_bytes(),
        );
        let leaf = merkle::leaf_hash(id.0.as_bytes());
        self.history.push_with(leaf, |level, index, digest| {
            writes.put_bytes(
                Table::Chain,
                &schema::history_node(level, index),
                digest.as_bytes(),
            );
        });
        self.tip = header.clone();
        self.tip_id = id;
        Ok(())
    }

    /// Writes where the chain stands.
    pub(crate) fn stage(&self, writes: &mut Batch<'_>) -> Result<(), StorageError> {
        writes.put(Table::Meta, schema::META_TIP, &self.tip.height)?;
        writes.put(Table::Meta, schema::META_HISTORY, &self.history)
    }
}

/// Checks the schema, and that nothing that was acknowledged is gone. Returns the number of the last write, 0 for
/// a new store.
fn check_sequence(db: &Database, acknowledged: Option<u64>) -> Result<u64, StorageError> {
    let schema: Option<u32> = db.read(Table::Meta, schema::META_SCHEMA)?;
    let sequence: Option<u64> = db.read(Table::Meta, schema::META_SEQUENCE)?;
    match (schema, sequence, acknowledged) {
        (Some(found), _, _) if found != schema::SCHEMA => Err(StorageError::Schema {
            path: db.path().to_owned(),
            found,
            expected: schema::SCHEMA,
        }),
        (_, found, Some(acknowledged)) if found.unwrap_or(0) < acknowledged => {
            Err(StorageError::LostWrites {
                path: db.path().to_owned(),
                found: found.unwrap_or(0),
                acknowledged,
            })
        }
        (Some(_), Some(sequence), Some(_)) => Ok(sequence),
        (None, None, _) => Ok(0),
        (Some(_), Some(_), None) => Err(db.damaged("the witness file is missing or cut short")),
        (Some(_), None, _) | (None, Some(_), _) => {
            Err(db.damaged("the schema or the number of the last write is missing"))
        }
    }
}
