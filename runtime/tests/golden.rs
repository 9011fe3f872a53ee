//! Golden vectors: the encodings of everything that is signed, hashed or stored, as files. A changed
//! encoding fails here. To add a vector, run with `CAIRN_WRITE_GOLDEN=1`: it writes the files that
//! are missing and never changes one.

#![allow(clippy::unwrap_used)]

mod chain;
mod vectors;

use cairn_crypto::{domain, hash, signing_bytes};
use cairn_runtime::*;
use chain::*;
use vectors::errors::{assurance_errors, catalogue_errors, errors};
use vectors::events::{assurance_events, catalogue_events, events};
use vectors::keys::{assurance_keys, catalogue_keys, state_keys};
use vectors::operations::{actions, operations};
use vectors::{account, check, check_value, digest};

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
    let applied = Receipt {
        tx_hash: digest(9),
        outcome: Outcome::Applied(events()),
    };
    check_value("receipt_applied", &applied);
    check("receipt_leaf", applied.leaf_hash().as_bytes());
    check(
        "receipts_root",
        receipts_root(&[applied.clone(), applied]).as_bytes(),
    );
    check_value("events_catalogue", &catalogue_events());
    check_value("events_assurance", &assurance_events());
    check_value("receipts_failed", &failed(errors()));
    check_value("errors_catalogue", &catalogue_errors());
    check_value("errors_assurance", &assurance_errors());
}

fn failed(errors: Vec<TransactionError>) -> Vec<Receipt> {
    (0u32..)
        .zip(errors)
        .map(|(operation, error)| Receipt {
            tx_hash: digest(9),
            outcome: Outcome::Failed { operation, error },
        })
        .collect()
}

#[test]
fn every_error_says_its_code_in_json() {
    for error in [errors(), catalogue_errors(), assurance_errors()].concat() {
        assert_eq!(serde_json::to_value(&error).unwrap()["code"], error.code());
    }
}

#[test]
fn every_state_key_has_its_encoding() {
    let keys = [state_keys(), catalogue_keys(), assurance_keys()].concat();
    for (place, key) in keys.iter().enumerate() {
        assert_eq!(usize::from(key.encode()[0]), place);
        assert_eq!(&StateKey::decode(&key.encode()).unwrap(), key);
    }
    check("state_keys", &borsh::to_vec(&state_keys()).unwrap());
    check(
        "state_keys_catalogue",
        &borsh::to_vec(&catalogue_keys()).unwrap(),
    );
    check(
        "state_keys_assurance",
        &borsh::to_vec(&assurance_keys()).unwrap(),
    );
}

#[test]
fn every_list_has_its_encoding_and_keys_of_its_own() {
    vectors::lists::check_lists();
    let lists = vectors::lists::lists(account(1));
    let keys: std::collections::BTreeSet<_> = lists.iter().map(|list| list.entry_key(7)).collect();
    assert_eq!(keys.len(), lists.len());
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
            revoked: Some(Notice {
                reason: "why".into(),
                by: account(7),
                at: 8,
            }),
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
    vectors::assurance::check_records();
    vectors::catalogue::check_records();
    vectors::validators::check_records();
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
fn records_have_their_places_in_the_tree() {
    let id = version("acme/bert@1.2.3");
    for (name, key) in [
        ("place_of_params", StateKey::Params),
        ("place_of_account", StateKey::Account(account(1))),
        ("place_of_version", StateKey::Version(id.clone())),
        (
            "place_of_tag",
            StateKey::Tag(Subject::Version(id.clone()), "stage".into()),
        ),
        (
            "place_of_model_hash",
            StateKey::ModelHash("acme".into(), digest(7)),
        ),
    ] {
        check(name, key.place().as_bytes());
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
    genesis.validators[1].name = "two".into();
    // The root does not depend on the possession, whose signature differs each time.
    check("genesis_root", Chain::new(&genesis).root.as_bytes());
    genesis.accounts[0].possession = fixed_signature(6);
    check_value("genesis_state", &genesis);
}
