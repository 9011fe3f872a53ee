//! Golden vectors: the encodings of everything that is signed, hashed or stored, as files. A changed
//! encoding fails here. To add a vector, run with `CAIRN_WRITE_GOLDEN=1`: it writes the files that
//! are missing and never changes one.

#![allow(clippy::unwrap_used)]

mod chain;

use borsh::{BorshDeserialize, BorshSerialize};
use cairn_crypto::{Digest, domain, hash, signing_bytes};
use cairn_runtime::*;
use chain::*;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use std::path::Path;

fn check(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("CAIRN_WRITE_GOLDEN").is_some() {
        let digits = hex::encode(bytes);
        let lines = digits.as_bytes().chunks(96);
        let text: String = lines
            .map(|line| format!("{}\n", std::str::from_utf8(line).unwrap()))
            .collect();
        std::fs::write(&path, text).unwrap();
    }
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let expected = hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    assert_eq!(
        hex::encode(bytes),
        hex::encode(expected),
        "the encoding of {name} changed"
    );
}

/// Checks the Borsh encoding, and that Borsh and JSON read the value back.
fn check_value<T>(name: &str, value: &T)
where
    T: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let bytes = borsh::to_vec(value).unwrap();
    check(name, &bytes);
    assert_eq!(&borsh::from_slice::<T>(&bytes).unwrap(), value);
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
}

fn digest(byte: u8) -> Digest {
    Digest::new([byte; 32])
}

fn account(byte: u8) -> AccountId {
    AccountId(digest(byte))
}

fn operations() -> Vec<Operation> {
    let parents = [
        Relation::FineTuned,
        Relation::Quantized,
        Relation::Converted,
        Relation::Merged,
        Relation::Distilled,
        Relation::Adapter,
        Relation::Revised,
        Relation::TrainedOn,
    ];
    let mut full = publish_private("acme/bert@1.0.0", "weights");
    let Operation::PublishVersion {
        parents: list,
        vector_hash,
        ..
    } = &mut full
    else {
        unreachable!()
    };
    *vector_hash = Some(digest(7));
    *list = (0u8..)
        .zip(parents)
        .map(|(byte, relation)| Parent {
            digest: digest(byte),
            relation,
        })
        .collect();
    let new = actor(2);
    vec![
        Operation::AdmitAccount {
            display_name: "Ada".into(),
            signing_key: new.key.public_key().clone(),
            encryption_key: new.encryption_key.clone(),
            possession: fixed_signature(3),
        },
        give_role(&new, Role::Admin, Scope::Chain),
        take_role(&new, Role::Operator, Scope::Model(model("acme/bert"))),
        create("acme"),
        Operation::RegisterModel {
            model: model("acme/bert"),
            description: "a model".into(),
        },
        publish("acme/bert@1.0.0", "weights"),
        full,
        Operation::GrantAccess {
            id: version("acme/bert@1.0.0"),
            reader: account(4),
            key_index: 1,
            generation: 2,
            sealed: sealed(5),
        },
        Operation::RotateKeys {
            signing_key: new.key.public_key().clone(),
            encryption_key: new.encryption_key.clone(),
            possession: fixed_signature(3),
        },
        Operation::RevokeKey {
            account: account(1),
            key_index: 2,
            from_height: 3,
        },
        Operation::SuspendAccount {
            account: account(1),
            reason: "why".into(),
        },
        Operation::ReinstateAccount {
            account: account(1),
            reason: "why".into(),
        },
        Operation::Bond {
            validator: account(1),
            amount: 2,
        },
        Operation::Unbond {
            validator: account(1),
            amount: 2,
        },
        Operation::RotateValidatorKeys {
            validator: account(1),
            consensus_key: new.key.public_key().clone(),
            transport_key: actor(3).key.public_key().clone(),
            possession: Box::new(key_proof()),
        },
        Operation::SubmitEvidence {
            evidence: evidence::EvidenceBytes(vec![1, 2, 3]),
        },
        Operation::Propose {
            action: Box::new(Action::SetParameter {
                name: "max_parents".into(),
                value: 1,
            }),
            expires_at_height: 2,
        },
        Operation::Approve { proposal: 1 },
    ]
}

fn key_proof() -> ValidatorKeyProof {
    ValidatorKeyProof {
        consensus_signature: fixed_signature(1),
        transport_signature: fixed_signature(2),
    }
}

