//! New keys for a private version: its bytes are encrypted anew, and whoever may read it gets the new data key.
//!
//! That is the only thing that takes a version out of the hands of somebody who has kept its data key. Versions that
//! share files with it share their keys, and are encrypted anew together.

use crate::access::{KEYS_A_TRANSACTION, Recipient, key_commit, not_private, seal_for};
use crate::resume::Resume;
use crate::source::{Source, Sources};
use crate::{ClientError, Final, Session};
use cairn_artifacts::{
    AnyStore, NoProgress, Package, PackageError, Progress, ReencryptOptions, StoredManifest,
    fetch_stored_manifest, forget_reencryption, reencrypt,
};
use cairn_crypto::{DataKey, Digest};
use cairn_runtime::{AccountId, Grant, List, ModelName, Operation, ReaderKey, Version, VersionId};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What to encrypt anew, and where.
#[derive(Clone)]
pub struct RekeyRequest {
    /// The version.
    pub id: VersionId,
    /// Where its bytes are read from, before the nodes are asked.
    pub sources: Sources,
    /// Where to store the new ones, instead of with a node.
    pub store: Option<AnyStore>,
    /// A private folder under which an interrupted run is kept, without which it starts again from nothing.
    pub resume_dir: Option<PathBuf>,
    /// Told how far it is, anew for each version.
    pub progress: Arc<dyn Progress>,
}

impl RekeyRequest {
    /// A version whose bytes are with the nodes.
    #[must_use]
    pub fn new(id: VersionId) -> Self {
        Self {
            id,
            sources: Sources::default(),
            store: None,
            resume_dir: None,
            progress: Arc::new(NoProgress),
        }
    }
}

impl fmt::Debug for RekeyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RekeyRequest")
            .field("id", &self.id)
            .field("sources", &self.sources)
            .field("store", &self.store)
            .field("resume_dir", &self.resume_dir)
            .finish_non_exhaustive()
    }
}

/// A version under its new data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// Which.
    pub id: VersionId,
    /// Generation of the new data key.
    pub generation: u32,
    /// SHA-256 of the new stored manifest.
    pub manifest_digest: Digest,
    /// Who has the new data key.
    pub readers: Vec<AccountId>,
    /// Readers whose access stands, but whose newest keys are revoked or whose account is suspended: nothing can be
    /// sealed to them. They are granted access again once that has changed.
    pub left_out: Vec<AccountId>,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// The transaction that replaced the data key, final and proved.
    pub published: Final,
}

/// A version that is to have new keys.
struct Affected {
    version: Version,
    generation: u32,
    package: Package,
}

/// Who gets the new data key of a version, and who cannot.
struct Readers {
    recipients: Vec<Recipient>,
    left_out: Vec<AccountId>,
}

impl Session {
    /// Encrypts a private version anew, and with it every version of the model that shares a file with it, and records
    /// the new data keys, sealed to all readers whose access stands. Readers and their keys are proved; a reader whose
    /// access was revoked cannot be put back by a node. What was stored under the old keys stays in the stores until
    /// `cairn gc`.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a public version; [`ClientError::NoGrant`] and the like for a version that this
    /// account cannot read itself; [`ClientError::Package`]; else as [`Session::transact`]. Versions that were recorded
    /// before the error stay so.
    pub async fn rekey(&self, request: RekeyRequest) -> Result<Vec<Rekeyed>, ClientError> {
        let from = self.sources(&request.sources).await?;
        let to = match &request.store {
            Some(store) => Source::Store(store.clone()),
            None => Source::Node(self.store_for_push().await?),
        };
        let affected = self.affected(&request.id, &from).await?;
        let (mut done, mut renewed) = (Vec::new(), Vec::new());
        for one in affected {
            let rekeyed = self.rekey_one(&request, one, &from, &to, &renewed).await?;
            done.push(rekeyed.0);
            renewed.push(rekeyed.1);
        }
        Ok(done)
    }

