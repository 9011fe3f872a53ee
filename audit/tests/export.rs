//! An export says all that happened in a range and nothing else: leave something out, add something, change a byte of it, and
//! it is refused.
#![allow(clippy::unwrap_used)]

mod ledger;

use cairn_audit::export::{
    EXPORT_MAGIC, ExportBlock, ExportError, ExportRange, ExportRecord, ExportTransaction,
    ExportVerified, ExportWriter, verify_export,
};
use cairn_audit::{Anchor, AuditError, Bundle, BundleError, Claim, EpochChange, History};
use cairn_consensus::{Height, Round, Validator, ValidatorSet, payload_root};
use cairn_crypto::{Digest, merkle};
use cairn_runtime::{AccountId, ModelName, Outcome};
use ledger::{Ledger, certify, key, model, secret};
use std::sync::LazyLock;

static LEDGER: LazyLock<Ledger> = LazyLock::new(|| Ledger::new(1));

/// The ledger's blocks `from..=to`, whole or for one model.
fn records(from: usize, to: usize, about: Option<ModelName>) -> Vec<ExportRecord> {
    let mut records = vec![ExportRecord::Begin(ExportRange {
        chain_id: LEDGER.document.chain_id(),
        from: Height(from as u64),
        to: Height(to as u64),
        model: about.clone(),
    })];
    let tip = LEDGER.headers[to].clone();
    let certificate = LEDGER.certify(&tip, 1);
    records.push(ExportRecord::Tip(Bundle::new(
        Claim::Block,
        tip,
        certificate,
    )));
    let mut transactions = 0;
    for height in from..=to {
        let block = block(height, about.as_ref());
        transactions += block.transactions.len() as u64;
        records.push(ExportRecord::Block(block));
    }
    records.push(ExportRecord::End {
        blocks: (to - from + 1) as u64,
        transactions,
    });
    records
}

fn block(height: usize, about: Option<&ModelName>) -> ExportBlock {
    let header = LEDGER.headers[height].clone();
    if height != 1 {
        return ExportBlock {
            header,
            transactions: Vec::new(),
            receipts: Vec::new(),
        };
    }
    let whole = |index: usize| about.is_none_or(|model| (index < 2) == (*model == self::model()));
    let transactions = LEDGER.transactions.iter().enumerate();
    ExportBlock {
        header,
        transactions: transactions
            .map(|(index, bytes)| match whole(index) {
                true => ExportTransaction::Whole(bytes.clone()),
                false => ExportTransaction::Hash(LEDGER.payload[index]),
            })
            .collect(),
        receipts: LEDGER.receipts.clone(),
    }
}

fn file(records: &[ExportRecord]) -> Vec<u8> {
    let mut bytes = EXPORT_MAGIC.to_vec();
    for record in records {
        record.write(&mut bytes).unwrap();
    }
    bytes
}

fn check(bytes: &[u8]) -> Result<ExportVerified, ExportError> {
    static GENESIS: LazyLock<Anchor> = LazyLock::new(|| LEDGER.anchor());
    verify_export(&mut &*bytes, GENESIS.clone())
}

fn refused(edit: impl FnOnce(&mut Vec<ExportRecord>)) -> ExportError {
    let mut records = records(1, 3, None);
    edit(&mut records);
    check(&file(&records)).unwrap_err()
}

