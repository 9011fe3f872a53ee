//! The JSON forms of the ledger's types, for the OpenAPI document only: the runtime and consensus crates know
//! nothing of HTTP. A test compares each with what serde really writes.

#![allow(dead_code, reason = "these types are only described, never made")]

mod catalogue;

pub use catalogue::{
    AccessRequest, Alias, Certification, Child, DataKeyInForce, EventPlace, LineageEdge,
    NamespacePolicy, Notice, PolicyRecord, Rekey, RequestState, Tag, Transfer, TransferState,
    Verdict,
};

use utoipa::ToSchema;

/// `namespace/name`, in its two parts.
#[derive(ToSchema)]
pub struct ModelName {
    namespace: String,
    name: String,
}

/// A model and a version of it, SemVer 2.0 without build metadata.
#[derive(ToSchema)]
pub struct VersionId {
    model: ModelName,
    version: String,
}

/// What a version derives from.
#[derive(ToSchema)]
pub struct Parent {
    /// `model_hash` of a version, or the digest of a dataset.
    digest: String,
    relation: Relation,
}

/// How a version derives from a parent.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Fine-tuned from the parent.
    FineTuned,
    /// Quantized from the parent.
    Quantized,
    /// Converted from the parent's format.
    Converted,
    /// Merged with others.
    Merged,
    /// Distilled from the parent.
    Distilled,
    /// An adapter for the parent.
    Adapter,
    /// A newer version of the parent.
    Revised,
    /// Trained on the parent, a dataset.
    TrainedOn,
}

/// `"public"`, or `{"private": {"key_commit", "generation"}}`.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidentiality {
    /// Stored in the clear.
    Public,
    /// Encrypted under a data key that grants carry.
    Private {
        /// Commitment to the data key.
        key_commit: String,
        /// Counts re-encryptions, from 0.
        generation: u32,
    },
}

/// A role of the permission table.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Admits accounts, grants and revokes roles.
    Admin,
    /// Creates namespaces and registers models.
    Registrar,
    /// Publishes versions and grants access to them.
    Publisher,
    /// Certifies versions.
    Certifier,
    /// Reads what was granted to it.
    Reader,
    /// Reads what the policy calls private.
    Auditor,
    /// Runs validators and stores.
    Operator,
}

/// Where a role holds.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The whole chain.
    Chain,
    /// One namespace.
    Namespace(String),
    /// One model.
    Model(ModelName),
}

/// An account.
#[derive(ToSchema)]
pub struct Account {
    /// Its name for life.
    id: String,
    display_name: String,
    /// Height at which it was admitted.
    admitted_at: u64,
    /// Number of keys it ever had.
    keys: u32,
    /// Number of role entries it ever had.
    roles: u64,
    /// Height at which it was suspended, while it is.
    suspended_at: Option<u64>,
}

/// A pair of keys of an account, and the heights at which they are valid.
#[derive(ToSchema)]
pub struct AccountKey {
    /// ML-DSA-87, base64.
    signing: String,
    /// ML-KEM-1024, base64.
    encryption: String,
    valid_from: u64,
    /// Block time at which it was recorded, milliseconds since the Unix epoch; its age counts from here.
    valid_from_ms: u64,
    valid_until: Option<u64>,
}

/// A role of an account.
#[derive(ToSchema)]
pub struct RoleEntry {
    role: Role,
    scope: Scope,
    /// Height at which it was granted.
    granted_at: u64,
    /// Height at which it was revoked.
    revoked_at: Option<u64>,
}

/// A namespace.
#[derive(ToSchema)]
pub struct Namespace {
    name: String,
    /// Who created it.
    owner: String,
    /// Height at which it was created.
    created_at: u64,
    /// Number of models ever registered in it.
    models: u64,
}

/// A model.
#[derive(ToSchema)]
pub struct Model {
    name: ModelName,
    /// Who registered it.
    owner: String,
    description: String,
    /// Height at which it was registered.
    registered_at: u64,
    /// Number of versions ever published.
    versions: u64,
    /// Number of events ever recorded about it.
    events: u64,
}

/// A published version; immutable.
#[derive(ToSchema)]
pub struct Version {
    id: VersionId,
    /// Its place among the model's versions, from 0.
    ordinal: u64,
    /// Digest of its manifest.
    model_hash: String,
    /// Digest of the embedding vector, if there is one.
    vector_hash: Option<String>,
    /// Names the blob by which the bytes are found.
    manifest_digest: String,
    /// Block time, milliseconds since the Unix epoch.
    timestamp_ms: u64,
    /// Who published it.
    owner: String,
    /// The caller's JSON, as text.
    metadata: String,
    parents: Vec<Parent>,
    confidentiality: Confidentiality,
    /// Height at which it was published.
    published_at: u64,
    /// The transaction that published it.
    tx_hash: String,
}

/// A data key, sealed to one reader.
#[derive(ToSchema)]
pub struct SealedKey {
    /// ML-KEM-1024 ciphertext, base64.
    ciphertext: String,
    /// The wrapped data key, base64.
    wrapped: String,
}

/// A version's data key for one reader.
#[derive(ToSchema)]
pub struct Grant {
    /// Who may read.
    reader: String,
    /// Who granted it.
    granted_by: String,
    /// Height at which it was granted.
    granted_at: u64,
    /// Index of the reader's key.
    key_index: u32,
    /// Generation of the data key.
    generation: u32,
    sealed: SealedKey,
    /// That access was revoked.
    revoked: Option<Notice>,
}

