//! Rows in a file of the node's own.
//!
//! A power failure may undo the last half second of writes, never a part of one: what is lost is written again, because
//! the height that was reached goes with it. So a block does not wait for the disk.

use crate::{CatalogueError, Row, Rows, Write, place};
use futures::FutureExt;
use futures::future::BoxFuture;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, TableDefinition};
use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// The bytes of a whole key, and of its row.
type KeyAndRow = (Vec<u8>, Vec<u8>);

/// Partition, a zero byte, place.
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
/// The file in the folder.
const FILE: &str = "catalogue.redb";
/// Between partition and place; in neither of them.
const BETWEEN: u8 = 0;
/// How long a write may stay in memory.
const UNSYNCED: Duration = Duration::from_millis(500);
/// Memory for pages of the file, bytes.
const CACHE: usize = 16 << 20;

/// A store in a folder. Cloning is cheap.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    path: PathBuf,
    synced: Mutex<Option<Instant>>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedded({})", self.inner.path.display())
    }
}

impl Embedded {
    /// The store in a folder, made if there is none.
    ///
    /// # Errors
    /// [`CatalogueError::InUse`] when another process has it open, [`CatalogueError::Damaged`] when it is none,
    /// [`CatalogueError::Unavailable`] when the disk refuses.
    pub fn open(folder: &Path) -> Result<Self, CatalogueError> {
        let path = folder.join(FILE);
        let failed = |error: DatabaseError| match error {
            DatabaseError::DatabaseAlreadyOpen => CatalogueError::InUse {
                catalogue: name(&path),
            },
            DatabaseError::Storage(error) => failure(&path, error.into()),
            other => damaged(&path, &other),
        };
        std::fs::create_dir_all(folder).map_err(|error| unavailable(&path, &error))?;
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create(&path)
            .map_err(failed)?;
        let store = Self {
            inner: Arc::new(Inner {
                database,
                path,
                synced: Mutex::new(None),
            }),
        };
        store.inner.write(&[])?;
        Ok(store)
    }

    /// The store in a folder, in place of one that is damaged. What is sound stays as it is.
    ///
    /// # Errors
    /// As [`Embedded::open`], but for damage.
    pub fn replace(folder: &Path) -> Result<Self, CatalogueError> {
        match Self::open(folder) {
            Err(CatalogueError::Damaged { .. }) => {
                let path = folder.join(FILE);
                std::fs::remove_file(&path).map_err(|error| unavailable(&path, &error))?;
                Self::open(folder)
            }
            opened => opened,
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, CatalogueError> + Send + 'static,
    ) -> Result<T, CatalogueError> {
        let inner = Arc::clone(&self.inner);
        let done = spawn_blocking(move || work(&inner)).await;
        done.unwrap_or_else(|error| Err(unavailable(&self.inner.path, &error)))
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

fn unavailable(path: &Path, error: &dyn fmt::Display) -> CatalogueError {
    CatalogueError::Unavailable {
        catalogue: name(path),
        reason: error.to_string(),
    }
}

fn damaged(path: &Path, error: &dyn fmt::Display) -> CatalogueError {
    CatalogueError::Damaged {
        catalogue: name(path),
        reason: error.to_string(),
    }
}

fn failure(path: &Path, error: redb::Error) -> CatalogueError {
    match error {
        // What is no database at all is said so as an I/O error of this kind.
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            damaged(path, &error)
        }
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::LockPoisoned(_) => {
            unavailable(path, &error)
        }
        _ => damaged(path, &error),
    }
}

fn key(partition: &str, place: &str) -> Vec<u8> {
    let mut key = partition.as_bytes().to_vec();
    key.push(BETWEEN);
    key.extend_from_slice(place.as_bytes());
    key
}

impl Inner {
    fn error<E: Into<redb::Error>>(&self) -> impl FnOnce(E) -> CatalogueError {
        |error| failure(&self.path, error.into())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, CatalogueError> {
        let read = self.database.begin_read().map_err(self.error())?;
        let table = read.open_table(ROWS).map_err(self.error())?;
        let row = table.get(key).map_err(self.error())?;
        Ok(row.map(|row| row.value().to_vec()))
    }

    /// Rows after `from` up to `to`, with their whole keys.
    fn range(
        &self,
        from: Bound<&[u8]>,
        to: &[u8],
        limit: usize,
    ) -> Result<Vec<KeyAndRow>, CatalogueError> {
        let read = self.database.begin_read().map_err(self.error())?;
        let table = read.open_table(ROWS).map_err(self.error())?;
        let range = table.range::<&[u8]>((from, Bound::Excluded(to)));
        let mut rows = Vec::new();
        for row in range.map_err(self.error())?.take(limit) {
            let (key, value) = row.map_err(self.error())?;
            rows.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(rows)
    }

    /// All changes or none.
    fn write(&self, steps: &[Vec<Write>]) -> Result<(), CatalogueError> {
        self.change(|table| {
            for write in steps.iter().flatten() {
                let key = key(&write.partition, &write.place);
                match &write.row {
                    Some(row) => drop(table.insert(key.as_slice(), row.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
            Ok(())
        })
    }

    fn change(
        &self,
        work: impl FnOnce(
            &mut redb::Table<'_, &'static [u8], &'static [u8]>,
        ) -> Result<(), redb::StorageError>,
    ) -> Result<(), CatalogueError> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let recently = synced.is_some_and(|synced| synced.elapsed() < UNSYNCED);
        let durability = if recently {
            Durability::None
        } else {
            Durability::Immediate
        };
        let mut transaction = self.database.begin_write().map_err(self.error())?;
        transaction
            .set_durability(durability)
            .map_err(self.error())?;
        {
            let mut table = transaction.open_table(ROWS).map_err(self.error())?;
            work(&mut table).map_err(self.error())?;
        }
        transaction.commit().map_err(self.error())?;
        if !recently {
            *synced = Some(Instant::now());
        }
        Ok(())
    }
}

impl Rows for Embedded {
    fn name(&self) -> String {
        name(&self.inner.path)
    }

    fn get<'a>(
        &'a self,
        partition: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, CatalogueError>> {
        let key = key(partition, place);
        self.run(move |inner| inner.get(&key)).boxed()
    }

    fn scan<'a>(
        &'a self,
        partition: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, CatalogueError>> {
        let first = key(partition, prefix);
        let after = after.map(|after| key(partition, after));
        let last = key(partition, &format!("{prefix}{}", place::LAST));
        let begin = partition.len() + 1;
        self.run(move |inner| {
            let from = match &after {
                Some(after) if *after >= first => Bound::Excluded(after.as_slice()),
                _ => Bound::Included(first.as_slice()),
            };
            if after.as_ref().is_some_and(|after| *after >= last) {
                return Ok(Vec::new());
            }
            let rows = inner.range(from, &last, limit)?.into_iter();
            let named = rows.map(
                |(key, row)| match String::from_utf8(key[begin..].to_vec()) {
                    Ok(place) => Ok((place, row)),
                    Err(error) => Err(damaged(&inner.path, &error)),
                },
            );
            named.collect()
        })
        .boxed()
    }

    fn write(&self, steps: Vec<Vec<Write>>) -> BoxFuture<'_, Result<(), CatalogueError>> {
        self.run(move |inner| inner.write(&steps)).boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), CatalogueError>> {
        self.run(|inner| inner.change(|table| table.retain(|_, _| false)))
            .boxed()
    }
}
