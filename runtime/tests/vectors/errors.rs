//! Errors of receipts.

use super::{account, digest};
use crate::chain::version;
use cairn_runtime::*;

/// One of each, in the order of their discriminants, up to those of [`catalogue_errors`].
pub fn errors() -> Vec<TransactionError> {
    let id = version("acme/bert@1.0.0");
    let (role, scope, account) = (Role::Publisher, Scope::Chain, account(1));
    let mut errors = vec![
        TransactionError::MissingRole {
            account,
            role,
            scope: scope.clone(),
        },
        TransactionError::UnknownAccount { account },
        TransactionError::AccountExists { account },
        TransactionError::InvalidDisplayName {
            got: String::new(),
            limit: 64,
        },
        TransactionError::BadPossession {
            account,
            chain_id: digest(2),
        },
        TransactionError::RoleHeld {
            account,
            role,
            scope: scope.clone(),
        },
        TransactionError::RoleNotHeld {
            account,
            role,
            scope,
        },
        TransactionError::OwnAdminRole { account },
        TransactionError::InvalidName {
            name: "A".into(),
            limit: 64,
        },
        TransactionError::NamespaceExists {
            namespace: "acme".into(),
        },
        TransactionError::UnknownNamespace {
            namespace: "acme".into(),
        },
        TransactionError::ModelExists {
            model: id.model.clone(),
        },
        TransactionError::UnknownModel {
            model: id.model.clone(),
        },
        TransactionError::InvalidVersion {
            version: "1".into(),
            reason: "short".into(),
        },
        TransactionError::VersionExists { id: id.clone() },
        TransactionError::UnknownVersion { id: id.clone() },
        TransactionError::ModelHashTaken {
            model_hash: digest(3),
            holder: id.clone(),
        },
        TransactionError::TooLong {
            field: "metadata".into(),
            got: 2,
            limit: 1,
        },
        TransactionError::TooManyParents { got: 65, limit: 64 },
        TransactionError::DuplicateParent {
            digest: digest(4),
            relation: Relation::Merged,
        },
        TransactionError::OwnParent { digest: digest(4) },
        TransactionError::NotPrivate { id },
        TransactionError::GenerationMismatch {
            expected: 0,
            got: 1,
        },
        TransactionError::UnknownKey {
            account,
            key_index: 1,
        },
        TransactionError::KeyNotValid {
            account,
            key_index: 1,
            valid_from: 2,
            valid_until: Some(3),
            height: 4,
        },
        TransactionError::NotAllowed {
            account,
            operation: "bond".into(),
            allowed: "the validator's operator".into(),
        },
    ];
    errors.extend(key_errors().into_iter().map(TransactionError::from));
    errors.extend(validator_errors().into_iter().map(TransactionError::from));
    errors.extend(governance_errors().into_iter().map(TransactionError::from));
    errors
}

pub fn key_errors() -> Vec<KeyError> {
    let account = account(1);
    vec![
        KeyError::KeyInUse {
            fingerprint: digest(1),
        },
        KeyError::SameEncryptionKey { account },
        KeyError::RevokedBackwards {
            height: 1,
            from_height: 1,
        },
        KeyError::KeyEnded {
            account,
            key_index: 1,
            valid_until: 2,
            from_height: 3,
        },
        KeyError::AccountSuspended { account, since: 1 },
        KeyError::NotSuspended { account },
        KeyError::OwnSuspension { account },
        KeyError::OperatorProtected {
            account,
            validator: account,
        },
    ]
}

pub fn validator_errors() -> Vec<ValidatorError> {
    let validator = account(1);
    vec![
        ValidatorError::UnknownValidator { validator },
        ValidatorError::BadKeyProof {
            validator,
            key_index: 1,
            operator: validator,
            chain_id: digest(2),
        },
        ValidatorError::WrongStanding {
            validator,
            standing: Standing::Removed,
        },
        ValidatorError::ZeroAmount,
        ValidatorError::NotEnoughStake {
            validator,
            kind: "free".into(),
            available: 1,
            amount: 2,
        },
        ValidatorError::TooManyUnbondings {
            validator,
            limit: 64,
        },
        ValidatorError::SupplyExceeded {
            issued: 1,
            amount: 2,
        },
        ValidatorError::TooFewValidators {
            left: 31,
            minimum: 32,
        },
        ValidatorError::TooManyValidators { limit: 1_024 },
        ValidatorError::MalformedEvidence {
            reason: "short".into(),
        },
        ValidatorError::NoOffence {
            reason: "same".into(),
        },
        ValidatorError::UnknownMember { epoch: 1, index: 2 },
        ValidatorError::BadEvidenceSignature {
            validator,
            epoch: 1,
        },
        ValidatorError::OffenceCounted {
            validator,
            epoch: 1,
            height: 2,
        },
        ValidatorError::ValidatorNameTaken {
            name: "acme-1".into(),
            validator,
        },
    ]
}