/// One of each, in the order of their discriminants.
fn actions() -> Vec<Action> {
    let validator = account(1);
    vec![
        Action::SetParameter {
            name: "max_parents".into(),
            value: 1,
        },
        Action::AddValidator {
            name: "one".into(),
            operator: account(2),
            consensus_key: actor(2).key.public_key().clone(),
            transport_key: actor(3).key.public_key().clone(),
            possession: Box::new(key_proof()),
            stake: 3,
        },
        Action::RemoveValidator { validator },
        Action::ReinstateValidator { validator },
        Action::SetOperator {
            validator,
            operator: account(2),
        },
        Action::IssueStake {
            validator,
            amount: 2,
        },
        Action::BurnStake {
            validator,
            amount: 2,
        },
        Action::GrantAdmin {
            account: account(1),
        },
        Action::RevokeAdmin {
            account: account(1),
        },
        Action::ScheduleUpgrade {
            version: "1.0.0".into(),
            height: 2,
        },
    ]
}

#[test]
fn every_action_has_its_encoding() {
    check_value("actions", &actions());
}

#[test]
fn a_claim_of_validator_keys_has_its_signed_bytes() {
    let claim = ValidatorKeyClaim {
        chain_id: digest(1),
        validator: account(2),
        key_index: 3,
        operator: account(4),
        consensus_key: actor(2).key.public_key().clone(),
        transport_key: actor(3).key.public_key().clone(),
    };
    check(
        "validator_keys_signing_bytes",
        &signing_bytes(domain::VALIDATOR_KEYS, &claim),
    );
}

fn check_validator_records() {
    let id = account(1);
    check_value(
        "record_key_uses",
        &vec![
            KeyUse::Account {
                account: id,
                key_index: 2,
            },
            KeyUse::Consensus {
                validator: id,
                key_index: 2,
            },
            KeyUse::Transport {
                validator: id,
                key_index: 2,
            },
        ],
    );
    let entries: Vec<_> = [Standing::Active, Standing::Jailed, Standing::Removed]
        .map(|standing| ValidatorEntry {
            id,
            name: "one".into(),
            operator: account(2),
            keys: 3,
            standing,
            added_at: 4,
        })
        .into();
    check_value("record_validator_entries", &entries);
    check_value(
        "record_validator_keys",
        &ValidatorKeys {
            consensus_key: actor(2).key.public_key().clone(),
            transport_key: actor(3).key.public_key().clone(),
            recorded_at: 1,
        },
    );
    check_value(
        "record_stake",
        &Stake {
            bonded: 1,
            free: 2,
            unbonding: vec![Unbonding {
                amount: 3,
                matures_at_ms: 4,
            }],
        },
    );
    let supply = StakeSupply {
        issued: 2,
        burned: 1,
    };
    check_value("record_stake_supply", &supply);
    check_value(
        "record_current_epoch",
        &CurrentEpoch {
            epoch: 1,
            first_height: 2,
            change_pending: true,
        },
    );
    check_value(
        "record_epoch",
        &EpochRecord {
            epoch: 1,
            first_height: 2,
            members: vec![EpochMember {
                id,
                key_index: 3,
                power: 4,
            }],
        },
    );
    check_value(
        "record_offence",
        &Offence {
            validator: id,
            epoch: 2,
            round: 3,
            burned: 4,
            reporter: account(5),
            height: 6,
        },
    );
    check_value(
        "record_proposal",
        &Proposal {
            id: 1,
            proposer: id,
            action: actions().remove(0),
            proposed_at: 2,
            expires_at_height: 3,
            approvals: vec![account(4)],
            passed_at: Some(5),
        },
    );
    check_value(
        "record_upgrade",
        &Upgrade {
            version: "1.0.0".into(),
            height: 1,
            proposal: 2,
        },
    );
}

#[test]
fn every_operation_has_its_encoding() {
    for (place, operation) in operations().iter().enumerate() {
        let name = format!("operation_{place}_{}", operation.kind().name());
        check_value(&name, operation);
    }
}

#[test]
fn a_transaction_has_its_signed_bytes_and_its_names() {
    let transaction = Transaction {
        chain_id: digest(1),
        sender: account(2),
        key_index: 3,
        nonce: 4,
        expires_at_height: 5,
        ops: vec![create("acme")],
    };
    check(
        "transaction_signing_bytes",
        &signing_bytes(domain::TX, &transaction),
    );
    check("transaction_hash", transaction.hash().as_bytes());
    let signed = SignedTransaction {
        transaction,
        signature: fixed_signature(6),
    };
    check_value("signed_transaction", &signed);
    check("signed_transaction_hash", signed.signed_hash().as_bytes());
}

