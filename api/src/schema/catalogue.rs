//! What is said about namespaces, models and versions once they exist.

use super::{ModelName, Relation, VersionId};
use utoipa::ToSchema;

/// That something no longer holds.
#[derive(ToSchema)]
pub struct Notice {
    /// Why.
    reason: String,
    /// Who said so.
    by: String,
    /// Height at which it was said.
    at: u64,
}

/// When a version of a namespace counts as certified.
#[derive(ToSchema)]
pub struct NamespacePolicy {
    /// The accounts that certify; empty: everybody with the role.
    certifiers: Vec<String>,
    /// How many accounts have to have found each required check passed.
    required_certifications: u32,
    /// The checks that have to have passed; empty: any one check.
    required_checks: Vec<String>,
    /// Whether whoever published a version may certify it.
    publisher_certifies: bool,
}

/// A policy that was set.
#[derive(ToSchema)]
pub struct PolicyRecord {
    /// Its number, from 1; 0 is the default.
    revision: u64,
    policy: NamespacePolicy,
    /// Who set it.
    set_by: String,
    /// Height at which it was set.
    set_at: u64,
}

/// A name that points at a version of its model.
#[derive(ToSchema)]
pub struct Alias {
    alias: String,
    /// The version that it points at; null once it was deleted.
    version: Option<String>,
    /// Who set or deleted it last.
    set_by: String,
    /// Height at which that was.
    set_at: u64,
}

/// A tag of a model or a version.
#[derive(ToSchema)]
pub struct Tag {
    key: String,
    /// The value; null once it was deleted.
    value: Option<String>,
    /// Who set or deleted it last.
    set_by: String,
    /// Height at which that was.
    set_at: u64,
}

/// How far a transfer has come.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// It can be accepted until it expires.
    Offered,
    /// The offer was withdrawn.
    Withdrawn,
    /// The model has its new owner.
    Accepted,
}

/// The last offer to make another account the owner of a model.
#[derive(ToSchema)]
pub struct Transfer {
    /// Who owned the model when it was offered.
    from: String,
    /// To whom it was offered.
    to: String,
    /// Height at which it was offered.
    offered_at: u64,
    /// Last height at which it can be accepted.
    expires_at_height: u64,
    state: TransferState,
    /// Height at which it came so far.
    changed_at: u64,
}

/// What a check found.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The version meets it.
    Passed,
    /// The version does not.
    Failed,
}

/// What a certifier found of a version.
#[derive(ToSchema)]
pub struct Certification {
    /// Who checked.
    certifier: String,
    /// What was checked.
    check: String,
    /// Revision of the namespace's policy that was in force.
    policy: u64,
    /// SHA-256 of the report.
    report: String,
    verdict: Verdict,
    /// The certifier's JSON, as text.
    metrics: String,
    /// Height at which it was certified.
    certified_at: u64,
    /// Block time of that, milliseconds since the Unix epoch.
    certified_at_ms: u64,
    /// First block time at which it no longer holds, milliseconds since the Unix epoch.
    expires_at_ms: Option<u64>,
    /// That it was revoked.
    revoked: Option<Notice>,
}

/// What became of a request for access.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody answered yet.
    Open,
    /// Access was granted.
    Granted,
    /// It was declined.
    Declined,
}

/// An account's last request for access to a version.
#[derive(ToSchema)]
pub struct AccessRequest {
    /// Who asks.
    reader: String,
    /// Why.
    reason: String,
    /// Height at which it was made.
    requested_at: u64,
    state: RequestState,
    /// Height at which that was.
    changed_at: u64,
}

/// A data key that replaced the one before.
#[derive(ToSchema)]
pub struct Rekey {
    /// Generation of the data key, from 1.
    generation: u32,
    /// SHA-256 of the stored manifest under this key.
    manifest_digest: String,
    /// Commitment to the key.
    key_commit: String,
    /// Who replaced it.
    by: String,
    /// Height at which it was replaced.
    at: u64,
    /// The transaction that replaced it.
    tx_hash: String,
}

/// The data key of a private version that is in force.
#[derive(ToSchema)]
pub struct DataKeyInForce {
    /// Its generation.
    generation: u32,
    /// SHA-256 of the manifest stored under it.
    manifest_digest: String,
    /// Commitment to it.
    key_commit: String,
}

/// A version and one thing that it derives from.
#[derive(ToSchema)]
pub struct LineageEdge {
    /// The version that derives.
    child: VersionId,
    relation: Relation,
    /// `model_hash` of the parent, or the digest of a dataset.
    digest: String,
    /// The parent; null for a dataset.
    parent: Option<VersionId>,
    /// How far from where the walk began, from 1.
    depth: u32,
}

/// A version that derives from something.
#[derive(ToSchema)]
pub struct Child {
    id: VersionId,
    relation: Relation,
    /// The version that it derives from; null for a dataset.
    parent: Option<VersionId>,
}

/// Where an event stands among a model's.
#[derive(ToSchema)]
pub struct EventPlace {
    model: ModelName,
    ordinal: u64,
}
