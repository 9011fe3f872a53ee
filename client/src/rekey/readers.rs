//! Who gets the new data key: everybody whose access stands, and nobody who lost it meanwhile.

use crate::access::{Recipient, seal_for};
use crate::room::Room;
use crate::{Client, ClientError, Session, Subject};
use cairn_audit::Claim;
use cairn_crypto::DataKey;
use cairn_runtime::params::MAX_REKEY_READERS;
use cairn_runtime::{
    AccessError, AccountId, List, Operation, ReaderKey, TransactionError, VersionId,
};
use std::collections::BTreeSet;

/// Who gets the new data key of a version, and who cannot.
#[derive(Default)]
pub(super) struct Readers {
    pub(super) recipients: Vec<Recipient>,
    pub(super) left_out: Vec<AccountId>,
    pub(super) revoked_meanwhile: Vec<AccountId>,
}

impl Readers {
    pub(super) fn accounts(&self) -> BTreeSet<AccountId> {
        self.recipients.iter().map(|to| to.account).collect()
    }
}

impl Session {
    /// Gives the new data key to those for whom there was no room beside its announcement, one by one where several at
    /// once are refused.
    pub(super) async fn grant_rest(
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
                    Err(error) if is_revoked(&error) => {
                        readers.revoked_meanwhile.push(to.account);
                    }
                    Err(ClientError::Failed { .. }) => readers.left_out.push(to.account),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Puts the new data key into the operation that replaces the old one, sealed to as many as fit, from the first on;
    /// how many these are.
    pub(super) fn seal_beside(
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
    pub(super) async fn refuse_yanked(&self, id: &VersionId) -> Result<(), ClientError> {
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
    pub(super) async fn readers_of(
        &self,
        id: &VersionId,
        height: u64,
    ) -> Result<Readers, ClientError> {
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
