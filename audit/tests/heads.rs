//! The newest header seen moves forward along its own history only.

#![allow(clippy::unwrap_used)]

mod ledger;

use cairn_audit::{Advance, Bundle, Claim, EpochChange, HeadError, TrustedHead, verify};
use cairn_consensus::{BlockId, Header, Height, Round, Validator, ValidatorSet, payload_root};
use cairn_crypto::merkle;
use cairn_crypto::{Digest, SigningKey};
use cairn_runtime::AccountId;
use ledger::{Ledger, certify, key};
use std::sync::LazyLock;

static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::new(4));

#[test]
fn the_trusted_head_moves_forward_only_along_its_own_history() {
    let anchor = LEDGER.anchor();
    let verified = |header: &Header| {
        let bundle = Bundle::new(Claim::Block, header.clone(), LEDGER.certify(header, 3));
        verify(&bundle, &anchor, None, None).unwrap()
    };
    let [one, two, three] = [1, 2, 3].map(|height| verified(&LEDGER.headers[height]));
    let link =
        |lower: u64, higher: usize| merkle::prove(&LEDGER.leaves()[..higher], lower).unwrap();
    let mut head = TrustedHead::new(LEDGER.headers[0].clone());
    // A direct successor needs no link, the same header none, anything else one.
    assert_eq!(head.observe(&one, None), Ok(Advance::Moved));
    assert_eq!(head.observe(&one, None), Ok(Advance::Kept));
    assert!(matches!(
        head.observe(&three, None),
        Err(HeadError::Unlinked { .. })
    ));
    assert_eq!(head.observe(&three, Some(&link(1, 3))), Ok(Advance::Moved));
    assert_eq!(head.header(), &LEDGER.headers[3]);
    // An older header that is in the head's history changes nothing.
    assert_eq!(head.observe(&two, Some(&link(2, 3))), Ok(Advance::Kept));
    assert_eq!(head.header(), &LEDGER.headers[3]);

    // Signed by a quorum, and of another history.
    for height in [2, 3] {
        let rival = Header {
            timestamp_ms: 5,
            ..LEDGER.headers[height].clone()
        };
        let refused = head
            .observe(&verified(&rival), Some(&link(2, 3)))
            .unwrap_err();
        match height {
            3 => assert!(matches!(refused, HeadError::Fork { .. })),
            _ => assert!(matches!(refused, HeadError::NotExtending { .. })),
        }
    }
    // Below the head and not before it: no link is needed to see that.
    let late = Header {
        timestamp_ms: LEDGER.headers[3].timestamp_ms,
        ..LEDGER.headers[2].clone()
    };
    let refused = head.observe(&verified(&late), None);
    assert!(matches!(refused, Err(HeadError::NotExtending { .. })));
    let mut far = LEDGER.next(payload_root(&[]), merkle::root(&[]));
    far.parent.0 = Digest::ZERO;
    far.history_root = Digest::ZERO;
    let refused = head.observe(&verified(&far), Some(&link(3, 4)));
    assert!(matches!(refused, Err(HeadError::NotExtending { .. })));
    assert_eq!(head.header(), &LEDGER.headers[3]);
}

