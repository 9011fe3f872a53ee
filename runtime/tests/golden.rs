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
    ]
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
    vec![
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
        },
    );
    check_value(
        "record_account_key",
        &AccountKey {
            signing: holder.key.public_key().clone(),
            encryption: holder.encryption_key.clone(),
            valid_from: 1,
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
    check_value("record_validator", &validator(2, 3));
}

fn validator(consensus: u8, transport: u8) -> ValidatorRecord {
    let key = actor(consensus);
    ValidatorRecord {
        id: key.id,
        name: "one".into(),
        consensus_key: key.key.public_key().clone(),
        transport_key: actor(transport).key.public_key().clone(),
        power: 100,
    }
}

#[test]
fn a_genesis_state_has_its_encoding_and_its_root() {
    let admin = actor(1);
    let mut genesis = genesis(
        &[(&admin, vec![(Role::Admin, Scope::Chain)])],
        &[("acme", &admin)],
    );
    genesis.validators = vec![validator(2, 3), validator(4, 5)];
    // The root does not depend on the possession, whose signature differs each time.
    check("genesis_root", Chain::new(&genesis).root.as_bytes());
    genesis.accounts[0].possession = fixed_signature(6);
    check_value("genesis_state", &genesis);
}