#[test]
fn a_possession_has_its_signed_bytes_and_an_account_its_name() {
    let new = actor(2);
    let claim = Possession {
        chain_id: digest(1),
        account: new.id,
        key_index: 0,
        signing_key: new.key.public_key().clone(),
        encryption_key: new.encryption_key.clone(),
    };
    check(
        "possession_signing_bytes",
        &signing_bytes(domain::POSSESSION, &claim),
    );
    assert_eq!(new.id.0, hash(domain::ACCOUNT, new.key.public_key()));
    check("account_id", new.id.0.as_bytes());
}

#[test]
fn receipts_events_and_errors_have_their_encodings() {
    let id = version("acme/bert@1.0.0");
    let events = vec![
        Event::AccountAdmitted {
            account: account(1),
            display_name: "Ada".into(),
        },
        Event::RoleGranted {
            account: account(1),
            role: Role::Admin,
            scope: Scope::Chain,
        },
        Event::RoleRevoked {
            account: account(1),
            role: Role::Reader,
            scope: Scope::Namespace("acme".into()),
        },
        Event::NamespaceCreated {
            namespace: "acme".into(),
            owner: account(1),
        },
        Event::ModelCreated {
            model: id.model.clone(),
            owner: account(1),
        },
        Event::ModelRegistered {
            id: id.clone(),
            model_hash: digest(2),
            owner: account(1),
            parents: vec![],
        },
        Event::AccessGranted {
            id: id.clone(),
            reader: account(3),
            granted_by: account(1),
        },
        Event::KeysRotated {
            account: account(1),
            key_index: 1,
        },
        Event::KeyRevoked {
            account: account(1),
            key_index: 1,
            from_height: 2,
        },
        Event::AccountSuspended {
            account: account(1),
            reason: "why".into(),
        },
        Event::AccountReinstated {
            account: account(1),
            reason: "why".into(),
        },
        Event::StakeBonded {
            validator: account(1),
            amount: 2,
        },
        Event::StakeUnbonding {
            validator: account(1),
            amount: 2,
            matures_at_ms: 3,
        },
        Event::ValidatorKeysRotated {
            validator: account(1),
            key_index: 1,
        },
        Event::EquivocationPunished {
            validator: account(1),
            epoch: 2,
            burned: 3,
        },
        Event::ProposalMade {
            proposal: 1,
            proposer: account(1),
        },
        Event::ProposalApproved {
            proposal: 1,
            validators: vec![account(1)],
        },
        Event::ProposalPassed { proposal: 1 },
    ];
    let applied = Receipt {
        tx_hash: digest(9),
        outcome: Outcome::Applied(events),
    };
    check_value("receipt_applied", &applied);
    check("receipt_leaf", applied.leaf_hash().as_bytes());
    check(
        "receipts_root",
        receipts_root(&[applied.clone(), applied]).as_bytes(),
    );
    let receipts: Vec<_> = (0u32..)
        .zip(errors())
        .map(|(operation, error)| Receipt {
            tx_hash: digest(9),
            outcome: Outcome::Failed { operation, error },
        })
        .collect();
    check_value("receipts_failed", &receipts);
}

