//! Cards of validators' keys for a chain that exists.
#![allow(clippy::unwrap_used)]

use cairn_crypto::{Digest, NodeKeys};
use cairn_genesis::{KeyCard, KeyCardError, MAX_KEY_CARD_BYTES};
use cairn_runtime::{AccountId, Action, Operation, ValidatorKeyClaim};

fn chain() -> Digest {
    Digest::of(b"the chain")
}

fn operator() -> AccountId {
    AccountId(Digest::of(b"operator"))
}

fn joining(keys: &NodeKeys) -> KeyCard {
    KeyCard::joining(chain(), "acme-1", operator(), keys).unwrap()
}

#[test]
fn a_joining_card_comes_back_and_gives_the_action_that_the_ledger_checks() {
    let keys = NodeKeys::generate().unwrap();
    let card = KeyCard::from_json(&joining(&keys).to_json()).unwrap();
    assert_eq!(card, joining_like(&card, &keys));
    let Action::AddValidator {
        name,
        operator: named,
        consensus_key,
        transport_key,
        possession,
        stake,
    } = card.clone().addition(&chain(), 7).unwrap()
    else {
        panic!("a joining card adds a validator")
    };
    assert_eq!((name.as_str(), named, stake), ("acme-1", operator(), 7));
    let claim = ValidatorKeyClaim {
        chain_id: chain(),
        validator: AccountId::of(&consensus_key),
        key_index: 0,
        operator: operator(),
        consensus_key,
        transport_key,
    };
    claim.verify(&possession).unwrap();
    let other = card.clone().addition(&Digest::ZERO, 7).unwrap_err();
    assert!(matches!(other, KeyCardError::OtherChain { .. }), "{other}");
    let misused = card.rotation(&chain()).unwrap_err();
    assert!(
        matches!(misused, KeyCardError::OtherUse { key_index: 0, .. }),
        "{misused}"
    );
}

/// The same card with the signatures of the one that was read: signing is randomized.
fn joining_like(card: &KeyCard, keys: &NodeKeys) -> KeyCard {
    KeyCard {
        proof: card.proof.clone(),
        ..joining(keys)
    }
}

#[test]
fn a_card_of_next_keys_gives_the_operation_and_joins_nothing() {
    let (first, next) = (NodeKeys::generate().unwrap(), NodeKeys::generate().unwrap());
    let validator = AccountId::of(first.consensus.public_key());
    let card = KeyCard::replacing(chain(), "acme-1", (validator, 1), operator(), &next).unwrap();
    let card = KeyCard::from_json(&card.to_json()).unwrap();
    let operation = card.clone().rotation(&chain()).unwrap();
    assert!(
        matches!(operation, Operation::RotateValidatorKeys { validator: named, .. } if named == validator)
    );
    let misused = card.addition(&chain(), 1).unwrap_err();
    assert!(
        matches!(misused, KeyCardError::OtherUse { key_index: 1, .. }),
        "{misused}"
    );
    let first =
        KeyCard::replacing(chain(), "acme-1", (validator, 0), operator(), &next).unwrap_err();
    assert!(matches!(first, KeyCardError::OtherUse { .. }), "{first}");
}

#[test]
fn a_card_that_was_altered_is_refused() {
    let (keys, other) = (NodeKeys::generate().unwrap(), NodeKeys::generate().unwrap());
    let card = joining(&keys);
    let altered = [
        KeyCard {
            operator: AccountId(Digest::ZERO),
            ..card.clone()
        },
        KeyCard {
            chain_id: Digest::ZERO,
            ..card.clone()
        },
        KeyCard {
            key_index: 1,
            ..card.clone()
        },
        KeyCard {
            transport_key: other.transport.public_key().clone(),
            ..card.clone()
        },
    ];
    for card in altered {
        let error = KeyCard::from_json(&card.to_json()).unwrap_err();
        assert!(matches!(error, KeyCardError::Proof(_)), "{error}");
    }
    let renamed = KeyCard {
        validator: operator(),
        ..card.clone()
    };
    assert!(matches!(
        renamed.check(),
        Err(KeyCardError::Validator { .. })
    ));
    let newer = KeyCard {
        cairn_validator_card: 2,
        ..card.clone()
    };
    assert!(matches!(
        newer.check(),
        Err(KeyCardError::Format { got: 2 })
    ));
    let nameless = KeyCard {
        name: String::new(),
        ..card.clone()
    };
    assert!(matches!(nameless.check(), Err(KeyCardError::Name(_))));
    let long = " ".repeat(MAX_KEY_CARD_BYTES + 1);
    assert!(matches!(
        KeyCard::from_json(&long),
        Err(KeyCardError::TooLong { .. })
    ));
    let more = card.to_json().replacen('{', "{\"secret\": 1,", 1);
    assert!(matches!(
        KeyCard::from_json(&more),
        Err(KeyCardError::Json(_))
    ));
}