/// Another past, signed with the keys of validators that have handed over: a header whose history holds the head.
#[test]
fn a_forged_history_that_holds_the_head_does_not_make_a_header_newer() {
    let anchor = LEDGER.anchor();
    let set = |purpose| -> (Vec<SigningKey>, ValidatorSet) {
        let keys: Vec<SigningKey> = (0..4).map(|i| key(purpose, i)).collect();
        let member = |key: &SigningKey| Validator {
            id: AccountId::of(key.public_key()).0,
            key: key.public_key().clone(),
            power: 1,
        };
        let validators = ValidatorSet::new(keys.iter().map(member).collect()).unwrap();
        (keys, validators)
    };
    // The first block of an epoch of these validators, with the epoch change that leads to them.
    let next_epoch = |keys: &[SigningKey], validators: &ValidatorSet, timestamp_ms| {
        let last = Header {
            next_validators_hash: validators.hash(),
            timestamp_ms,
            ..LEDGER.next(payload_root(&[]), merkle::root(&[]))
        };
        let leaves = [
            LEDGER.leaves(),
            vec![merkle::leaf_hash(last.id().0.as_bytes())],
        ]
        .concat();
        let first = Header {
            epoch: last.epoch.next(),
            round: Round(1),
            height: last.height.next(),
            parent: last.id(),
            validators_hash: validators.hash(),
            history_root: merkle::root(&leaves),
            ..last.clone()
        };
        let change = EpochChange {
            certificate: LEDGER.certify(&last, 3),
            header: last,
            validators: validators.clone(),
        };
        let mut bundle = Bundle::new(Claim::Block, first.clone(), certify(&first, keys, 3));
        bundle.epochs.push(change);
        bundle
    };
    let (real_keys, real) = set(7);
    let (thieves_keys, thieves) = set(8);
    let time = LEDGER.headers[3].timestamp_ms + 1;
    let real_bundle = next_epoch(&real_keys, &real, time);
    let first = verify(&real_bundle, &anchor, None, None).unwrap();
    let head = TrustedHead::new(first.certified.clone());

    // Signed by whom, in which chain of epochs, and with the head in its history in any case.
    let forge = |like: &Header, keys: &[SigningKey], epochs: &[EpochChange]| {
        let head = &first.certified;
        let mut leaves = LEDGER.leaves();
        leaves.push(merkle::leaf_hash(head.parent.0.as_bytes()));
        leaves.push(merkle::leaf_hash(head.id().0.as_bytes()));
        leaves.push(merkle::leaf_hash(b"whatever comes between"));
        let header = Header {
            height: Height(leaves.len() as u64),
            parent: BlockId(Digest::of(b"whatever comes between")),
            history_root: merkle::root(&leaves),
            ..like.clone()
        };
        let link = merkle::prove(&leaves, head.height.0).unwrap();
        let mut bundle = Bundle::new(Claim::Block, header.clone(), certify(&header, keys, 3));
        bundle.epochs = epochs.to_vec();
        (verify(&bundle, &anchor, None, None).unwrap(), link)
    };
    let stolen = &LEDGER.keys;
    let thieves_bundle = next_epoch(&thieves_keys, &thieves, time);
    let cases = [
        // By the validators of the epoch before, which has ended.
        (forge(&LEDGER.headers[3], stolen, &[]), "back"),
        // By validators whom those have appointed instead.
        (
            forge(
                &thieves_bundle.header,
                &thieves_keys,
                &thieves_bundle.epochs,
            ),
            "others",
        ),
    ];
    for ((seen, link), what) in cases {
        for link in [Some(&link), None] {
            let mut head = head.clone();
            let error = head.observe(&seen, link).unwrap_err();
            match what {
                "back" => assert!(matches!(error, HeadError::EpochBack { .. }), "{error}"),
                _ => assert!(
                    matches!(error, HeadError::OtherValidators { .. }),
                    "{error}"
                ),
            }
            assert_eq!(head.header(), &first.certified);
        }
    }
    // By the head's own validators the same is believed.
    let (seen, link) = forge(&first.certified, &real_keys, &real_bundle.epochs);
    assert_eq!(head.clone().observe(&seen, Some(&link)), Ok(Advance::Moved));
    // A head in the epoch before lets the next one's validators in only at its true end.
    let end = &real_bundle.epochs[0].header;
    let mut before = TrustedHead::new(end.clone());
    assert_eq!(before.observe(&first, None), Ok(Advance::Moved));
    let other_end = Header {
        timestamp_ms: time + 1,
        ..end.clone()
    };
    let mut other = TrustedHead::new(other_end);
    assert!(matches!(
        other.observe(&first, None),
        Err(HeadError::NotExtending { .. })
    ));
}
