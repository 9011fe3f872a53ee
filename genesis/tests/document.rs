//! A document that holds together passes, and every single way in which it does not is refused by name.
#![allow(clippy::unwrap_used)]

use cairn_consensus::{Height, Params};
use cairn_crypto::{AccountKeys, DecapsulationKey, Seed, SigningKey};
use cairn_genesis::ceremony::{Terms, ValidatorCard, assemble, genesis_account};
use cairn_genesis::{GenesisDocument, GenesisError, Kind, bind};
use cairn_runtime::genesis::{GenesisAccount, GenesisNamespace, GenesisStateError};
use cairn_runtime::{AccountId, ChainParams, Role, Scope};
use std::sync::LazyLock;

const NETWORK: &str = "test-net";

fn key(purpose: u8, index: u8) -> SigningKey {
    let mut seed = [purpose; 32];
    seed[0] = index;
    SigningKey::from_seed(&Seed::new(seed)).unwrap()
}

fn operator(index: u8) -> AccountId {
    AccountId::of(key(3, index).public_key())
}

fn card(name: &str, consensus: &SigningKey, transport: &SigningKey) -> ValidatorCard {
    ValidatorCard::new(NETWORK, name, operator(0), consensus, transport).unwrap()
}

/// The cards of validators that each have an operator of their own.
fn cards(count: u8) -> Vec<ValidatorCard> {
    (0..count)
        .map(|i| {
            let (name, consensus, transport) = (format!("validator-{i}"), key(1, i), key(2, i));
            ValidatorCard::new(NETWORK, &name, operator(i), &consensus, &transport).unwrap()
        })
        .collect()
}

fn account(index: u8, roles: Vec<(Role, Scope)>) -> GenesisAccount {
    let encryption = DecapsulationKey::generate().unwrap();
    let name = format!("operator-{index}");
    genesis_account(&name, &key(3, index), encryption.encapsulation_key(), roles).unwrap()
}

static ADMIN: LazyLock<GenesisAccount> =
    LazyLock::new(|| account(0, vec![(Role::Admin, Scope::Chain)]));

/// The first of them is the admin.
fn accounts(count: u8) -> Vec<GenesisAccount> {
    let mut accounts = vec![ADMIN.clone()];
    accounts.extend((1..count).map(|index| account(index, vec![])));
    accounts
}

fn terms(kind: Kind) -> Terms {
    Terms {
        network: NETWORK.to_owned(),
        kind,
        timestamp_ms: 1_760_000_000_000,
        power: 100,
        consensus: Params::default(),
        ledger: ChainParams::default(),
        namespaces: vec![GenesisNamespace {
            name: "acme".to_owned(),
            owner: AccountId::of(&ADMIN.signing_key),
        }],
    }
}

fn document(count: u8, kind: Kind) -> Result<GenesisDocument, GenesisError> {
    assemble(cards(count), accounts(count), terms(kind))
}

static DEVNET: LazyLock<GenesisDocument> = LazyLock::new(|| document(4, Kind::Devnet).unwrap());

/// The document with one thing changed.
fn changed(change: impl FnOnce(&mut GenesisDocument)) -> Result<(), GenesisError> {
    let mut document = DEVNET.clone();
    change(&mut document);
    document.check()
}

#[test]
fn production_takes_32_validators_and_refuses_31_saying_why() {
    let document_of_32 = document(32, Kind::Production).unwrap();
    let set = document_of_32.validator_set().unwrap();
    assert_eq!((set.len(), set.quorum_power()), (32, 32 * 100 - 1066));

    let refused = document(31, Kind::Production).unwrap_err();
    assert!(matches!(
        refused,
        GenesisError::TooFewValidators { got: 31 }
    ));
    let message = refused.to_string();
    assert!(message.contains("at least 32"), "{message}");
    assert!(message.contains("f = 10"), "{message}");
    assert!(message.contains("1 more operators"), "{message}");
}

