//! Answering a question in pages. A page ends when it is full, when enough rows were looked at or when its time is up, so
//! that no question takes long, however little it finds; it then says where to go on.

use crate::row::decode;
use crate::{Catalogue, CatalogueError, Cursor, Entry, Hit, ModelEntry, Query, place, term};
use cairn_runtime::NamespacePolicy;
use futures::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Most hits of one page.
pub const MAX_HITS: usize = 100;
/// Most rows that one page looks at, those apart that the last of them brings along.
pub const ROWS_PER_PAGE: usize = 4_096;
/// Most bytes of the rows of one page's hits, but for a single hit, which is always given. As JSON they have at most six
/// times as many.
pub const MAX_PAGE_BYTES: usize = 4 << 20;
/// Rows that are read at a time.
const PIECE: usize = 128;
/// Rows that are asked for at one time, one request each.
const AT_ONCE: usize = 16;

/// Where a page ends, at the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Most hits, cut to 1..=[`MAX_HITS`].
    pub hits: usize,
    /// How long rows are looked at. One row always is, so that pages come to an end however short this is; what is
    /// being asked for when the time is up is waited for.
    pub time: Duration,
}

impl From<usize> for PageLimits {
    /// So many hits, in any time.
    fn from(hits: usize) -> Self {
        Self {
            hits,
            time: Duration::MAX,
        }
    }
}

/// A page of what was found, in the order of the models' names, newest versions first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The hits.
    pub hits: Vec<Hit>,
    /// Where to go on; nothing where there is nothing else. A page may have fewer hits than were asked for, or none, and
    /// say this.
    pub next: Option<Cursor>,
}

impl Catalogue {
    /// What meets a question at block time `now_ms`, from where the page before ended. A number of hits will do for
    /// `limits`.
    ///
    /// # Errors
    /// [`CatalogueError::Query`] for a question beyond its limits; whatever the store says.
    pub async fn search(
        &self,
        query: &Query,
        cursor: Option<&Cursor>,
        limits: impl Into<PageLimits>,
        now_ms: u64,
    ) -> Result<Found, CatalogueError> {
        query.check()?;
        let limits = limits.into();
        let mut page = Page {
            catalogue: self,
            query,
            now_ms,
            limit: limits.hits.clamp(1, MAX_HITS),
            left: ROWS_PER_PAGE,
            until: Instant::now().checked_add(limits.time),
            hits: Vec::new(),
            bytes: 0,
            last: cursor.map(|cursor| cursor.0.clone()),
            more: false,
            model: None,
            policy: None,
            near: BTreeMap::new(),
        };
        let within = query.namespace.as_deref();
        let within = within.map_or_else(String::new, place::namespace);
        match term::leading(query) {
            None => {
                page.rows(&within, cursor.map(|cursor| cursor.0.clone()))
                    .await?
            }
            Some(term) => page.term(&term, &within, cursor).await?,
        }
        let next = page.last.filter(|_| page.more).map(Cursor);
        Ok(Found {
            hits: page.hits,
            next,
        })
    }
}

/// A page that is being put together.
struct Page<'a> {
    catalogue: &'a Catalogue,
    query: &'a Query,
    now_ms: u64,
    limit: usize,
    /// Rows that may still be looked at.
    left: usize,
    /// When no further row is looked at.
    until: Option<Instant>,
    hits: Vec<Hit>,
    /// Of the rows of the hits.
    bytes: usize,
    /// The place up to which everything was looked at and everything found is among the hits.
    last: Option<String>,
    /// Whether the page ended before the list did.
    more: bool,
    /// The model whose versions come now, by its place, and the bytes of its row.
    model: Option<(String, ModelEntry, usize)>,
    /// The policy of the namespace that comes now.
    policy: Option<(String, NamespacePolicy)>,
    /// Rows that were asked for together, by their places.
    near: BTreeMap<String, Option<Vec<u8>>>,
}

