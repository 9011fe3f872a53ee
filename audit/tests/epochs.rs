//! Trust goes from one set of validators to the next: in one bundle, in pages over hundreds of epochs, and from an epoch
//! that is known already.
#![allow(clippy::unwrap_used)]

mod ledger;

use cairn_audit::{
    Anchor, AuditError, Bundle, BundleError, Claim, EpochChain, EpochChange, verify,
};
use cairn_consensus::{Epoch, Header, Round, Validator, ValidatorSet, payload_root};
use cairn_crypto::{Digest, SigningKey, merkle};
use cairn_runtime::AccountId;
use ledger::{Ledger, certify, key};
use std::sync::LazyLock;

const EPOCHS: u64 = 300;

/// Validators that decide in an epoch: four of seven, others in each epoch than in the one before.
fn members(epoch: u64) -> (Vec<SigningKey>, ValidatorSet) {
    static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| (0..7).map(|i| key(7, i)).collect());
    let keys: Vec<_> = (0..4)
        .map(|i| KEYS[(epoch as usize + i) % 7].clone())
        .collect();
    let member = |key: &SigningKey| Validator {
        id: AccountId::of(key.public_key()).0,
        key: key.public_key().clone(),
        power: 1,
    };
    let set = ValidatorSet::new(keys.iter().map(member).collect()).unwrap();
    (keys, set)
}

/// A chain whose every block ends its epoch.
struct Chain {
    ledger: Ledger,
    changes: Vec<EpochChange>,
}

static CHAIN: LazyLock<Chain> = LazyLock::new(|| {
    let ledger = Ledger::new(4);
    let mut changes = Vec::new();
    let mut parent = ledger.next(payload_root(&[]), merkle::root(&[]));
    for epoch in 0..EPOCHS {
        let (keys, set) = match epoch {
            0 => (ledger.keys.clone(), ledger.validators.clone()),
            epoch => members(epoch),
        };
        let next = members(epoch + 1).1;
        let header = after(&parent, epoch, &set, &next);
        changes.push(EpochChange {
            certificate: certify(&header, &keys, 3),
            header: header.clone(),
            validators: next,
        });
        parent = header;
    }
    Chain { ledger, changes }
});

fn after(parent: &Header, epoch: u64, set: &ValidatorSet, next: &ValidatorSet) -> Header {
    Header {
        epoch: Epoch(epoch),
        round: Round(1),
        height: parent.height.next(),
        parent: parent.id(),
        validators_hash: set.hash(),
        next_validators_hash: next.hash(),
        timestamp_ms: parent.timestamp_ms + 1,
        ..parent.clone()
    }
}

impl Chain {
    fn genesis(&self) -> Anchor {
        self.ledger.anchor()
    }

    /// The anchor of an epoch, 1 at least.
    fn anchor(&self, epoch: u64) -> Anchor {
        let change = &self.changes[epoch as usize - 1];
        Anchor::trusted(change.header.clone(), change.validators.clone()).unwrap()
    }

    /// That a block of this epoch is final, beginning in epoch `since`.
    fn bundle(&self, epoch: u64, since: u64) -> Bundle {
        let (keys, set) = members(epoch);
        let header = after(&self.changes[epoch as usize - 1].header, epoch, &set, &set);
        let certificate = certify(&header, &keys, 3);
        let mut bundle = Bundle::new(Claim::Block, header, certificate);
        bundle.epochs = self.changes[since as usize..epoch as usize].to_vec();
        bundle
    }

    fn page(&self, from: usize, count: usize) -> EpochChain {
        let end = (from + count).min(self.changes.len());
        EpochChain {
            chain_id: self.ledger.headers[0].chain_id,
            changes: self.changes[from..end].to_vec(),
        }
    }
}

#[test]
fn three_hundred_epochs_are_followed_in_pages_and_lead_to_the_validators_of_today() {
    let mut anchor = CHAIN.genesis();
    for from in (0..EPOCHS as usize).step_by(32) {
        let bytes = CHAIN.page(from, 32).encode().unwrap();
        anchor = EpochChain::decode(&bytes).unwrap().follow(&anchor).unwrap();
    }
    assert_eq!(anchor, CHAIN.anchor(EPOCHS));
    assert_eq!(anchor.epoch(), Epoch(EPOCHS));
    let bundle = CHAIN.bundle(EPOCHS, EPOCHS);
    let verified = verify(&bundle, &anchor, None, None).unwrap();
    assert_eq!(verified.newest_epoch(), &anchor);
    // An empty page leads nowhere else, and the whole way in one piece leads to the same.
    assert_eq!(CHAIN.page(300, 1).follow(&anchor).unwrap(), anchor);
    let whole = CHAIN.page(0, EPOCHS as usize).follow(&CHAIN.genesis());
    assert_eq!(whole.unwrap(), anchor);
}