#[test]
fn a_production_network_promises_32_validators_for_ever() {
    let mut document = document(32, Kind::Production).unwrap();
    assert_eq!(document.state.params.min_validators, 32);
    document.state.params.min_validators = 31;
    assert!(matches!(
        document.check(),
        Err(GenesisError::Parameter {
            name: "min_validators",
            got: 31,
            ..
        })
    ));
}

#[test]
fn an_operator_has_to_be_an_account_of_the_document() {
    let stranger = AccountId::of(key(3, 9).public_key());
    let mut cards = cards(3);
    let (consensus, transport) = (key(1, 9), key(2, 9));
    cards.push(ValidatorCard::new(NETWORK, "astray", stranger, &consensus, &transport).unwrap());
    assert!(matches!(
        assemble(cards, vec![ADMIN.clone()], terms(Kind::Devnet)),
        Err(GenesisError::State(GenesisStateError::Invalid {
            what: "validator",
            ..
        }))
    ));
}

#[test]
fn production_refuses_a_validator_that_could_stop_the_chain_alone() {
    let mut document = document(32, Kind::Production).unwrap();
    // Total 3100 + p, faulty floor((3099 + p) / 3): with p = 1550 it is 1549.
    document.state.validators[7].power = 1_549;
    document.check().unwrap();
    document.state.validators[7].power = 1_550;
    assert!(matches!(
        document.check(),
        Err(GenesisError::TooPowerful {
            power: 1_550,
            total: 4_650,
            faulty: 1_549,
            ..
        })
    ));
}

#[test]
fn production_refuses_an_operator_that_could_stop_the_chain_alone() {
    // Total 32, faulty 10.
    let operated = |count: u8| {
        let cards: Vec<_> = (0..32)
            .map(|i| {
                let owner = operator(if i < count { 0 } else { i });
                let (consensus, transport) = (key(1, i), key(2, i));
                let name = format!("validator-{i}");
                ValidatorCard::new(NETWORK, &name, owner, &consensus, &transport).unwrap()
            })
            .collect();
        let terms = Terms {
            power: 1,
            ..terms(Kind::Production)
        };
        assemble(cards, accounts(32), terms)
    };
    operated(10).unwrap();
    let refused = operated(11).unwrap_err();
    assert!(matches!(
        refused,
        GenesisError::OperatorTooPowerful {
            operator: account,
            power: 11,
            total: 32,
            faulty: 10,
        } if account == operator(0)
    ));
}

#[test]
fn the_json_form_reads_back_as_the_same_document_and_chain_id() {
    let text = DEVNET.to_json().unwrap();
    let back = GenesisDocument::from_json(&text).unwrap();
    assert_eq!(back, *DEVNET);
    assert_eq!(back.chain_id(), DEVNET.chain_id());
    assert_eq!(back.to_json().unwrap(), text);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genesis.json");
    std::fs::write(&path, &text).unwrap();
    assert_eq!(GenesisDocument::load(&path).unwrap(), *DEVNET);
    assert!(matches!(
        GenesisDocument::load(folder.path().join("missing.json")),
        Err(GenesisError::Read { .. })
    ));
}

#[test]
fn a_misspelt_field_and_broken_json_are_refused() {
    let text = DEVNET.to_json().unwrap();
    for broken in [
        text.replace("\"timestamp_ms\"", "\"timestampms\""),
        text.replacen('{', "{\"extra\": 1,", 1),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ] {
        assert!(matches!(
            GenesisDocument::from_json(&broken),
            Err(GenesisError::Json { .. })
        ));
    }
}

#[test]
fn text_above_the_limit_is_refused_before_it_is_parsed() {
    let long = " ".repeat((cairn_genesis::MAX_DOCUMENT_BYTES + 1) as usize);
    assert!(matches!(
        GenesisDocument::from_json(&long),
        Err(GenesisError::TooLong { .. })
    ));
    assert!(matches!(
        ValidatorCard::from_json(&long[..70_000]),
        Err(GenesisError::TooLong { .. })
    ));
}