fn block_in(records: &mut [ExportRecord], height: usize) -> &mut ExportBlock {
    match &mut records[height + 1] {
        ExportRecord::Block(block) => block,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_range_is_read_back_with_all_that_happened_in_it() {
    let mut writer = ExportWriter::new(Vec::new(), LEDGER.anchor()).unwrap();
    for record in records(1, 3, None) {
        writer.record(&record).unwrap();
    }
    let (written, bytes) = writer.finish().unwrap();
    let verified = check(&bytes).unwrap();
    assert_eq!(written, verified);
    assert_eq!(
        (verified.from, verified.last.height),
        (Height(1), Height(3))
    );
    assert_eq!(verified.first_block, LEDGER.headers[1].id());
    assert_eq!(verified.last.block_id, LEDGER.headers[3].id());
    assert_eq!((verified.blocks, verified.transactions), (3, 4));
    assert_eq!(
        (verified.whole, verified.failed, verified.events),
        (4, 0, 8)
    );
    for (from, to) in [(0, 0), (0, 3), (1, 1), (2, 3), (3, 3)] {
        check(&file(&records(from, to, None))).unwrap();
    }
}

#[test]
fn nothing_can_be_left_out_or_added() {
    let left_out = [
        refused(|records| drop(records.remove(0))),
        refused(|records| drop(records.remove(1))),
        refused(|records| drop(records.remove(2))),
        refused(|records| drop(records.remove(3))),
        refused(|records| drop(records.remove(4))),
        refused(|records| drop(records.remove(5))),
        refused(|records| drop(records.drain(3..5))),
        refused(|records| records.swap(2, 3)),
        refused(|records| records.insert(2, records[2].clone())),
        refused(|records| records.push(records[5].clone())),
        refused(|records| records.push(records[0].clone())),
    ];
    for error in left_out {
        let order = matches!(error, ExportError::Audit(AuditError::Order { .. }));
        assert!(order, "{error}");
    }
    let root = |error: ExportError, expected: &str| match error {
        ExportError::Audit(AuditError::Root { what, .. }) => assert_eq!(what, expected),
        error => panic!("{error}"),
    };
    root(
        refused(|records| {
            let block = block_in(records, 1);
            drop(block.transactions.pop());
            drop(block.receipts.pop());
        }),
        "transactions",
    );
    root(
        refused(|records| block_in(records, 1).receipts[0].outcome = Outcome::Applied(vec![])),
        "receipts",
    );
    root(
        refused(|records| {
            let transaction = ExportTransaction::Whole(LEDGER.transactions[0].clone());
            block_in(records, 2).transactions.push(transaction);
            block_in(records, 2)
                .receipts
                .push(LEDGER.receipts[0].clone());
        }),
        "transactions",
    );
    let error = refused(|records| block_in(records, 1).transactions.swap(0, 1));
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::Disagree { .. })
    ));
    // A count that is not true.
    let error = refused(|records| {
        records[5] = ExportRecord::End {
            blocks: 3,
            transactions: 5,
        };
    });
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::Order { .. })
    ));
}

#[test]
fn an_export_about_a_model_has_every_transaction_that_had_an_effect_on_it() {
    let whole = check(&file(&records(1, 3, None))).unwrap();
    for (about, count) in [(model(), 2), (secret().model, 2)] {
        let verified = check(&file(&records(1, 3, Some(about.clone())))).unwrap();
        assert_eq!((verified.transactions, verified.whole), (4, count));
        assert_eq!(verified.last, whole.last);
        assert_eq!(verified.model, Some(about.to_string()));
    }
    // The first transaction created the model.
    let mut short = records(1, 3, Some(model()));
    block_in(&mut short, 1).transactions[0] = ExportTransaction::Hash(LEDGER.payload[0]);
    let error = check(&file(&short)).unwrap_err();
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::LeftOut { .. })
    ));
    // The third created another.
    let mut long = records(1, 3, Some(model()));
    block_in(&mut long, 1).transactions[2] =
        ExportTransaction::Whole(LEDGER.transactions[2].clone());
    let error = check(&file(&long)).unwrap_err();
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::Unasked { .. })
    ));
    // Without a model, none may be missing.
    let mut all = records(1, 3, None);
    block_in(&mut all, 1).transactions[3] = ExportTransaction::Hash(LEDGER.payload[3]);
    let error = check(&file(&all)).unwrap_err();
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::LeftOut { .. })
    ));
    // Another transaction's hash in its place.
    let mut other = records(1, 3, Some(model()));
    block_in(&mut other, 1).transactions[3] = ExportTransaction::Hash(LEDGER.payload[2]);
    let error = check(&file(&other)).unwrap_err();
    assert!(matches!(error, ExportError::Audit(AuditError::Root { .. })));
}