#[test]
fn a_page_that_leaves_out_repeats_or_reorders_an_epoch_is_refused() {
    let anchor = CHAIN.anchor(10);
    let good = CHAIN.page(10, 5);
    good.follow(&anchor).unwrap();
    let refused = |edit: &dyn Fn(&mut Vec<EpochChange>)| {
        let mut page = good.clone();
        edit(&mut page.changes);
        page.follow(&anchor).unwrap_err()
    };
    let errors = [
        refused(&|changes| drop(changes.remove(2))),
        refused(&|changes| changes.insert(2, changes[1].clone())),
        refused(&|changes| changes.swap(1, 2)),
    ];
    for error in errors {
        assert!(matches!(error, AuditError::Epoch { .. }), "{error}");
    }
    // Signed by the validators that come, not by those that go.
    let error = refused(&|changes| {
        changes[2].certificate = certify(&changes[2].header, &members(13).0, 3);
    });
    assert!(matches!(error, AuditError::Certificate(_)), "{error}");
    // An epoch's last block names others than itself.
    let error = refused(&|changes| {
        let (keys, set) = members(12);
        let header = after(&changes[1].header, 12, &set, &set);
        changes[2].certificate = certify(&header, &keys, 3);
        changes[2].header = header;
    });
    assert!(matches!(error, AuditError::NoChange { .. }), "{error}");
    // Pages of another chain, and pages that begin elsewhere.
    let mut other = good.clone();
    other.chain_id = Digest::ZERO;
    let error = other.follow(&anchor).unwrap_err();
    assert!(matches!(error, AuditError::WrongChain { .. }), "{error}");
    for from in [9, 11] {
        let error = CHAIN.page(from, 5).follow(&anchor).unwrap_err();
        assert!(matches!(error, AuditError::Epoch { .. }), "{error}");
    }
}

#[test]
fn a_bundle_begins_in_the_epoch_of_its_anchor_and_in_no_other() {
    for (epoch, since) in [(1, 0), (5, 0), (5, 4), (5, 5), (300, 299)] {
        let bundle = CHAIN.bundle(epoch, since);
        assert_eq!(bundle.begins(), Epoch(since));
        for anchor in [0, 1, 3, 4, 5, 6, 299, 300] {
            let anchor = match anchor {
                0 => CHAIN.genesis(),
                anchor => CHAIN.anchor(anchor),
            };
            let answer = verify(&bundle, &anchor, None, None);
            if anchor.epoch() == Epoch(since) {
                let newest = answer.unwrap().newest_epoch().clone();
                assert_eq!(newest, CHAIN.anchor(epoch));
            } else {
                assert!(matches!(answer, Err(AuditError::Beginning { .. })));
            }
        }
    }
}

#[test]
fn a_bundle_that_claims_to_begin_elsewhere_than_it_does_is_refused() {
    // The certified header relabelled: the anchor's epoch, other validators.
    let mut bundle = CHAIN.bundle(5, 5);
    bundle.header.epoch = Epoch(4);
    bundle.certificate.epoch = Epoch(4);
    let error = verify(&bundle, &CHAIN.anchor(4), None, None).unwrap_err();
    assert!(matches!(error, AuditError::Validators { .. }), "{error}");
    bundle.header.validators_hash = members(4).1.hash();
    assert!(verify(&bundle, &CHAIN.anchor(4), None, None).is_err());
    // Anchored in the right epoch with the validators of another past.
    let bundle = CHAIN.bundle(5, 5);
    let thieves = members(2).1;
    let header = Header {
        next_validators_hash: thieves.hash(),
        ..CHAIN.changes[4].header.clone()
    };
    let anchor = Anchor::trusted(header, thieves).unwrap();
    let error = verify(&bundle, &anchor, None, None).unwrap_err();
    assert!(matches!(error, AuditError::Validators { .. }), "{error}");
}

#[test]
fn an_anchor_outlives_the_process_and_no_changed_byte_of_it_is_taken_for_the_same() {
    let anchor = CHAIN.anchor(7);
    let bytes = anchor.encode().unwrap();
    assert_eq!(Anchor::decode(&bytes).unwrap(), anchor);
    for at in (0..bytes.len()).step_by(17) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(Anchor::decode(&bytes).map_or(true, |other| other != anchor));
    }
    // Validators that the header does not name.
    let mut page = CHAIN.page(6, 1);
    page.changes[0].validators = members(3).1;
    let change = page.changes.remove(0);
    assert!(Anchor::trusted(change.header, change.validators).is_err());
    assert!(matches!(
        Anchor::decode(b"CAIRNPF2"),
        Err(BundleError::Magic { .. })
    ));
}

#[test]
fn flipping_any_byte_of_a_page_is_noticed() {
    let anchor = CHAIN.anchor(20);
    let good = CHAIN.page(20, 2).encode().unwrap();
    let end = EpochChain::decode(&good).unwrap().follow(&anchor).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let believed = EpochChain::decode(&bytes).is_ok_and(|page| page.follow(&anchor).is_ok());
        assert!(!believed, "byte {at} of {} does not matter", good.len());
    }
    assert_eq!(end.epoch(), Epoch(22));
}
