//! Answering a question in pages. A page ends when it is full or when enough rows were looked at, so that no question
//! takes long, however little it finds; it then says where to go on.

use crate::row::decode;
use crate::{Catalogue, CatalogueError, Cursor, Entry, Hit, ModelEntry, Query, place, term};
use cairn_runtime::NamespacePolicy;

/// Most hits of one page.
pub const MAX_HITS: usize = 100;
/// Most rows that one page looks at, those apart that the last of them brings along.
pub const ROWS_PER_PAGE: usize = 4_096;
/// Rows that are read at a time.
const PIECE: usize = 128;

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
    /// What meets a question at block time `now_ms`, from where the page before ended. `limit` is cut to
    /// 1..=[`MAX_HITS`].
    ///
    /// # Errors
    /// [`CatalogueError::Query`] for a question beyond its limits; whatever the store says.
    pub async fn search(
        &self,
        query: &Query,
        cursor: Option<&Cursor>,
        limit: usize,
        now_ms: u64,
    ) -> Result<Found, CatalogueError> {
        query.check()?;
        let mut page = Page {
            catalogue: self,
            query,
            now_ms,
            limit: limit.clamp(1, MAX_HITS),
            left: ROWS_PER_PAGE,
            hits: Vec::new(),
            last: cursor.map(|cursor| cursor.0.clone()),
            more: false,
            model: None,
            policy: None,
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
    hits: Vec<Hit>,
    /// The place up to which everything was looked at and everything found is among the hits.
    last: Option<String>,
    /// Whether the page ended before the list did.
    more: bool,
    /// The model whose versions come now, by its place.
    model: Option<(String, ModelEntry)>,
    /// The policy of the namespace that comes now.
    policy: Option<(String, NamespacePolicy)>,
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
            for (place, _) in piece {
                if after.as_ref().is_some_and(|after| place <= *after) {
                    continue; // A version of a model that was looked at as a whole.
                }
                if place::model_of(&place) == place {
                    self.rows(&place, None).await?;
                    if self.more {
                        return Ok(());
                    }
                    after = Some(format!("{place}{}", place::LAST));
                } else {
                    let row = self.catalogue.rows.get(place::MODELS, &place).await?;
                    if !self
                        .look(&place, row.as_deref().unwrap_or_default())
                        .await?
                    {
                        return Ok(());
                    }
                    after = Some(place);
                }
            }
            if all {
                return Ok(());
            }
        }
    }

    /// Looks at one row, empty where there is none; whether there is room for another one.
    async fn look(&mut self, place: &str, row: &[u8]) -> Result<bool, CatalogueError> {
        if self.left == 0 {
            self.more = true;
            return Ok(false);
        }
        self.left -= 1;
        if let Some(hit) = self.hit(place, row).await? {
            if self.hits.len() == self.limit {
                // One too many: only so is it known that the page before it was not the last.
                self.more = true;
                return Ok(false);
            }
            self.hits.push(hit);
        }
        self.last = Some(place.to_owned());
        Ok(true)
    }

    async fn hit(&mut self, place: &str, row: &[u8]) -> Result<Option<Hit>, CatalogueError> {
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
                self.model = Some((place.to_owned(), model));
                Ok(hit.filter(|_| alone))
            }
            Entry::Version(version) => {
                let at = place::model_of(place);
                if self.model.as_ref().is_none_or(|(known, _)| known != at) {
                    match self.catalogue.value(place::MODELS, at).await? {
                        Some(Entry::Model(model)) => self.model = Some((at.to_owned(), model)),
                        _ => return Ok(None), // It is being written just now.
                    }
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
                let (Some((_, model)), Some((_, policy))) = (&self.model, &self.policy) else {
                    return Ok(None);
                };
                Ok(self.query.hit(model, Some(&version), policy, self.now_ms))
            }
        }
    }
}
