//! The database engine behind typed reads, batches and errors. Nothing outside this file and `options.rs` calls RocksDB.

use crate::schema::Table;
use crate::{StorageError, StoreOptions};
use borsh::{BorshDeserialize, BorshSerialize};
use rocksdb::{
    ColumnFamily, DB, DBPinnableSlice, ErrorKind, IteratorMode, ReadOptions, WriteBatch,
    WriteOptions,
};
use std::path::{Path, PathBuf};

/// An open database.
pub(crate) struct Database {
    db: DB,
    path: PathBuf,
}

impl Database {
    /// Opens the database of the data folder `path`, creating it if there is none.
    pub(crate) fn open(path: &Path, options: &StoreOptions) -> Result<Self, StorageError> {
        let folder = path.join("db");
        let open = || DB::open_cf_descriptors(&options.database()?, &folder, options.tables());
        let db = open().map_err(|error| open_error(path, error))?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn table(&self, table: Table) -> &ColumnFamily {
        self.db
            .cf_handle(table.name())
            .expect("every table is created when the database is opened")
    }

    /// The bytes at a key.
    pub(crate) fn get(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<DBPinnableSlice<'_>>, StorageError> {
        self.db
            .get_pinned_cf(self.table(table), key)
            .map_err(|error| self.error(error))
    }

    /// The value at a key.
    pub(crate) fn read<T: BorshDeserialize>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, StorageError> {
        self.get(table, key)?
            .map(|bytes| self.decode(table, &bytes))
            .transpose()
    }

    /// The values at several keys, in their order. They are looked up together.
    pub(crate) fn read_many<'k, T: BorshDeserialize>(
        &self,
        table: Table,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> Result<Vec<Option<T>>, StorageError> {
        let keys: Vec<_> = keys.collect();
        let found = (self.db).batched_multi_get_cf(self.table(table), &keys, false);
        let values = found.into_iter().map(|value| {
            let value = value.map_err(|error| self.error(error))?;
            value.map(|bytes| self.decode(table, &bytes)).transpose()
        });
        values.collect()
    }

    /// Decodes what this store wrote. The checksums of the file were right, so what fails here was written wrong.
    pub(crate) fn decode<T: BorshDeserialize>(
        &self,
        table: Table,
        bytes: &[u8],
    ) -> Result<T, StorageError> {
        T::try_from_slice(bytes).map_err(|error| {
            self.damaged(format!(
                "an entry of table {:?} is no {}: {error}",
                table.name(),
                std::any::type_name::<T>()
            ))
        })
    }

    /// The first entry at or after `from` that shares its first `prefix` bytes.
    pub(crate) fn first_from<T>(
        &self,
        table: Table,
        from: &[u8],
        prefix: usize,
        take: impl FnOnce(&[u8], &[u8]) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let mut entries = self.db.raw_iterator_cf(self.table(table));
        entries.seek(from);
        entries.status().map_err(|error| self.error(error))?;
        match entries.item() {
            Some((key, value)) if key.starts_with(&from[..prefix]) => take(key, value).map(Some),
            _ => Ok(None),
        }
    }

    /// Every entry whose key begins with `tag`.
    pub(crate) fn each_with_tag(
        &self,
        table: Table,
        tag: u8,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut entries = self.db.raw_iterator_cf(self.table(table));
        entries.seek([tag]);
        while let Some((key, value)) = entries.item().filter(|(key, _)| key.first() == Some(&tag)) {
            visit(key, value)?;
            entries.next();
        }
        entries.status().map_err(|error| self.error(error))
    }

    /// Every entry of a table, in order of the keys.
    pub(crate) fn each(
        &self,
        table: Table,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options.set_total_order_seek(true);
        let all = self
            .db
            .iterator_cf_opt(self.table(table), options, IteratorMode::Start);
        for entry in all {
            let (key, value) = entry.map_err(|error| self.error(error))?;
            visit(&key, &value)?;
        }
        Ok(())
    }

    /// Reads every entry of every table, so that the engine checks every checksum. Returns entries and bytes.
    pub(crate) fn scan(&self) -> Result<(u64, u64), StorageError> {
        let (mut entries, mut bytes) = (0, 0);
        for table in Table::ALL {
            self.each(table, |key, value| {
                entries += 1;
                bytes += (key.len() + value.len()) as u64;
                Ok(())
            })?;
        }
        Ok((entries, bytes))
    }

    /// A new, empty batch.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch {
            db: self,
            writes: WriteBatch::default(),
            buffer: Vec::new(),
        }
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> StorageError {
        StorageError::Damaged {
            path: self.path.clone(),
            what: what.into(),
        }
    }

    fn error(&self, error: rocksdb::Error) -> StorageError {
        engine_error(&self.path, error)
    }
}

/// Writes that take effect together or not at all.
pub(crate) struct Batch<'a> {
    db: &'a Database,
    writes: WriteBatch,
    /// Values are encoded here one after the other, without an allocation for each.
    buffer: Vec<u8>,
}

impl Batch<'_> {
    pub(crate) fn put_bytes(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.writes.put_cf(self.db.table(table), key, value);
    }

    /// Writes one value that lies in several places.
    pub(crate) fn put_parts(&mut self, table: Table, key: &[u8], parts: &[&[u8]]) {
        self.buffer.clear();
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.writes.put_cf(self.db.table(table), key, &self.buffer);
    }

    pub(crate) fn put<T: BorshSerialize + ?Sized>(
        &mut self,
        table: Table,
        key: &[u8],
        value: &T,
    ) -> Result<(), StorageError> {
        self.buffer.clear();
        value
            .serialize(&mut self.buffer)
            .map_err(|source| StorageError::Encode {
                what: std::any::type_name::<T>(),
                source,
            })?;
        self.writes.put_cf(self.db.table(table), key, &self.buffer);
        Ok(())
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.writes.delete_cf(self.db.table(table), key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Writes everything and returns when it is on disk.
    pub(crate) fn write_synced(self) -> Result<(), StorageError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db
            .db
            .write_opt(self.writes, &options)
            .map_err(|error| self.db.error(error))
    }
}

fn open_error(path: &Path, error: rocksdb::Error) -> StorageError {
    // The engine has no kind of its own for a lock that somebody else holds.
    if error.kind() == ErrorKind::IOError && error.as_ref().contains("/LOCK:") {
        return StorageError::InUse {
            path: path.to_owned(),
        };
    }
    engine_error(path, error)
}

fn engine_error(path: &Path, error: rocksdb::Error) -> StorageError {
    let path = path.to_owned();
    let damaged = match error.kind() {
        ErrorKind::Corruption => true,
        // A file that the database lists and that is not there.
        ErrorKind::IOError => error.as_ref().contains("No such file"),
        _ => false,
    };
    let message = error.into_string();
    if damaged {
        StorageError::Damaged {
            path,
            what: message,
        }
    } else {
        StorageError::Engine { path, message }
    }
}