#[test]
fn an_export_of_another_chain_or_with_an_unfinished_tip_is_refused() {
    let error = refused(|records| {
        let ExportRecord::Begin(range) = &mut records[0] else {
            panic!("the range");
        };
        range.chain_id = Digest::ZERO;
    });
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::WrongChain { .. })
    ));
    let error = refused(|records| {
        let ExportRecord::Tip(bundle) = &mut records[1] else {
            panic!("the tip");
        };
        bundle.certificate.signatures.clear();
    });
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::Certificate(_))
    ));
    // A true proof of something else than the last block.
    for bundle in [
        LEDGER.bundle(Claim::Block),
        LEDGER.bundle(LEDGER.claims().remove(1)),
    ] {
        let error = refused(|records| records[1] = ExportRecord::Tip(bundle));
        assert!(matches!(
            error,
            ExportError::Audit(AuditError::Order { .. })
        ));
    }
}

#[test]
fn a_range_that_a_later_epoch_vouches_for_is_followed_through_the_epochs() {
    let successor = key(7, 0);
    let member = Validator {
        id: AccountId::of(successor.public_key()).0,
        key: successor.public_key().clone(),
        power: 1,
    };
    let next = ValidatorSet::new(vec![member]).unwrap();
    let mut last = LEDGER.next(payload_root(&[]), merkle::root(&[]));
    last.next_validators_hash = next.hash();
    let mut leaves = LEDGER.leaves();
    leaves.push(merkle::leaf_hash(last.id().0.as_bytes()));
    let mut first = last.clone();
    first.epoch = last.epoch.next();
    first.round = Round(1);
    first.height = last.height.next();
    first.parent = last.id();
    first.validators_hash = next.hash();
    first.history_root = merkle::root(&leaves);
    let change = EpochChange {
        certificate: LEDGER.certify(&last, 1),
        header: last,
        validators: next,
    };
    let certificate = certify(&first, &[successor], 1);
    let history = History {
        header: first,
        path: merkle::prove(&leaves, 3).unwrap(),
    };
    let tip = LEDGER.headers[3].clone();
    let bundle = Bundle::with_history(Claim::Block, tip, history, certificate);
    let mut records = records(1, 3, None);
    records[1] = ExportRecord::Tip(bundle);
    // The epoch change is missing.
    let error = check(&file(&records)).unwrap_err();
    assert!(matches!(
        error,
        ExportError::Audit(AuditError::Beginning { .. })
    ));
    records.insert(1, ExportRecord::Epoch(change));
    let verified = check(&file(&records)).unwrap();
    assert_eq!(verified.last.newest_epoch().epoch().0, 1);
    // Its validators are checked against what the reader knows of any epoch on the way.
    verified.last.check_known(&LEDGER.anchor()).unwrap();
    let stranger = Ledger::new(2).anchor();
    verified.last.check_known(&stranger).unwrap_err();
    flip_every_byte(&file(&records));
}

fn flip_every_byte(good: &[u8]) {
    let mut bytes = good.to_vec();
    for at in 0..good.len() {
        bytes[at] ^= 1 << (at % 8);
        assert!(
            check(&bytes).is_err(),
            "byte {at} of {} does not matter",
            good.len()
        );
        bytes[at] = good[at];
    }
}

#[test]
fn every_byte_of_an_export_matters() {
    flip_every_byte(&file(&records(0, 3, None)));
    flip_every_byte(&file(&records(1, 2, Some(secret().model))));
}

#[test]
fn a_file_cut_short_anywhere_or_continued_is_refused() {
    let good = file(&records(1, 3, None));
    for length in 0..good.len() {
        assert!(check(&good[..length]).is_err(), "{length}");
    }
    let longer = [good.as_slice(), &[0]].concat();
    assert!(matches!(
        check(&longer),
        Err(ExportError::Format(BundleError::Read(_)))
    ));
    // A length that nothing follows reserves nothing and is refused.
    let huge = [EXPORT_MAGIC.as_slice(), &u32::MAX.to_le_bytes()].concat();
    assert!(matches!(
        check(&huge),
        Err(ExportError::Format(BundleError::TooLong { .. }))
    ));
}
