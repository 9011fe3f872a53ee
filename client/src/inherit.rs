//! Which version of a model the next one may take file keys from: a file that is the same in both is then stored, and
//! sent, once.
//!
//! Whoever could read the earlier version keeps its file keys. So nothing is inherited while somebody's access to a
//! version of the model was revoked and that version was not encrypted anew since.

use crate::Session;
use crate::source::Source;
use cairn_artifacts::{Package, fetch_package};
use cairn_runtime::{Event, List, ModelEvent, ModelName, VersionId};
use std::collections::BTreeSet;

impl Session {
    /// The last version of a model, opened; nothing where its keys must not be inherited, and where it cannot be known
    /// or read. New keys are always right: they only cost that everything is sent.
    pub(crate) async fn parent_package(
        &self,
        model: &ModelName,
        stores: &[Source],
    ) -> Option<Package> {
        let told = |error: &dyn std::fmt::Display| {
            tracing::debug!(%model, %error, "no earlier version to take file keys from");
        };
        let events = self
            .client()
            .proved_list::<ModelEvent>(List::Events(model.clone()), None);
        let events = events.await.inspect_err(|error| told(error)).ok()?.value;
        let id = newest_to_inherit_from(events.iter().map(|event| &event.event))?;
        let open = self.open_version(&id).await;
        let open = open.inspect_err(|error| told(error)).ok()?;
        let package = fetch_package(stores, &open.manifest_digest, open.data_key.as_ref()).await;
        let package = package.inspect_err(|error| told(error)).ok()?;
        let same = package.manifest().model_hash() == open.version.value.model_hash;
        (same && !package.is_public()).then_some(package)
    }
}

/// The last version that was published, unless a reader whose access was revoked may still have keys of the model.
fn newest_to_inherit_from<'a>(events: impl Iterator<Item = &'a Event>) -> Option<VersionId> {
    let (mut newest, mut open_to_former_readers) = (None, BTreeSet::new());
    for event in events {
        match event {
            Event::ModelRegistered { id, .. } => newest = Some(id.clone()),
            Event::AccessRevoked { id, .. } => {
                open_to_former_readers.insert(id.clone());
            }
            Event::VersionRekeyed { id, .. } => {
                open_to_former_readers.remove(id);
            }
            _ => {}
        }
    }
    newest.filter(|_| open_to_former_readers.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::AccountId;

    fn id(version: &str) -> VersionId {
        format!("acme/bert@{version}").parse().unwrap()
    }

    fn published(version: &str) -> Event {
        Event::ModelRegistered {
            id: id(version),
            model_hash: Digest::ZERO,
            owner: AccountId(Digest::ZERO),
            parents: Vec::new(),
        }
    }

    fn revoked(version: &str) -> Event {
        Event::AccessRevoked {
            id: id(version),
            reader: AccountId(Digest::ZERO),
            reason: String::new(),
        }
    }

    fn rekeyed(version: &str) -> Event {
        Event::VersionRekeyed {
            id: id(version),
            generation: 1,
            manifest_digest: Digest::ZERO,
            readers: Vec::new(),
        }
    }

    #[test]
    fn the_last_version_gives_its_keys() {
        assert_eq!(newest_to_inherit_from([].iter()), None);
        let events = [published("1.0.0"), published("0.9.0")];
        assert_eq!(newest_to_inherit_from(events.iter()), Some(id("0.9.0")));
    }

    #[test]
    fn after_a_revocation_nothing_is_inherited_until_that_version_was_encrypted_anew() {
        let mut events = vec![published("1.0.0"), published("1.1.0"), revoked("1.0.0")];
        assert_eq!(newest_to_inherit_from(events.iter()), None);
        events.push(rekeyed("1.1.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), None);
        events.push(rekeyed("1.0.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), Some(id("1.1.0")));
        events.extend([published("1.2.0"), revoked("1.2.0")]);
        assert_eq!(newest_to_inherit_from(events.iter()), None);
    }
}
