//! The kinds of operations: their names, and the scope in which each one's role has to hold.

use crate::{Operation, Scope};
use serde::Serialize;

/// The kinds of [`Operation`], in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// [`Operation::AdmitAccount`].
    AdmitAccount,
    /// [`Operation::GrantRole`].
    GrantRole,
    /// [`Operation::RevokeRole`].
    RevokeRole,
    /// [`Operation::CreateNamespace`].
    CreateNamespace,
    /// [`Operation::RegisterModel`].
    RegisterModel,
    /// [`Operation::PublishVersion`].
    PublishVersion,
    /// [`Operation::GrantAccess`].
    GrantAccess,
    /// [`Operation::RotateKeys`].
    RotateKeys,
    /// [`Operation::RevokeKey`].
    RevokeKey,
    /// [`Operation::SuspendAccount`].
    SuspendAccount,
    /// [`Operation::ReinstateAccount`].
    ReinstateAccount,
    /// [`Operation::Bond`].
    Bond,
    /// [`Operation::Unbond`].
    Unbond,
    /// [`Operation::RotateValidatorKeys`].
    RotateValidatorKeys,
    /// [`Operation::SubmitEvidence`].
    SubmitEvidence,
    /// [`Operation::Propose`].
    Propose,
    /// [`Operation::Approve`].
    Approve,
    /// [`Operation::SetNamespacePolicy`].
    SetNamespacePolicy,
    /// [`Operation::SetAlias`].
    SetAlias,
    /// [`Operation::DeleteAlias`].
    DeleteAlias,
    /// [`Operation::SetTag`].
    SetTag,
    /// [`Operation::DeleteTag`].
    DeleteTag,
    /// [`Operation::SetDescription`].
    SetDescription,
    /// [`Operation::DeprecateVersion`].
    DeprecateVersion,
    /// [`Operation::YankVersion`].
    YankVersion,
    /// [`Operation::OfferTransfer`].
    OfferTransfer,
    /// [`Operation::AcceptTransfer`].
    AcceptTransfer,
    /// [`Operation::RecordEvent`].
    RecordEvent,
    /// [`Operation::Certify`].
    Certify,
    /// [`Operation::RevokeCertification`].
    RevokeCertification,
    /// [`Operation::RequestAccess`].
    RequestAccess,
    /// [`Operation::RevokeAccess`].
    RevokeAccess,
    /// [`Operation::ResealAccess`].
    ResealAccess,
    /// [`Operation::RekeyVersion`].
    RekeyVersion,
}

