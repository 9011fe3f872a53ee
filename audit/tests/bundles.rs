//! A bundle that is true verifies against the genesis document alone; change one bit of it and it does not.
#![allow(clippy::unwrap_used)]

mod ledger;

use cairn_audit::{
    Anchor, AuditError, Bundle, BundleError, Claim, EpochChange, Summary, verify, verify_keys,
};
use cairn_consensus::{
    FinalityCert, Header, Height, Round, Validator, ValidatorIndex, ValidatorSet, payload_root,
};
use cairn_crypto::merkle::{self};
use cairn_crypto::{Digest, SigningKey};
use cairn_runtime::{AccountId, StateKey, VersionId};
use ledger::{Ledger, certify, key};
use std::sync::LazyLock;
use std::time::Duration;

static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::new(4));

#[test]
fn every_kind_of_claim_verifies_with_and_without_history_after_a_round_trip() {
    let anchor = LEDGER.anchor();
    for claim in LEDGER.claims() {
        for bundle in [LEDGER.bundle(claim.clone()), LEDGER.with_history(claim)] {
            let bytes = bundle.encode().unwrap();
            let bundle = Bundle::decode(&bytes).unwrap();
            let verified = verify(&bundle, &anchor, None, None).unwrap();
            assert_eq!(verified.height, Height(1));
            assert_eq!(verified.block_id, LEDGER.headers[1].id());
            assert_eq!(verified.time_ms, LEDGER.headers[1].timestamp_ms);
            assert_eq!(verified.signers, 3);
        }
    }
}

#[test]
fn the_summary_says_what_was_proved() {
    let anchor = LEDGER.anchor();
    let summary = |claim| {
        verify(&LEDGER.bundle(claim), &anchor, None, None)
            .unwrap()
            .claim
    };
    let claims = LEDGER.claims();
    let Summary::Version { version } = summary(claims[1].clone()) else {
        panic!("not a version");
    };
    assert_eq!(version.model_hash, Digest::of(b"model"));
    assert_eq!(version.owner, LEDGER.admin);
    let Summary::Transaction { sender, index, .. } = summary(claims[4].clone()) else {
        panic!("not a transaction");
    };
    assert_eq!((sender, index), (LEDGER.admin, 1));
    let Summary::Records { records } = summary(claims[6].clone()) else {
        panic!("not records");
    };
    // One version and no second: the list is complete.
    assert!(records[0].value.is_some() && records[1].value.is_none());
}

#[test]
fn the_summary_names_keys_whole_and_an_unproved_place_not_at_all() {
    let anchor = LEDGER.anchor();
    let summary = |claim| {
        verify(&LEDGER.bundle(claim), &anchor, None, None)
            .unwrap()
            .claim
    };
    // Two absent accounts whose ids begin alike.
    let ids = [1, 2].map(|last| {
        let mut bytes = [9; 32];
        bytes[31] = last;
        AccountId(Digest::new(bytes))
    });
    let names = ids.map(|id| {
        let Summary::Records { records } = summary(LEDGER.state(StateKey::Account(id))) else {
            panic!("not records");
        };
        assert!(
            records[0].key.contains(&id.to_string()),
            "{}",
            records[0].key
        );
        let key = StateKey::Account(id).encode();
        assert_eq!(records[0].key_hex.len(), 2 * key.len());
        assert!(records[0].key_hex.ends_with(&id.to_string()));
        records[0].clone()
    });
    assert_ne!(names[0].key, names[1].key);
    assert_ne!(names[0].key_hex, names[1].key_hex);

    let transaction = serde_json::to_value(summary(LEDGER.claims()[4].clone())).unwrap();
    assert!(transaction.get("tx_hash").is_some() && transaction.get("index").is_none());
}

