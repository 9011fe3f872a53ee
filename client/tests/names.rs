//! References, node URLs and cards: what is accepted, and that it is read back as it was written.
#![allow(clippy::unwrap_used)]

use cairn_client::{AccountCard, CARD_FORMAT, CardError, Endpoint, MAX_CARD_BYTES, Reference};
use cairn_crypto::{AccountKeys, Digest};
use cairn_runtime::{AccountId, Operation};
use proptest::prelude::*;
use std::sync::LazyLock;

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?"
}

proptest! {
    #[test]
    fn a_reference_to_a_version_reads_back(
        namespace in name(), model in name(), version in "[1-9][0-9]?\\.[0-9]\\.[0-9](-rc\\.[1-9])?"
    ) {
        let text = format!("{namespace}/{model}@{version}");
        let reference: Reference = text.parse().unwrap();
        prop_assert!(matches!(reference, Reference::Version(_)));
        prop_assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn a_reference_to_a_model_reads_back(namespace in name(), model in name()) {
        let text = format!("{namespace}/{model}");
        let reference: Reference = text.parse().unwrap();
        prop_assert!(matches!(reference, Reference::Model(_)));
        prop_assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn a_reference_to_an_alias_reads_back(namespace in name(), model in name(), alias in name()) {
        let text = format!("{namespace}/{model}:{alias}");
        let reference: Reference = text.parse().unwrap();
        prop_assert!(matches!(reference, Reference::Alias(..)));
        prop_assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn a_reference_to_a_digest_reads_back(bytes: [u8; 32]) {
        let text = Digest::new(bytes).reference();
        let reference: Reference = text.parse().unwrap();
        prop_assert_eq!(&reference, &Reference::Digest(Digest::new(bytes)));
        prop_assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn no_text_makes_reading_panic_and_what_is_read_is_written_the_same(text in ".{0,80}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
        }
        prop_assert!(AccountCard::from_json(&text).is_err());
    }

    #[test]
    fn a_node_url_reads_back(host in "[a-z][a-z0-9.-]{0,20}", port in 1u16..) {
        let text = format!("cairn://{host}:{port}");
        let endpoint: Endpoint = text.parse().unwrap();
        prop_assert_eq!((endpoint.host(), endpoint.port()), (host.as_str(), port));
        prop_assert_eq!(endpoint.to_string(), text);
    }
}

#[test]
fn what_is_no_reference_is_refused_with_the_text_in_the_error() {
    for text in [
        "",
        "/",
        "acme",
        "acme/",
        "/bert",
        "acme/bert@",
        "acme/bert@1",
        "acme/bert@1.0.0+build",
        "Acme/bert",
        "acme/bert/x",
        "acme/bert@1.0.0@1",
        "sha256:",
        "sha256:00",
        "sha256:zz",
        "acme /bert",
    ] {
        let error = text.parse::<Reference>().unwrap_err();
        assert_eq!(error.text, text);
        assert!(error.to_string().contains("namespace/name@version"));
    }
}

#[test]
fn what_is_no_node_url_is_refused() {
    for text in [
        "",
        "127.0.0.1:7400",
        "https://a:1",
        "cairn://",
        "cairn://a",
        "cairn://:1",
        "cairn://a:0",
        "cairn://a:65536",
        "cairn://a:+1",
        "cairn://a:1/x",
        "cairn://a b:1",
        "cairn://a@b:1",
        "cairn://[::1:1",
        "cairn://::1:1",
        "cairn://[a]:1",
        "CAIRN://a:1",
    ] {
        assert!(text.parse::<Endpoint>().is_err(), "{text}");
    }
    let v6: Endpoint = "cairn://[::1]:7400".parse().unwrap();
    assert_eq!((v6.host(), v6.authority().as_str()), ("::1", "[::1]:7400"));
    assert_eq!(v6.to_string(), "cairn://[::1]:7400");
}

struct Fixture {
    keys: AccountKeys,
    card: AccountCard,
}

const CHAIN: Digest = Digest::new([9; 32]);

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let keys = AccountKeys::generate().unwrap();
    let card = AccountCard::new("Ada", &keys, CHAIN).unwrap();
    Fixture { keys, card }
});

#[test]
fn a_card_reads_back_and_admits_its_account_to_its_chain_only() {
    let text = FIXTURE.card.to_json();
    assert!(text.ends_with("}\n") && text.len() < MAX_CARD_BYTES);
    let card = AccountCard::from_json(&text).unwrap();
    assert_eq!(card, FIXTURE.card);
    assert_eq!(
        card.account,
        AccountId::of(FIXTURE.keys.signing.public_key())
    );
    let other = card.clone().admission(&Digest::ZERO);
    assert!(matches!(other, Err(CardError::OtherChain { .. })));
    let operation = card.admission(&CHAIN).unwrap();
    let Operation::AdmitAccount { display_name, .. } = operation else {
        panic!("{operation:?}")
    };
    assert_eq!(display_name, "Ada");
}

#[test]
fn a_card_with_anything_exchanged_is_refused() {
    let other = AccountCard::new("Eve", &AccountKeys::generate().unwrap(), CHAIN).unwrap();
    let card = || FIXTURE.card.clone();
    let altered = [
        AccountCard {
            chain_id: Digest::ZERO,
            ..card()
        },
        AccountCard {
            account: other.account,
            ..card()
        },
        AccountCard {
            signing_key: other.signing_key.clone(),
            ..card()
        },
        AccountCard {
            encryption_key: other.encryption_key.clone(),
            ..card()
        },
        AccountCard {
            possession: other.possession.clone(),
            ..card()
        },
        AccountCard {
            cairn_card: CARD_FORMAT + 1,
            ..card()
        },
        AccountCard {
            display_name: "a\nb".to_owned(),
            ..card()
        },
    ];
    for card in altered {
        assert!(AccountCard::from_json(&card.to_json()).is_err(), "{card:?}");
    }
    // Signing key and account of Eve, encryption key of Ada: only the possession tells.
    let mixed = AccountCard {
        encryption_key: card().encryption_key,
        ..other
    };
    assert!(matches!(mixed.check(), Err(CardError::Possession(_))));
}

#[test]
fn a_card_with_an_unknown_field_or_too_many_bytes_is_refused() {
    let mut value: serde_json::Value = serde_json::from_str(&FIXTURE.card.to_json()).unwrap();
    value["role"] = "admin".into();
    let error = AccountCard::from_json(&value.to_string()).unwrap_err();
    assert!(matches!(error, CardError::Json(_)), "{error}");
    let long = " ".repeat(MAX_CARD_BYTES + 1);
    let error = AccountCard::from_json(&long).unwrap_err();
    assert!(matches!(error, CardError::TooLong { .. }), "{error}");
}
