//! Routes about validators, epochs, proposals and keys. What comes back is a node's word.

use crate::routes::segment;
use crate::{Client, ClientError};
use cairn_api::{Answer, ProposalView, ValidatorSetView, ValidatorView, code};
use cairn_crypto::{Digest, PublicKey};
use cairn_runtime::{AccountId, EpochRecord, KeyUse};

impl Client {
    /// The validators in force.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`]; so for all methods here.
    pub async fn validators(&self) -> Result<Answer<ValidatorSetView>, ClientError> {
        self.ask_json("/v1/validators".to_owned()).await
    }

    /// All validators that there ever were, in order of joining.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn validator_registry(&self) -> Result<Vec<ValidatorView>, ClientError> {
        self.list("/v1/validators/registry?".to_owned()).await
    }

    /// A validator.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `validator_not_found`.
    pub async fn validator(&self, id: &AccountId) -> Result<Answer<ValidatorView>, ClientError> {
        self.ask_json(format!("/v1/validators/{id}")).await
    }

    /// Who decided in an epoch; in the present one without a number.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `epoch_not_found`.
    pub async fn epoch(&self, number: Option<u64>) -> Result<Answer<EpochRecord>, ClientError> {
        let name = number.map_or_else(|| "latest".to_owned(), |number| number.to_string());
        self.ask_json(format!("/v1/epochs/{name}")).await
    }

    /// All proposals, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn proposals(&self) -> Result<Vec<ProposalView>, ClientError> {
        self.list("/v1/proposals?".to_owned()).await
    }

    /// A proposal.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `proposal_not_found`.
    pub async fn proposal(&self, number: u64) -> Result<Answer<ProposalView>, ClientError> {
        self.ask_json(format!("/v1/proposals/{number}")).await
    }

    /// What a signing key is or was for, by its fingerprint; `None` when it was never in use.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn key_use(&self, fingerprint: &Digest) -> Result<Option<KeyUse>, ClientError> {
        let path = format!("/v1/keys/{}", segment(&fingerprint.reference()));
        match self.ask_json::<Answer<KeyUse>>(path).await {
            Ok(answer) => Ok(Some(answer.data)),
            Err(error) if error.is_refusal(code::KEY_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The account that a signing key belongs, or belonged, to; of a key that was never in use, the account that it
    /// names. A first key names its account by itself; that a later one is the account's is proved, because data keys
    /// are sealed to whoever the account is.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] for a validator's key, [`ClientError::OtherClaim`] when a node's word is not proved,
    /// and what [`Client::prove`] says.
    pub async fn account_of(&self, key: &PublicKey) -> Result<AccountId, ClientError> {
        let named = AccountId::of(key);
        let (account, key_index) = match self.key_use(&key.fingerprint()).await? {
            None => return Ok(named),
            Some(KeyUse::Account { account, .. }) if account == named => return Ok(named),
            Some(KeyUse::Account { account, key_index }) => (account, key_index),
            Some(KeyUse::Consensus { validator, .. } | KeyUse::Transport { validator, .. }) => {
                return Err(ClientError::NotFound {
                    what: format!("account with this key, which is one of validator {validator}"),
                });
            }
        };
        let (proved, _) = self.proved_key_at(&account, key_index).await?;
        if proved.signing != *key {
            return Err(ClientError::OtherClaim {
                expected: format!("key {} of account {account}", key.fingerprint()),
                got: format!("key {}", proved.signing.fingerprint()),
            });
        }
        Ok(account)
    }
}
