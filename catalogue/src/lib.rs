//! The catalogue: what can be searched of the ledger. It is made from the ledger alone and can be made again at any time;
//! the ledger never depends on it.
//!
//! A [`Catalogue`] keeps [`Entry`]s (models, versions, policies of namespaces) as of a final height and answers a
//! [`Query`] page by page. Where the rows lie is behind one small trait, [`Rows`]: [`Embedded`] is a file of the node's
//! own, [`Dynamo`] a table of DynamoDB or of what speaks like it. Everything else is the same code over both.
//!
//! ```
//! use cairn_catalogue::{Catalogue, Change, Embedded, Entry, Identity, ModelEntry, Position, Query};
//! use cairn_crypto::Digest;
//! use cairn_runtime::AccountId;
//! use std::sync::Arc;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let rows = Arc::new(Embedded::open(folder.path())?);
//! let identity = Identity { chain_id: Digest::ZERO, node: "validator-00".into() };
//! let catalogue = Catalogue::open(rows, identity).await?;
//! let bert = ModelEntry {
//!     name: "acme/bert".parse()?,
//!     owner: AccountId(Digest::ZERO),
//!     description: "a language model".into(),
//!     registered_at: 7,
//!     versions: 0,
//!     tags: vec![],
//!     aliases: vec![],
//! };
//! let at = Position { height: 7, timestamp_ms: 7_000 };
//! catalogue.apply(&Change { entries: vec![Entry::Model(bert)], at, complete: true }).await?;
//! let query = Query { text: Some("language".into()), ..Query::default() };
//! let found = catalogue.search(&query, None, 10, at.timestamp_ms).await?;
//! assert_eq!(found.hits[0].model.name.to_string(), "acme/bert");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Writing is not atomic in every store, so its order matters: terms first, then the rows that they lead to, then the
//! height. A search looks at each row that a term leads to and believes the row, so a term too many costs time and
//! nothing else; and whatever was cut off is written again, because the height was not.
//!
//! | file | what it holds |
//! |---|---|
//! | `entry` | [`Entry`]: what is kept, and how much of it |
//! | `fields` | what can be searched of a version's metadata |
//! | `ledger` | entries from the ledger's events and state |
//! | `query` | [`Query`], its limits, and what meets it |
//! | `place` | where rows lie, and [`Cursor`] |
//! | `term` | by what rows are found |
//! | `catalogue` | [`Catalogue`]: applying changes, the height reached, clearing |
//! | `search` | answering a query in pages |
//! | `row` | rows as bytes, with a check of their own |
//! | `rows` | [`Rows`], what a store has to do |
//! | `embedded` | [`Embedded`]: a file |
//! | `dynamo` | [`Dynamo`]: a table of DynamoDB |
//! | `error` | [`CatalogueError`] |

#![forbid(unsafe_code)]

mod catalogue;
mod dynamo;
mod embedded;
mod entry;
mod error;
mod fields;
mod ledger;
mod place;
mod query;
mod row;
mod rows;
mod search;
mod term;

pub use catalogue::{Catalogue, Change, Identity, Position};
pub use dynamo::{Dynamo, DynamoAddress, DynamoLimits};
pub use embedded::Embedded;
pub use entry::{
    Access, Certificate, Entry, MAX_DESCRIPTION_BYTES, MAX_LABEL_BYTES, MAX_LABELS, ModelEntry,
    PolicyEntry, VersionEntry,
};
pub use error::CatalogueError;
pub use fields::fields;
pub use ledger::{Everything, Touched, read, touched};
pub use place::Cursor;
pub use query::{Hit, MAX_FILTERS, MAX_TEXT_BYTES, MAX_WORDS, Query, QueryError, TagFilter};
pub use rows::{Row, Rows, Write};
pub use search::{Found, MAX_HITS, MAX_PAGE_BYTES, PageLimits, ROWS_PER_PAGE};
