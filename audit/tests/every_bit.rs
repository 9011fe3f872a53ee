//! No byte of a bundle is there for nothing: whichever changes, the bundle is no longer believed. For every kind of
//! claim, under a certificate of its own, in the history of a later block, and across an epoch change.
#![allow(clippy::unwrap_used)]

mod ledger;

use cairn_audit::{Anchor, Bundle, Claim, EpochChange, History, verify};
use cairn_consensus::{Header, Round, Validator, ValidatorSet, payload_root};
use cairn_crypto::merkle::{self, leaf_hash};
use cairn_runtime::AccountId;
use ledger::{Ledger, certify, key};
use std::sync::LazyLock;

/// One validator: what more would add are further signatures, each checked as the first.
static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::new(1));

/// Every how many bytes all eight bits are tried, not one.
const SAMPLE: usize = 11;

/// A claim about block 1 that the first block of the next epoch vouches for.
fn across_epochs(claim: Claim) -> Bundle {
    let successor = key(7, 0);
    let member = Validator {
        id: AccountId::of(successor.public_key()).0,
        key: successor.public_key().clone(),
        power: 1,
    };
    let next = ValidatorSet::new(vec![member]).unwrap();
    let last = Header {
        next_validators_hash: next.hash(),
        ..LEDGER.next(payload_root(&[]), merkle::root(&[]))
    };
    let mut leaves = LEDGER.leaves();
    leaves.push(leaf_hash(last.id().0.as_bytes()));
    let first = Header {
        epoch: last.epoch.next(),
        round: Round(1),
        height: last.height.next(),
        parent: last.id(),
        validators_hash: next.hash(),
        history_root: merkle::root(&leaves),
        ..last.clone()
    };
    let certificate = certify(&first, &[successor], 1);
    let history = History {
        header: first,
        path: merkle::prove(&leaves, 1).unwrap(),
    };
    let mut bundle = Bundle::with_history(claim, LEDGER.headers[1].clone(), history, certificate);
    bundle.epochs.push(EpochChange {
        certificate: LEDGER.certify(&last, 1),
        header: last,
        validators: next,
    });
    bundle
}

fn believed(bytes: &[u8], anchor: &Anchor) -> bool {
    Bundle::decode(bytes).is_ok_and(|bundle| verify(&bundle, anchor, None, None).is_ok())
}

/// Changes each byte in one bit, those of the sample in each bit, and says how many changes were tried.
fn flip_every_byte(bundle: &Bundle) -> usize {
    let anchor = LEDGER.anchor();
    let good = bundle.encode().unwrap();
    assert!(believed(&good, &anchor), "{:?}", bundle.claim);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let part = |part: usize| {
            let (good, anchor) = (&good, &anchor);
            move || {
                let mut tried = 0;
                let mut bytes = good.clone();
                for at in (part..good.len()).step_by(threads) {
                    let bits = if at % SAMPLE == 0 {
                        0..8
                    } else {
                        at % 8..at % 8 + 1
                    };
                    for bit in bits {
                        bytes[at] ^= 1 << bit;
                        let length = good.len();
                        assert!(
                            !believed(&bytes, anchor),
                            "bit {bit} of byte {at} of {length} does not matter"
                        );
                        bytes[at] = good[at];
                        tried += 1;
                    }
                }
                tried
            }
        };
        let parts: Vec<_> = (0..threads).map(|index| scope.spawn(part(index))).collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum()
    })
}

#[test]
fn the_claims_are_of_every_kind() {
    // Discriminants are dense from 0: a kind that is added here has to be tried below, too.
    let mut kinds: Vec<u8> = (LEDGER.claims().iter())
        .map(|claim| borsh::to_vec(claim).unwrap()[0])
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, (0..10).collect::<Vec<u8>>());
    assert!(borsh::from_slice::<Claim>(&[10]).is_err());
}

#[test]
fn every_byte_of_every_claim_under_its_own_certificate_matters() {
    for claim in LEDGER.claims() {
        let bundle = LEDGER.bundle(claim);
        let bytes = bundle.encode().unwrap().len();
        assert!(flip_every_byte(&bundle) > bytes);
    }
}

#[test]
fn every_byte_of_every_claim_in_the_history_of_a_later_block_matters() {
    for claim in LEDGER.claims() {
        flip_every_byte(&LEDGER.with_history(claim));
    }
}

#[test]
fn every_byte_across_an_epoch_change_matters() {
    for claim in [0, 4].map(|kind| LEDGER.claims().remove(kind)) {
        flip_every_byte(&across_epochs(claim));
    }
}

#[test]
fn every_bit_around_the_signers_of_four_validators_matters() {
    // The bitmap of signers has bits that nobody stands for, and signatures that follow each other.
    let ledger = Ledger::new(4);
    let anchor = ledger.anchor();
    let good = ledger.bundle(Claim::Block).encode().unwrap();
    assert!(believed(&good, &anchor));
    let signatures = good.len() - 1 - 4 - 3 * 4_627;
    for at in signatures - 40..signatures + 8 {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            assert!(!believed(&bytes, &anchor), "bit {bit} of byte {at}");
        }
    }
}
