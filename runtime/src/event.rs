//! What happened: receipts and their events.

use crate::{
    AccountId, ModelName, Parent, Provenance, Role, Scope, Subject, TransactionError, Verdict,
    VersionId,
};
use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::Digest;
use serde::{Deserialize, Serialize};

/// The result of one transaction of a block. Leaf of `receipts_root`, as Borsh bytes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// Name of the transaction.
    pub tx_hash: Digest,
    /// What came of it.
    pub outcome: Outcome,
}

/// Success with its events, or the first error; then nothing but the nonce changed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every operation took effect.
    Applied(Vec<Event>),
    /// None did.
    Failed {
        /// Index of the operation that failed.
        operation: u32,
        /// Why.
        error: TransactionError,
    },
}

/// One thing that changed. Discriminants are fixed by order; new events are appended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An account was admitted.
    AccountAdmitted {
        /// Which.
        account: AccountId,
        /// Shown to people.
        display_name: String,
    },
    /// A role was granted.
    RoleGranted {
        /// To whom.
        account: AccountId,
        /// Which.
        role: Role,
        /// Where.
        scope: Scope,
    },
    /// A role was revoked.
    RoleRevoked {
        /// From whom.
        account: AccountId,
        /// Which.
        role: Role,
        /// Where.
        scope: Scope,
    },
    /// A namespace was created.
    NamespaceCreated {
        /// Which.
        namespace: String,
        /// By whom.
        owner: AccountId,
    },
    /// A model name was registered.
    ModelCreated {
        /// Which.
        model: ModelName,
        /// By whom.
        owner: AccountId,
    },
    /// A version was published: the registry specification's `ModelRegistered`.
    ModelRegistered {
        /// Which.
        id: VersionId,
        /// Digest of its manifest.
        model_hash: Digest,
        /// By whom.
        owner: AccountId,
        /// What it derives from.
        parents: Vec<Parent>,
    },
    /// A reader was given access.
    AccessGranted {
        /// To what.
        id: VersionId,
        /// Who.
        reader: AccountId,
        /// By whom.
        granted_by: AccountId,
    },
    /// An account's keys were replaced, from the next block on.
    KeysRotated {
        /// Whose.
        account: AccountId,
        /// Index of the new keys.
        key_index: u32,
    },
    /// A key's validity ends.
    KeyRevoked {
        /// Whose.
        account: AccountId,
        /// Which.
        key_index: u32,
        /// First height at which it no longer signs.
        from_height: u64,
    },
    /// An account was suspended.
    AccountSuspended {
        /// Which.
        account: AccountId,
        /// Why.
        reason: String,
    },
    /// A suspension ended.
    AccountReinstated {
        /// Whose.
        account: AccountId,
        /// Why.
        reason: String,
    },
    /// Stake was bonded.
    StakeBonded {
        /// Whose.
        validator: AccountId,
        /// Units.
        amount: u64,
    },
    /// Stake is on its way out.
    StakeUnbonding {
        /// Whose.
        validator: AccountId,
        /// Units.
        amount: u64,
        /// Block time from which it is free, milliseconds since the Unix epoch.
        matures_at_ms: u64,
    },
    /// A validator's keys were replaced, from the next epoch change on.
    ValidatorKeysRotated {
        /// Whose.
        validator: AccountId,
        /// Index of the new pair.
        key_index: u32,
    },
    /// A validator lost stake and was jailed for signing two contents where it may sign one.
    EquivocationPunished {
        /// Which.
        validator: AccountId,
        /// The epoch of the offence.
        epoch: u64,
        /// Units of stake lost.
        burned: u64,
    },
    /// Something was proposed.
    ProposalMade {
        /// Its number.
        proposal: u64,
        /// By whom.
        proposer: AccountId,
    },
    /// Validators approved a proposal.
    ProposalApproved {
        /// Its number.
        proposal: u64,
        /// Which validators.
        validators: Vec<AccountId>,
    },
    /// A proposal passed and took effect.
    ProposalPassed {
        /// Its number.
        proposal: u64,
    },
    /// A namespace has another policy.
    NamespacePolicySet {
        /// Which.
        namespace: String,
        /// Number of the policy.
        revision: u64,
    },
    /// An alias was set.
    AliasSet {
        /// What it points at.
        id: VersionId,
        /// Its name.
        alias: String,
    },
    /// An alias was deleted.
    AliasDeleted {
        /// Of which model.
        model: ModelName,
        /// Its name.
        alias: String,
    },
    /// A tag was set.
    TagSet {
        /// What it is attached to.
        subject: Subject,
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
    /// A tag was deleted.
    TagDeleted {
        /// What it was attached to.
        subject: Subject,
        /// Its key.
        key: String,
    },
    /// A model's description was replaced.
    DescriptionSet {
        /// Which model's.
        model: ModelName,
        /// The new one.
        description: String,
    },
    /// A version was deprecated.
    VersionDeprecated {
        /// Which.
        id: VersionId,
        /// Why.
        reason: String,
    },
    /// A version was yanked.
    VersionYanked {
        /// Which.
        id: VersionId,
        /// Why.
        reason: String,
    },
    /// A model was offered to another account.
    TransferOffered {
        /// Which.
        model: ModelName,
        /// To whom.
        to: AccountId,
        /// Last height at which it can be accepted.
        expires_at_height: u64,
    },
    /// An offer was withdrawn.
    TransferWithdrawn {
        /// Of which model.
        model: ModelName,
    },
    /// A model has another owner.
    ModelTransferred {
        /// Which.
        model: ModelName,
        /// Who owned it.
        from: AccountId,
        /// Who owns it now.
        to: AccountId,
    },
    /// A step in the life of a model was recorded.
    ProvenanceRecorded {
        /// Which model.
        model: ModelName,
        /// What happened.
        provenance: Provenance,
    },
    /// A check of a version was made.
    VersionCertified {
        /// Which version.
        id: VersionId,
        /// Place among the version's certifications.
        certification: u64,
        /// What was checked.
        check: String,
        /// What was found.
        verdict: Verdict,
    },
    /// A certification was taken back.
    CertificationRevoked {
        /// Of which version.
        id: VersionId,
        /// Its place among the version's.
        certification: u64,
        /// Why.
        reason: String,
    },
    /// A reader asked for access.
    AccessRequested {
        /// To what.
        id: VersionId,
        /// Who.
        reader: AccountId,
        /// Why.
        reason: String,
    },
    /// A reader's access was taken away.
    AccessRevoked {
        /// To what.
        id: VersionId,
        /// Whose.
        reader: AccountId,
        /// Why.
        reason: String,
    },
    /// A request for access was declined.
    AccessDeclined {
        /// To what.
        id: VersionId,
        /// Whose.
        reader: AccountId,
        /// Why.
        reason: String,
    },
    /// A reader has its data key under a newer key of its own.
    AccessResealed {
        /// Of what.
        id: VersionId,
        /// Who.
        reader: AccountId,
        /// Index of the newer key.
        key_index: u32,
    },
    /// A version has another data key.
    VersionRekeyed {
        /// Which.
        id: VersionId,
        /// Generation of the new key.
        generation: u32,
        /// SHA-256 of the manifest stored under it.
        manifest_digest: Digest,
        /// Who was given it.
        readers: Vec<AccountId>,
    },
}

