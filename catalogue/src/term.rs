//! By what rows are found: a partition for each term, with the place of every row that has it.

use crate::{Certificate, Entry, ModelEntry, Query, VersionEntry};
use cairn_crypto::{domain, hash};
use cairn_runtime::AccountId;
use std::collections::BTreeSet;

/// Longest term that is written out; a longer one is named by its digest.
const WRITTEN: usize = 160;

/// The partition of a term.
fn partition(kind: &str, what: &str) -> String {
    let plain = |byte: u8| (b'!'..b'~').contains(&byte) && byte != b'#';
    if what.len() <= WRITTEN && what.bytes().all(plain) {
        return format!("{kind}:{what}");
    }
    format!("{kind}#{}", hash(domain::CATALOGUE_TERM, &what))
}

fn tag(key: &str) -> String {
    partition("tag", key)
}

fn tag_value(key: &str, value: &str) -> String {
    partition("tag", &format!("{key}={value}"))
}

fn field(key: &str, value: &str) -> String {
    partition("field", &format!("{key}={value}"))
}

fn owner(account: AccountId) -> String {
    partition("owner", &account.to_string())
}

fn certifier(account: AccountId) -> String {
    partition("certifier", &account.to_string())
}

fn certified() -> String {
    partition("certified", "yes")
}

/// The terms of an entry.
pub(crate) fn of(entry: &Entry) -> BTreeSet<String> {
    match entry {
        Entry::Policy(_) => BTreeSet::new(),
        Entry::Model(model) => of_model(model),
        Entry::Version(version) => of_version(version),
    }
}

fn of_tags(tags: &[(String, String)]) -> impl Iterator<Item = String> {
    tags.iter()
        .flat_map(|(key, value)| [tag(key), tag_value(key, value)])
}

fn of_model(model: &ModelEntry) -> BTreeSet<String> {
    of_tags(&model.tags).chain([owner(model.owner)]).collect()
}

fn of_version(version: &VersionEntry) -> BTreeSet<String> {
    let fields = (version.fields.iter()).map(|(key, value)| field(key, value));
    let mut terms: BTreeSet<String> = of_tags(&version.tags).chain(fields).collect();
    // What has expired is found and then refused: no event says that it has.
    let standing = |made: &&Certificate| made.passed && !made.revoked;
    for made in version.certificates.iter().filter(standing) {
        terms.insert(certifier(made.certifier));
        terms.insert(certified());
    }
    terms
}

/// The term of a question that fewest rows are likely to have; none where only everything can be looked at.
pub(crate) fn leading(query: &Query) -> Option<String> {
    if let Some((key, value)) = query.fields.first() {
        return Some(field(key, value));
    }
    let exact = query.tags.iter().find_map(|tag| {
        let value = tag.value.as_ref()?;
        Some(tag_value(&tag.key, value))
    });
    exact
        .or_else(|| query.certified_by.map(certifier))
        .or_else(|| query.owner.map(owner))
        .or_else(|| query.tags.first().map(|filter| tag(&filter.key)))
        .or_else(|| query.certified.then(certified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_that_is_long_or_not_plain_is_named_by_its_digest() {
        assert_eq!(tag_value("stage", "production"), "tag:stage=production");
        let strange = [
            "x".repeat(1_000),
            "with blank".to_owned(),
            "ä".to_owned(),
            "a~b".to_owned(),
            "a#b".to_owned(),
        ];
        let terms: BTreeSet<String> = strange.iter().map(|value| field("k", value)).collect();
        assert_eq!(terms.len(), strange.len());
        for term in terms {
            assert!(term.starts_with("field#") && term.len() == 6 + 64, "{term}");
        }
    }
}
