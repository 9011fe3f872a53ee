//! New keys for the account of a session.

use crate::{ClientError, Final, Session};
use cairn_crypto::{AccountKeys, domain};
use cairn_runtime::{Operation, Possession};

impl Session {
    /// Index that the account's next keys have, when this session has the newest ones; all of it proved.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when there is no such account, [`ClientError::KeyNotValid`] when these are not its
    /// newest keys or they are revoked; else as [`Client::prove`](crate::Client::prove).
    pub async fn next_key_index(&self) -> Result<u32, ClientError> {
        let account = self.account();
        let (index, newest) = self.client().proved_key(&account).await?;
        if newest.signing != *self.keys().signing.public_key() {
            return Err(ClientError::KeyNotValid { account });
        }
        Ok(index.saturating_add(1))
    }

    /// Replaces the account's keys by `new`, which must be kept already: from the block after this one on, nothing else
    /// signs for the account. This session signs with the old ones and is of no use afterwards.
    ///
    /// # Errors
    /// As [`Session::next_key_index`] and [`Session::transact`], and [`ClientError::Sign`].
    pub async fn rotate_keys(&self, new: &AccountKeys) -> Result<(u32, Final), ClientError> {
        let key_index = self.next_key_index().await?;
        let claim = Possession {
            chain_id: *self.client().chain_id(),
            account: self.account(),
            key_index,
            signing_key: new.signing.public_key().clone(),
            encryption_key: new.decapsulation.encapsulation_key().clone(),
        };
        let possession = new.signing.sign(domain::POSSESSION, &claim)?;
        let rotation = Operation::RotateKeys {
            signing_key: claim.signing_key,
            encryption_key: claim.encryption_key,
            possession,
        };
        Ok((key_index, self.transact(vec![rotation]).await?))
    }
}
