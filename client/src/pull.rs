//! Pull: a version on the ledger becomes files, and every byte of them is checked.

use crate::session::OpenVersion;
use crate::source::{Source, Sources};
use crate::tally::{Tally, Times};
use crate::{ClientError, Session};
use cairn_artifacts::cache::CachedStore;
use cairn_artifacts::{BlobStore, Manifest, Measured, PackageError, Progress, PullOptions};
use cairn_audit::Verified;
use cairn_runtime::{Grant, Version, VersionId};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was pulled, and what it was checked against.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The version's record, proved.
    pub version: Version,
    /// The proof of the record: height, block, time, signers.
    pub verified: Verified,
    /// The account's grant, proved; `None` for a public version.
    pub grant: Option<Grant>,
    /// The manifest that every file was checked against.
    pub manifest: Manifest,
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, all in all.
    pub elapsed: Duration,
    /// Where the time of the transfer went.
    pub times: Times,
}

/// What becomes of a pull of a version that is yanked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yanked {
    /// Nothing: that it is not is proved first.
    Refuse,
    /// Everything: for those who look into why it was yanked.
    Allow,
}

impl Session {
    /// Pulls a version into the folder `target`, which must not exist or be empty. Record and grant are proved, the
    /// data key is checked against its commitment, and the files against the model hash before they are put in place.
    /// That the version is not yanked is proved first.
    ///
    /// # Errors
    /// [`ClientError::Yanked`], what [`Session::data_key`] says, and [`ClientError::Package`] naming the store, blob or file.
    pub async fn pull(
        &self,
        id: &VersionId,
        target: &Path,
        progress: Arc<dyn Progress>,
    ) -> Result<Pulled, ClientError> {
        let sources = Sources::default();
        self.pull_from(id, target, &sources, Yanked::Refuse, progress)
            .await
    }

    /// As [`Session::pull`], reading from other stores and a cache before the nodes, and of a yanked version too if that
    /// is asked for.
    ///
    /// # Errors
    /// As [`Session::pull`]; without [`ClientError::Yanked`] under [`Yanked::Allow`].
    pub async fn pull_from(
        &self,
        id: &VersionId,
        target: &Path,
        sources: &Sources,
        yanked: Yanked,
        progress: Arc<dyn Progress>,
    ) -> Result<Pulled, ClientError> {
        if yanked == Yanked::Refuse
            && let Some(notice) = self.client().proved_yank(id).await?
        {
            return Err(ClientError::Yanked {
                version: Box::new(id.clone()),
                since: notice.at,
                reason: notice.reason,
            });
        }
        let begun = Instant::now();
        let open = self.open_version(id).await?;
        let tally = Tally::new(progress);
        let stores: Vec<_> = (self.sources(sources).await?.into_iter())
            .map(|store| Measured::new(store, Arc::clone(&tally) as _))
            .collect();
        match &sources.cache {
            None => self.fetch(open, &stores, target, tally, begun).await,
            Some(cache) => {
                let stores: Vec<_> = (stores.into_iter())
                    .map(|store| CachedStore::new(store, cache.clone()))
                    .collect();
                self.fetch(open, &stores, target, tally, begun).await
            }
        }
    }

    /// The stores that were named, and then the nodes.
    pub(crate) async fn sources(&self, sources: &Sources) -> Result<Vec<Source>, ClientError> {
        let named = sources.stores.iter().cloned().map(Source::First);
        let nodes = self.stores().await?.into_iter().map(Source::Second);
        Ok(named.chain(nodes).collect())
    }

    async fn fetch<S: BlobStore>(
        &self,
        open: OpenVersion,
        stores: &[S],
        target: &Path,
        tally: Arc<Tally>,
        begun: Instant,
    ) -> Result<Pulled, ClientError> {
        let manifest_digest = open.manifest_digest;
        let version = open.version.value;
        let options = PullOptions {
            progress: Arc::clone(&tally) as _,
            ..PullOptions::default()
        };
        let pulled = cairn_artifacts::pull(
            stores,
            &manifest_digest,
            &version.model_hash,
            open.data_key.as_ref(),
            target,
            options,
        )
        .await?;
        Ok(Pulled {
            version,
            verified: open.version.verified,
            grant: open.grant,
            manifest: pulled.manifest,
            files: pulled.files,
            bytes: pulled.bytes,
            elapsed: begun.elapsed(),
            times: tally.times(),
        })
    }

    /// Compares a local copy with a version, file by file, and returns the manifest that it agrees with.
    ///
    /// # Errors
    /// [`ClientError::Package`] naming the first file that differs; else as [`Session::pull`].
    pub async fn verify_local(&self, path: &Path, id: &VersionId) -> Result<Manifest, ClientError> {
        self.verify_local_from(path, id, &Sources::default()).await
    }

    /// As [`Session::verify_local`], taking the manifest from other stores before the nodes.
    ///
    /// # Errors
    /// As [`Session::verify_local`].
    pub async fn verify_local_from(
        &self,
        path: &Path,
        id: &VersionId,
        sources: &Sources,
    ) -> Result<Manifest, ClientError> {
        let open = self.open_version(id).await?;
        let stores = self.sources(sources).await?;
        let version = open.version.value;
        let digest = &open.manifest_digest;
        let manifest =
            cairn_artifacts::fetch_manifest(&stores, digest, open.data_key.as_ref()).await?;
        let (expected, got) = (version.model_hash, manifest.model_hash());
        if got != expected {
            return Err(PackageError::ModelHash { expected, got }.into());
        }
        cairn_artifacts::verify_local(path, &manifest).await?;
        Ok(manifest)
    }
}
