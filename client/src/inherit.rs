//! Which version of a model the next one may take file keys from: a file that is the same in both is then stored, and
//! sent, once.
//!
//! Whoever could read the earlier version keeps its file keys. So nothing is inherited from a version whose files got
//! their keys before somebody's access to a version of the model was revoked.

use crate::Session;
use cairn_artifacts::{BlobStore, Package, fetch_package};
use cairn_runtime::{Event, List, ModelEvent, ModelName, VersionId};

impl Session {
    /// The last version of a model, opened; nothing where its keys must not be inherited, and where it cannot be known
    /// or read. New keys are always right: they only cost that everything is sent.
    pub(crate) async fn parent_package<S: BlobStore>(
        &self,
        model: &ModelName,
        stores: &[S],
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

/// The last version that was published, unless a reader whose access was revoked since may have keys of its files.
fn newest_to_inherit_from<'a>(events: impl Iterator<Item = &'a Event>) -> Option<VersionId> {
    let mut newest = None;
    for event in events {
        match event {
            Event::ModelRegistered { id, .. } => newest = Some((id.clone(), true)),
            Event::AccessRevoked { .. } => newest = newest.map(|(id, _)| (id, false)),
            Event::VersionRekeyed { id: rekeyed, .. } => {
                newest = newest.map(|(id, fresh)| {
                    let fresh = fresh || id == *rekeyed;
                    (id, fresh)
                });
            }
            _ => {}
        }
    }
    newest.and_then(|(id, fresh)| fresh.then_some(id))
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
    fn after_a_revocation_nothing_is_inherited_from_keys_of_before() {
        let mut events = vec![published("1.0.0"), published("1.1.0"), revoked("1.0.0")];
        assert_eq!(newest_to_inherit_from(events.iter()), None);
        events.push(rekeyed("1.0.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), None, "another one's");
        let mut renewed = events.clone();
        renewed.push(rekeyed("1.1.0"));
        assert_eq!(newest_to_inherit_from(renewed.iter()), Some(id("1.1.0")));
        // Nothing was inherited when it was published.
        events.push(published("1.2.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), Some(id("1.2.0")));
        events.push(revoked("1.0.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), None);
    }
}
