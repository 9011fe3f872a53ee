//! What the API asks of the catalogue.

use cairn_catalogue::{Catalogue, CatalogueError, Cursor, Found, PageLimits, Position, Query};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Searches at one time.
const AT_ONCE: usize = 16;
/// Longest that a search takes, with waiting for its turn.
const LONGEST: Duration = Duration::from_secs(8);
/// Time for looking at rows: a page that finds little in it says where to go on. Less than [`LONGEST`] by what a last
/// request to a slow service may take.
const PAGE_TIME: Duration = Duration::from_secs(2);

/// Answers searches with the catalogue as far as it has come.
#[derive(Debug)]
pub struct Searches {
    service: String,
    standing: Mutex<Standing>,
    turns: Semaphore,
}

/// How the catalogue is.
#[derive(Clone, Debug, Default)]
struct Standing {
    catalogue: Option<Catalogue>,
    reached: Option<Position>,
    /// Why it is not open, or does not come further.
    trouble: Option<String>,
}

/// A search came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// There is no catalogue to search now.
    #[error("{0}; ask another node, or again in a moment")]
    NotNow(String),
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// It takes too long.
    #[error(
        "catalogue {catalogue} gave no answer within {seconds} s; ask another node, or again in a moment"
    )]
    TooSlow {
        /// The catalogue.
        catalogue: String,
        /// The time given.
        seconds: u64,
    },
}

impl Searches {
    /// With no catalogue yet; `service` says to everybody which one there should be, without its address.
    #[must_use]
    pub(super) fn new(service: String) -> Self {
        Self {
            service,
            standing: Mutex::new(Standing {
                trouble: Some("the catalogue is being opened".to_owned()),
                ..Standing::default()
            }),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Which catalogue this is, as everybody may know it.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalogue is open, and has come so far.
    pub(super) fn set_open(&self, catalogue: Catalogue, reached: Option<Position>) {
        *self.lock() = Standing {
            catalogue: Some(catalogue),
            reached,
            trouble: None,
        };
    }

    /// The catalogue has come further, or is being made anew.
    pub(super) fn set_reached(&self, reached: Option<Position>) {
        let mut standing = self.lock();
        standing.reached = reached;
        standing.trouble = None;
    }

    /// It does not come further; `gone` when it cannot be asked either.
    pub(super) fn set_trouble(&self, trouble: String, gone: bool) {
        let mut standing = self.lock();
        standing.trouble = Some(trouble);
        if gone {
            standing.catalogue = None;
        }
    }

    /// How far the catalogue has come.
    #[must_use]
    pub fn reached(&self) -> Option<Position> {
        self.lock().reached
    }

    /// Searches; what was found, and as of which block.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn search(
        &self,
        query: &Query,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<(Found, Position), SearchError> {
        let Standing {
            catalogue,
            reached,
            trouble,
        } = self.lock().clone();
        let Some(catalogue) = catalogue else {
            let trouble = trouble.unwrap_or_else(|| "there is no catalogue".to_owned());
            return Err(SearchError::NotNow(trouble));
        };
        let Some(reached) = reached else {
            let name = catalogue.name();
            let why = trouble.map_or_else(String::new, |trouble| format!(" ({trouble})"));
            return Err(SearchError::NotNow(format!(
                "catalogue {name} is being filled from the ledger{why}"
            )));
        };
        let limits = PageLimits {
            hits: limit,
            time: PAGE_TIME,
        };
        let work = async {
            let _turn = self.turns.acquire().await;
            catalogue
                .search(query, cursor, limits, reached.timestamp_ms)
                .await
        };
        match tokio::time::timeout(LONGEST, work).await {
            Ok(found) => Ok((found?, reached)),
            Err(_) => Err(SearchError::TooSlow {
                catalogue: catalogue.name(),
                seconds: LONGEST.as_secs(),
            }),
        }
    }
}
