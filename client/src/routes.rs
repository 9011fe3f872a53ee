//! A typed method for every route that reads. What comes back is a node's word; what matters is proved
//! ([`Client::prove`]).

use crate::call::Call;
use crate::call::Failure;
use crate::{CallError, Client, ClientError, Endpoint, NodeFailure, Reference};
use cairn_api::{
    AccountView, Answer, BlockView, EventView, ModelView, Page, State, Status, TransactionStatus,
    VersionView, code,
};
use cairn_crypto::Digest;
use cairn_runtime::{Account, AccountId, ChainParams, Grant, ModelName, Namespace, VersionId};
use serde::de::DeserializeOwned;
use std::fmt::Write as _;

/// Most pages of a list that are asked for: a node could go on for ever.
const MAX_PAGES: usize = 10_000;

impl Client {
    /// How a node is. This node is asked and no other.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] with what is wrong; also when it belongs to another chain or is none of the
    /// configured ones.
    pub async fn status_of(&self, node: &Endpoint) -> Result<Status, ClientError> {
        let found = self.inner.nodes.iter().find(|one| one.endpoint() == node);
        let found = found.ok_or_else(|| ClientError::NotFound {
            what: format!("node {node} among those configured"),
        })?;
        let call = Call::get("/v1/status".to_owned());
        let status = match found.call(&call).await {
            Ok(reply) => call.json::<Status>(&reply).and_then(|status| {
                let (expected, got) = (self.inner.chain_id, status.chain_id);
                if got == expected {
                    return Ok(status);
                }
                Err(CallError::OtherChain { expected, got })
            }),
            Err(Failure::Node(error)) => Err(error),
            Err(Failure::Refused(problem)) => {
                return Err(ClientError::Refused {
                    node: node.clone(),
                    problem,
                });
            }
        };
        status.map_err(|error| ClientError::Unreachable {
            failures: vec![NodeFailure {
                node: node.clone(),
                error,
            }],
        })
    }

    /// How far a transaction is; `None` if the node does not know it.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`]; so for all methods here.
    pub async fn transaction(
        &self,
        hash: &Digest,
    ) -> Result<Option<TransactionStatus>, ClientError> {
        let path = format!("/v1/transactions/{}", hash.reference());
        match self.ask_json::<TransactionStatus>(path).await {
            Ok(status) if status.status == State::Unknown => Ok(None),
            Ok(status) => Ok(Some(status)),
            Err(error) if error.is_refusal(code::TRANSACTION_NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A block by its height, `latest`, or `sha256:<id>`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `block_not_found`.
    pub async fn block(&self, name: &str) -> Result<BlockView, ClientError> {
        self.ask_json(format!("/v1/blocks/{}", segment(name))).await
    }

    /// Up to `limit` (at most 100) blocks from height `from` upwards.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn blocks(&self, from: u64, limit: usize) -> Result<Page<BlockView>, ClientError> {
        self.ask_json(format!("/v1/blocks?from={from}&limit={limit}"))
            .await
    }

    /// All namespaces, by order of creation.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn namespaces(&self) -> Result<Vec<Namespace>, ClientError> {
        self.list("/v1/namespaces?".to_owned()).await
    }

    /// A namespace.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `namespace_not_found`.
    pub async fn namespace(&self, name: &str) -> Result<Answer<Namespace>, ClientError> {
        self.ask_json(format!("/v1/namespaces/{}", segment(name)))
            .await
    }

    /// All models, or those of one namespace.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `namespace_not_found`.
    pub async fn models(&self, namespace: Option<&str>) -> Result<Vec<ModelView>, ClientError> {
        let path = match namespace {
            Some(namespace) => format!("/v1/models?namespace={}&", segment(namespace)),
            None => "/v1/models?".to_owned(),
        };
        self.list(path).await
    }

    /// A model.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found`.
    pub async fn model(&self, name: &ModelName) -> Result<Answer<ModelView>, ClientError> {
        self.ask_json(model_path(name)).await
    }

    /// All versions of a model, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found`.
    pub async fn versions(&self, model: &ModelName) -> Result<Vec<VersionView>, ClientError> {
        self.list(format!("{}/versions?", model_path(model))).await
    }

    /// A version.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn version(&self, id: &VersionId) -> Result<Answer<VersionView>, ClientError> {
        self.ask_json(version_path(id)).await
    }