    /// The version and all that share blobs with it, directly or through others, oldest first.
    async fn affected(
        &self,
        id: &VersionId,
        from: &[Source],
    ) -> Result<Vec<Affected>, ClientError> {
        let mut candidates = Vec::new();
        for name in self.versions_of(&id.model).await? {
            let version = self.client().proved_version(&name).await?;
            if let Some(in_force) = self.client().data_key_in_force(&version).await? {
                let stored = fetch_stored_manifest(from, &in_force.manifest_digest).await?;
                candidates.push((version, in_force.generation, stored));
            }
        }
        if !candidates.iter().any(|(version, ..)| version.id == *id) {
            return Err(not_private(id));
        }
        let blobs: Vec<_> = (candidates.iter())
            .map(|(version, _, stored)| (&version.id, blobs_of(stored)))
            .collect();
        let sharing = sharing(id, &blobs);
        let mut affected = Vec::new();
        for (version, generation, stored) in candidates {
            if sharing.contains(&version.id) {
                affected.push(self.open_stored(version, generation, stored).await?);
            }
        }
        Ok(affected)
    }

    async fn versions_of(&self, model: &ModelName) -> Result<Vec<VersionId>, ClientError> {
        let versions = self
            .client()
            .proved_list::<String>(List::Versions(model.clone()), None);
        let versions = versions.await?.value.into_iter();
        Ok(versions
            .map(|version| VersionId {
                model: model.clone(),
                version,
            })
            .collect())
    }

    async fn open_stored(
        &self,
        version: Version,
        generation: u32,
        stored: StoredManifest,
    ) -> Result<Affected, ClientError> {
        let key = self.data_key(&version.id).await?;
        let package = stored.open(key.as_ref())?;
        let (expected, got) = (version.model_hash, package.manifest().model_hash());
        if got != expected {
            return Err(PackageError::ModelHash { expected, got }.into());
        }
        Ok(Affected {
            version,
            generation,
            package,
        })
    }

    async fn rekey_one(
        &self,
        request: &RekeyRequest,
        one: Affected,
        from: &[Source],
        to: &Source,
        renewed: &[Package],
    ) -> Result<(Rekeyed, Package), ClientError> {
        let (id, chain_id) = (one.version.id, self.client().chain_id());
        let generation = one.generation.saturating_add(1);
        let readers = self.readers_of(&id, one.generation).await?;
        let resume = match &request.resume_dir {
            Some(parent) => Some(Resume::of_rekey(parent, chain_id, &id, generation)?),
            None => None,
        };
        let data_key = match &resume {
            Some(resume) => resume.data_key()?,
            None => DataKey::generate()?,
        };
        let options = ReencryptOptions {
            resume_dir: resume.as_ref().map(|resume| resume.folder().to_owned()),
            renewed: renewed.to_vec(),
            progress: Arc::clone(&request.progress),
            ..ReencryptOptions::default()
        };
        let new = reencrypt(from, to, &one.package, &data_key, options).await?;

        let grants = readers
            .recipients
            .iter()
            .map(|to| seal_for(chain_id, &id, generation, &data_key, to));
        let mut grants: Vec<Operation> = grants.collect::<Result<_, _>>()?;
        let later = grants.split_off(grants.len().min(KEYS_A_TRANSACTION));
        let rekey = Operation::RekeyVersion {
            id: id.clone(),
            generation,
            manifest_digest: new.manifest_digest,
            key_commit: key_commit(&id, generation, &data_key),
            readers: grants.into_iter().filter_map(reader_key).collect(),
        };
        let published = self.transact(vec![rekey]).await?;
        self.grant_in_parts(&later).await?;
        if let Some(resume) = resume {
            forget_reencryption(resume.folder())?;
            resume.remove()?;
        }
        let rekeyed = Rekeyed {
            id,
            generation,
            manifest_digest: new.manifest_digest,
            readers: readers.recipients.iter().map(|to| to.account).collect(),
            left_out: readers.left_out,
            bytes_sent: new.bytes_sent,
            published,
        };
        Ok((rekeyed, new.package))
    }

