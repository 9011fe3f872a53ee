//! The client: nodes, genesis, and nothing secret.

use crate::connection::{Connector, Node};
use crate::{ClientError, Endpoint, HeadStore};
use cairn_audit::{Anchor, TrustedHead};
use cairn_crypto::Digest;
use cairn_genesis::GenesisDocument;
use cairn_tls::AllowList;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Mutex;

/// What a [`Client`] is made from.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The nodes to ask, the preferred one first.
    pub nodes: Vec<Endpoint>,
    /// The trust anchor: chain id, validators, and the transport keys that are accepted.
    pub genesis: Arc<GenesisDocument>,
    /// Fingerprints of further nodes' transport keys to accept.
    pub node_keys: Vec<Digest>,
    /// Where the newest header seen is kept between runs; without, it is kept in memory only.
    pub heads: Option<HeadStore>,
}

impl ClientConfig {
    /// These nodes, exactly the genesis document's transport keys, and no memory of heads on disk.
    #[must_use]
    pub fn new(nodes: Vec<Endpoint>, genesis: Arc<GenesisDocument>) -> Self {
        Self {
            nodes,
            genesis,
            node_keys: Vec::new(),
            heads: None,
        }
    }
}

/// Speaks to several nodes and believes none: what they say is their word (the methods named after routes) or is
/// proved against genesis ([`Client::prove`]). Clones share connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) genesis: Arc<GenesisDocument>,
    pub(crate) chain_id: Digest,
    pub(crate) anchor: Anchor,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) nodes: Vec<Arc<Node>>,
    /// Index of the node that answered last.
    pub(crate) preferred: AtomicUsize,
    pub(crate) heads: Option<HeadStore>,
    /// The newest epoch whose validators are known; `None` until it was looked for.
    pub(crate) known: Mutex<Option<Anchor>>,
    /// The newest header seen. Held while a newer one is linked to it.
    pub(crate) head: Mutex<Option<TrustedHead>>,
}

impl Client {
    /// A client. Nothing is connected yet.
    ///
    /// # Errors
    /// [`ClientError::NoNodes`], [`ClientError::Genesis`] if the document does not pass its checks, and
    /// [`ClientError::Tls`].
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        if config.nodes.is_empty() {
            return Err(ClientError::NoNodes);
        }
        let anchor = Anchor::genesis(&config.genesis)?;
        let chain_id = *anchor.chain_id();
        let validators = config.genesis.state.validators.iter();
        let fingerprints = validators
            .map(|validator| validator.transport_key.fingerprint())
            .chain(config.node_keys);
        let allowed = Arc::new(AllowList::of_fingerprints(fingerprints));
        let alpn = cairn_api::alpn(&chain_id);
        let tls = cairn_tls::client_config(None, allowed, &alpn)?;
        let connector = Arc::new(Connector::new(tls, alpn));
        let node = |endpoint: &Endpoint| {
            let connector = Arc::clone(&connector);
            Arc::new(Node::new(endpoint.clone(), connector))
        };
        let inner = Inner {
            genesis: config.genesis,
            chain_id,
            anchor,
            nodes: config.nodes.iter().map(node).collect(),
            endpoints: config.nodes,
            preferred: AtomicUsize::new(0),
            heads: config.heads,
            known: Mutex::default(),
            head: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The trust anchor.
    #[must_use]
    pub fn genesis(&self) -> &Arc<GenesisDocument> {
        &self.inner.genesis
    }

    /// The chain id: digest of the genesis document.
    #[must_use]
    pub fn chain_id(&self) -> &Digest {
        &self.inner.chain_id
    }

    /// The nodes, as configured.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.inner.endpoints
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("chain_id", &self.inner.chain_id)
            .field("nodes", &self.inner.endpoints)
            .finish_non_exhaustive()
    }
}