    /// What happened to a model, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found`.
    pub async fn events(&self, model: &ModelName) -> Result<Vec<EventView>, ClientError> {
        self.list(format!("{}/events?", model_path(model))).await
    }

    /// A reader's grant.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `grant_not_found`.
    pub async fn grant_of(
        &self,
        id: &VersionId,
        reader: &AccountId,
    ) -> Result<Answer<Grant>, ClientError> {
        self.ask_json(format!("{}/grants/{reader}", version_path(id)))
            .await
    }

    /// The versions that have this model hash, earliest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn digests(&self, digest: &Digest) -> Result<Vec<VersionId>, ClientError> {
        let path = format!("/v1/digests/{}", digest.reference());
        let answer: Answer<Vec<VersionId>> = self.ask_json(path).await?;
        Ok(answer.data)
    }

    /// All accounts, by order of admission.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn accounts(&self) -> Result<Vec<Account>, ClientError> {
        self.list("/v1/accounts?".to_owned()).await
    }

    /// An account with its nonces, keys and roles.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `account_not_found`.
    pub async fn account(&self, id: &AccountId) -> Result<Answer<AccountView>, ClientError> {
        self.ask_json(format!("/v1/accounts/{id}")).await
    }

    /// The limits of the chain.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn params(&self) -> Result<Answer<ChainParams>, ClientError> {
        self.ask_json("/v1/params".to_owned()).await
    }

    /// The version that a reference names: where an alias points is proved, what is the latest version and who holds a
    /// digest is a node's word.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] for a model without versions and an alias that points nowhere, [`ClientError::Ambiguous`] for a digest that
    /// several namespaces hold, [`ClientError::Refused`] for what does not exist.
    pub async fn resolve(&self, reference: &Reference) -> Result<VersionId, ClientError> {
        match reference {
            Reference::Version(id) => Ok(id.clone()),
            Reference::Alias(model, alias) => self.proved_alias(model, alias, None).await,
            Reference::Model(model) => {
                let latest = self.model(model).await?.data.latest;
                let version = latest.ok_or_else(|| ClientError::NotFound {
                    what: format!("version of {model}"),
                })?;
                Ok(VersionId {
                    model: model.clone(),
                    version,
                })
            }
            Reference::Digest(digest) => {
                let mut candidates = self.digests(digest).await?;
                match candidates.len() {
                    0 => Err(ClientError::NotFound {
                        what: format!("version with the model hash {}", digest.reference()),
                    }),
                    1 => Ok(candidates.remove(0)),
                    _ => Err(ClientError::Ambiguous {
                        digest: *digest,
                        candidates,
                    }),
                }
            }
        }
    }

    /// All pages of a list. `path` ends where a further query parameter can follow.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: String,
    ) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MAX_PAGES {
            let page: Page<T> = self.ask_json(format!("{path}{cursor}limit=100")).await?;
            items.extend(page.items);
            let Some(next) = page.next else {
                break;
            };
            cursor = format!("cursor={}&", segment(&next));
        }
        Ok(items)
    }
}

pub(crate) fn model_path(name: &ModelName) -> String {
    let (namespace, name) = (segment(&name.namespace), segment(&name.name));
    format!("/v1/models/{namespace}/{name}")
}

pub(crate) fn version_path(id: &VersionId) -> String {
    format!(
        "{}/versions/{}",
        model_path(&id.model),
        segment(&id.version)
    )
}

/// A text as one segment of a path, or one value of a query (RFC 3986 section 2): a name can never lead to
/// another route.
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_segment_never_leaves_its_place() {
        assert_eq!(segment("bert-1.0_x~"), "bert-1.0_x~");
        assert_eq!(segment("a/../b?c#d&e=%"), "a%2F..%2Fb%3Fc%23d%26e%3D%25");
        assert_eq!(segment("é"), "%C3%A9");
    }
}
