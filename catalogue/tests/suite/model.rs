//! What a catalogue should do, in the plainest way: a map, looked through from one end to the other.

use cairn_catalogue::{Entry, ModelEntry, Query, VersionEntry};
use cairn_runtime::NamespacePolicy;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Models with their versions by ordinal, and policies.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    models: BTreeMap<String, ModelEntry>,
    versions: BTreeMap<(String, u64), VersionEntry>,
    policies: BTreeMap<String, NamespacePolicy>,
}

impl Plain {
    pub fn put(&mut self, entry: Entry) {
        match entry {
            Entry::Policy(entry) => {
                self.policies.insert(entry.namespace, entry.policy);
            }
            Entry::Model(model) => {
                self.models.insert(model.name.to_string(), model);
            }
            Entry::Version(version) => {
                let key = (version.id.model.to_string(), version.ordinal);
                self.versions.insert(key, version);
            }
        }
    }

    pub fn has(&self, model: &str) -> bool {
        self.models.contains_key(model)
    }

    /// As `suite::all` names what is found.
    pub fn search(&self, query: &Query, now_ms: u64) -> Vec<String> {
        let mut found = Vec::new();
        let mut models: Vec<&ModelEntry> = self.models.values().collect();
        models.sort_by_key(|model| format!("{}/", model.name));
        for model in models {
            let name = model.name.to_string();
            let mut versions: Vec<&VersionEntry> = self.versions.values().collect();
            versions.retain(|version| version.id.model == model.name);
            versions.sort_by_key(|version| Reverse(version.ordinal));
            if model.versions == 0 && self.meets(query, model, None, now_ms) {
                found.push(name);
            }
            for version in versions {
                if self.meets(query, model, Some(version), now_ms) {
                    let certified = self.certified(version, now_ms);
                    let mark = if certified { " certified" } else { "" };
                    found.push(format!("{}{mark}", version.id));
                }
            }
        }
        found
    }

    fn certified(&self, version: &VersionEntry, now_ms: u64) -> bool {
        // The policies of these tests name no checks and count everybody but the publisher.
        let policy = self.policies.get(&version.id.model.namespace);
        let required = policy.map_or(1, |policy| policy.required_certifications);
        let mut good = Vec::new();
        for made in &version.certificates {
            let last = version.certificates.iter().rev();
            let last = last.filter(|other| !other.revoked);
            let mut last = last.filter(|other| other.certifier == made.certifier);
            let holds = last.next().is_some_and(|last| {
                last.passed && last.expires_at_ms.is_none_or(|expires| now_ms < expires)
            });
            if holds && made.certifier != version.publisher && !good.contains(&made.certifier) {
                good.push(made.certifier);
            }
        }
        version.yanked.is_none() && good.len() >= required as usize
    }

    fn meets(
        &self,
        query: &Query,
        model: &ModelEntry,
        version: Option<&VersionEntry>,
        now_ms: u64,
    ) -> bool {
        if let Some(text) = &query.text {
            let all = format!("{} {}", model.name, model.description).to_lowercase();
            for word in text.to_lowercase().split(' ') {
                if !all.contains(word) {
                    return false;
                }
            }
        }
        if query
            .namespace
            .as_ref()
            .is_some_and(|wanted| *wanted != model.name.namespace)
        {
            return false;
        }
        if query.owner.is_some_and(|owner| owner != model.owner) {
            return false;
        }
        for wanted in &query.tags {
            let mut tags = model.tags.clone();
            tags.extend(
                version
                    .map(|version| version.tags.clone())
                    .unwrap_or_default(),
            );
            tags.retain(|(key, _)| *key == wanted.key);
            if let Some(value) = &wanted.value {
                tags.retain(|(_, got)| got == value);
            }
            if tags.is_empty() {
                return false;
            }
        }
        let Some(version) = version else {
            return query.fields.is_empty()
                && !query.certified
                && query.certified_by.is_none()
                && query.since_ms.is_none()
                && query.until_ms.is_none();
        };
        for field in &query.fields {
            if !version.fields.contains(field) {
                return false;
            }
        }
        if query.certified && !self.certified(version, now_ms) {
            return false;
        }
        if let Some(by) = query.certified_by {
            let mut own = version.certificates.clone();
            own.retain(|made| made.certifier == by && made.passed && !made.revoked);
            own.retain(|made| made.expires_at_ms.is_none_or(|expires| expires > now_ms));
            if own.is_empty() {
                return false;
            }
        }
        query.since_ms.unwrap_or(0) <= version.published_ms
            && version.published_ms < query.until_ms.unwrap_or(u64::MAX)
    }
}
