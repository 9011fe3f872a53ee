//! What a store has to do.

use crate::CatalogueError;
use futures::future::BoxFuture;

/// A row: its place within its partition, and its bytes.
pub type Row = (String, Vec<u8>);

/// One change of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The partition.
    pub partition: String,
    /// The place within it.
    pub place: String,
    /// What is there from now on; nothing removes the row.
    pub row: Option<Vec<u8>>,
}

/// Rows in partitions, each in the order of the bytes of their places.
///
/// Partitions have 1 to 300 bytes and places 1 to 200, of printable ASCII below `~`; rows have at most 300 KiB. Callers
/// keep to that.
pub trait Rows: Send + Sync + 'static {
    /// A name for messages: what it is and where.
    fn name(&self) -> String;

    /// The row at a place.
    ///
    /// # Errors
    /// [`CatalogueError`].
    fn get<'a>(
        &'a self,
        partition: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, CatalogueError>>;

    /// The first `limit` rows whose places begin with `prefix` and come after `after`; fewer only where there are no more.
    ///
    /// # Errors
    /// [`CatalogueError`].
    fn scan<'a>(
        &'a self,
        partition: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, CatalogueError>>;

    /// Makes changes: all of the first step, then all of the second, and so on. A failure leaves the steps before it,
    /// and any part of its own. Within a step no place stands twice.
    ///
    /// # Errors
    /// [`CatalogueError`].
    fn write(&self, steps: Vec<Vec<Write>>) -> BoxFuture<'_, Result<(), CatalogueError>>;

    /// Removes every row of every partition.
    ///
    /// # Errors
    /// [`CatalogueError`]; some rows may be gone.
    fn clear(&self) -> BoxFuture<'_, Result<(), CatalogueError>>;
}