pub fn governance_errors() -> Vec<GovernanceError> {
    vec![
        GovernanceError::UnknownProposal { proposal: 1 },
        GovernanceError::ProposalPassed {
            proposal: 1,
            height: 2,
        },
        GovernanceError::ProposalExpired {
            proposal: 1,
            expires_at: 2,
            height: 3,
        },
        GovernanceError::AlreadyApproved {
            proposal: 1,
            account: account(1),
        },
        GovernanceError::WrongExpiry {
            expires_at_height: 1,
            earliest: 2,
            latest: 3,
        },
        GovernanceError::UnknownParameter { name: "x".into() },
        GovernanceError::ParameterRefused {
            name: "x".into(),
            value: 1,
            reason: "why".into(),
        },
        GovernanceError::UpgradeNotAhead { height: 1, got: 1 },
    ]
}

/// One of each about namespaces, models and versions.
pub fn catalogue_errors() -> Vec<TransactionError> {
    model_errors()
        .into_iter()
        .map(TransactionError::from)
        .collect()
}

pub fn model_errors() -> Vec<ModelError> {
    let id = version("acme/bert@1.0.0");
    let (model, account) = (id.model.clone(), account(1));
    vec![
        ModelError::TooMany {
            what: "checks".into(),
            got: 2,
            limit: 1,
        },
        ModelError::Repeated {
            what: "checks".into(),
            value: "x".into(),
        },
        ModelError::UnmeetablePolicy {
            required: 2,
            certifiers: 1,
        },
        ModelError::InvalidAlias {
            alias: "latest".into(),
            reason: "why".into(),
        },
        ModelError::UnknownAlias {
            model: model.clone(),
            alias: "stable".into(),
        },
        ModelError::UnknownTag {
            subject: Subject::Version(id.clone()),
            key: "team".into(),
        },
        ModelError::VersionDeprecated {
            id: id.clone(),
            since: 1,
        },
        ModelError::VersionYanked { id, since: 1 },
        ModelError::NotOffered {
            model: model.clone(),
        },
        ModelError::OfferExpired {
            model: model.clone(),
            expires_at: 1,
            height: 2,
        },
        ModelError::WrongOfferExpiry {
            got: 1,
            earliest: 2,
            latest: 3,
        },
        ModelError::OwnsAlready { account, model },
    ]
}

/// One of each about provenance, certification and access.
pub fn assurance_errors() -> Vec<TransactionError> {
    let id = version("acme/bert@1.0.0");
    let (account, reader) = (account(1), account(2));
    vec![
        ProvenanceError::UnknownParent {
            digest: digest(1),
            relation: Relation::Merged,
        }
        .into(),
        ProvenanceError::NothingNamed.into(),
        CertificationError::OtherPolicy {
            expected: 1,
            got: 2,
        }
        .into(),
        CertificationError::NotACertifier { account, policy: 1 }.into(),
        CertificationError::OwnVersion {
            account,
            id: id.clone(),
        }
        .into(),
        CertificationError::ExpiresTooEarly {
            expires_at_ms: 1,
            now_ms: 2,
        }
        .into(),
        CertificationError::UnknownCertification {
            id: id.clone(),
            certification: 1,
        }
        .into(),
        CertificationError::CertificationRevoked {
            id: id.clone(),
            certification: 1,
            since: 2,
        }
        .into(),
        AccessError::GrantExists {
            id: id.clone(),
            reader,
            generation: 1,
            key_index: 2,
        }
        .into(),
        AccessError::NoAccess {
            id: id.clone(),
            reader,
        }
        .into(),
        AccessError::AccessRevoked {
            id: id.clone(),
            reader,
            since: 1,
        }
        .into(),
        AccessError::RequestOpen {
            id,
            reader,
            since: 1,
        }
        .into(),
    ]
}