    /// Everybody whose grant of the data key in force stands, this account first, with their newest keys; all of it
    /// proved.
    async fn readers_of(&self, id: &VersionId, in_force: u32) -> Result<Readers, ClientError> {
        let client = self.client();
        let mut readers = Readers {
            recipients: vec![client.recipient(&self.account()).await?],
            left_out: Vec::new(),
        };
        let ever = client.proved_list::<AccountId>(List::Readers(id.clone()), None);
        for reader in ever.await?.value {
            let grant: Option<Grant> = client.proved_grant(id, &reader).await?;
            let stands = grant.is_some_and(|grant| grant.generation == in_force);
            if !stands || reader == self.account() {
                continue;
            }
            let suspended = client.proved_account(&reader).await?.suspended_at;
            match client.recipient(&reader).await {
                Ok(recipient) if suspended.is_none() => readers.recipients.push(recipient),
                Ok(_) | Err(ClientError::KeyNotValid { .. }) => readers.left_out.push(reader),
                Err(error) => return Err(error),
            }
        }
        Ok(readers)
    }
}

fn reader_key(grant: Operation) -> Option<ReaderKey> {
    match grant {
        Operation::GrantAccess {
            reader,
            key_index,
            sealed,
            ..
        } => Some(ReaderKey {
            reader,
            key_index,
            sealed,
        }),
        _ => None,
    }
}

fn blobs_of(stored: &StoredManifest) -> BTreeSet<Digest> {
    stored.blobs().map(|(digest, _)| digest).collect()
}

/// What shares a blob with `id`, or with something that does, and so on; `id` itself too.
fn sharing(id: &VersionId, blobs: &[(&VersionId, BTreeSet<Digest>)]) -> BTreeSet<VersionId> {
    let (mut found, mut reached) = (BTreeSet::from([id.clone()]), BTreeSet::new());
    loop {
        let before = reached.len();
        for (version, held) in blobs {
            if found.contains(version) || !reached.is_disjoint(held) {
                found.insert((*version).clone());
                reached.extend(held);
            }
        }
        if reached.len() == before {
            return found;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_that_share_through_others_are_found_and_no_others() {
        let ids: Vec<VersionId> = (0..5)
            .map(|minor| format!("acme/bert@1.{minor}.0").parse().unwrap())
            .collect();
        let of = |names: &[&str]| -> BTreeSet<Digest> {
            names
                .iter()
                .map(|name| Digest::of(name.as_bytes()))
                .collect()
        };
        // 4 shares with 3, 3 with 0; an older one that is only reached through a newer one too.
        let blobs = [
            (&ids[0], of(&["a", "b"])),
            (&ids[1], of(&["x"])),
            (&ids[2], of(&["x", "y"])),
            (&ids[3], of(&["b", "c"])),
            (&ids[4], of(&["c"])),
        ];
        let expect = |numbers: &[usize]| -> BTreeSet<VersionId> {
            numbers.iter().map(|number| ids[*number].clone()).collect()
        };
        assert_eq!(sharing(&ids[4], &blobs), expect(&[0, 3, 4]));
        assert_eq!(sharing(&ids[0], &blobs), expect(&[0, 3, 4]));
        assert_eq!(sharing(&ids[1], &blobs), expect(&[1, 2]));
    }

    #[test]
    fn a_version_without_chunks_shares_with_nobody() {
        let ids: Vec<VersionId> = ["a/b@1.0.0", "a/b@2.0.0"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let blobs = [(&ids[0], BTreeSet::new()), (&ids[1], BTreeSet::new())];
        assert_eq!(sharing(&ids[0], &blobs), BTreeSet::from([ids[0].clone()]));
    }
}