#[test]
fn a_true_bundle_about_another_key_is_no_answer() {
    let anchor = LEDGER.anchor();
    let asked = StateKey::Namespace("nobody".to_owned());
    let other = StateKey::Namespace("nobody-else".to_owned());
    let bundle = LEDGER.bundle(LEDGER.state(asked.clone()));
    verify_keys(&bundle, &anchor, std::slice::from_ref(&asked), None, None).unwrap();
    for expected in [vec![other], vec![], vec![asked.clone(), asked]] {
        assert!(matches!(
            verify_keys(&bundle, &anchor, &expected, None, None),
            Err(AuditError::OtherKeys { .. })
        ));
    }
    for claim in LEDGER.claims() {
        let bundle = LEDGER.bundle(claim.clone());
        verify_keys(&bundle, &anchor, &claim.keys(), None, None).unwrap();
    }
}

#[test]
fn a_bundle_cut_short_or_continued_is_refused() {
    let bytes = LEDGER.bundle(LEDGER.claims().remove(1)).encode().unwrap();
    for length in 0..bytes.len() {
        assert!(Bundle::decode(&bytes[..length]).is_err(), "{length}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(
        Bundle::decode(&longer),
        Err(BundleError::Content(_))
    ));
    let huge = vec![0; cairn_audit::MAX_BUNDLE_BYTES + 1];
    assert!(matches!(
        Bundle::decode(&huge),
        Err(BundleError::TooLong { .. })
    ));
    assert!(matches!(
        Bundle::decode(b"CAIRNPF1"),
        Err(BundleError::Magic { .. })
    ));
}

#[test]
fn another_chain_s_anchor_is_no_anchor() {
    let mut other = LEDGER.document.clone();
    other.timestamp_ms += 1;
    let anchor = Anchor::genesis(&other).unwrap();
    assert!(matches!(
        verify(&LEDGER.bundle(Claim::Block), &anchor, None, None),
        Err(AuditError::WrongChain { .. })
    ));
}

#[test]
fn of_32_validators_21_are_not_enough_and_22_are() {
    let ledger = Ledger::new(32);
    let anchor = ledger.anchor();
    let header = &ledger.headers[1];
    let with = |count| {
        let certificate = ledger.certify(header, count);
        let bundle = Bundle::new(Claim::Block, header.clone(), certificate);
        verify(&bundle, &anchor, None, None)
    };
    assert!(matches!(with(21), Err(AuditError::Certificate(_))));
    assert_eq!(with(22).unwrap().signers, 22);
    // The 22nd bit without its signature, or with somebody else's, does not make it up.
    let mut claimed = ledger.certify(header, 21);
    claimed.signers.insert(ValidatorIndex(21));
    for extra in [None, Some(claimed.signatures[0].clone())] {
        let mut certificate = claimed.clone();
        certificate.signatures.extend(extra);
        let bundle = Bundle::new(Claim::Block, header.clone(), certificate);
        assert!(matches!(
            verify(&bundle, &anchor, None, None),
            Err(AuditError::Certificate(_))
        ));
    }
}

#[test]
fn a_certificate_of_another_block_certifies_nothing_here() {
    let anchor = LEDGER.anchor();
    let (header, other) = (&LEDGER.headers[1], &LEDGER.headers[2]);
    let mut bundle = LEDGER.bundle(Claim::Block);
    bundle.certificate = LEDGER.certify(other, 3);
    assert!(matches!(
        verify(&bundle, &anchor, None, None),
        Err(AuditError::OtherBlock { .. })
    ));
    // Relabelled for this block, its signatures are wrong.
    bundle.certificate.block_id = header.id();
    bundle.certificate.height = header.height;
    bundle.certificate.round = header.round;
    assert!(matches!(
        verify(&bundle, &anchor, None, None),
        Err(AuditError::Certificate(_))
    ));
    // The quorum's signature over another round of this block is not for this header either.
    let later = Header {
        round: Round(9),
        ..header.clone()
    };
    let mut bundle = LEDGER.bundle(Claim::Block);
    bundle.certificate = FinalityCert {
        block_id: header.id(),
        ..LEDGER.certify(&later, 3)
    };
    assert!(verify(&bundle, &anchor, None, None).is_err());
}

