//! What the catalogue keeps of the ledger. Every entry is bounded, whatever the ledger allows: what is beyond the
//! bounds is on the ledger and is not found by searching.

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, Certification, ModelName, NamespacePolicy, Verdict, VersionId};

/// Most bytes of a description that are kept.
pub const MAX_DESCRIPTION_BYTES: usize = 4_096;
/// Most tags, most aliases and most fields of one model or version that are kept.
pub const MAX_LABELS: usize = 256;
/// Most bytes of the keys and values of all tags, of all aliases, or of all fields of one model or version that are kept.
pub const MAX_LABEL_BYTES: usize = 32 * 1_024;

/// One thing that is kept.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Entry {
    /// The policy of a namespace.
    Policy(PolicyEntry),
    /// A model.
    Model(ModelEntry),
    /// A version.
    Version(VersionEntry),
}

/// When versions of a namespace count as certified.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PolicyEntry {
    /// The namespace.
    pub namespace: String,
    /// The policy in force.
    pub policy: NamespacePolicy,
}

/// A model, without its versions.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ModelEntry {
    /// Its name.
    pub name: ModelName,
    /// Who owns it now.
    pub owner: AccountId,
    /// Shown to people; at most [`MAX_DESCRIPTION_BYTES`].
    pub description: String,
    /// Height at which it was registered.
    pub registered_at: u64,
    /// Number of versions published.
    pub versions: u64,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
    /// Names, and the versions that they point at.
    pub aliases: Vec<(String, String)>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VersionEntry {
    /// Its name.
    pub id: VersionId,
    /// Its place among the model's versions, from 0.
    pub ordinal: u64,
    /// Digest of its manifest.
    pub model_hash: Digest,
    /// Who published it.
    pub publisher: AccountId,
    /// Height at which it was published.
    pub published_at: u64,
    /// Block time of that, milliseconds since the Unix epoch.
    pub published_ms: u64,
    /// Who may read its bytes.
    pub access: Access,
    /// What can be searched of its metadata: keys and values, as [`fields`](crate::fields) finds them.
    pub fields: Vec<(String, String)>,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
    /// Its certifications, oldest first, revoked ones included.
    pub certificates: Vec<Certificate>,
    /// Why it is deprecated.
    pub deprecated: Option<String>,
    /// Why it is yanked.
    pub yanked: Option<String>,
}

/// Who may read the bytes of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever has a grant.
    Private,
}

/// A certification, as far as it is searched.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Certificate {
    /// Who checked.
    pub certifier: AccountId,
    /// What was checked.
    pub check: String,
    /// Whether it was found passed.
    pub passed: bool,
    /// First block time at which it no longer holds, milliseconds since the Unix epoch.
    pub expires_at_ms: Option<u64>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl From<Certification> for Certificate {
    fn from(made: Certification) -> Self {
        Self {
            certifier: made.certifier,
            check: made.check,
            passed: made.verdict == Verdict::Passed,
            expires_at_ms: made.expires_at_ms,
            revoked: made.revoked.is_some(),
        }
    }
}

impl Certificate {
    /// Whether it was found passed and still holds at block time `now_ms`, as
    /// [`Certification::holds_at`](cairn_runtime::Certification::holds_at).
    #[must_use]
    pub fn holds_at(&self, now_ms: u64) -> bool {
        self.passed && !self.revoked && self.expires_at_ms.is_none_or(|expires| now_ms < expires)
    }

    /// The record that [`NamespacePolicy::standing`] judges; it looks at nothing that is not kept here. Revoked ones
    /// have no record: they count for nothing.
    fn record(&self) -> Option<Certification> {
        (!self.revoked).then(|| Certification {
            certifier: self.certifier,
            check: self.check.clone(),
            policy: 0,
            report: Digest::ZERO,
            verdict: if self.passed {
                Verdict::Passed
            } else {
                Verdict::Failed
            },
            metrics: String::new(),
            certified_at: 0,
            certified_at_ms: 0,
            expires_at_ms: self.expires_at_ms,
            revoked: None,
        })
    }
}

impl VersionEntry {
    /// Whether it meets the policy of its namespace at block time `now_ms` and is not yanked.
    #[must_use]
    pub fn is_certified(&self, policy: &NamespacePolicy, now_ms: u64) -> bool {
        if self.yanked.is_some() || !self.certificates.iter().any(|made| made.holds_at(now_ms)) {
            return false; // A policy requires at least one.
        }
        let records: Vec<_> = (self.certificates.iter())
            .filter_map(Certificate::record)
            .collect();
        let checks = policy.standing(self.publisher, &records, now_ms);
        checks.iter().all(cairn_runtime::CheckStanding::is_met)
    }
}

/// Keys and values up to the limits, in order; the rest is left out.
pub(crate) fn bounded(labels: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut bytes = 0;
    let mut kept = Vec::new();
    for (key, value) in labels {
        let length = key.len() + value.len();
        if kept.len() < MAX_LABELS && bytes + length <= MAX_LABEL_BYTES {
            bytes += length;
            kept.push((key, value));
        }
    }
    kept
}

/// The beginning of a text, at most `limit` bytes.
pub(crate) fn beginning(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}