#[test]
fn every_part_of_the_document_changes_the_chain_id() {
    let original = DEVNET.chain_id();
    let changes: [fn(&mut GenesisDocument); 8] = [
        |d| d.format += 1,
        |d| d.network.push('x'),
        |d| d.kind = Kind::Production,
        |d| d.signature_suite += 1,
        |d| d.timestamp_ms += 1,
        |d| d.consensus.heartbeat_ms += 1,
        |d| d.state.validators[0].power += 1,
        |d| d.bindings.swap(0, 1),
    ];
    for change in changes {
        let mut document = DEVNET.clone();
        change(&mut document);
        assert_ne!(document.chain_id(), original);
    }
}

#[test]
fn the_order_in_which_cards_are_handed_in_does_not_matter() {
    let handed_in = cards(4);
    let mut reversed = handed_in.clone();
    reversed.reverse();
    let accounts = accounts(4);
    let chain_id = |cards| {
        let document = assemble(cards, accounts.clone(), terms(Kind::Devnet)).unwrap();
        document.chain_id()
    };
    assert_eq!(chain_id(reversed), chain_id(handed_in));
}

#[test]
fn the_genesis_header_commits_to_chain_state_and_validators() {
    let header = DEVNET.header().unwrap();
    assert_eq!(header.height, Height(0));
    assert_eq!(header.chain_id, DEVNET.chain_id());
    assert_eq!(
        header.validators_hash,
        DEVNET.validator_set().unwrap().hash()
    );
    let mut other = DEVNET.clone();
    other.state.namespaces[0].name = "other".to_owned();
    assert_ne!(other.header().unwrap().state_root, header.state_root);
}

#[test]
fn format_suite_names_and_time_are_checked() {
    assert!(matches!(
        changed(|d| d.format = 2),
        Err(GenesisError::Format { got: 2 })
    ));
    assert!(matches!(
        changed(|d| d.signature_suite = 2),
        Err(GenesisError::Suite { got: 2 })
    ));
    for name in ["", "Test", "a b", "a/b", &"a".repeat(65)] {
        assert!(matches!(
            changed(|d| d.network = name.to_owned()),
            Err(GenesisError::Network { .. })
        ));
    }
    for time in [0, u64::MAX] {
        assert!(matches!(
            changed(|d| d.timestamp_ms = time),
            Err(GenesisError::Timestamp { .. })
        ));
    }
    assert!(matches!(
        changed(|d| d.consensus.base_timeout_ms = 0),
        Err(GenesisError::Parameter {
            name: "base_timeout_ms",
            ..
        })
    ));
    for name in ["", "tab\there", &"n".repeat(65)] {
        assert!(matches!(
            changed(|d| d.state.validators[0].name = name.to_owned()),
            Err(GenesisError::ValidatorName { .. })
        ));
    }
    assert!(matches!(
        changed(|d| d.state.validators[1].name = d.state.validators[0].name.clone()),
        Err(GenesisError::DuplicateName { .. })
    ));
}

#[test]
fn a_binding_that_its_keys_did_not_sign_for_this_network_is_refused() {
    let refused = |result| matches!(result, Err(GenesisError::Binding { .. }));
    // Somebody else's binding.
    assert!(refused(changed(|d| d.bindings.swap(0, 1))));
    // The transport key replaced, as an attacker on the way would.
    assert!(refused(changed(|d| {
        d.state.validators[0].transport_key = key(9, 0).public_key().clone();
    })));
    // The two signatures exchanged.
    assert!(refused(changed(|d| {
        let binding = &mut d.bindings[0];
        std::mem::swap(
            &mut binding.consensus_signature,
            &mut binding.transport_signature,
        );
    })));
    // Made for another network by the right keys.
    assert!(refused(changed(|d| {
        for (i, validator) in d.state.validators.iter().enumerate() {
            let owner = (0..4).find(|n| *key(1, *n).public_key() == validator.consensus_key);
            let n = owner.unwrap();
            d.bindings[i] = bind("other-net", validator.operator, &key(1, n), &key(2, n)).unwrap();
        }
    })));
    // Another operator slipped in: the keys signed who signs for them.
    assert!(refused(changed(|d| {
        d.state.validators[0].operator = AccountId::of(&d.state.validators[0].consensus_key);
    })));
    assert!(matches!(
        changed(|d| {
            d.bindings.pop();
        }),
        Err(GenesisError::BindingCount {
            validators: 4,
            bindings: 3
        })
    ));
}

