//! Records and lists of the ledger, proved against genesis: whatever has no method of its own.

use crate::proof::absent;
use crate::{Client, ClientError, Proved, Subject};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_api::code;
use cairn_audit::{AuditError, Claim, MAX_BUNDLE_BYTES, Verified};
use cairn_crypto::codec;
use cairn_runtime::query::DataKeyInForce;
use cairn_runtime::{
    Alias, Confidentiality, List, ModelName, Notice, Rekey, StateKey, Version, VersionId,
};

impl Client {
    /// The record at a key of the state, proved, now or as of a height; nothing when it is proved that there is none.
    /// Versions, accounts and grants have methods of their own.
    ///
    /// # Errors
    /// [`ClientError::Audit`] when the record is of another type, [`ClientError::OtherClaim`] for a version, an account
    /// and a grant; else as [`Client::prove`].
    pub async fn proved_record<T: BorshDeserialize + BorshSerialize>(
        &self,
        key: StateKey,
        at_height: Option<u64>,
    ) -> Result<Proved<Option<T>>, ClientError> {
        let subject = Subject::Record { key, at_height };
        let (bundle, verified) = self.prove(&subject).await?;
        let value = match bundle.claim {
            Claim::Absent { .. } => None,
            Claim::Record { value, .. } => Some(decode(&value)?),
            _ => {
                return Err(ClientError::OtherClaim {
                    expected: subject.to_string(),
                    got: "a record with a claim of its own".to_owned(),
                });
            }
        };
        Ok(Proved { value, verified })
    }

    /// All entries of a list of the state, proved complete, now or as of a height. A list that is too long for one proof
    /// is proved in pages, all of them as of one block.
    ///
    /// # Errors
    /// [`ClientError::Audit`] when the entries are of another type; else as [`Client::prove`].
    pub async fn proved_list<T: BorshDeserialize + BorshSerialize>(
        &self,
        list: List,
        at_height: Option<u64>,
    ) -> Result<Proved<Vec<T>>, ClientError> {
        let subject = Subject::List {
            list: list.clone(),
            at_height,
        };
        let (bundle, verified) = match self.prove(&subject).await {
            Err(error) if error.is_refusal(code::LIST_TOO_LONG) => {
                return self.paged_list(list, at_height).await;
            }
            proved => proved?,
        };
        let Claim::List(proof) = bundle.claim else {
            return Err(absent(&subject));
        };
        let entries = proof.entries.iter().map(|entry| decode(&entry.value));
        Ok(Proved {
            value: entries.collect::<Result<_, _>>()?,
            verified,
        })
    }

    /// The pages of a list up to its end. The first one names the block, by which the others go; so all of them are
    /// under one root, which says how many entries there are.
    async fn paged_list<T: BorshDeserialize + BorshSerialize>(
        &self,
        list: List,
        at_height: Option<u64>,
    ) -> Result<Proved<Vec<T>>, ClientError> {
        let mut entries = Vec::new();
        let mut first: Option<Verified> = None;
        loop {
            let subject = Subject::ListPage {
                list: list.clone(),
                from: entries.len() as u64,
                at_height: first
                    .as_ref()
                    .map_or(at_height, |first| Some(first.height.0)),
            };
            let (bundle, verified) = self.prove(&subject).await?;
            let first = first.get_or_insert_with(|| verified.clone());
            if first.block_id != verified.block_id {
                return Err(ClientError::OtherClaim {
                    expected: format!("{subject} in block {:?}", first.block_id),
                    got: format!("block {:?}", verified.block_id),
                });
            }
            let Claim::ListPage { page, .. } = bundle.claim else {
                return Err(absent(&subject));
            };
            for entry in &page.entries {
                entries.push(decode(&entry.value)?);
            }
            let count = list.count(page.count.as_deref());
            if entries.len() as u64 >= count.map_err(AuditError::Count)? {
                return Ok(Proved {
                    value: entries,
                    verified: first.clone(),
                });
            }
        }
    }

    /// The notice that a version is yanked, proved; nothing when it is proved that it is not.
    ///
    /// # Errors
    /// As [`Client::prove`].
    pub async fn proved_yank(&self, id: &VersionId) -> Result<Option<Notice>, ClientError> {
        let key = StateKey::Yank(id.clone());
        Ok(self.proved_record(key, None).await?.value)
    }

    /// The notice that a version is deprecated, proved; nothing when it is proved that it is not.
    ///
    /// # Errors
    /// As [`Client::prove`].
    pub async fn proved_deprecation(&self, id: &VersionId) -> Result<Option<Notice>, ClientError> {
        let key = StateKey::Deprecation(id.clone());
        Ok(self.proved_record(key, None).await?.value)
    }

    /// The version that an alias points at, proved, now or as of a height.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] when it is proved that the alias points nowhere; else as [`Client::prove`].
    pub async fn proved_alias(
        &self,
        model: &ModelName,
        alias: &str,
        at_height: Option<u64>,
    ) -> Result<VersionId, ClientError> {
        let key = StateKey::Alias(model.clone(), alias.to_owned());
        let record: Option<Alias> = self.proved_record(key, at_height).await?.value;
        let version = record.and_then(|alias| alias.version);
        let version = version.ok_or_else(|| ClientError::NotFound {
            what: format!("version that alias {alias} of {model} points at"),
        })?;
        Ok(VersionId {
            model: model.clone(),
            version,
        })
    }

    /// The data key of a version that is in force, with where the bytes under it are found, proved; nothing for a public
    /// version. A version's own record says what holds until the first rekeying.
    pub(crate) async fn data_key_in_force(
        &self,
        version: &Version,
    ) -> Result<Option<DataKeyInForce>, ClientError> {
        let Confidentiality::Private {
            key_commit,
            generation,
        } = version.confidentiality
        else {
            return Ok(None);
        };
        let count = StateKey::RekeyCount(version.id.clone());
        let rekeys: u64 = self.proved_record(count, None).await?.value.unwrap_or(0);
        let Some(last) = rekeys.checked_sub(1) else {
            return Ok(Some(DataKeyInForce {
                generation,
                manifest_digest: version.manifest_digest,
                key_commit,
            }));
        };
        let key = StateKey::RekeyAt(version.id.clone(), last);
        let subject = format!("data key {rekeys} of {}", version.id);
        let rekey: Option<Rekey> = self.proved_record(key, None).await?.value;
        let rekey = rekey.ok_or(ClientError::NotFound { what: subject })?;
        Ok(Some(DataKeyInForce {
            generation: rekey.generation,
            manifest_digest: rekey.manifest_digest,
            key_commit: rekey.key_commit,
        }))
    }
}

fn decode<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> Result<T, ClientError> {
    codec::decode(bytes, MAX_BUNDLE_BYTES)
        .map_err(|error| ClientError::Audit(AuditError::Record(error)))
}
