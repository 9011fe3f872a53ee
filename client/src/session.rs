//! A client with an account's keys: signs transactions and follows them to their end.

use crate::access::{Recipient, not_private, open_grant, seal_for};
use crate::call::Call;
use crate::routes::segment;
use crate::token::{Bearer, Tokens};
use crate::transaction::EXPIRY_BLOCKS;
use crate::{
    CallError, Client, ClientError, NodeBlobStore, Proved, Subject, TransactionBuilder, Wait,
};
use bytes::Bytes;
use cairn_api::time::rfc3339;
use cairn_api::token::scope;
use cairn_api::{AccountView, Answer, BlobUsage, code};
use cairn_audit::Claim;
use cairn_consensus::BlockId;
use cairn_crypto::{AccountKeys, DataKey, Digest};
use cairn_runtime::{AccountId, Grant, Operation, Outcome, Receipt, Version, VersionId};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a transaction is waited for.
const FINAL_LIMIT: Duration = Duration::from_secs(120);
/// How often a transaction is signed anew because another one took its nonce.
const MAX_ATTEMPTS: u32 = 10;

/// A transaction that is final, had effect, and was proved against genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Final {
    /// Its name.
    pub tx_hash: Digest,
    /// Height of its block.
    pub height: u64,
    /// Id of its block.
    pub block_id: BlockId,
    /// Time of its block, RFC 3339.
    pub time: String,
    /// What came of it.
    pub receipt: Receipt,
}

/// A client with an account's keys. Clones share connections and tokens.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    keys: AccountKeys,
    /// Earlier keys of the account: grants that were sealed to them open with nothing else.
    former: Vec<AccountKeys>,
    account: AccountId,
    tokens: OnceCell<Arc<Tokens>>,
}

impl Session {
    /// A session of the account that the signing key names: its first one.
    #[must_use]
    pub fn new(client: Client, keys: AccountKeys) -> Self {
        let account = AccountId::of(keys.signing.public_key());
        Self::of(client, account, keys, Vec::new())
    }

    /// A session of the account that has these keys, found by the signing key, whichever of the account's keys it is.
    /// `former` are earlier keys of the account, for grants that were sealed to them.
    ///
    /// # Errors
    /// As [`Client::account_of`].
    pub async fn open(
        client: Client,
        keys: AccountKeys,
        former: Vec<AccountKeys>,
    ) -> Result<Self, ClientError> {
        let account = client.account_of(keys.signing.public_key()).await?;
        Ok(Self::of(client, account, keys, former))
    }