impl Event {
    /// The model that the event is about: itself, one of its versions, or a role for it. None for accounts, namespaces,
    /// validators and proposals.
    #[must_use]
    pub fn model(&self) -> Option<&ModelName> {
        match self {
            Self::ModelCreated { model, .. }
            | Self::AliasDeleted { model, .. }
            | Self::DescriptionSet { model, .. }
            | Self::TransferOffered { model, .. }
            | Self::TransferWithdrawn { model }
            | Self::ModelTransferred { model, .. }
            | Self::ProvenanceRecorded { model, .. } => Some(model),
            Self::ModelRegistered { id, .. }
            | Self::AccessGranted { id, .. }
            | Self::AliasSet { id, .. }
            | Self::VersionDeprecated { id, .. }
            | Self::VersionYanked { id, .. }
            | Self::VersionCertified { id, .. }
            | Self::CertificationRevoked { id, .. }
            | Self::AccessRequested { id, .. }
            | Self::AccessRevoked { id, .. }
            | Self::AccessDeclined { id, .. }
            | Self::AccessResealed { id, .. }
            | Self::VersionRekeyed { id, .. } => Some(&id.model),
            Self::TagSet { subject, .. } | Self::TagDeleted { subject, .. } => {
                Some(subject.model())
            }
            Self::RoleGranted { scope, .. } | Self::RoleRevoked { scope, .. } => match scope {
                Scope::Model(model) => Some(model),
                Scope::Chain | Scope::Namespace(_) => None,
            },
            Self::AccountAdmitted { .. }
            | Self::NamespaceCreated { .. }
            | Self::KeysRotated { .. }
            | Self::KeyRevoked { .. }
            | Self::AccountSuspended { .. }
            | Self::AccountReinstated { .. }
            | Self::StakeBonded { .. }
            | Self::StakeUnbonding { .. }
            | Self::ValidatorKeysRotated { .. }
            | Self::EquivocationPunished { .. }
            | Self::ProposalMade { .. }
            | Self::ProposalApproved { .. }
            | Self::ProposalPassed { .. }
            | Self::NamespacePolicySet { .. } => None,
        }
    }
}

/// An event of a model, as its log in the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ModelEvent {
    /// Height of the block.
    pub height: u64,
    /// Block time, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The transaction.
    pub tx_hash: Digest,
    /// Who signed it.
    pub sender: AccountId,
    /// What changed.
    pub event: Event,
}