impl Page<'_> {
    /// Looks at the models and versions whose places begin with `prefix` and come after `after`.
    async fn rows(
        &mut self,
        prefix: &str,
        mut after: Option<String>,
    ) -> Result<(), CatalogueError> {
        loop {
            let wanted = PIECE.min(self.left + 1);
            let rows = &self.catalogue.rows;
            let piece = rows.scan(place::MODELS, prefix, after.as_deref(), wanted);
            let piece = piece.await?;
            let all = piece.len() < wanted;
            for (place, row) in piece {
                if !self.look(&place, &row).await? {
                    return Ok(());
                }
                after = Some(place);
            }
            if all {
                return Ok(());
            }
        }
    }

    /// Looks at the models that have a term, with all their versions, and at the versions that have it.
    async fn term(
        &mut self,
        term: &str,
        within: &str,
        cursor: Option<&Cursor>,
    ) -> Result<(), CatalogueError> {
        let mut after = cursor.map(|cursor| cursor.0.clone());
        if let Some(Cursor(begun)) = cursor {
            // The page before may have ended among the versions of a model that has the term.
            let model = place::model_of(begun);
            let rows = &self.catalogue.rows;
            if model.starts_with(within) && rows.get(term, model).await?.is_some() {
                self.rows(model, after).await?;
                if self.more {
                    return Ok(());
                }
                after = Some(format!("{model}{}", place::LAST));
            }
        }
        loop {
            let rows = &self.catalogue.rows;
            let piece = rows.scan(term, within, after.as_deref(), PIECE).await?;
            let all = piece.len() < PIECE;
            for places in piece.chunks(AT_ONCE) {
                self.ask(places, after.as_deref()).await?;
                for (place, _) in places {
                    if after.as_ref().is_some_and(|after| place <= after) {
                        continue; // A version of a model that was looked at as a whole.
                    }
                    if place::model_of(place) == place {
                        self.rows(place, None).await?;
                        if self.more {
                            return Ok(());
                        }
                        after = Some(format!("{place}{}", place::LAST));
                    } else {
                        let row = self.row(place).await?.unwrap_or_default();
                        if !self.look(place, &row).await? {
                            return Ok(());
                        }
                        after = Some(place.clone());
                    }
                }
            }
            if all {
                return Ok(());
            }
        }
    }

    /// Asks for the versions at these places and for their models together. Versions of a model that is among the places
    /// itself are left out: they come with it.
    async fn ask(
        &mut self,
        places: &[(String, Vec<u8>)],
        after: Option<&str>,
    ) -> Result<(), CatalogueError> {
        let places = places.iter().map(|(place, _)| place.as_str());
        let places: BTreeSet<&str> = places
            .filter(|place| after.is_none_or(|after| *place > after))
            .collect();
        let alone = |place: &&&str| !places.contains(place::model_of(place));
        let versions: Vec<&str> = places.iter().filter(alone).copied().collect();
        let models: BTreeSet<&str> = versions.iter().map(|at| place::model_of(at)).collect();
        let rows = &self.catalogue.rows;
        let asked = versions.into_iter().chain(models).map(|at| async move {
            let row = rows.get(place::MODELS, at).await?;
            Ok::<_, CatalogueError>((at.to_owned(), row))
        });
        self.near = try_join_all(asked).await?.into_iter().collect();
        Ok(())
    }

    /// The row of a model or a version.
    async fn row(&mut self, place: &str) -> Result<Option<Vec<u8>>, CatalogueError> {
        match self.near.remove(place) {
            Some(row) => Ok(row),
            None => self.catalogue.rows.get(place::MODELS, place).await,
        }
    }

    /// Whether no further row may be looked at.
    fn is_spent(&self) -> bool {
        let begun = self.left < ROWS_PER_PAGE;
        self.left == 0 || begun && self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Looks at one row, empty where there is none; whether there is room for another one.
    async fn look(&mut self, place: &str, row: &[u8]) -> Result<bool, CatalogueError> {
        if self.is_spent() {
            self.more = true;
            return Ok(false);
        }
        self.left -= 1;
        if let Some((hit, bytes)) = self.hit(place, row).await? {
            let bytes = self.bytes + bytes;
            if self.hits.len() == self.limit || !self.hits.is_empty() && bytes > MAX_PAGE_BYTES {
                // One too many: only so is it known that the page before it was not the last.
                self.more = true;
                return Ok(false);
            }
            self.bytes = bytes;
            self.hits.push(hit);
        }
        self.last = Some(place.to_owned());
        Ok(true)
    }

    /// What a row makes of the question, with the bytes of the rows that are shown.
    async fn hit(
        &mut self,
        place: &str,
        row: &[u8],
    ) -> Result<Option<(Hit, usize)>, CatalogueError> {
        if row.is_empty() {
            return Ok(None); // A term that leads nowhere yet, or any more.
        }
        let name = self.catalogue.name();
        match decode(&name, place::MODELS, place, row)? {
            Entry::Policy(_) => Ok(None),
            Entry::Model(model) => {
                let policy = NamespacePolicy::default(); // Judges no model.
                let alone = model.versions == 0;
                let hit = self.query.hit(&model, None, &policy, self.now_ms);
                self.model = Some((place.to_owned(), model, row.len()));
                Ok(hit.filter(|_| alone).map(|hit| (hit, row.len())))
            }
            Entry::Version(version) => {
                let at = place::model_of(place);
                if self.model.as_ref().is_none_or(|(known, ..)| known != at) {
                    let row = self.row(at).await?.unwrap_or_default();
                    if row.is_empty() {
                        return Ok(None); // It is being written just now.
                    }
                    let Entry::Model(model) = decode(&name, place::MODELS, at, &row)? else {
                        return Ok(None);
                    };
                    self.model = Some((at.to_owned(), model, row.len()));
                }
                let namespace = &version.id.model.namespace;
                if self
                    .policy
                    .as_ref()
                    .is_none_or(|(known, _)| known != namespace)
                {
                    let policy = self.catalogue.policy(namespace).await?;
                    self.policy = Some((namespace.clone(), policy));
                }
                let (Some((_, model, bytes)), Some((_, policy))) = (&self.model, &self.policy)
                else {
                    return Ok(None);
                };
                let hit = self.query.hit(model, Some(&version), policy, self.now_ms);
                Ok(hit.map(|hit| (hit, bytes + row.len())))
            }
        }
    }
}
