//! Which access tokens are accepted, and why the others are not.
#![allow(clippy::unwrap_used)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cairn_api::token::{
    Claims, LEEWAY_S, MAX_BYTES, MAX_LIFETIME_S, TokenError, audience, inspect, issue, scope,
};
use cairn_crypto::{Digest, SigningKey};
use cairn_runtime::AccountId;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const NOW: u64 = 1_800_000_000;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

fn this_node() -> String {
    audience(&Digest::of(b"chain"), &Digest::of(b"node"))
}

fn claims() -> Claims {
    Claims {
        sub: AccountId::of(KEY.public_key()),
        aud: this_node(),
        iat: NOW - 10,
        exp: NOW + 290,
        scope: format!("{} {}", scope::BLOBS_READ, scope::BLOBS_WRITE),
        jti: "7".to_owned(),
    }
}

/// A token with any header and claims, signed by any key over any of them.
fn forge(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap());
    let input = format!("{}.{}", part(header), part(claims));
    let signature = key.sign_raw(input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
}

fn header() -> Value {
    json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "0" })
}

fn check(token: &str, now: u64) -> Result<Claims, TokenError> {
    inspect(token)?.verify(KEY.public_key(), &this_node(), now)
}

#[test]
fn a_token_says_what_was_put_in_and_has_the_form_of_a_jwt() {
    let token = issue(&KEY, 3, &claims()).unwrap();
    let unverified = inspect(&token).unwrap();
    assert_eq!((unverified.sub(), unverified.kid()), (claims().sub, 3));
    assert_eq!(check(&token, NOW).unwrap(), claims());
    assert!(token.len() < 7_000, "{}", token.len());

    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(
        parts[0],
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "3" })
    );
    assert_eq!(parts[1]["sub"], claims().sub.to_string());
    assert_eq!(
        parts[1]["aud"],
        format!("{}/{}", Digest::of(b"chain"), Digest::of(b"node"))
    );
    // What the forger below makes is refused for what it changes, not for its form.
    assert_eq!(
        check(&forge(&header(), &json!(claims()), &KEY), NOW),
        Ok(claims())
    );
}

#[test]
fn a_token_ends_with_its_time_and_not_before_it_begins() {
    let token = issue(&KEY, 0, &claims()).unwrap();
    let (iat, exp) = (claims().iat, claims().exp);
    assert!(check(&token, iat - LEEWAY_S).is_ok());
    assert!(check(&token, exp + LEEWAY_S - 1).is_ok());
    let now = exp + LEEWAY_S;
    assert_eq!(check(&token, now), Err(TokenError::Expired { exp, now }));
    let now = iat - LEEWAY_S - 1;
    assert_eq!(
        check(&token, now),
        Err(TokenError::NotYetValid { iat, now })
    );
    assert!(check(&token, u64::MAX).is_err() && check(&token, 0).is_err());
}

#[test]
fn a_token_for_another_node_or_chain_is_refused() {
    for other in [
        audience(&Digest::of(b"chain"), &Digest::of(b"other node")),
        audience(&Digest::of(b"other chain"), &Digest::of(b"node")),
        String::new(),
    ] {
        let token = issue(
            &KEY,
            0,
            &Claims {
                aud: other.clone(),
                ..claims()
            },
        )
        .unwrap();
        let expected = TokenError::Audience {
            expected: this_node(),
            found: other,
        };
        assert_eq!(check(&token, NOW), Err(expected));
    }
}

#[test]
fn a_token_that_lives_too_long_is_neither_made_nor_accepted() {
    let iat = NOW;
    for exp in [NOW + MAX_LIFETIME_S + 1, NOW, NOW - 1, u64::MAX] {
        let claims = Claims {
            iat,
            exp,
            ..claims()
        };
        let expected = TokenError::Lifetime {
            iat,
            exp,
            limit: MAX_LIFETIME_S,
        };
        assert_eq!(issue(&KEY, 0, &claims), Err(expected.clone()));
        assert_eq!(
            check(&forge(&header(), &json!(claims), &KEY), NOW),
            Err(expected)
        );
    }
    let longest = Claims {
        iat,
        exp: iat + MAX_LIFETIME_S,
        ..claims()
    };
    assert!(check(&issue(&KEY, 0, &longest).unwrap(), NOW).is_ok());
}

