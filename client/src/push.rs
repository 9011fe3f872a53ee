//! Push: a model becomes blobs in a node's store and a version on the ledger.

use crate::access::{Recipient, key_commit, seal_for};
use crate::resume::Resume;
use crate::room::Room;
use crate::source::Source;
use crate::tally::{Tally, Times};
use crate::{ClientError, Final, NodeBlobStore, Session};
use cairn_api::code;
use cairn_artifacts::oms::EcdsaSigner;
use cairn_artifacts::{
    AnyStore, Measured, ModelSigner, NoProgress, Progress, PushOptions, Signatures,
};
use cairn_crypto::{DataKey, Digest};
use cairn_runtime::{
    AccountId, ChainParams, Confidentiality, Operation, Parent, TransactionError, VersionId,
};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A new version is encrypted under its first data key.
const FIRST_GENERATION: u32 = 0;

/// Signatures of the files that others can check with their own tools ([`cairn_artifacts::oms`]).
#[derive(Clone, Debug, Default)]
pub enum Signing {
    /// None.
    #[default]
    Off,
    /// `model.mldsa.dsse.json` by the account's key, and `model.sig` by this one if there is one. They are stored with
    /// the model and written into its folder; a model that is one file has no folder for them.
    On(Option<Arc<EcdsaSigner>>),
}

/// What to publish, and how.
#[derive(Clone)]
pub struct PushRequest {
    /// The model: a folder or a file.
    pub path: PathBuf,
    /// The version's name.
    pub id: VersionId,
    /// Description of the model, if this push registers it.
    pub description: String,
    /// JSON text, opaque to the ledger.
    pub metadata: String,
    /// The embedding vector's `.npy` file.
    pub vector: Option<PathBuf>,
    /// Store the model unencrypted.
    pub public: bool,
    /// What it derives from.
    pub parents: Vec<Parent>,
    /// Who may read it, besides the publisher.
    pub readers: Vec<AccountId>,
    /// Where to store it, instead of with a node. Whoever pulls it must name this store too.
    pub store: Option<AnyStore>,
    /// Whether and how to sign the files themselves.
    pub signing: Signing,
    /// A private folder under which interrupted pushes are kept, without which they start again from nothing.
    pub resume_dir: Option<PathBuf>,
    /// Told how far the push is.
    pub progress: Arc<dyn Progress>,
}

impl PushRequest {
    /// A private model with metadata `{}`, and nothing that is optional.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, id: VersionId) -> Self {
        Self {
            path: path.into(),
            id,
            description: String::new(),
            metadata: "{}".to_owned(),
            vector: None,
            public: false,
            parents: Vec::new(),
            readers: Vec::new(),
            store: None,
            signing: Signing::Off,
            resume_dir: None,
            progress: Arc::new(NoProgress),
        }
    }
}

impl fmt::Debug for PushRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushRequest")
            .field("path", &self.path)
            .field("id", &self.id)
            .field("vector", &self.vector)
            .field("public", &self.public)
            .field("parents", &self.parents)
            .field("readers", &self.readers)
            .field("store", &self.store)
            .field("signing", &self.signing)
            .field("resume_dir", &self.resume_dir)
            .finish_non_exhaustive()
    }
}

/// What was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushed {
    /// The version's name.
    pub id: VersionId,
    /// `H("cairn/manifest/v1", manifest)`.
    pub model_hash: Digest,
    /// Digest of the embedding vector, if there is one.
    pub vector_hash: Option<Digest>,
    /// SHA-256 of the stored manifest.
    pub manifest_digest: Digest,
    /// The signature files that were made.
    pub signatures: Signatures,
    /// The transaction, final and proved.
    pub published: Final,
    /// Files of the model.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that were sent: what the store had already was not.
    pub bytes_sent: u64,
    /// How long it took, all in all.
    pub elapsed: Duration,
    /// Where the time of the transfer went.
    pub times: Times,
}

