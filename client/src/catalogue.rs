//! Routes about aliases, tags, policies, certification, access and lineage. What comes back is a node's word; what
//! matters is proved ([`Client::proved_record`], [`Client::proved_list`]).

use crate::routes::{model_path, segment, version_path};
use crate::{Client, ClientError};
use cairn_api::{
    Answer, CertificationView, Direction, EventView, LineageView, ProvenanceView, StandingView,
};
use cairn_crypto::Digest;
use cairn_runtime::{
    AccessRequest, Alias, Child, Grant, ModelName, PolicyRecord, Rekey, Subject, Tag, Transfer,
    VersionId,
};

impl Client {
    /// The policies that a namespace ever set, oldest first: the last is in force, and the default where there is none.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `namespace_not_found`.
    pub async fn policies(&self, namespace: &str) -> Result<Vec<PolicyRecord>, ClientError> {
        let namespace = segment(namespace);
        self.list(format!("/v1/namespaces/{namespace}/policies?"))
            .await
    }

    /// The aliases that a model ever had, as of a height or now.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found` or `height_not_available`.
    pub async fn aliases(
        &self,
        model: &ModelName,
        at_height: Option<u64>,
    ) -> Result<Vec<Alias>, ClientError> {
        let path = format!("{}/aliases?{}", model_path(model), at(at_height));
        self.list(path).await
    }

    /// The tags that a model or a version ever had.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found` or `version_not_found`.
    pub async fn tags(&self, subject: &Subject) -> Result<Vec<Tag>, ClientError> {
        let path = match subject {
            Subject::Model(name) => model_path(name),
            Subject::Version(id) => version_path(id),
        };
        self.list(format!("{path}/tags?")).await
    }

    /// The last offer of a model to another account.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found` or `transfer_not_found`.
    pub async fn transfer(&self, model: &ModelName) -> Result<Answer<Transfer>, ClientError> {
        self.ask_json(format!("{}/transfer", model_path(model)))
            .await
    }

    /// What happened to a model up to a height, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `model_not_found` or `height_not_available`.
    pub async fn events_at(
        &self,
        model: &ModelName,
        height: u64,
    ) -> Result<Vec<EventView>, ClientError> {
        let path = format!("{}/events?{}", model_path(model), at(Some(height)));
        self.list(path).await
    }

    /// Whether a version is withdrawn, and how far it is certified.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn standing(&self, id: &VersionId) -> Result<Answer<StandingView>, ClientError> {
        self.ask_json(format!("{}/standing", version_path(id)))
            .await
    }

    /// The certifications of a version, oldest first, revoked ones included.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn certifications(
        &self,
        id: &VersionId,
    ) -> Result<Vec<CertificationView>, ClientError> {
        self.list(format!("{}/certifications?", version_path(id)))
            .await
    }

    /// What a version derives from, or what derives from it, nearest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn lineage(
        &self,
        id: &VersionId,
        direction: Direction,
        depth: Option<u32>,
    ) -> Result<Answer<LineageView>, ClientError> {
        let direction = match direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        let depth = depth.map_or_else(String::new, |depth| format!("&depth={depth}"));
        let path = format!("{}/lineage?direction={direction}{depth}", version_path(id));
        self.ask_json(path).await
    }

    /// The steps of provenance that name the model hash of a version, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn provenance(&self, id: &VersionId) -> Result<Vec<ProvenanceView>, ClientError> {
        self.list(format!("{}/events?", version_path(id))).await
    }

    /// The versions that derive directly from what has a digest, such as a dataset.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Refused`].
    pub async fn children(&self, digest: &Digest) -> Result<Vec<Child>, ClientError> {
        self.list(format!("/v1/digests/{}/children?", digest.reference()))
            .await
    }

    /// The grants of a version, in order of each reader's first one, revoked ones included.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn grants(&self, id: &VersionId) -> Result<Vec<Grant>, ClientError> {
        self.list(format!("{}/grants?", version_path(id))).await
    }

    /// The last request of each account that ever asked for access to a version.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn access_requests(&self, id: &VersionId) -> Result<Vec<AccessRequest>, ClientError> {
        self.list(format!("{}/access-requests?", version_path(id)))
            .await
    }

    /// The data keys of a version that replaced one another, oldest first.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code `version_not_found`.
    pub async fn rekeys(&self, id: &VersionId) -> Result<Vec<Rekey>, ClientError> {
        self.list(format!("{}/rekeys?", version_path(id))).await
    }
}

/// The query parameter for a height, where a further one can follow.
fn at(height: Option<u64>) -> String {
    height.map_or_else(String::new, |height| format!("at_height={height}&"))
}
