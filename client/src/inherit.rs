//! Which version of a model the next one may take file keys from: a file that is the same in both is then stored, and
//! sent, once.
//!
//! Whoever could read the earlier version keeps its file keys. So nothing is inherited from a version that was published
//! before somebody's access to a version of the model was revoked.

use crate::{ClientError, Session};
use cairn_artifacts::{BlobStore, Package, fetch_package};
use cairn_runtime::{Event, List, ModelEvent, ModelName, VersionId};

/// A version whose file keys the next one may take over.
pub(crate) struct ParentVersion {
    pub(crate) id: VersionId,
    pub(crate) package: Package,
}

impl Session {
    /// The last version of a model, opened; nothing where its keys must not be inherited, and where it cannot be known
    /// or read. New keys are always right: they only cost that everything is sent.
    pub(crate) async fn parent_version<S: BlobStore>(
        &self,
        model: &ModelName,
        stores: &[S],
    ) -> Option<ParentVersion> {
        let told = |error: &dyn std::fmt::Display| {
            tracing::debug!(%model, %error, "no earlier version to take file keys from");
        };
        let events = self.proved_events(model).await;
        let events = events.inspect_err(|error| told(error)).ok()?;
        let id = newest_to_inherit_from(events.iter().map(|event| &event.event))?;
        let open = self.open_version(&id).await;
        let open = open.inspect_err(|error| told(error)).ok()?;
        let package = fetch_package(stores, &open.manifest_digest, open.data_key.as_ref()).await;
        let package = package.inspect_err(|error| told(error)).ok()?;
        let same = package.manifest().model_hash() == open.version.value.model_hash;
        (same && !package.is_public()).then_some(ParentVersion { id, package })
    }

    /// Whether the keys of this version may still be inherited: whoever asked before a long transfer asks again after it.
    pub(crate) async fn is_still_parent(&self, id: &VersionId) -> bool {
        match self.proved_events(&id.model).await {
            Ok(events) => {
                let events = events.iter().map(|event| &event.event);
                is_untouched(events, id)
            }
            Err(_) => false,
        }
    }

    async fn proved_events(&self, model: &ModelName) -> Result<Vec<ModelEvent>, ClientError> {
        let list = List::Events(model.clone());
        Ok(self.client().proved_list(list, None).await?.value)
    }
}

/// The last version that was published, unless a reader whose access was revoked since may have keys of its files.
fn newest_to_inherit_from<'a>(
    events: impl DoubleEndedIterator<Item = &'a Event> + Clone,
) -> Option<VersionId> {
    let newest = events.clone().rev().find_map(|event| match event {
        Event::ModelRegistered { id, .. } => Some(id.clone()),
        _ => None,
    });
    newest.filter(|id| is_untouched(events, id))
}

/// Whether a version was published, and nobody's access to the model revoked since. That it was encrypted anew does not
/// help: it may share keys with a version that was so before the revocation.
fn is_untouched<'a>(events: impl Iterator<Item = &'a Event>, id: &VersionId) -> bool {
    let mut untouched = false;
    for event in events {
        match event {
            Event::ModelRegistered { id: published, .. } if published == id => untouched = true,
            Event::AccessRevoked { .. } => untouched = false,
            _ => {}
        }
    }
    untouched
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
        let mut events = vec![published("1.0.0"), published("1.1.0")];
        assert!(is_untouched(events.iter(), &id("1.0.0")));
        events.push(revoked("1.0.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), None);
        events.extend([rekeyed("1.0.0"), rekeyed("1.1.0")]);
        assert_eq!(newest_to_inherit_from(events.iter()), None);
        // Nothing was inherited when it was published.
        events.push(published("1.2.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), Some(id("1.2.0")));
        assert!(is_untouched(events.iter(), &id("1.2.0")));
        for other in ["1.0.0", "1.1.0", "9.9.9"] {
            assert!(!is_untouched(events.iter(), &id(other)), "{other}");
        }
        events.push(revoked("1.0.0"));
        assert_eq!(newest_to_inherit_from(events.iter()), None);
        assert!(!is_untouched(events.iter(), &id("1.2.0")));
    }
}