impl Session {
    /// Publishes a model: stores it, encrypted unless it is public, and records it in one transaction, which also
    /// registers the model if it is new and gives the data key to the publisher and to as many readers as fit beside it;
    /// the others get it in further transactions. Files that the model's last version has too are not sent again, unless somebody's access was
    /// revoked since. What can be known to fail is found before anything is sent.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for what the ledger would refuse, [`ClientError::TooLarge`] for metadata and parents that
    /// leave no place for the publisher's data key in one transaction, [`ClientError::Refused`] and
    /// [`ClientError::NotFound`] for a namespace or reader that does not exist, [`ClientError::Package`] for the files
    /// and blobs, and what [`Session::transact`] says.
    pub async fn push(&self, request: PushRequest) -> Result<Pushed, ClientError> {
        let begun = Instant::now();
        request.id.check().map_err(invalid)?;
        let params = self.client().proved_params().await?;
        check(&request, &params)?;
        let registered = self.is_registered(&request.id).await?;
        let recipients = self.recipients(&request).await?;
        let room = Room::of(&params);
        self.check_room(&request, registered, &recipients, room)?;
        let store = match &request.store {
            Some(store) => Source::First(store.clone()),
            None => {
                let node = self.store_for_push().await?;
                Source::Second(node.for_namespace(&request.id.model.namespace))
            }
        };
        let tally = Tally::new(Arc::clone(&request.progress));
        let store = Measured::new(store, Arc::clone(&tally) as _);

        let resume = match &request.resume_dir {
            Some(parent) if !request.public => {
                let chain_id = self.client().chain_id();
                let readers = recipients.iter().map(|to| to.account).collect();
                let (path, id) = (&request.path, &request.id);
                Some(Resume::open(parent, chain_id, path, id, &readers)?)
            }
            _ => None,
        };
        let data_key = match &resume {
            Some(resume) => resume.data_key()?,
            None => DataKey::generate()?,
        };
        let parent = if request.public || !registered {
            None
        } else {
            let places = std::slice::from_ref(&store);
            self.parent_version(&request.id.model, places).await
        };
        let options = PushOptions {
            public: request.public,
            vector: request.vector.clone(),
            resume_dir: resume.as_ref().map(|resume| resume.folder().to_owned()),
            progress: Arc::clone(&tally) as _,
            signer: self.signer(&request),
            ..PushOptions::default()
        };
        let stored = match parent {
            None => cairn_artifacts::push(&store, &request.path, &data_key, options).await?,
            Some(parent) => {
                let inheriting = PushOptions {
                    parent: Some(parent.package),
                    ..options.clone()
                };
                let stored =
                    cairn_artifacts::push(&store, &request.path, &data_key, inheriting).await?;
                match self.is_still_parent(&parent.id).await {
                    true => stored,
                    // Somebody lost access meanwhile, and may have kept the keys.
                    false => {
                        cairn_artifacts::push(&store, &request.path, &data_key, options).await?
                    }
                }
            }
        };
        if request.path.is_dir() {
            stored.signatures.write(&request.path, !request.public)?;
        }

        let hashes = Hashes {
            model: stored.model_hash,
            vector: stored.vector_hash,
            manifest: stored.manifest_digest,
        };
        let mut operations = registration(&request, registered);
        operations.push(publication(&request, &hashes, &data_key));
        let chain_id = self.client().chain_id();
        for to in &recipients {
            let id = &request.id;
            operations.push(seal_for(chain_id, id, FIRST_GENERATION, &data_key, to)?);
        }
        let later = operations.split_off(room.fitting(&operations));
        let published = self.publish(operations).await?;
        self.grant_in_parts(room, later).await?;
        if let Some(resume) = resume {
            resume.remove()?;
        }
        Ok(Pushed {
            id: request.id,
            model_hash: stored.model_hash,
            vector_hash: stored.vector_hash,
            manifest_digest: stored.manifest_digest,
            signatures: stored.signatures,
            published,
            files: stored.manifest.files.len() as u64,
            bytes: stored.manifest.total_size(),
            bytes_sent: stored.bytes_sent,
            elapsed: begun.elapsed(),
            times: tally.times(),
        })
    }

    fn signer(&self, request: &PushRequest) -> Option<ModelSigner> {
        match &request.signing {
            Signing::Off => None,
            Signing::On(ecdsa) => Some(ModelSigner {
                name: request.id.to_string(),
                ecdsa: ecdsa.clone(),
                mldsa: self.keys().signing.clone(),
            }),
        }
    }

    /// Whether one transaction holds the publication and, for a private version, the publisher's own data key: without
    /// it, a push that breaks off would leave a version that nobody can open.
    fn check_room(
        &self,
        request: &PushRequest,
        registered: bool,
        recipients: &[Recipient],
        room: Room,
    ) -> Result<(), ClientError> {
        // Of the lengths that the real ones have.
        let data_key = DataKey::generate()?;
        let hashes = Hashes {
            model: Digest::ZERO,
            vector: request.vector.as_ref().map(|_| Digest::ZERO),
            manifest: Digest::ZERO,
        };
        let mut operations = registration(request, registered);
        operations.push(publication(request, &hashes, &data_key));
        if let Some(own) = recipients.first() {
            let chain_id = self.client().chain_id();
            let grant = seal_for(chain_id, &request.id, FIRST_GENERATION, &data_key, own)?;
            operations.push(grant);
        }
        room.check("the version with its metadata and parents", &operations)
    }

