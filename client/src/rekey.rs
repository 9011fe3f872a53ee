//! New keys for a private version: its bytes are encrypted anew, and whoever may read it gets the new data key.
//!
//! That is the only thing that takes a version out of the hands of somebody who has kept its data key. Versions that
//! share files with it share their keys, and are encrypted anew together.

mod readers;
mod sharing;

use self::sharing::sharing;
use crate::access::{key_commit, not_private};
use crate::resume::Resume;
use crate::source::{Source, Sources};
use crate::{ClientError, Final, Session};
use cairn_artifacts::upkeep::check;
use cairn_artifacts::{
    AnyStore, NoProgress, Package, PackageError, Progress, ReencryptOptions, fetch_stored_manifest,
    forget_reencryption, reencrypt,
};
use cairn_crypto::{DataKey, Digest};
use cairn_runtime::{AccountId, List, ModelName, Operation, VersionId};
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
    /// Readers whose access was revoked while the new data key was on its way to them. They do not have access, but the
    /// transaction that the ledger refused carries the key, sealed to them: only another rekeying takes it from them.
    pub revoked_meanwhile: Vec<AccountId>,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// The transaction that replaced the data key, final and proved.
    pub published: Final,
}

/// What became of a version and those that share files with it.
#[derive(Debug, Default)]
pub struct Rekeying {
    /// Versions under new data keys.
    pub done: Vec<Rekeyed>,
    /// Private versions of the model that could not be looked at, or not opened: whether they share files with the
    /// version is not known, or they do and keep their keys.
    pub skipped: Vec<(VersionId, ClientError)>,
}

/// A version that is to have new keys.
struct Affected {
    id: VersionId,
    generation: u32,
    package: Package,
}