    fn of(client: Client, account: AccountId, keys: AccountKeys, former: Vec<AccountKeys>) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                keys,
                former,
                account,
                tokens: OnceCell::new(),
            }),
        }
    }

    /// The same account with its next keys; those of this session open what was sealed to them.
    #[must_use]
    pub fn with_next_keys(&self, keys: AccountKeys) -> Self {
        let mut former = vec![self.keys().clone()];
        former.extend(self.inner.former.iter().cloned());
        Self::of(self.client().clone(), self.account(), keys, former)
    }

    /// The account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.inner.account
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The same account, with other nodes.
    #[must_use]
    pub fn with_client(&self, client: Client) -> Self {
        let (keys, former) = (self.keys().clone(), self.inner.former.clone());
        Self::of(client, self.account(), keys, former)
    }

    pub(crate) fn keys(&self) -> &AccountKeys {
        &self.inner.keys
    }

    /// Signs and submits a transaction of these operations, waits until it is final, and proves its receipt against
    /// genesis. When another transaction of the account takes the nonce first, it is signed anew.
    ///
    /// # Errors
    /// [`ClientError::Failed`] when it is final and had no effect, [`ClientError::NonceContention`],
    /// [`ClientError::NotFinal`], [`ClientError::KeyNotValid`], [`ClientError::Refused`] when it is not admitted, and
    /// what [`Client::prove`] says.
    pub async fn transact(&self, ops: Vec<Operation>) -> Result<Final, ClientError> {
        let mut pause = Duration::from_millis(50);
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(&ops).await {
                Err(error) if takes_nonce(&error) => {
                    tracing::debug!(%error, ?pause, "signing anew with a fresh nonce");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                Err(error) => return Err(error),
                Ok(tx_hash) => return self.settled(tx_hash).await,
            }
        }
        Err(ClientError::NonceContention {
            attempts: MAX_ATTEMPTS,
        })
    }

    /// One transaction until it is final. Only errors before it was admitted, or after its nonce was used by another
    /// one, are those of [`takes_nonce`]: signing anew can then not have two effects.
    async fn attempt(&self, ops: &[Operation]) -> Result<Digest, ClientError> {
        let view = self.client().account(&self.account()).await?;
        let key_index = self.key_index(&view)?;
        let params = &self.client().genesis().state.params;
        let expiry = view
            .height
            .saturating_add(EXPIRY_BLOCKS.min(params.max_expiry_blocks));
        let signed = TransactionBuilder::new(*self.client().chain_id(), self.account(), key_index)
            .nonce(view.data.pending_nonce)
            .expires_at_height(expiry)
            .operations(ops.iter().cloned())
            .sign(&self.keys().signing)?;
        let tx_hash = signed.transaction.hash();
        let bytes = Bytes::from(signed.encode());
        let client = self.client();
        client.submit_bytes(bytes.clone(), Wait::Accepted).await?;
        let wait = Wait::Final {
            timeout: FINAL_LIMIT,
        };
        match client.submit_bytes(bytes, wait).await {
            Ok(_) => Ok(tx_hash),
            // Full pools and nonces that wait in them say nothing of a transaction that was admitted.
            Err(ClientError::Unreachable { .. }) => Err(ClientError::NotFinal {
                tx_hash,
                waited: FINAL_LIMIT,
            }),
            Err(error) => Err(error),
        }
    }

    async fn settled(&self, tx_hash: Digest) -> Result<Final, ClientError> {
        let subject = Subject::Transaction(tx_hash);
        let (bundle, verified) = self.client().prove(&subject).await?;
        let Claim::Transaction(proof) = bundle.claim else {
            return Err(ClientError::OtherClaim {
                expected: subject.to_string(),
                got: "something else".to_owned(),
            });
        };
        if let Outcome::Failed { error, .. } = proof.receipt.outcome {
            return Err(ClientError::Failed {
                tx_hash,
                height: verified.height.0,
                error: Box::new(error),
            });
        }
        Ok(Final {
            tx_hash,
            height: verified.height.0,
            block_id: verified.block_id,
            time: rfc3339(verified.time_ms),
            receipt: proof.receipt,
        })
    }

    /// Index of the account's key that these keys are, if it signs now.
    fn key_index(&self, view: &Answer<AccountView>) -> Result<u32, ClientError> {
        let own = self.keys().signing.public_key();
        let next = view.height.saturating_add(1);
        let mut keys = view.data.keys.iter().enumerate();
        let found = keys.rfind(|(_, key)| key.signing == *own && key.is_valid_at(next));
        found
            .and_then(|(index, _)| u32::try_from(index).ok())
            .ok_or(ClientError::KeyNotValid {
                account: self.account(),
            })
    }

    async fn tokens(&self) -> Result<Arc<Tokens>, ClientError> {
        let make = || async {
            let view = self.client().account(&self.account()).await?;
            let key_index = self.key_index(&view)?;
            Ok::<_, ClientError>(Arc::new(Tokens::new(
                *self.client().chain_id(),
                self.account(),
                self.keys().signing.clone(),
                key_index,
            )))
        };
        self.inner.tokens.get_or_try_init(make).await.cloned()
    }

    /// Every configured node as a blob store, the one that answered last before the others.
    ///
    /// # Errors
    /// [`ClientError::KeyNotValid`], or what [`Client::account`] says.
    pub async fn stores(&self) -> Result<Vec<NodeBlobStore>, ClientError> {
        let tokens = self.tokens().await?;
        let inner = &self.client().inner;
        let first = inner.preferred.load(Ordering::Relaxed);
        let nodes = inner.nodes.iter().cycle().skip(first);
        let stores = nodes
            .take(inner.nodes.len())
            .map(|node| NodeBlobStore::new(Arc::clone(node), Arc::clone(&tokens)));
        Ok(stores.collect())
    }

    /// What a namespace has of the blob store of the node that answers, by its own word.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `namespace_not_found`, or that of a token that is not accepted;
    /// [`ClientError::KeyNotValid`].
    pub async fn blob_usage(&self, namespace: &str) -> Result<BlobUsage, ClientError> {
        let tokens = self.tokens().await?;
        let call = Call {
            bearer: Some(Bearer {
                tokens: Arc::clone(&tokens),
                scope: scope::BLOBS_READ,
            }),
            ..Call::get(format!("/v1/namespaces/{}/blobs", segment(namespace)))
        };
        let ask = || {
            let client = self.client();
            client.ask_with(&call, |reply| call.json::<Answer<BlobUsage>>(reply))
        };
        let answer = match ask().await {
            Err(error) if error.is_refusal(code::TOKEN_INVALID) => {
                // Clocks are set, and keys become valid.
                tokens.forget();
                ask().await
            }
            answer => answer,
        };
        Ok(answer?.data)
    }

    /// The data key of a version that this account may read, from its grant; `None` for a public version.
    ///
    /// # Errors
    /// [`ClientError::NoGrant`], [`ClientError::OldDataKey`], [`ClientError::KeyCommit`], [`ClientError::Seal`], and what [`Client::prove`] says.
    pub async fn data_key(&self, id: &VersionId) -> Result<Option<DataKey>, ClientError> {
        Ok(self.open_version(id).await?.data_key)
    }

    /// Version, grant and data key in force, all proved.
    pub(crate) async fn open_version(&self, id: &VersionId) -> Result<OpenVersion, ClientError> {
        let (client, account) = (self.client(), self.account());
        let version = client.version_with_proof(id).await?;
        let Some(in_force) = client.data_key_in_force(&version.value).await? else {
            return Ok(OpenVersion {
                manifest_digest: version.value.manifest_digest,
                version,
                grant: None,
                data_key: None,
            });
        };
        let grant = client.proved_grant(id, &account).await?;
        let grant = grant.ok_or_else(|| ClientError::NoGrant {
            version: id.clone(),
            account,
        })?;
        if grant.generation != in_force.generation {
            return Err(ClientError::OldDataKey {
                version: Box::new(id.clone()),
                account,
                got: grant.generation,
                expected: in_force.generation,
            });
        }
        let key = self.unseal(id, &in_force.key_commit, &grant)?;
        Ok(OpenVersion {
            manifest_digest: in_force.manifest_digest,
            version,
            grant: Some(grant),
            data_key: Some(key),
        })
    }

    /// Opens a grant with the one of the account's keys that it was sealed to.
    fn unseal(
        &self,
        id: &VersionId,
        key_commitment: &Digest,
        grant: &Grant,
    ) -> Result<DataKey, ClientError> {
        let chain_id = self.client().chain_id();
        for keys in std::iter::once(self.keys()).chain(&self.inner.former) {
            match open_grant(chain_id, id, key_commitment, grant, keys) {
                Err(ClientError::Seal(_)) => {}
                opened => return opened,
            }
        }
        Err(ClientError::OtherKey {
            version: id.clone(),
            key_index: grant.key_index,
        })
    }

    /// Gives a reader access to a private version that this account can read: seals the data key to the reader's
    /// newest key, which is proved to be the reader's. Access that was revoked before comes back; a revocation that
    /// lands meanwhile stands.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for a public version, what [`Session::data_key`], [`Client::proved_key`] and
    /// [`Session::transact`] say.
    pub async fn grant(&self, id: &VersionId, reader: &AccountId) -> Result<Final, ClientError> {
        let open = self.open_version(id).await?;
        let (Some(key), Some(own)) = (open.data_key, open.grant) else {
            return Err(not_private(id));
        };
        let mut to = self.client().recipient(reader).await?;
        // Whatever was revoked until now is granted again on purpose, also where the node that proved the key lags
        // behind the one that proved the revocation.
        if let Some(head) = self.client().newest_head().await? {
            to.as_of = to.as_of.max(head.header().height.0);
        }
        let chain_id = self.client().chain_id();
        let operation = seal_for(chain_id, id, own.generation, &key, &to)?;
        self.transact(vec![operation]).await
    }
}

