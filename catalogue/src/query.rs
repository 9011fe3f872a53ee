//! What can be asked, and what meets it.

use crate::{ModelEntry, VersionEntry};
use cairn_runtime::{AccountId, NamespacePolicy};
use thiserror::Error;

/// Most bytes of the text of a question.
pub const MAX_TEXT_BYTES: usize = 256;
/// Most words of it.
pub const MAX_WORDS: usize = 16;
/// Most tags, and most fields, of one question.
pub const MAX_FILTERS: usize = 8;
/// Most bytes of the key or value of a tag or a field in a question.
const MAX_FILTER_BYTES: usize = 1_024;

/// A question: what is found meets every condition that is set. Without any, that is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Words, each of which stands somewhere in `namespace/name` or in the description of the model, in capitals or not.
    pub text: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// Who owns the model now.
    pub owner: Option<AccountId>,
    /// Tags that the model or the version has.
    pub tags: Vec<TagFilter>,
    /// Fields that the version's metadata has, as [`fields`](crate::fields) finds them.
    pub fields: Vec<(String, String)>,
    /// Whether the version has to meet the policy of its namespace now.
    pub certified: bool,
    /// Who made a certification of the version that was found passed and holds now.
    pub certified_by: Option<AccountId>,
    /// First block time of the publication, milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// First block time after it, milliseconds since the Unix epoch.
    pub until_ms: Option<u64>,
}

/// A tag that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFilter {
    /// Its key.
    pub key: String,
    /// Its value; any where there is none.
    pub value: Option<String>,
}

/// One thing found: a version with its model, or a model of which no version is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The model.
    pub model: ModelEntry,
    /// The version.
    pub version: Option<VersionEntry>,
    /// Whether the version meets the policy of its namespace and is not yanked.
    pub certified: bool,
}

/// A question that cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// Something is longer than it may be.
    #[error("{what} has {got} {unit}, at most {limit} are allowed")]
    TooLong {
        /// What.
        what: &'static str,
        /// How much there is.
        got: usize,
        /// How much there may be.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// What was given as cursor is none.
    #[error("{got:?} is not a cursor; take `next` of the page before")]
    Cursor {
        /// Its beginning.
        got: String,
    },
}

fn within(
    what: &'static str,
    got: usize,
    limit: usize,
    unit: &'static str,
) -> Result<(), QueryError> {
    if got <= limit {
        return Ok(());
    }
    Err(QueryError::TooLong {
        what,
        got,
        limit,
        unit,
    })
}

impl Query {
    /// Checks every limit.
    ///
    /// # Errors
    /// [`QueryError::TooLong`] names the first that is not kept.
    pub fn check(&self) -> Result<(), QueryError> {
        if let Some(text) = &self.text {
            within("the text", text.len(), MAX_TEXT_BYTES, "bytes")?;
            within("the text", self.words().len(), MAX_WORDS, "words")?;
        }
        if let Some(namespace) = &self.namespace {
            let limit = cairn_runtime::MAX_NAME_CHARS as usize;
            within("the namespace", namespace.len(), limit, "bytes")?;
        }
        within("the question", self.tags.len(), MAX_FILTERS, "tags")?;
        within("the question", self.fields.len(), MAX_FILTERS, "fields")?;
        let tags = (self.tags.iter()).flat_map(|tag| [Some(&tag.key), tag.value.as_ref()]);
        for text in tags.flatten() {
            within("a tag", text.len(), MAX_FILTER_BYTES, "bytes")?;
        }
        for text in self.fields.iter().flat_map(|(key, value)| [key, value]) {
            within("a field", text.len(), MAX_FILTER_BYTES, "bytes")?;
        }
        Ok(())
    }

    fn words(&self) -> Vec<String> {
        let text = self.text.as_deref().unwrap_or_default().to_lowercase();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Whether only versions can meet it.
    fn wants_version(&self) -> bool {
        !self.fields.is_empty()
            || self.certified
            || self.certified_by.is_some()
            || self.since_ms.is_some()
            || self.until_ms.is_some()
    }

    fn takes_model(&self, model: &ModelEntry) -> bool {
        let text = || format!("{} {}", model.name, model.description).to_lowercase();
        self.namespace
            .as_ref()
            .is_none_or(|wanted| *wanted == model.name.namespace)
            && self.owner.is_none_or(|wanted| wanted == model.owner)
            && (self.text.is_none() || {
                let text = text();
                self.words().iter().all(|word| text.contains(word))
            })
    }

    fn takes_version(&self, version: &VersionEntry, now_ms: u64) -> bool {
        let published = version.published_ms;
        self.fields
            .iter()
            .all(|field| version.fields.contains(field))
            && self.certified_by.is_none_or(|account| {
                let by =
                    |made: &crate::Certificate| made.certifier == account && made.holds_at(now_ms);
                version.certificates.iter().any(by)
            })
            && self.since_ms.is_none_or(|since| published >= since)
            && self.until_ms.is_none_or(|until| published < until)
    }

    /// What a version, or a model without one, makes of the question at block time `now_ms`; nothing where it does not
    /// meet it.
    pub(crate) fn hit(
        &self,
        model: &ModelEntry,
        version: Option<&VersionEntry>,
        policy: &NamespacePolicy,
        now_ms: u64,
    ) -> Option<Hit> {
        let tagged = |filter: &TagFilter| {
            let own = version.map_or(&[][..], |version| &version.tags);
            model.tags.iter().chain(own).any(|(key, value)| {
                *key == filter.key && filter.value.as_ref().is_none_or(|wanted| wanted == value)
            })
        };
        let meets = self.takes_model(model)
            && self.tags.iter().all(tagged)
            && match version {
                None => !self.wants_version(),
                Some(version) => self.takes_version(version, now_ms),
            };
        if !meets {
            return None;
        }
        let certified = version.is_some_and(|version| version.is_certified(policy, now_ms));
        (certified || !self.certified).then(|| Hit {
            model: model.clone(),
            version: version.cloned(),
            certified,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_kept() {
        let text = |text: String| Query {
            text: Some(text),
            ..Query::default()
        };
        let long = "x".repeat(MAX_FILTER_BYTES + 1);
        let many = |count: usize| vec![("a".to_owned(), "b".to_owned()); count];
        let bad = [
            text("x".repeat(MAX_TEXT_BYTES + 1)),
            text("x ".repeat(MAX_WORDS + 1)),
            Query {
                namespace: Some("x".repeat(65)),
                ..Query::default()
            },
            Query {
                fields: many(MAX_FILTERS + 1),
                ..Query::default()
            },
            Query {
                fields: vec![("a".to_owned(), long.clone())],
                ..Query::default()
            },
            Query {
                tags: vec![TagFilter {
                    key: long,
                    value: None,
                }],
                ..Query::default()
            },
        ];
        for query in bad {
            assert!(
                matches!(query.check(), Err(QueryError::TooLong { .. })),
                "{query:?}"
            );
        }
        let good = Query {
            fields: many(MAX_FILTERS),
            ..text("x ".repeat(MAX_WORDS))
        };
        assert_eq!(good.check(), Ok(()));
    }
}
