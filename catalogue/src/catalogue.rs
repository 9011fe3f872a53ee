//! Applying changes, the height reached, clearing.

use crate::row::{decode, encode};
use crate::{CatalogueError, Entry, Rows, Write, place, term};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use cairn_runtime::NamespacePolicy;
use futures::future::try_join_all;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The form in which rows are written; another one is made anew.
const FORM: u32 = 1;
/// Rows that are asked for at one time.
const AT_ONCE: usize = 16;

/// Whose catalogue it is: two nodes that wrote into one would each undo what the other is ahead.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Identity {
    /// The chain.
    pub chain_id: Digest,
    /// The node's name.
    pub node: String,
}

/// A final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Position {
    /// Its height.
    pub height: u64,
    /// Its time, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
}

/// Entries as they are after a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is new or different.
    pub entries: Vec<Entry>,
    /// The block.
    pub at: Position,
    /// Whether nothing else is new up to that block: only then does the catalogue reach it.
    pub complete: bool,
}

/// A catalogue over some store. Cloning is cheap.
#[derive(Clone)]
pub struct Catalogue {
    pub(crate) rows: Arc<dyn Rows>,
    identity: Identity,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Catalogue({})", self.rows.name())
    }
}

/// What makes an entry what it is now.
struct Difference {
    added: Vec<Write>,
    row: Write,
    removed: Vec<Write>,
}

impl Catalogue {
    /// The catalogue in a store, which is new or was this node's before.
    ///
    /// # Errors
    /// [`CatalogueError::Foreign`] when it is somebody else's, [`CatalogueError::Damaged`] when other software wrote it;
    /// whatever the store says.
    pub async fn open(rows: Arc<dyn Rows>, identity: Identity) -> Result<Self, CatalogueError> {
        let catalogue = Self { rows, identity };
        let name = catalogue.name();
        let found: Option<(u32, Identity)> = catalogue.meta(place::IDENTITY).await?;
        match found {
            None => catalogue.clear().await?,
            Some((FORM, found)) if found == catalogue.identity => {}
            Some((FORM, found)) => {
                return Err(CatalogueError::Foreign {
                    catalogue: name,
                    got: Box::new(found),
                    expected: Box::new(catalogue.identity),
                });
            }
            Some((form, _)) => {
                return Err(CatalogueError::Damaged {
                    catalogue: name,
                    reason: format!("its rows have form {form}, this software writes form {FORM}"),
                });
            }
        }
        Ok(catalogue)
    }

    /// An empty catalogue in a store, whatever was in it and whosever it was.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn create(rows: Arc<dyn Rows>, identity: Identity) -> Result<Self, CatalogueError> {
        let catalogue = Self { rows, identity };
        catalogue.clear().await?;
        Ok(catalogue)
    }

    /// A name for messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.rows.name()
    }

    /// How far it has come; nothing before it was filled once.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn position(&self) -> Result<Option<Position>, CatalogueError> {
        self.meta(place::POSITION).await
    }

    /// Removes everything.
    ///
    /// # Errors
    /// Whatever the store says; some of it may be gone.
    pub async fn clear(&self) -> Result<(), CatalogueError> {
        // First of all: what is half removed must not say how far it has come. Of a damaged file nothing can be taken.
        let position = Write {
            partition: place::META.to_owned(),
            place: place::POSITION.to_owned(),
            row: None,
        };
        match self.rows.write(vec![vec![position]]).await {
            Ok(()) | Err(CatalogueError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        self.rows.clear().await?;
        let identity = put(place::META, place::IDENTITY, &(FORM, &self.identity));
        self.rows.write(vec![vec![identity]]).await
    }

    /// Makes entries what they are after a block. What is not ahead of the catalogue changes nothing, so that a change
    /// may be applied any number of times.
    ///
    /// # Errors
    /// Whatever the store says. A part may have been written, and the position was not: apply it again.
    pub async fn apply(&self, change: &Change) -> Result<(), CatalogueError> {
        let reached = self.position().await?;
        if reached.is_some_and(|reached| change.at.height <= reached.height) {
            return Ok(());
        }
        // The last of several for one place counts.
        let entries: BTreeMap<(&str, String), &Entry> = (change.entries.iter())
            .map(|entry| (place_of(entry), entry))
            .collect();
        let mut differences: Vec<_> = Vec::new();
        for (place, entry) in entries {
            differences.push(self.difference(place, entry));
        }
        let (mut added, mut rows, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        while !differences.is_empty() {
            let rest = differences.split_off(differences.len().min(AT_ONCE));
            for difference in try_join_all(differences).await?.into_iter().flatten() {
                added.extend(difference.added);
                rows.push(difference.row);
                removed.extend(difference.removed);
            }
            differences = rest;
        }
        // A term too many leads to a row that says otherwise; one too few would hide it, and be missed by nobody.
        let mut steps = vec![added, rows, removed];
        if change.complete {
            steps.push(vec![put(place::META, place::POSITION, &change.at)]);
        }
        steps.retain(|step: &Vec<Write>| !step.is_empty());
        if steps.is_empty() {
            return Ok(());
        }
        self.rows.write(steps).await
    }

    /// What has to be written so that an entry is there; nothing if it is.
    async fn difference(
        &self,
        (partition, place): (&'static str, String),
        entry: &Entry,
    ) -> Result<Option<Difference>, CatalogueError> {
        let row = encode(partition, &place, entry);
        let before = match self.rows.get(partition, &place).await? {
            Some(before) if before == row => return Ok(None),
            Some(before) => term::of(&decode(&self.name(), partition, &place, &before)?),
            None => Default::default(),
        };
        let now = term::of(entry);
        let term = |partition: &String, row| Write {
            partition: partition.clone(),
            place: place.clone(),
            row,
        };
        let added = now.difference(&before).map(|new| term(new, Some(vec![])));
        let removed = before.difference(&now).map(|old| term(old, None));
        Ok(Some(Difference {
            added: added.collect(),
            removed: removed.collect(),
            row: Write {
                partition: partition.to_owned(),
                place: place.clone(),
                row: Some(row),
            },
        }))
    }

    /// What the catalogue knows of itself.
    async fn meta<T: BorshDeserialize + BorshSerialize>(
        &self,
        place: &'static str,
    ) -> Result<Option<T>, CatalogueError> {
        self.value(place::META, place).await
    }

    /// The value at a place.
    pub(crate) async fn value<T: BorshDeserialize + BorshSerialize>(
        &self,
        partition: &str,
        place: &str,
    ) -> Result<Option<T>, CatalogueError> {
        let row = self.rows.get(partition, place).await?;
        row.map(|row| decode(&self.name(), partition, place, &row))
            .transpose()
    }

    /// The policy of a namespace in force.
    pub(crate) async fn policy(&self, namespace: &str) -> Result<NamespacePolicy, CatalogueError> {
        match self.value(place::POLICIES, namespace).await? {
            Some(Entry::Policy(entry)) => Ok(entry.policy),
            _ => Ok(NamespacePolicy::default()),
        }
    }
}

fn put<T: BorshSerialize>(partition: &str, place: &str, value: &T) -> Write {
    Write {
        partition: partition.to_owned(),
        place: place.to_owned(),
        row: Some(encode(partition, place, value)),
    }
}

/// Where an entry lies.
fn place_of(entry: &Entry) -> (&'static str, String) {
    match entry {
        Entry::Policy(policy) => (place::POLICIES, policy.namespace.clone()),
        Entry::Model(model) => (place::MODELS, place::model(&model.name)),
        Entry::Version(version) => (
            place::MODELS,
            place::version(&version.id.model, version.ordinal),
        ),
    }
}