/// One of each, in the order of their discriminants.
fn errors() -> Vec<TransactionError> {
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

fn key_errors() -> Vec<KeyError> {
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

fn validator_errors() -> Vec<ValidatorError> {
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
        ValidatorError::NothingAtStake { validator },
    ]
}

fn governance_errors() -> Vec<GovernanceError> {
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

#[test]
fn every_error_says_its_code_in_json() {
    for error in errors() {
        assert_eq!(serde_json::to_value(&error).unwrap()["code"], error.code());
    }
}

#[test]
fn every_state_key_has_its_encoding() {
    let id = version("acme/bert@1.0.0");
    let model = id.model.clone();
    let keys = [
        StateKey::Params,
        StateKey::Account(account(1)),
        StateKey::AccountKey(account(1), 2),
        StateKey::Nonce(account(1)),
        StateKey::AccountCount,
        StateKey::AccountAt(3),
        StateKey::RoleAt(account(1), 4),
        StateKey::RoleHeld(account(1), Role::Publisher, Scope::Model(model.clone())),
        StateKey::Namespace("acme".into()),
        StateKey::NamespaceCount,
        StateKey::NamespaceAt(5),
        StateKey::Model(model.clone()),
        StateKey::ModelAt("acme".into(), 6),
        StateKey::Version(id.clone()),
        StateKey::VersionAt(model.clone(), 7),
        StateKey::ModelHash("acme".into(), digest(8)),
        StateKey::ModelHashHolders(digest(8)),
        StateKey::ModelHashAt(digest(8), 9),
        StateKey::Grant(id.clone(), account(1)),
        StateKey::GrantCount(id.clone()),
        StateKey::GrantAt(id, 10),
        StateKey::EventAt(model, 11),
        StateKey::ValidatorCount,
        StateKey::Validator(12),
        StateKey::KeyUse(digest(13)),
        StateKey::CurrentEpoch,
        StateKey::EpochAt(14),
        StateKey::ValidatorEntry(account(1)),
        StateKey::ValidatorEntryCount,
        StateKey::ValidatorEntryAt(15),
        StateKey::ValidatorKeys(account(1), 16),
        StateKey::Operates(account(1)),
        StateKey::Stake(account(1)),
        StateKey::StakeSupply,
        StateKey::Offence(account(1), 17),
        StateKey::OffenceCount(account(1)),
        StateKey::OffenceAt(account(1), 18),
        StateKey::Proposal(19),
        StateKey::ProposalCount,
        StateKey::UpgradeCount,
        StateKey::UpgradeAt(20),
    ];
    for (place, key) in keys.iter().enumerate() {
        assert_eq!(usize::from(key.encode()[0]), place);
        assert_eq!(&StateKey::decode(&key.encode()).unwrap(), key);
    }
    check("state_keys", &borsh::to_vec(&keys.to_vec()).unwrap());
}

#[test]
fn every_record_has_its_encoding() {
    let (id, holder) = (version("acme/bert@1.0.0"), actor(2));
    check_value("record_params", &ChainParams::default());
    check_value(
        "record_account",
        &Account {
            id: account(1),
            display_name: "Ada".into(),
            admitted_at: 2,
            keys: 3,
            roles: 4,
            suspended_at: Some(5),
        },
    );
    check_value(
        "record_account_key",
        &AccountKey {
            signing: holder.key.public_key().clone(),
            encryption: holder.encryption_key.clone(),
            valid_from: 1,
            valid_from_ms: 3,
            valid_until: Some(2),
        },
    );
    check_value(
        "record_role_entry",
        &RoleEntry {
            role: Role::Auditor,
            scope: Scope::Namespace("acme".into()),
            granted_at: 1,
            revoked_at: None,
        },
    );
    check_value(
        "record_namespace",
        &Namespace {
            name: "acme".into(),
            owner: account(1),
            created_at: 2,
            models: 3,
        },
    );
    check_value(
        "record_model",
        &Model {
            name: id.model.clone(),
            owner: account(1),
            description: "a model".into(),
            registered_at: 2,
            versions: 3,
            events: 4,
        },
    );
    check_value(
        "record_version",
        &Version {
            id: id.clone(),
            ordinal: 1,
            model_hash: digest(2),
            vector_hash: Some(digest(3)),
            manifest_digest: digest(4),
            timestamp_ms: 5,
            owner: account(6),
            metadata: "{}".into(),
            parents: vec![],
            confidentiality: Confidentiality::Private {
                key_commit: digest(7),
                generation: 0,
            },
            published_at: 8,
            tx_hash: digest(9),
        },
    );
    check_value(
        "record_hash_holders",
        &HashHolders {
            first: id.clone(),
            count: 2,
        },
    );
    check_value(
        "record_grant",
        &Grant {
            reader: account(1),
            granted_by: account(2),
            granted_at: 3,
            key_index: 4,
            generation: 5,
            sealed: sealed(6),
        },
    );
    check_value(
        "record_model_event",
        &ModelEvent {
            height: 1,
            timestamp_ms: 2,
            tx_hash: digest(3),
            sender: account(4),
            event: Event::ModelCreated {
                model: id.model,
                owner: account(4),
            },
        },
    );
    check_value("record_validator", &member(2, 3));
    check_validator_records();
}

fn member(consensus: u8, transport: u8) -> ValidatorRecord {
    let key = actor(consensus);
    ValidatorRecord {
        id: key.id,
        name: "one".into(),
        consensus_key: key.key.public_key().clone(),
        transport_key: actor(transport).key.public_key().clone(),
        power: 100,
        operator: account(9),
    }
}

#[test]
fn a_genesis_state_has_its_encoding_and_its_root() {
    let admin = actor(1);
    let mut genesis = genesis(
        &[(&admin, vec![(Role::Admin, Scope::Chain)])],
        &[("acme", &admin)],
    );
    genesis.validators = vec![member(2, 3), member(4, 5)];
    for validator in &mut genesis.validators {
        validator.operator = admin.id;
    }
    // The root does not depend on the possession, whose signature differs each time.
    check("genesis_root", Chain::new(&genesis).root.as_bytes());
    genesis.accounts[0].possession = fixed_signature(6);
    check_value("genesis_state", &genesis);
}