impl Session {
    /// Encrypts a private version anew, and with it every version of the model that shares a file with it, and records
    /// the new data keys, sealed to all readers whose access stands. Readers and their keys are proved. What was stored
    /// under the old keys stays in the stores until `cairn gc`.
    ///
    /// Versions that are farther from this one come before it, so that a run that was broken off finds all that is left
    /// when it is made again. New bytes are read back before the ledger says that they count.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a public version; [`ClientError::NoGrant`] and the like for a version that this
    /// account cannot read itself; [`ClientError::Yanked`] for a yanked version with more readers than one transaction
    /// carries; [`ClientError::Package`]; else as [`Session::transact`]. Versions that were recorded before the error
    /// stay so.
    pub async fn rekey(&self, request: RekeyRequest) -> Result<Rekeying, ClientError> {
        let from = self.sources(&request.sources).await?;
        let to = match &request.store {
            Some(store) => Source::First(store.clone()),
            None => {
                let node = self.store_for_push().await?;
                Source::Second(node.for_namespace(&request.id.model.namespace))
            }
        };
        let mut rekeying = Rekeying::default();
        let affected = self.affected(&request.id, &from, &mut rekeying).await?;
        let mut renewed = Vec::new();
        for id in affected {
            let one = match self.open_stored(&id, &from).await {
                Ok(one) => one,
                Err(error) if id == request.id => return Err(error),
                Err(error) => {
                    rekeying.skipped.push((id, error));
                    continue;
                }
            };
            match self.rekey_one(&request, one, &from, &to, &renewed).await {
                Ok((done, package)) => {
                    rekeying.done.push(done);
                    renewed.push(package);
                }
                // What is wrong with another version does not stand between this one and its new key.
                Err(error @ (ClientError::Package(_) | ClientError::Yanked { .. }))
                    if id != request.id =>
                {
                    rekeying.skipped.push((id, error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rekeying)
    }

    /// The version and all that share blobs with it, directly or through others, the farthest first.
    async fn affected(
        &self,
        id: &VersionId,
        from: &[Source],
        rekeying: &mut Rekeying,
    ) -> Result<Vec<VersionId>, ClientError> {
        let mut candidates = Vec::new();
        for name in self.versions_of(&id.model).await? {
            match self.blobs_in_force(&name, from).await {
                Ok(Some(blobs)) => candidates.push((name, blobs)),
                Ok(None) if name == *id => return Err(not_private(id)),
                Ok(None) => {}
                Err(error) if name == *id => return Err(error),
                Err(error) => rekeying.skipped.push((name, error)),
            }
        }
        Ok(sharing(id, &candidates))
    }

    /// The blobs that a version consists of now; nothing for a public one.
    async fn blobs_in_force(
        &self,
        id: &VersionId,
        from: &[Source],
    ) -> Result<Option<BTreeSet<Digest>>, ClientError> {
        let version = self.client().proved_version(id).await?;
        let Some(in_force) = self.client().data_key_in_force(&version).await? else {
            return Ok(None);
        };
        let stored = fetch_stored_manifest(from, &in_force.manifest_digest).await?;
        Ok(Some(stored.blobs().map(|(digest, _)| digest).collect()))
    }

    async fn versions_of(&self, model: &ModelName) -> Result<Vec<VersionId>, ClientError> {
        let list = List::Versions(model.clone());
        let versions = self.client().proved_list::<String>(list, None).await?;
        Ok((versions.value.into_iter())
            .map(|version| VersionId {
                model: model.clone(),
                version,
            })
            .collect())
    }

    async fn open_stored(&self, id: &VersionId, from: &[Source]) -> Result<Affected, ClientError> {
        let open = self.open_version(id).await?;
        let grant = open.grant.ok_or_else(|| not_private(id))?;
        let stored = fetch_stored_manifest(from, &open.manifest_digest).await?;
        let package = stored.open(open.data_key.as_ref())?;
        let (expected, got) = (
            open.version.value.model_hash,
            package.manifest().model_hash(),
        );
        if got != expected {
            return Err(PackageError::ModelHash { expected, got }.into());
        }
        Ok(Affected {
            id: id.clone(),
            generation: grant.generation,
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
        let (id, chain_id) = (one.id, self.client().chain_id());
        let generation = one.generation.saturating_add(1);
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
        // The old bytes are given up for these: nobody's word that they are there will do.
        let stored = BTreeSet::from([new.manifest_digest]);
        if let Some(fault) = check(to, &stored, &NoProgress)
            .await
            .faults
            .into_iter()
            .next()
        {
            return Err(fault.error.into());
        }
        // From here on the data key may leave this machine, sealed to those who may read it now: no other attempt, with
        // fewer of them, uses it again.
        if let Some(resume) = resume {
            forget_reencryption(resume.folder())?;
            resume.remove()?;
        }
        // After the long part: whoever lost or got access meanwhile.
        let mut readers = self.readers_of(&id, 0).await?;
        let room = self.client().room().await?;
        let mut rekey = Operation::RekeyVersion {
            id: id.clone(),
            generation,
            manifest_digest: new.manifest_digest,
            key_commit: key_commit(&id, generation, &data_key),
            readers: Vec::new(),
        };
        let served = self.seal_beside(&mut rekey, room, &data_key, &readers.recipients)?;
        let later = readers.recipients.split_off(served);
        if !later.is_empty() {
            self.refuse_yanked(&id).await?;
        }
        let published = self.transact(vec![rekey]).await?;
        if !later.is_empty() {
            let now = self.readers_of(&id, published.height).await?;
            let (new, rest) = ((generation, &data_key), now);
            self.grant_rest(&id, new, rest, room, &mut readers).await?;
        }
        let rekeyed = Rekeyed {
            id,
            generation,
            manifest_digest: new.manifest_digest,
            readers: readers.accounts().into_iter().collect(),
            left_out: readers.left_out,
            revoked_meanwhile: readers.revoked_meanwhile,
            bytes_sent: new.bytes_sent,
            published,
        };
        Ok((rekeyed, new.package))
    }
}
