//! The version that a push builds on: its unchanged files keep their keys and blobs, and are not sent again.

use crate::{ClientError, Session};
use cairn_api::EventView;
use cairn_artifacts::{BlobStore, Package, fetch_package};
use cairn_runtime::{Confidentiality, Event, ModelName, VersionId};

impl Session {
    /// The newest private version of a model that this account can open and that has lost no reader since its files
    /// got their keys. None is no fault: everything is sent then.
    ///
    /// What a node leaves out of the model's events can at worst let a reader who lost access read files that have not
    /// changed since he could read them.
    pub(crate) async fn parent<S: BlobStore>(
        &self,
        model: &ModelName,
        stores: &[S],
    ) -> Option<Package> {
        match self.find_parent(model, stores).await {
            Ok(package) => package,
            Err(error) => {
                tracing::debug!(%model, %error, "no earlier version to build on, every file is sent");
                None
            }
        }
    }

    async fn find_parent<S: BlobStore>(
        &self,
        model: &ModelName,
        stores: &[S],
    ) -> Result<Option<Package>, ClientError> {
        let versions = self.client().versions(model).await?;
        let newest = (versions.iter().map(|view| &view.version))
            .filter(|version| matches!(version.confidentiality, Confidentiality::Private { .. }))
            .max_by_key(|version| version.ordinal);
        let Some(newest) = newest else {
            return Ok(None);
        };
        let events = self.client().events(model).await?;
        if !has_fresh_keys(&newest.id, newest.published_at, &events) {
            return Ok(None);
        }
        let open = self.open_version(&newest.id).await?;
        let data_key = open.data_key.as_ref();
        let package = fetch_package(stores, &open.manifest_digest, data_key).await?;
        Ok(Some(package))
    }
}

/// Whether the files of a version got their keys after the last reader of the model lost access.
fn has_fresh_keys(id: &VersionId, published_at: u64, events: &[EventView]) -> bool {
    let mut keyed = published_at;
    let mut revoked = None;
    for view in events {
        let height = view.event.height;
        match &view.event.event {
            Event::AccessRevoked { .. } => revoked = revoked.max(Some(height)),
            Event::VersionRekeyed { id: rekeyed, .. } if rekeyed == id => keyed = keyed.max(height),
            _ => {}
        }
    }
    revoked.is_none_or(|revoked| keyed > revoked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use cairn_crypto::Digest;
    use cairn_runtime::{AccountId, ModelEvent};

    fn id(version: &str) -> VersionId {
        format!("acme/bert@{version}").parse().unwrap()
    }

    fn at(height: u64, event: Event) -> EventView {
        EventView::from(ModelEvent {
            height,
            timestamp_ms: 0,
            tx_hash: Digest::ZERO,
            sender: AccountId(Digest::ZERO),
            event,
        })
    }

    fn revoked(height: u64, version: &str) -> EventView {
        let event = Event::AccessRevoked {
            id: id(version),
            reader: AccountId(Digest::ZERO),
            reason: String::new(),
        };
        at(height, event)
    }

    fn rekeyed(height: u64, version: &str) -> EventView {
        let event = Event::VersionRekeyed {
            id: id(version),
            generation: 1,
            manifest_digest: Digest::ZERO,
            readers: Vec::new(),
        };
        at(height, event)
    }

    #[test]
    fn no_key_from_before_a_revocation_is_used_again_until_the_version_has_others() {
        let version = id("1.1.0");
        let fresh = |events: &[EventView]| has_fresh_keys(&version, 10, events);
        assert!(fresh(&[]));
        assert!(fresh(&[revoked(9, "1.0.0")]));
        // Of whichever version: its files may have the same keys.
        assert!(!fresh(&[revoked(11, "1.0.0")]));
        // In the block that published it, the order is not known.
        assert!(!fresh(&[revoked(10, "1.1.0")]));
        assert!(!fresh(&[revoked(11, "1.1.0"), rekeyed(12, "1.0.0")]));
        assert!(fresh(&[revoked(11, "1.1.0"), rekeyed(12, "1.1.0")]));
        assert!(!fresh(&[rekeyed(12, "1.1.0"), revoked(13, "1.0.0")]));
    }
}