#[test]
fn a_value_proof_or_key_of_something_else_is_refused() {
    let anchor = LEDGER.anchor();
    let refused = |claim| verify(&LEDGER.bundle(claim), &anchor, None, None).unwrap_err();
    let Claim::Version { id, value, proof } = LEDGER.claims().remove(1) else {
        panic!("not a version");
    };
    let mut replaced = value.clone();
    replaced.model_hash = Digest::of(b"another model");
    let claim = Claim::Version {
        id: id.clone(),
        value: replaced,
        proof: proof.clone(),
    };
    assert!(matches!(refused(claim), AuditError::State { .. }));
    let renamed = VersionId {
        version: "1.2.1".to_owned(),
        ..id.clone()
    };
    let claim = Claim::Version {
        id: renamed,
        value,
        proof: proof.clone(),
    };
    assert!(matches!(refused(claim), AuditError::State { .. }));
    // There is something: its absence cannot be claimed.
    let key = StateKey::Version(id);
    assert!(matches!(
        refused(Claim::Absent { key, proof }),
        AuditError::State { .. }
    ));
    // A receipt of another transaction of the same block.
    let Some(Claim::Transaction(first)) = Claim::transaction(
        LEDGER.transactions[0].clone(),
        0,
        &LEDGER.payload,
        &LEDGER.receipts,
    ) else {
        panic!("not a transaction");
    };
    let Claim::Transaction(mut second) = LEDGER.claims().remove(4) else {
        panic!("not a transaction");
    };
    second.receipt = first.receipt;
    second.receipt_path = first.receipt_path;
    assert!(matches!(
        refused(Claim::Transaction(second)),
        AuditError::Disagree { .. }
    ));
}

#[test]
fn history_must_lead_from_this_block_to_the_certified_one() {
    let anchor = LEDGER.anchor();
    let mut moved = LEDGER.with_history(Claim::Block);
    moved.header = LEDGER.headers[2].clone();
    assert!(matches!(
        verify(&moved, &anchor, None, None),
        Err(AuditError::HistoryPlace { .. })
    ));
    let mut forged = LEDGER.with_history(Claim::Block);
    forged.header.state_root = Digest::ZERO;
    assert!(matches!(
        verify(&forged, &anchor, None, None),
        Err(AuditError::Path { .. })
    ));
}

#[test]
fn only_claims_about_the_state_grow_old() {
    let anchor = LEDGER.anchor();
    let time = LEDGER.headers[1].timestamp_ms;
    let hour = Some(Duration::from_secs(3_600));
    let at = |claim: &Claim, now| verify(&LEDGER.bundle(claim.clone()), &anchor, now, hour);
    for claim in LEDGER.claims() {
        at(&claim, Some(time + 3_600_000)).unwrap();
        at(&claim, Some(time - 1_000)).unwrap();
        if claim.is_about_state() {
            assert!(matches!(
                at(&claim, Some(time + 3_600_001)),
                Err(AuditError::TooOld { .. })
            ));
            assert!(matches!(at(&claim, None), Err(AuditError::NoTime)));
            assert!(matches!(
                at(&claim, Some(time - 301_000)),
                Err(AuditError::Clock { .. })
            ));
        } else {
            at(&claim, Some(u64::MAX)).unwrap();
            at(&claim, None).unwrap();
        }
    }
    // What counts is the block of the claim, not the later one that vouches for it.
    let bundle = LEDGER.with_history(LEDGER.claims().remove(1));
    let now = Some(LEDGER.headers[3].timestamp_ms);
    let second = Some(Duration::from_secs(1));
    assert!(matches!(
        verify(&bundle, &anchor, now, second),
        Err(AuditError::TooOld { .. })
    ));
}