#[test]
fn a_key_stands_for_one_thing_only() {
    // Signed properly, so that nothing but the repetition is wrong.
    let twice = card("twice", &key(1, 9), &key(1, 9));
    let shared = card("shared", &key(1, 8), &key(2, 0));
    let admin = card("admin", &key(1, 7), &key(3, 0));
    for card in [twice, shared, admin] {
        let mut cards = cards(3);
        cards.push(card);
        let refused = assemble(cards, vec![ADMIN.clone()], terms(Kind::Devnet));
        assert!(matches!(refused, Err(GenesisError::DuplicateKey { .. })));
    }
    let mut repeated = cards(3);
    repeated.push(card("again", &key(1, 0), &key(2, 9)));
    let refused = assemble(repeated, vec![ADMIN.clone()], terms(Kind::Devnet));
    assert!(matches!(refused, Err(GenesisError::ValidatorSet(_))));
}

#[test]
fn accounts_must_prove_their_keys_and_one_must_be_admin() {
    assert!(matches!(
        changed(|d| d.state.accounts[0].roles.clear()),
        Err(GenesisError::State(GenesisStateError::NoAdmin))
    ));
    assert!(matches!(
        changed(|d| {
            let slipped_in = AccountKeys::generate().unwrap();
            d.state.accounts[0].encryption_key =
                slipped_in.decapsulation.encapsulation_key().clone();
        }),
        Err(GenesisError::State(GenesisStateError::Invalid {
            what: "account",
            ..
        }))
    ));
    assert!(matches!(
        changed(|d| d.state.validators[0].id = d.state.validators[1].id),
        Err(GenesisError::ValidatorSet(_) | GenesisError::State(_))
    ));
    assert!(matches!(
        changed(|d| d.state.validators[0].power = 0),
        Err(GenesisError::ValidatorSet(_))
    ));
    assert!(matches!(
        changed(|d| {
            d.state.validators.clear();
            d.bindings.clear();
        }),
        Err(GenesisError::ValidatorSet(_))
    ));
}

#[test]
fn a_card_proves_itself_and_belongs_to_one_network() {
    let card = cards(1).remove(0);
    assert_eq!(
        ValidatorCard::from_json(&card.to_json().unwrap()).unwrap(),
        card
    );
    let mut forged = card.clone();
    forged.transport_key = key(9, 1).public_key().clone();
    let text = forged.to_json().unwrap();
    assert!(matches!(
        ValidatorCard::from_json(&text),
        Err(GenesisError::Binding { .. })
    ));
    let mut elsewhere = terms(Kind::Devnet);
    elsewhere.network = "other-net".to_owned();
    assert!(matches!(
        assemble(cards(4), vec![ADMIN.clone()], elsewhere),
        Err(GenesisError::OtherNetwork { .. })
    ));
}

proptest::proptest! {
    /// One character of the text changed anywhere: refused, or a document that is valid in its own right, with a
    /// chain id of its own. Never a panic, never the same chain.
    #[test]
    fn changed_text_never_passes_for_the_same_chain(at in 0usize..80_000, byte in 0x20u8..0x7f) {
        let mut text = DEVNET.to_json().unwrap().into_bytes();
        let at = at % text.len();
        let significant = text[at] != byte && !(text[at].is_ascii_whitespace() && byte == b' ');
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        if let Ok(document) = GenesisDocument::from_json(&text) {
            proptest::prop_assert!(!significant || document.chain_id() != DEVNET.chain_id());
        }
    }
}
