//! Everything that the ledger says about a version, each part proved.

use crate::{Client, ClientError, Subject};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_audit::{AuditError, Claim, MAX_BUNDLE_BYTES};
use cairn_crypto::{Digest, codec};
use cairn_runtime::{
    Account, Certification, Event, EventPlace, Lineage, List, Model, ModelEvent, Notice, Relation,
    StateKey, Version, VersionId,
};

/// A version with its origin and what others found, as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFacts {
    /// The chain: digest of its genesis document.
    pub chain_id: Digest,
    /// Height that all of it is at least as new as.
    pub height: u64,
    /// Time of that block, milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The version.
    pub version: Version,
    /// Its model.
    pub model: Model,
    /// Who published it.
    pub publisher: Account,
    /// What it derives from, in the order of publication.
    pub parents: Vec<ParentFacts>,
    /// Recorded steps, of any model, that name its model hash as an input or an output, oldest first.
    pub steps: Vec<ModelEvent>,
    /// What checks found, oldest first; also those that were taken back.
    pub certifications: Vec<Certification>,
    /// Whether it should not be chosen any more.
    pub deprecated: Option<Notice>,
    /// Whether it must not be used.
    pub yanked: Option<Notice>,
}

/// Something that a version derives from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentFacts {
    /// `model_hash` of a version, or the digest of a dataset.
    pub digest: Digest,
    /// How.
    pub relation: Relation,
    /// The version, if it is one.
    pub version: Option<VersionId>,
}

impl Client {
    /// Gathers all that the ledger says about a version. Every part comes with its proof, lists with the proof that they
    /// are complete.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when it is proved that there is no such version; else as [`Client::prove`].
    pub async fn version_facts(&self, id: &VersionId) -> Result<VersionFacts, ClientError> {
        let mut gather = Gather {
            client: self,
            oldest: None,
        };
        let version: Version = gather.required(StateKey::Version(id.clone())).await?;
        let model: Model = gather.required(StateKey::Model(id.model.clone())).await?;
        let publisher: Account = gather.required(StateKey::Account(version.owner)).await?;
        let lineage: Option<Lineage> = gather.record(StateKey::Lineage(id.clone())).await?;
        let certifications = gather.list(List::Certifications(id.clone())).await?;
        let places: Vec<EventPlace> = gather.list(List::DigestEvents(version.model_hash)).await?;
        let mut steps = Vec::with_capacity(places.len());
        for EventPlace { model, ordinal } in places {
            let step: ModelEvent = gather.required(StateKey::EventAt(model, ordinal)).await?;
            if matches!(step.event, Event::ProvenanceRecorded { .. }) {
                steps.push(step);
            }
        }
        let deprecated = gather.record(StateKey::Deprecation(id.clone())).await?;
        let yanked = gather.record(StateKey::Yank(id.clone())).await?;
        let (height, time_ms) = gather.oldest.unwrap_or_default();
        let resolved = lineage.map(|lineage| lineage.parents).unwrap_or_default();
        let parents = version.parents.iter().enumerate();
        let parents = parents
            .map(|(at, parent)| ParentFacts {
                digest: parent.digest,
                relation: parent.relation,
                version: resolved.get(at).cloned().flatten(),
            })
            .collect();
        Ok(VersionFacts {
            chain_id: *self.chain_id(),
            height,
            time_ms,
            version,
            model,
            publisher,
            parents,
            steps,
            certifications,
            deprecated,
            yanked,
        })
    }
}

/// Proofs on the way, and the oldest block among them.
struct Gather<'a> {
    client: &'a Client,
    oldest: Option<(u64, u64)>,
}

impl Gather<'_> {
    async fn claim(&mut self, subject: Subject) -> Result<Claim, ClientError> {
        let (bundle, verified) = self.client.prove(&subject).await?;
        let at = (verified.height.0, verified.time_ms);
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        Ok(bundle.claim)
    }

    async fn record<T: BorshDeserialize + BorshSerialize>(
        &mut self,
        key: StateKey,
    ) -> Result<Option<T>, ClientError> {
        let bytes = match self
            .claim(Subject::Record {
                key,
                at_height: None,
            })
            .await?
        {
            Claim::Absent { .. } => return Ok(None),
            Claim::Record { value, .. } => value,
            Claim::Version { value, .. } => encode(&value),
            Claim::Account { value, .. } => encode(&value),
            Claim::Grant { value, .. } => encode(&value),
            other => {
                return Err(ClientError::OtherClaim {
                    expected: "a record".to_owned(),
                    got: format!("{other:?}"),
                });
            }
        };
        decode(&bytes).map(Some)
    }

    async fn required<T: BorshDeserialize + BorshSerialize>(
        &mut self,
        key: StateKey,
    ) -> Result<T, ClientError> {
        let what = Subject::Record {
            key: key.clone(),
            at_height: None,
        }
        .to_string();
        let record = self.record(key).await?;
        record.ok_or(ClientError::NotFound { what })
    }

    async fn list<T: BorshDeserialize + BorshSerialize>(
        &mut self,
        list: List,
    ) -> Result<Vec<T>, ClientError> {
        match self
            .claim(Subject::List {
                list,
                at_height: None,
            })
            .await?
        {
            Claim::List(proof) => proof
                .entries
                .iter()
                .map(|entry| decode(&entry.value))
                .collect(),
            other => Err(ClientError::OtherClaim {
                expected: "a list".to_owned(),
                got: format!("{other:?}"),
            }),
        }
    }
}

fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("a vector takes every byte")
}

fn decode<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> Result<T, ClientError> {
    codec::decode(bytes, MAX_BUNDLE_BYTES)
        .map_err(|error| ClientError::Audit(AuditError::Record(error)))
}
