//! Searching a node's catalogue. What comes back is its word, as of the height that it names; [`Client::proved_version`]
//! proves a version.

use crate::routes::segment;
use crate::{Client, ClientError};
use cairn_api::{MAX_PAGE, SearchPage};
use cairn_runtime::AccountId;
use std::fmt::Write as _;

/// Most pages that are asked for: each may be empty and have a next one, after the seconds that a node gives to it.
const MAX_PAGES: usize = 1_000;

/// What to look for: what is found meets every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// Words, each somewhere in `namespace/name` or in the description.
    pub text: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// Who owns the model.
    pub owner: Option<AccountId>,
    /// `KEY` or `KEY=VALUE`, tags of the model or of the version.
    pub tags: Vec<String>,
    /// `KEY=VALUE`, fields of the version's metadata.
    pub fields: Vec<String>,
    /// Whether the version has to meet the policy of its namespace.
    pub certified: bool,
    /// Who made a certification of it that was found passed and holds.
    pub certified_by: Option<AccountId>,
    /// Published at or after this time, RFC 3339 or a day.
    pub since: Option<String>,
    /// Published before this time.
    pub until: Option<String>,
}

impl SearchQuery {
    /// The route, with a query to which more can be added.
    fn path(&self) -> String {
        let mut path = "/v1/search?".to_owned();
        let mut add = |name: &str, value: &str| {
            let _infallible = write!(path, "{name}={}&", segment(value));
        };
        let single = [
            ("text", self.text.clone()),
            ("namespace", self.namespace.clone()),
            ("owner", self.owner.map(|account| account.to_string())),
            (
                "certified_by",
                self.certified_by.map(|account| account.to_string()),
            ),
            ("since", self.since.clone()),
            ("until", self.until.clone()),
            ("certified", self.certified.then(|| "true".to_owned())),
        ];
        for (name, value) in single {
            if let Some(value) = value {
                add(name, &value);
            }
        }
        self.tags.iter().for_each(|tag| add("tag", tag));
        self.fields.iter().for_each(|field| add("field", field));
        path
    }
}

impl Client {
    /// What a node's catalogue has, at most `limit` of it, from as many pages as that takes, but 1,000 at most. The height
    /// is that of the last page; `next` says that not everything was looked at. Pages may come from different nodes, and
    /// then from different heights.
    ///
    /// # Errors
    /// [`ClientError::Refused`] for a question that is none; [`ClientError::Unreachable`] when no node can search.
    pub async fn search(
        &self,
        query: &SearchQuery,
        limit: usize,
    ) -> Result<SearchPage, ClientError> {
        let path = query.path();
        let mut items = Vec::new();
        let mut cursor = String::new();
        let mut pages = 0;
        loop {
            let wanted = limit.saturating_sub(items.len()).clamp(1, MAX_PAGE);
            let page = self.ask_json(format!("{path}{cursor}limit={wanted}"));
            let mut page: SearchPage = page.await?;
            items.append(&mut page.items);
            pages += 1;
            match &page.next {
                Some(next) if items.len() < limit && pages < MAX_PAGES => {
                    cursor = format!("cursor={}&", segment(next));
                }
                _ => {
                    page.items = items;
                    return Ok(page);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_stands_in_the_path_as_it_was_given() {
        let query = SearchQuery {
            text: Some("two words".to_owned()),
            tags: vec!["stage=a&b".to_owned(), "team".to_owned()],
            fields: vec!["scores.f1=0.9".to_owned()],
            certified: true,
            ..SearchQuery::default()
        };
        assert_eq!(
            query.path(),
            "/v1/search?text=two%20words&certified=true&tag=stage%3Da%26b&tag=team&field=scores.f1%3D0.9&"
        );
        assert_eq!(SearchQuery::default().path(), "/v1/search?");
    }
}