#[test]
fn a_trusted_header_is_an_anchor_and_contradicts_another_block_at_its_height() {
    let trusted = Anchor::trusted(LEDGER.headers[1].clone(), LEDGER.validators.clone()).unwrap();
    verify(&LEDGER.bundle(Claim::Block), &trusted, None, None).unwrap();
    verify(&LEDGER.with_history(Claim::Block), &trusted, None, None).unwrap();
    // The same validators signed another block of height 1: stolen keys, or a fork.
    let rival = Header {
        timestamp_ms: 1,
        ..LEDGER.headers[1].clone()
    };
    let certificate = LEDGER.certify(&rival, 3);
    let bundle = Bundle::new(Claim::Block, rival, certificate);
    verify(&bundle, &LEDGER.anchor(), None, None).unwrap();
    assert!(matches!(
        verify(&bundle, &trusted, None, None),
        Err(AuditError::Conflict { .. })
    ));
    let others = Ledger::new(5);
    assert!(matches!(
        Anchor::trusted(LEDGER.headers[1].clone(), others.validators),
        Err(AuditError::Validators { .. })
    ));
}

#[test]
fn an_epoch_change_passes_trust_from_one_set_of_validators_to_the_next() {
    let next_keys: Vec<SigningKey> = (0..4).map(|i| key(7, i)).collect();
    let member = |key: &SigningKey| Validator {
        id: AccountId::of(key.public_key()).0,
        key: key.public_key().clone(),
        power: 1,
    };
    let next = ValidatorSet::new(next_keys.iter().map(member).collect()).unwrap();
    let last = Header {
        next_validators_hash: next.hash(),
        ..LEDGER.next(payload_root(&[]), merkle::root(&[]))
    };
    let first = Header {
        epoch: last.epoch.next(),
        round: Round(1),
        height: last.height.next(),
        parent: last.id(),
        validators_hash: next.hash(),
        ..last.clone()
    };
    let change = EpochChange {
        certificate: LEDGER.certify(&last, 3),
        header: last,
        validators: next,
    };
    let mut bundle = Bundle::new(Claim::Block, first.clone(), certify(&first, &next_keys, 3));
    let anchor = LEDGER.anchor();
    assert!(matches!(
        verify(&bundle, &anchor, None, None),
        Err(AuditError::Beginning { .. })
    ));
    bundle.epochs.push(change.clone());
    verify(&bundle, &anchor, None, None).unwrap();
    flip_every_byte_of_the_change(&bundle, &anchor);

    // Other validators than the last block names.
    bundle.epochs[0].validators = LEDGER.validators.clone();
    assert!(matches!(
        verify(&bundle, &anchor, None, None),
        Err(AuditError::Validators { .. })
    ));
    // The new ones cannot appoint themselves.
    bundle.epochs[0] = change.clone();
    bundle.epochs[0].certificate = certify(&change.header, &next_keys, 3);
    assert!(matches!(
        verify(&bundle, &anchor, None, None),
        Err(AuditError::Certificate(_))
    ));
}

/// The change's own bytes, without its keys and signatures, which are under the hash and the certificate.
fn flip_every_byte_of_the_change(bundle: &Bundle, anchor: &Anchor) {
    let bytes = borsh::to_vec(&bundle.epochs[0].header).unwrap();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let mut bundle = bundle.clone();
        bundle.epochs[0].header = borsh::from_slice(&bytes).unwrap();
        assert!(verify(&bundle, anchor, None, None).is_err(), "byte {at}");
    }
}

mod decoder {
    use super::*;
    use proptest::prelude::*;

    static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
        LEDGER
            .with_history(LEDGER.claims().remove(1))
            .encode()
            .unwrap()
    });

    proptest! {
        #[test]
        fn random_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(Bundle::decode(&bytes).is_err());
            let magic = [cairn_audit::MAGIC.as_slice(), &bytes].concat();
            prop_assert!(Bundle::decode(&magic).is_err());
        }

        #[test]
        fn mutated_bundles_are_refused_or_read_back_exactly_and_never_believed(
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
            cut in proptest::option::of(any::<proptest::sample::Index>()),
        ) {
            let mut bytes = GOOD.clone();
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(cut) = cut {
                bytes.remove(cut.index(bytes.len()));
            }
            prop_assume!(bytes != *GOOD);
            if let Ok(bundle) = Bundle::decode(&bytes) {
                prop_assert_eq!(bundle.encode().unwrap(), bytes);
                prop_assert!(verify(&bundle, &LEDGER.anchor(), None, None).is_err());
            }
        }
    }
}