impl Operation {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::AdmitAccount { .. } => OperationKind::AdmitAccount,
            Self::GrantRole { .. } => OperationKind::GrantRole,
            Self::RevokeRole { .. } => OperationKind::RevokeRole,
            Self::CreateNamespace { .. } => OperationKind::CreateNamespace,
            Self::RegisterModel { .. } => OperationKind::RegisterModel,
            Self::PublishVersion { .. } => OperationKind::PublishVersion,
            Self::GrantAccess { .. } => OperationKind::GrantAccess,
            Self::RotateKeys { .. } => OperationKind::RotateKeys,
            Self::RevokeKey { .. } => OperationKind::RevokeKey,
            Self::SuspendAccount { .. } => OperationKind::SuspendAccount,
            Self::ReinstateAccount { .. } => OperationKind::ReinstateAccount,
            Self::Bond { .. } => OperationKind::Bond,
            Self::Unbond { .. } => OperationKind::Unbond,
            Self::RotateValidatorKeys { .. } => OperationKind::RotateValidatorKeys,
            Self::SubmitEvidence { .. } => OperationKind::SubmitEvidence,
            Self::Propose { .. } => OperationKind::Propose,
            Self::Approve { .. } => OperationKind::Approve,
            Self::SetNamespacePolicy { .. } => OperationKind::SetNamespacePolicy,
            Self::SetAlias { .. } => OperationKind::SetAlias,
            Self::DeleteAlias { .. } => OperationKind::DeleteAlias,
            Self::SetTag { .. } => OperationKind::SetTag,
            Self::DeleteTag { .. } => OperationKind::DeleteTag,
            Self::SetDescription { .. } => OperationKind::SetDescription,
            Self::DeprecateVersion { .. } => OperationKind::DeprecateVersion,
            Self::YankVersion { .. } => OperationKind::YankVersion,
            Self::OfferTransfer { .. } => OperationKind::OfferTransfer,
            Self::AcceptTransfer { .. } => OperationKind::AcceptTransfer,
            Self::RecordEvent { .. } => OperationKind::RecordEvent,
            Self::Certify { .. } => OperationKind::Certify,
            Self::RevokeCertification { .. } => OperationKind::RevokeCertification,
            Self::RequestAccess { .. } => OperationKind::RequestAccess,
            Self::RevokeAccess { .. } => OperationKind::RevokeAccess,
            Self::ResealAccess { .. } => OperationKind::ResealAccess,
            Self::RekeyVersion { .. } => OperationKind::RekeyVersion,
        }
    }

    /// The scope in which the sender's role has to hold.
    #[must_use]
    pub fn target(&self) -> Scope {
        match self {
            Self::AdmitAccount { .. }
            | Self::CreateNamespace { .. }
            | Self::RotateKeys { .. }
            | Self::RevokeKey { .. }
            | Self::SuspendAccount { .. }
            | Self::ReinstateAccount { .. }
            | Self::Bond { .. }
            | Self::Unbond { .. }
            | Self::RotateValidatorKeys { .. }
            | Self::SubmitEvidence { .. }
            | Self::Propose { .. }
            | Self::Approve { .. } => Scope::Chain,
            Self::GrantRole { scope, .. } | Self::RevokeRole { scope, .. } => scope.clone(),
            Self::RegisterModel { model, .. } => Scope::Namespace(model.namespace.clone()),
            Self::SetNamespacePolicy { namespace, .. } => Scope::Namespace(namespace.clone()),
            Self::PublishVersion { id, .. }
            | Self::GrantAccess { id, .. }
            | Self::SetAlias { id, .. }
            | Self::DeprecateVersion { id, .. }
            | Self::YankVersion { id, .. }
            | Self::Certify { id, .. }
            | Self::RevokeCertification { id, .. }
            | Self::RequestAccess { id, .. }
            | Self::RevokeAccess { id, .. }
            | Self::ResealAccess { id, .. }
            | Self::RekeyVersion { id, .. } => Scope::Model(id.model.clone()),
            Self::DeleteAlias { model, .. }
            | Self::SetDescription { model, .. }
            | Self::OfferTransfer { model, .. }
            | Self::AcceptTransfer { model }
            | Self::RecordEvent { model, .. } => Scope::Model(model.clone()),
            Self::SetTag { subject, .. } | Self::DeleteTag { subject, .. } => {
                Scope::Model(subject.model().clone())
            }
        }
    }
}

impl OperationKind {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AdmitAccount => "admit_account",
            Self::GrantRole => "grant_role",
            Self::RevokeRole => "revoke_role",
            Self::CreateNamespace => "create_namespace",
            Self::RegisterModel => "register_model",
            Self::PublishVersion => "publish_version",
            Self::GrantAccess => "grant_access",
            Self::RotateKeys => "rotate_keys",
            Self::RevokeKey => "revoke_key",
            Self::SuspendAccount => "suspend_account",
            Self::ReinstateAccount => "reinstate_account",
            Self::Bond => "bond",
            Self::Unbond => "unbond",
            Self::RotateValidatorKeys => "rotate_validator_keys",
            Self::SubmitEvidence => "submit_evidence",
            Self::Propose => "propose",
            Self::Approve => "approve",
            Self::SetNamespacePolicy => "set_namespace_policy",
            Self::SetAlias => "set_alias",
            Self::DeleteAlias => "delete_alias",
            Self::SetTag => "set_tag",
            Self::DeleteTag => "delete_tag",
            Self::SetDescription => "set_description",
            Self::DeprecateVersion => "deprecate_version",
            Self::YankVersion => "yank_version",
            Self::OfferTransfer => "offer_transfer",
            Self::AcceptTransfer => "accept_transfer",
            Self::RecordEvent => "record_event",
            Self::Certify => "certify",
            Self::RevokeCertification => "revoke_certification",
            Self::RequestAccess => "request_access",
            Self::RevokeAccess => "revoke_access",
            Self::ResealAccess => "reseal_access",
            Self::RekeyVersion => "rekey_version",
        }
    }

    /// Whether it has to be the only operation of its transaction.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        matches!(self, Self::RotateKeys | Self::RevokeKey)
    }
}