/// A validator of the registry.
#[derive(ToSchema)]
pub struct ValidatorEntry {
    id: String,
    name: String,
    /// The account that signs transactions for it.
    operator: String,
    /// Number of key pairs it ever had; the newest has index `keys - 1`.
    keys: u32,
    standing: Standing,
    /// Height at which it was added.
    added_at: u64,
}

/// Whether a validator belongs into the set.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In the set from the next epoch change on, if it has bonded stake.
    Active,
    /// It signed two contents where it may sign one.
    Jailed,
    /// Governance removed it.
    Removed,
}

/// The stake of a validator, in units.
#[derive(ToSchema)]
pub struct Stake {
    /// Voting power from the next epoch change on.
    bonded: u64,
    /// What its operator can bond.
    free: u64,
    unbonding: Vec<Unbonding>,
}

/// Stake on its way out.
#[derive(ToSchema)]
pub struct Unbonding {
    amount: u64,
    /// Block time from which it is free, milliseconds since the Unix epoch.
    matures_at_ms: u64,
}

/// A validator's offence in an epoch.
#[derive(ToSchema)]
pub struct Offence {
    validator: String,
    epoch: u64,
    /// The round in which it signed two contents.
    round: u64,
    /// Units of stake that it lost.
    burned: u64,
    /// Who brought the evidence.
    reporter: String,
    /// Height at which it was punished.
    height: u64,
}

/// Who decided in an epoch.
#[derive(ToSchema)]
pub struct EpochRecord {
    epoch: u64,
    /// Height of its first block.
    first_height: u64,
    /// The validators, in the order of signer bitmaps.
    members: Vec<EpochMember>,
}

/// A validator in an epoch.
#[derive(ToSchema)]
pub struct EpochMember {
    id: String,
    /// Index of the keys that it used.
    key_index: u32,
    /// Voting power.
    power: u64,
}

/// A proposal of governance.
#[derive(ToSchema)]
pub struct Proposal {
    id: u64,
    /// Who made it.
    proposer: String,
    action: Action,
    /// Height at which it was made.
    proposed_at: u64,
    /// Last height at which it can be approved.
    expires_at_height: u64,
    /// Ids of the validators that approved it, in that order.
    approvals: Vec<String>,
    /// Height at which it passed.
    passed_at: Option<u64>,
}

/// What a proposal does when it passes; the other members depend on the kind.
#[derive(ToSchema)]
pub struct Action {
    /// The kind: `set_parameter`, `add_validator` and so on.
    action: String,
}

/// What a signing key is or was for; a key of an account has a member `account`, one of a validator `validator`.
#[derive(ToSchema)]
pub struct KeyUse {
    /// `account`, `consensus` or `transport`.
    #[schema(rename = "use")]
    r#use: String,
    /// Index of the key.
    key_index: u32,
}

/// Something that happened to a model.
#[derive(ToSchema)]
pub struct ModelEvent {
    height: u64,
    /// Block time, milliseconds since the Unix epoch.
    timestamp_ms: u64,
    tx_hash: String,
    /// Who signed the transaction.
    sender: String,
    event: Event,
}

/// What changed; the other members depend on the kind.
#[derive(ToSchema)]
pub struct Event {
    /// The kind: `model_registered`, `access_granted` and so on.
    event: String,
}

/// Why an operation failed; the other members are the values that disagree.
#[derive(ToSchema)]
pub struct Failure {
    /// Stable, snake_case.
    code: String,
}

/// The result of a transaction of a final block.
#[derive(ToSchema)]
pub struct Receipt {
    tx_hash: String,
    outcome: Outcome,
}

/// `{"applied": [events]}`, or `{"failed": {"operation", "error"}}`.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every operation took effect.
    Applied(Vec<Event>),
    /// None did.
    Failed {
        /// Index of the operation that failed.
        operation: u32,
        /// Why.
        error: Failure,
    },
}

/// What a block commits to.
#[derive(ToSchema)]
pub struct Header {
    chain_id: String,
    epoch: u64,
    round: u64,
    height: u64,
    /// Id of the block before.
    parent: String,
    parent_round: u64,
    /// Milliseconds since the Unix epoch.
    timestamp_ms: u64,
    /// Validator id of the round's leader.
    proposer: String,
    /// RFC 6962 root over the payload.
    payload_root: String,
    /// Root of the authenticated state after this block.
    state_root: String,
    /// RFC 6962 root over the receipts.
    receipts_root: String,
    /// RFC 6962 root over the ids of all earlier blocks.
    history_root: String,
    validators_hash: String,
    next_validators_hash: String,
}

/// The limits of the chain: bytes, counts or blocks.
#[derive(ToSchema)]
pub struct ChainParams {
    max_transaction_bytes: u64,
    max_operations: u64,
    max_metadata_bytes: u64,
    max_description_bytes: u64,
    max_parents: u64,
    max_block_transactions: u64,
    max_block_bytes: u64,
    max_account_transactions_per_block: u64,
    max_expiry_blocks: u64,
    max_proposal_blocks: u64,
    max_key_age_ms: u64,
    unbonding_ms: u64,
    equivocation_burn_bp: u64,
    min_epoch_blocks: u64,
    min_validators: u64,
}