/// A version that the account may read.
pub(crate) struct OpenVersion {
    pub(crate) version: Proved<Version>,
    /// SHA-256 of the manifest stored under the data key in force.
    pub(crate) manifest_digest: Digest,
    pub(crate) grant: Option<Grant>,
    pub(crate) data_key: Option<DataKey>,
}

impl OpenVersion {
    /// Index of the account's key that the data key is sealed to; nothing for a public version.
    pub(crate) fn key_index(&self) -> Option<u32> {
        self.grant.as_ref().map(|grant| grant.key_index)
    }
}

impl Client {
    /// An account as the recipient of a data key, proved.
    pub(crate) async fn recipient(&self, account: &AccountId) -> Result<Recipient, ClientError> {
        let (key_index, key, height) = self.newest_key(account).await?;
        Ok(Recipient {
            account: *account,
            key_index,
            encryption_key: key.encryption,
            as_of: height,
        })
    }
}

/// Whether another transaction of the account stands where this one should.
fn takes_nonce(error: &ClientError) -> bool {
    let taken = |code: &str| ["nonce_mismatch", code::NONCE_TAKEN, "nonce_too_far"].contains(&code);
    match error {
        ClientError::Refused { problem, .. } => taken(&problem.code),
        ClientError::Unreachable { failures } => failures.iter().any(
            |failure| matches!(&failure.error, CallError::Unavailable(problem) if taken(&problem.code)),
        ),
        _ => false,
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("account", &self.account())
            .field("client", self.client())
            .finish_non_exhaustive()
    }
}
