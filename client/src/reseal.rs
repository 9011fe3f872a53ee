//! Data keys moved to an account's newest key, so that earlier keys are needed no more.

use crate::access::{Recipient, not_private, seal_for};
use crate::session::OpenVersion;
use crate::{ClientError, Final, Session};
use cairn_runtime::{AccountId, Event, Operation, VersionId};
use std::collections::BTreeSet;

/// What became of the data keys of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Versions that open with the newest key alone since.
    pub moved: Vec<VersionId>,
    /// Versions whose data key is sealed to a key that this session does not have.
    pub locked: Vec<VersionId>,
    /// Versions that could not be looked at, opened or moved for another reason, and what that is.
    pub failed: Vec<(VersionId, String)>,
    /// The transactions, final and proved.
    pub transactions: Vec<Final>,
}

impl Session {
    /// Seals the data key of a version that this account can read to the account's newest key, after the account
    /// rotated its keys: earlier ones are then needed no more.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a public version; else as [`Session::grant`].
    pub async fn reseal(&self, id: &VersionId) -> Result<Final, ClientError> {
        let open = self.open_version(id).await?;
        let to = self.client().recipient(&self.account()).await?;
        let operation = self
            .resealed(id, &open, &to)?
            .ok_or_else(|| not_private(id))?;
        self.transact(vec![operation]).await
    }

    /// As [`Session::reseal`], for every version that the account was granted and that is not sealed to its newest key.
    /// Which these are is a node's word: a version that it leaves out stays as it is, and opens with the earlier key.
    ///
    /// # Errors
    /// [`ClientError::KeyNotValid`] when this session's keys are not the account's newest; what the nodes answer to
    /// anything but a single version. What was moved before stays so.
    pub async fn reseal_all(&self) -> Result<Resealed, ClientError> {
        let to = self.client().recipient(&self.account()).await?;
        if to.encryption_key != *self.keys().decapsulation.encapsulation_key() {
            let account = self.account();
            return Err(ClientError::KeyNotValid { account });
        }
        let (mut resealed, mut moves) = (Resealed::default(), Vec::new());
        for id in self.granted().await? {
            match self.move_of(&id, &to).await {
                Ok(Some(operation)) => moves.push((id, operation)),
                Ok(None) => {}
                Err(ClientError::OtherKey { .. }) => resealed.locked.push(id),
                Err(ClientError::NoGrant { .. } | ClientError::OldDataKey { .. }) => {}
                Err(error) => resealed.failed.push((id, error.to_string())),
            }
        }
        if moves.is_empty() {
            return Ok(resealed);
        }
        let room = self.client().room().await?;
        for part in room.cut("a data key", moves, |(_, operation)| operation)? {
            let operations = part.iter().map(|(_, operation)| operation.clone());
            match self.transact(operations.collect()).await {
                Ok(done) => {
                    let ids = part.iter().map(|(id, _)| id.clone());
                    resealed.moved.extend(ids);
                    resealed.transactions.push(done);
                }
                Err(ClientError::Failed { .. }) => self.one_by_one(&part, &mut resealed).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(resealed)
    }

    /// One of several is refused: it must not hold up the others.
    async fn one_by_one(
        &self,
        moves: &[(VersionId, Operation)],
        resealed: &mut Resealed,
    ) -> Result<(), ClientError> {
        for (id, operation) in moves {
            match self.transact(vec![operation.clone()]).await {
                Ok(done) => {
                    resealed.moved.push(id.clone());
                    resealed.transactions.push(done);
                }
                Err(error @ ClientError::Failed { .. }) => {
                    resealed.failed.push((id.clone(), error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What moves a version's data key, unless it is where it belongs.
    async fn move_of(
        &self,
        id: &VersionId,
        to: &Recipient,
    ) -> Result<Option<Operation>, ClientError> {
        let open = self.open_version(id).await?;
        if open.key_index() == Some(to.key_index) {
            return Ok(None);
        }
        self.resealed(id, &open, to)
    }

    /// The operation that moves a version's data key to the newest key; nothing for a public version.
    fn resealed(
        &self,
        id: &VersionId,
        open: &OpenVersion,
        to: &Recipient,
    ) -> Result<Option<Operation>, ClientError> {
        let (Some(key), Some(grant)) = (&open.data_key, &open.grant) else {
            return Ok(None);
        };
        let chain_id = self.client().chain_id();
        Ok(match seal_for(chain_id, id, grant.generation, key, to)? {
            Operation::GrantAccess {
                id,
                key_index,
                generation,
                sealed,
                ..
            } => Some(Operation::ResealAccess {
                id,
                key_index,
                generation,
                sealed,
            }),
            _ => None,
        })
    }

    /// The versions that the account was ever granted and not refused since, by a node's word.
    async fn granted(&self) -> Result<BTreeSet<VersionId>, ClientError> {
        let (client, me) = (self.client(), self.account());
        let mut granted = BTreeSet::new();
        for model in client.models(None).await? {
            for view in client.events(&model.model.name).await? {
                note_access(&mut granted, view.event.event, me);
            }
        }
        Ok(granted)
    }
}

fn note_access(granted: &mut BTreeSet<VersionId>, event: Event, me: AccountId) {
    match event {
        Event::AccessGranted { id, reader, .. } if reader == me => {
            granted.insert(id);
        }
        Event::VersionRekeyed { id, readers, .. } if readers.contains(&me) => {
            granted.insert(id);
        }
        Event::AccessRevoked { id, reader, .. } if reader == me => {
            granted.remove(&id);
        }
        _ => {}
    }
}
