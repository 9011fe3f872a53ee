//! What a transaction can ask for. Discriminants are fixed by this order and never reused; new
//! operations are appended.

use crate::evidence::EvidenceBytes;
use crate::{
    AccountId, Action, ModelName, NamespacePolicy, Provenance, ReaderKey, Role, Scope, Subject,
    ValidatorKeyProof, Verdict, VersionId,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, PublicKey, Signature, kem::EncapsulationKey, seal::SealedKey};
use serde::{Deserialize, Serialize};

/// One operation. All operations of a transaction take effect or none does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant)]
pub enum Operation {
    /// Admits an account with its first keys.
    AdmitAccount {
        /// Shown to people; 1 to 64 characters, no control characters.
        display_name: String,
        /// First ML-DSA-87 key; names the account.
        signing_key: PublicKey,
        /// First ML-KEM-1024 key; data keys are sealed to it.
        encryption_key: EncapsulationKey,
        /// The new signing key's signature over [`Possession`](crate::Possession), so that nobody can slip in an
        /// encryption key that is not the account's.
        possession: Signature,
    },
    /// Gives a role.
    GrantRole {
        /// To whom.
        account: AccountId,
        /// Which.
        role: Role,
        /// Where.
        scope: Scope,
    },
    /// Takes a role away.
    RevokeRole {
        /// From whom.
        account: AccountId,
        /// Which.
        role: Role,
        /// Where.
        scope: Scope,
    },
    /// Creates a namespace, owned by the sender. A name is never free again.
    CreateNamespace {
        /// Same rules as [`ModelName::namespace`].
        namespace: String,
    },
    /// Registers a model, owned by the sender. A name is never free again.
    RegisterModel {
        /// Its name.
        model: ModelName,
        /// Shown to people; at most 1,024 bytes.
        description: String,
    },
    /// Publishes an immutable version: the registry specification's `registerModel`.
    PublishVersion {
        /// The version's name.
        id: VersionId,
        /// `H("cairn/manifest/v1", manifest)`; unique within the namespace.
        model_hash: Digest,
        /// Digest of the caller's embedding vector (blinded for a private model), if there is one.
        vector_hash: Option<Digest>,
        /// SHA-256 of the stored manifest, the blob by which the bytes are found.
        manifest_digest: Digest,
        /// The caller's JSON, at most `max_metadata_bytes`; opaque to the ledger.
        metadata: String,
        /// What it derives from.
        parents: Vec<Parent>,
        /// Whether the stored bytes are encrypted.
        confidentiality: Confidentiality,
    },
    /// Gives a reader the data key of a version, sealed to the reader's ML-KEM-1024 key.
    GrantAccess {
        /// Which version.
        id: VersionId,
        /// To whom.
        reader: AccountId,
        /// Index of the reader's key that the data key is sealed to.
        key_index: u32,
        /// Generation of the data key.
        generation: u32,
        /// Height of the newest state that the sender knows: access that was revoked after it stays revoked.
        as_of: u64,
        /// The sealed data key.
        sealed: SealedKey,
    },
    /// Replaces the sender's keys, from the next block on. Stands alone in its transaction.
    RotateKeys {
        /// The new ML-DSA-87 key.
        signing_key: PublicKey,
        /// The new ML-KEM-1024 key.
        encryption_key: EncapsulationKey,
        /// The new signing key's signature over [`Possession`](crate::Possession) with the next key index.
        possession: Signature,
    },
    /// Ends the validity of a key. Stands alone in its transaction.
    RevokeKey {
        /// Whose.
        account: AccountId,
        /// Which.
        key_index: u32,
        /// First height at which it no longer signs; above the block's.
        from_height: u64,
    },
    /// Suspends an account: it signs nothing until it is reinstated.
    SuspendAccount {
        /// Which.
        account: AccountId,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Ends a suspension.
    ReinstateAccount {
        /// Which.
        account: AccountId,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Bonds free stake of a validator: voting power from the next epoch change on.
    Bond {
        /// The validator.
        validator: AccountId,
        /// Units.
        amount: u64,
    },
    /// Takes bonded stake of a validator out; it is free after `unbonding_ms` of block time.
    Unbond {
        /// The validator.
        validator: AccountId,
        /// Units.
        amount: u64,
    },
    /// Replaces both keys of a validator, from the next epoch change on, without its leaving the set.
    RotateValidatorKeys {
        /// The validator.
        validator: AccountId,
        /// The new consensus key.
        consensus_key: PublicKey,
        /// The new transport key, or the present one.
        transport_key: PublicKey,
        /// Both keys' signatures over [`ValidatorKeyClaim`](crate::ValidatorKeyClaim) with the next key index.
        possession: Box<ValidatorKeyProof>,
    },
    /// Proves that a validator signed two contents where it may sign one.
    SubmitEvidence {
        /// The evidence as the consensus protocol writes it, in Borsh.
        evidence: EvidenceBytes,
    },
    /// Proposes something to the validators; approves it with the voting power that the sender operates.
    Propose {
        /// What.
        action: Box<Action>,
        /// Last height at which it can be approved; at most `max_proposal_blocks` ahead.
        expires_at_height: u64,
    },
    /// Approves a proposal with the voting power of all validators in force that the sender operates.
    Approve {
        /// Its number.
        proposal: u64,
    },
    /// Says when versions of a namespace count as certified, from now on.
    SetNamespacePolicy {
        /// Which namespace.
        namespace: String,
        /// What it says.
        policy: NamespacePolicy,
    },
    /// Points an alias of a model at a version, in place of whatever it pointed at.
    SetAlias {
        /// The version.
        id: VersionId,
        /// The alias; same rules as [`ModelName::name`], and neither a version nor `latest`.
        alias: String,
    },
    /// Deletes an alias of a model; the name can be set again.
    DeleteAlias {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: String,
    },
    /// Attaches a tag, in place of any of the same key.
    SetTag {
        /// To what.
        subject: Subject,
        /// Its key; same rules as [`ModelName::name`].
        key: String,
        /// Its value; at most `max_description_bytes`.
        value: String,
    },
    /// Deletes a tag; the key can be set again.
    DeleteTag {
        /// From what.
        subject: Subject,
        /// Its key.
        key: String,
    },
    /// Replaces the description of a model.
    SetDescription {
        /// Which.
        model: ModelName,
        /// Shown to people; at most `max_description_bytes`.
        description: String,
    },
    /// Says that a version should not be chosen any more, for ever.
    DeprecateVersion {
        /// Which.
        id: VersionId,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Says that a version must not be used: no alias, access or certificate is given to it any more.
    YankVersion {
        /// Which.
        id: VersionId,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Offers to make another account the owner of a model, in place of any earlier offer.
    OfferTransfer {
        /// Which model.
        model: ModelName,
        /// To whom; nobody withdraws the offer.
        to: Option<AccountId>,
        /// Last height at which it can be accepted; at most `max_proposal_blocks` ahead.
        expires_at_height: u64,
    },
    /// Accepts a model that was offered to the sender.
    AcceptTransfer {
        /// Which.
        model: ModelName,
    },
    /// Records a step in the life of a model.
    RecordEvent {
        /// Which model.
        model: ModelName,
        /// What happened; at least one input or output, at most 64 of each.
        provenance: Provenance,
    },
    /// Says what a check of a version found.
    Certify {
        /// Which version.
        id: VersionId,
        /// Revision of the namespace's policy that the certifier judged by; 0 is the default.
        policy: u64,
        /// What was checked; same rules as [`ModelName::name`].
        check: String,
        /// SHA-256 of the report.
        report: Digest,
        /// What was found.
        verdict: Verdict,
        /// The certifier's JSON, at most `max_metadata_bytes`; opaque to the ledger.
        metrics: String,
        /// First block time at which it no longer holds, milliseconds since the Unix epoch.
        expires_at_ms: Option<u64>,
    },
    /// Takes a certification back.
    RevokeCertification {
        /// Of which version.
        id: VersionId,
        /// Its place among the version's certifications.
        certification: u64,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Asks for access to a private version.
    RequestAccess {
        /// Which.
        id: VersionId,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Takes a reader's access away, and declines its request if there is one. What the reader has unwrapped it keeps:
    /// only a new data key shuts it out.
    RevokeAccess {
        /// To which version.
        id: VersionId,
        /// From whom.
        reader: AccountId,
        /// Why; at most `max_description_bytes`.
        reason: String,
    },
    /// Replaces the sealed key of the sender's own grant by one for a newer key of the sender's.
    ResealAccess {
        /// Which version.
        id: VersionId,
        /// Index of the newer key.
        key_index: u32,
        /// Generation of the data key, which stays.
        generation: u32,
        /// The same data key, sealed to the newer key.
        sealed: SealedKey,
    },
    /// Replaces the data key of a private version: its bytes were encrypted anew. `model_hash` stays.
    RekeyVersion {
        /// Which.
        id: VersionId,
        /// Generation of the new data key: one more than the last.
        generation: u32,
        /// SHA-256 of the stored manifest under the new key.
        manifest_digest: Digest,
        /// `H("cairn/datakey/v1", (version id, generation, data key))`.
        key_commit: Digest,
        /// The new key for readers, at most 128; others are granted it afterwards.
        readers: Vec<ReaderKey>,
    },
}

/// How the stored bytes of a version are kept.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidentiality {
    /// Stored in the clear.
    Public,
    /// Encrypted under a data key that grants carry.
    Private {
        /// `H("cairn/datakey/v1", (version id, generation, data key))`: a reader checks the key it unwrapped.
        key_commit: Digest,
        /// Counts re-encryptions, from 0.
        generation: u32,
    },
}

/// One thing that a version derives from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Parent {
    /// `model_hash` of a version, or the digest of a dataset.
    pub digest: Digest,
    /// How.
    pub relation: Relation,
}

/// How a version derives from a parent.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
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
