//! New keys for a private version: its bytes are encrypted anew, and whoever may read it gets the new data key.
//!
//! That is the only thing that takes a version out of the hands of somebody who has kept its data key. Versions that
//! share files with it share their keys, and are encrypted anew together.

use crate::access::{Recipient, key_commit, not_private, seal_for};
use crate::resume::Resume;
use crate::room::Room;
use crate::source::{Source, Sources};
use crate::{Client, ClientError, Final, Session, Subject};
use cairn_artifacts::upkeep::check;
use cairn_artifacts::{
    AnyStore, NoProgress, Package, PackageError, Progress, ReencryptOptions, fetch_stored_manifest,
    forget_reencryption, reencrypt,
};
use cairn_audit::Claim;
use cairn_crypto::{DataKey, Digest};
use cairn_runtime::params::MAX_REKEY_READERS;
use cairn_runtime::{
    AccessError, AccountId, List, ModelName, Operation, ReaderKey, TransactionError, VersionId,
};
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

/// Who gets the new data key of a version, and who cannot.
#[derive(Default)]
struct Readers {
    recipients: Vec<Recipient>,
    left_out: Vec<AccountId>,
}

impl Readers {
    fn accounts(&self) -> BTreeSet<AccountId> {
        self.recipients.iter().map(|to| to.account).collect()
    }
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
            let (done, package) = self.rekey_one(&request, one, &from, &to, &renewed).await?;
            rekeying.done.push(done);
            renewed.push(package);
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
            bytes_sent: new.bytes_sent,
            published,
        };
        Ok((rekeyed, new.package))
    }

    /// Gives the new data key to those for whom there was no room beside its announcement, one by one where several at
    /// once are refused.
    async fn grant_rest(
        &self,
        id: &VersionId,
        (generation, data_key): (u32, &DataKey),
        now: Readers,
        room: Room,
        readers: &mut Readers,
    ) -> Result<(), ClientError> {
        let chain_id = self.client().chain_id();
        let served = readers.accounts();
        let mut rest = Vec::new();
        for to in now.recipients {
            if !served.contains(&to.account) {
                let grant = seal_for(chain_id, id, generation, data_key, &to)?;
                rest.push((to, grant));
            }
        }
        for part in room.cut("a reader's data key", rest, |(_, grant)| grant)? {
            let grants = part.iter().map(|(_, grant)| grant.clone());
            if self.transact(grants.collect()).await.is_ok() {
                readers
                    .recipients
                    .extend(part.into_iter().map(|(to, _)| to));
                continue;
            }
            for (to, grant) in part {
                match self.transact(vec![grant]).await {
                    Ok(_) => readers.recipients.push(to),
                    Err(error) if is_revoked(&error) => {}
                    Err(ClientError::Failed { .. }) => readers.left_out.push(to.account),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Puts the new data key into the operation that replaces the old one, sealed to as many as fit, from the first on;
    /// how many these are.
    fn seal_beside(
        &self,
        rekey: &mut Operation,
        room: Room,
        data_key: &DataKey,
        recipients: &[Recipient],
    ) -> Result<usize, ClientError> {
        let what = "the replacement of a data key";
        let mut room = room.beside(what, rekey)?;
        let Operation::RekeyVersion {
            id,
            generation,
            readers,
            ..
        } = rekey
        else {
            return Ok(0);
        };
        let most = usize::try_from(MAX_REKEY_READERS).unwrap_or(usize::MAX);
        for to in recipients.iter().take(most) {
            let grant = seal_for(self.client().chain_id(), id, *generation, data_key, to)?;
            let Some(key) = reader_key(grant) else {
                break;
            };
            match room.extend(what, &key) {
                Ok(()) => readers.push(key),
                // Without anybody who can open it, the version would be lost.
                Err(error) if readers.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(readers.len())
    }

    /// Nobody is granted a yanked version, so there is no second transaction for its readers.
    async fn refuse_yanked(&self, id: &VersionId) -> Result<(), ClientError> {
        match self.client().proved_yank(id).await? {
            None => Ok(()),
            Some(notice) => Err(ClientError::Yanked {
                version: Box::new(id.clone()),
                since: notice.at,
                reason: notice.reason,
            }),
        }
    }

    /// Everybody whose grant stands, this account first, with their newest keys; all of it proved, the grants as of this
    /// height or a later one.
    async fn readers_of(&self, id: &VersionId, height: u64) -> Result<Readers, ClientError> {
        let client = self.client();
        let mut readers = Readers::default();
        readers
            .recipients
            .push(client.recipient(&self.account()).await?);
        let ever = client.proved_list::<AccountId>(List::Readers(id.clone()), None);
        for reader in ever.await?.value {
            if reader == self.account() {
                continue;
            }
            let Some(seen_at) = client.grant_stands(id, &reader, height).await? else {
                continue;
            };
            let suspended = client.proved_account(&reader).await?.suspended_at;
            match client.recipient(&reader).await {
                Ok(recipient) if suspended.is_none() => readers.recipients.push(Recipient {
                    as_of: seen_at,
                    ..recipient
                }),
                Ok(_) | Err(ClientError::KeyNotValid { .. }) => readers.left_out.push(reader),
                Err(error) => return Err(error),
            }
        }
        Ok(readers)
    }
}

impl Client {
    /// The height at which a reader's access to a version is proved to stand, this one or a later one; nothing when it
    /// does not stand.
    async fn grant_stands(
        &self,
        id: &VersionId,
        reader: &AccountId,
        height: u64,
    ) -> Result<Option<u64>, ClientError> {
        let subject = Subject::Grant(id.clone(), *reader);
        let (bundle, verified) = self.prove(&subject).await?;
        if verified.height.0 < height {
            return Err(ClientError::OtherClaim {
                expected: format!("{subject} as of height {height}"),
                got: format!("as of height {}", verified.height),
            });
        }
        Ok(match bundle.claim {
            Claim::Grant { value, .. } if value.revoked.is_none() => Some(verified.height.0),
            _ => None,
        })
    }
}

/// Whether a grant was refused because its reader's access was revoked after it was proved to stand.
fn is_revoked(error: &ClientError) -> bool {
    let ClientError::Failed { error, .. } = error else {
        return false;
    };
    matches!(
        **error,
        TransactionError::Access(AccessError::AccessRevoked { .. })
    )
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

/// What shares a blob with `id`, or with something that does, and so on; the farthest first, and `id` itself last.
fn sharing(id: &VersionId, blobs: &[(VersionId, BTreeSet<Digest>)]) -> Vec<VersionId> {
    let (mut found, mut reached) = (vec![id.clone()], BTreeSet::new());
    loop {
        let before = reached.len();
        for (version, held) in blobs {
            if found.contains(version) {
                reached.extend(held);
            }
        }
        if reached.len() == before {
            found.reverse();
            return found;
        }
        for (version, held) in blobs {
            if !found.contains(version) && !reached.is_disjoint(held) {
                found.push(version.clone());
            }
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
        // 4 shares with 3, 3 with 0; an older one is reached through a newer one, too.
        let blobs = [
            (ids[0].clone(), of(&["a", "b"])),
            (ids[1].clone(), of(&["x"])),
            (ids[2].clone(), of(&["x", "y"])),
            (ids[3].clone(), of(&["b", "c"])),
            (ids[4].clone(), of(&["c"])),
        ];
        let expect = |numbers: &[usize]| -> Vec<VersionId> {
            numbers.iter().map(|number| ids[*number].clone()).collect()
        };
        assert_eq!(sharing(&ids[4], &blobs), expect(&[0, 3, 4]));
        assert_eq!(sharing(&ids[0], &blobs), expect(&[4, 3, 0]));
        assert_eq!(sharing(&ids[1], &blobs), expect(&[2, 1]));
        // Whatever a broken run has left is still reached.
        assert_eq!(sharing(&ids[4], &blobs[1..]), expect(&[3, 4]));
    }

    #[test]
    fn a_version_without_chunks_shares_with_nobody() {
        let ids: Vec<VersionId> = ["a/b@1.0.0", "a/b@2.0.0"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let blobs = [
            (ids[0].clone(), BTreeSet::new()),
            (ids[1].clone(), BTreeSet::new()),
        ];
        assert_eq!(sharing(&ids[0], &blobs), [ids[0].clone()]);
    }
}