    /// Whether the model exists. Its namespace must, and the version must not.
    async fn is_registered(&self, id: &VersionId) -> Result<bool, ClientError> {
        let client = self.client();
        match client.model(&id.model).await {
            Ok(_) => {}
            Err(error) if error.is_refusal(code::MODEL_NOT_FOUND) => {
                client.namespace(&id.model.namespace).await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        match client.version(id).await {
            Ok(_) => Err(ClientError::Invalid(Box::new(
                TransactionError::VersionExists { id: id.clone() },
            ))),
            Err(error) if error.is_refusal(code::VERSION_NOT_FOUND) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The publisher and the readers, each once, with their newest keys; nobody for a public model.
    async fn recipients(&self, request: &PushRequest) -> Result<Vec<Recipient>, ClientError> {
        let mut recipients = Vec::new();
        if request.public {
            return Ok(recipients);
        }
        let mut seen = BTreeSet::new();
        for account in std::iter::once(&self.account()).chain(&request.readers) {
            if seen.insert(*account) {
                recipients.push(self.client().recipient(account).await?);
            }
        }
        Ok(recipients)
    }

    /// The first node that answers and is not catching up. One push goes to one node; nodes pass blobs on.
    pub(crate) async fn store_for_push(&self) -> Result<NodeBlobStore, ClientError> {
        let mut failures = Vec::new();
        for store in self.stores().await? {
            match self.client().status_of(store.endpoint()).await {
                Ok(status) if !status.syncing => return Ok(store),
                Ok(status) => failures.push(crate::NodeFailure {
                    node: store.endpoint().clone(),
                    error: crate::CallError::Unavailable(Box::new(cairn_api::Problem::new(
                        503,
                        code::NODE_SYNCING,
                        format!("the node is catching up at height {}", status.height),
                    ))),
                }),
                Err(ClientError::Unreachable { failures: more }) => failures.extend(more),
                Err(error) => return Err(error),
            }
        }
        Err(ClientError::Unreachable { failures })
    }

    /// Grants for which there was no room beside what they are about.
    async fn grant_in_parts(&self, room: Room, grants: Vec<Operation>) -> Result<(), ClientError> {
        for part in room.cut("a reader's data key", grants, |grant| grant)? {
            self.transact(part).await?;
        }
        Ok(())
    }

    /// Publishes, and registers the model first if that is among the operations. Another push may do so in between.
    async fn publish(&self, mut operations: Vec<Operation>) -> Result<Final, ClientError> {
        match self.transact(operations.clone()).await {
            Err(ClientError::Failed { error, .. })
                if matches!(*error, TransactionError::ModelExists { .. }) =>
            {
                operations.retain(|one| !matches!(one, Operation::RegisterModel { .. }));
                self.transact(operations).await
            }
            result => result,
        }
    }
}

/// What the ledger is told of the stored bytes.
struct Hashes {
    model: Digest,
    vector: Option<Digest>,
    manifest: Digest,
}

fn invalid(error: TransactionError) -> ClientError {
    ClientError::Invalid(Box::new(error))
}

/// What the ledger would refuse, whatever its state is.
fn check(request: &PushRequest, params: &ChainParams) -> Result<(), ClientError> {
    let (got, limit) = (request.metadata.len() as u64, params.max_metadata_bytes);
    if got > limit {
        return Err(invalid(TransactionError::TooLong {
            field: "metadata".to_owned(),
            got,
            limit,
        }));
    }
    let (got, limit) = (request.parents.len() as u64, params.max_parents);
    if got > limit {
        return Err(invalid(TransactionError::TooManyParents { got, limit }));
    }
    if request.public && !request.readers.is_empty() {
        let id = request.id.clone();
        return Err(invalid(TransactionError::NotPrivate { id }));
    }
    Ok(())
}

/// What registers the model, unless it is.
fn registration(request: &PushRequest, registered: bool) -> Vec<Operation> {
    if registered {
        return Vec::new();
    }
    vec![Operation::RegisterModel {
        model: request.id.model.clone(),
        description: request.description.clone(),
    }]
}

fn publication(request: &PushRequest, hashes: &Hashes, data_key: &DataKey) -> Operation {
    let confidentiality = if request.public {
        Confidentiality::Public
    } else {
        Confidentiality::Private {
            key_commit: key_commit(&request.id, FIRST_GENERATION, data_key),
            generation: FIRST_GENERATION,
        }
    };
    Operation::PublishVersion {
        id: request.id.clone(),
        model_hash: hashes.model,
        vector_hash: hashes.vector,
        manifest_digest: hashes.manifest,
        metadata: request.metadata.clone(),
        parents: request.parents.clone(),
        confidentiality,
    }
}