#[test]
fn every_other_algorithm_is_refused_before_any_key_is_asked_for() {
    for alg in [
        "none",
        "None",
        "",
        "HS256",
        "ES256",
        "EdDSA",
        "RS256",
        "ML-DSA-65",
        "ml-dsa-87",
    ] {
        let header = json!({ "alg": alg, "typ": "JWT", "kid": "0" });
        let token = forge(&header, &json!(claims()), &KEY);
        let expected = TokenError::Algorithm {
            found: alg.to_owned(),
        };
        assert_eq!(inspect(&token).map(|_| ()).unwrap_err(), expected);
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        assert!(inspect(&format!("{unsigned}.")).is_err());
    }
}

#[test]
fn a_header_or_claims_with_anything_missing_or_added_are_refused() {
    let good = json!(claims());
    for name in ["sub", "aud", "iat", "exp", "scope", "jti"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        assert!(inspect(&forge(&header(), &claims, &KEY)).is_err(), "{name}");
    }
    let mut more = good.clone();
    more["admin"] = json!(true);
    assert!(inspect(&forge(&header(), &more, &KEY)).is_err());
    for wrong in [
        json!({ "alg": "ML-DSA-87", "typ": "JWT" }),
        json!({ "alg": "ML-DSA-87", "typ": "JWS", "kid": "0" }),
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "00" }),
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "+0" }),
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "-1" }),
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "4294967296" }),
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "0", "jwk": {} }),
        json!({ "alg": "ML-DSA-87", "typ": "JWT", "kid": "0", "crit": ["x"] }),
    ] {
        assert!(inspect(&forge(&wrong, &good, &KEY)).is_err(), "{wrong}");
    }
    let mut upper = good.clone();
    upper["sub"] = json!(claims().sub.to_string().to_uppercase());
    assert!(inspect(&forge(&header(), &upper, &KEY)).is_err());
}

#[test]
fn a_token_signed_by_another_key_is_refused() {
    let other = SigningKey::generate().unwrap();
    let token = issue(&other, 5, &claims()).unwrap();
    let expected = TokenError::Signature {
        sub: claims().sub,
        kid: 5,
    };
    assert_eq!(check(&token, NOW), Err(expected));
}

#[test]
fn claims_that_were_exchanged_under_a_signature_are_refused() {
    let token = issue(&KEY, 0, &claims()).unwrap();
    let other = issue(
        &KEY,
        0,
        &Claims {
            jti: "8".to_owned(),
            ..claims()
        },
    )
    .unwrap();
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap().to_owned();
    let mixed = format!(
        "{}.{}.{}",
        part(&token, 0),
        part(&other, 1),
        part(&token, 2)
    );
    assert!(matches!(
        check(&mixed, NOW),
        Err(TokenError::Signature { .. })
    ));
}

#[test]
fn a_token_of_too_many_bytes_is_not_read() {
    let long = "a".repeat(MAX_BYTES + 1);
    let expected = TokenError::TooLong {
        length: MAX_BYTES + 1,
        limit: MAX_BYTES,
    };
    assert_eq!(inspect(&long).map(|_| ()).unwrap_err(), expected);
}

#[test]
fn a_scope_is_a_whole_word() {
    let claims = Claims {
        scope: "blobs:reader blobs:write".to_owned(),
        ..claims()
    };
    assert!(claims.has_scope(scope::BLOBS_WRITE) && !claims.has_scope(scope::BLOBS_READ));
}

static TOKEN: LazyLock<String> = LazyLock::new(|| issue(&KEY, 0, &claims()).unwrap());

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[A-Za-z0-9_.=-]{0,300}|\\PC{0,100}") {
        let _ = check(&text, NOW);
    }

    #[test]
    fn a_token_with_one_character_changed_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let at = at.index(TOKEN.len());
        let mut changed = TOKEN.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != *TOKEN);
        prop_assert!(check(&changed, NOW).is_err());
    }
}
