//! The validators of the newest epoch are remembered: proofs begin there, a long way is followed in pages, and what is
//! written for others begins at genesis.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_audit::{Anchor, AuditError, Bundle, Claim, EpochChain, EpochChange, HeadError};
use cairn_client::{Client, ClientConfig, ClientError, Endpoint, HeadStore, Subject, audit};
use cairn_consensus::{
    CommitVoteBody, Epoch, FinalityCert, Header, Height, Round, SignerSet, Statement, Validator,
    ValidatorIndex, ValidatorSet,
};
use cairn_crypto::{Digest, SigningKey};
use chain::{Answer, CHAIN, bundle, key, node, ok, problem};
use std::sync::{Arc, LazyLock, Mutex};

const EPOCHS: u64 = 40;

fn certify(header: &Header, keys: &[SigningKey]) -> FinalityCert {
    let body = CommitVoteBody {
        chain_id: header.chain_id,
        epoch: header.epoch,
        round: header.round,
        height: header.height,
        block_id: header.id(),
    };
    let mut signers = SignerSet::new(keys.len());
    for index in 0..keys.len() {
        signers.insert(ValidatorIndex(index as u16));
    }
    FinalityCert {
        chain_id: body.chain_id,
        epoch: body.epoch,
        round: body.round,
        height: body.height,
        block_id: body.block_id,
        signers,
        signatures: keys.iter().map(|key| body.sign(key).unwrap()).collect(),
    }
}

/// One validator per epoch after genesis; `other` is another past from epoch 1 on.
fn members(epoch: u64, other: bool) -> (Vec<SigningKey>, ValidatorSet) {
    if epoch == 0 {
        let set = CHAIN.genesis.validator_set().unwrap();
        let own = |member: &Validator| {
            let is = |i: &u8| *key(1, *i).public_key() == member.key;
            key(1, (0..4).find(is).unwrap())
        };
        return (set.iter().map(|(_, member)| own(member)).collect(), set);
    }
    let key = key(if other { 12 } else { 11 }, epoch as u8);
    let member = Validator {
        id: Digest::of(&epoch.to_le_bytes()),
        key: key.public_key().clone(),
        power: 1,
    };
    (vec![key], ValidatorSet::new(vec![member]).unwrap())
}

/// Two blocks an epoch: the second ends it.
fn changes(other: bool) -> Vec<EpochChange> {
    let mut parent = CHAIN.headers[0].clone();
    let mut changes = Vec::new();
    for epoch in 0..EPOCHS {
        let (keys, set) = members(epoch, other);
        let next = members(epoch + 1, other).1;
        let header = Header {
            epoch: Epoch(epoch),
            round: Round(2),
            height: Height(2 * epoch + 2),
            parent: parent.id(),
            validators_hash: set.hash(),
            next_validators_hash: next.hash(),
            timestamp_ms: parent.timestamp_ms + 1,
            ..parent
        };
        changes.push(EpochChange {
            certificate: certify(&header, &keys),
            header: header.clone(),
            validators: next,
        });
        parent = header;
    }
    changes
}

static CHANGES: LazyLock<Vec<EpochChange>> = LazyLock::new(|| changes(false));
static OTHERS: LazyLock<Vec<EpochChange>> = LazyLock::new(|| changes(true));

/// The first block of the newest epoch, in a bundle that begins in epoch `since`.
fn newest(changes: &[EpochChange], other: bool, since: u64) -> Bundle {
    let (keys, set) = members(EPOCHS, other);
    let last = &changes.last().unwrap().header;
    let header = Header {
        epoch: Epoch(EPOCHS),
        round: Round(1),
        height: last.height.next(),
        parent: last.id(),
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
        ..last.clone()
    };
    let certificate = certify(&header, &keys);
    let mut bundle = Bundle::new(Claim::Block, header, certificate);
    bundle.epochs = changes[since as usize..].to_vec();
    bundle
}

fn height() -> u64 {
    2 * EPOCHS + 1
}

fn number(line: &str, name: &str) -> u64 {
    let found = line.split_once(name).map(|(_, rest)| rest);
    let digits = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()
            .map(str::to_owned)
    };
    found
        .and_then(digits)
        .map_or(0, |digits| digits.parse().unwrap())
}

/// A node that puts at most `longest` epoch changes into a bundle and `page` into a page, and writes down what it is
/// asked.
async fn asked(longest: u64, page: usize, other: bool) -> (Endpoint, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let answer = move |line: &str| -> Answer {
        seen.lock().unwrap().push(line.to_owned());
        let changes = if other { &*OTHERS } else { &*CHANGES };
        if line.contains("/v1/proofs/epochs") {
            let from = number(line, "from=") as usize;
            let end = (from + page).min(changes.len());
            let page = EpochChain {
                chain_id: CHAIN.genesis.chain_id(),
                changes: changes[from..end].to_vec(),
            };
            return ok("application/octet-stream", &page.encode().unwrap());
        }
        let since = number(line, "since_epoch=");
        if EPOCHS - since > longest {
            return problem(422, cairn_api::code::BUNDLE_TOO_LONG);
        }
        bundle(&newest(changes, other, since))
    };
    (node(answer).await.endpoint, lines)
}

#[tokio::test]
async fn a_way_too_long_for_a_bundle_is_followed_in_pages_and_remembered() {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let (endpoint, lines) = asked(3, 7, false).await;
    let client = || {
        let mut config = ClientConfig::new(vec![endpoint.clone()], Arc::clone(&CHAIN.genesis));
        config.heads = Some(heads.clone());
        Client::new(config).unwrap()
    };
    let (bundle, verified) = client().prove(&Subject::Block(height())).await.unwrap();
    assert_eq!((bundle.begins(), bundle.epochs.len()), (Epoch(EPOCHS), 0));
    assert_eq!(verified.newest_epoch().epoch(), Epoch(EPOCHS));
    let pages = |lines: &[String]| lines.iter().filter(|l| l.contains("epochs?")).count();
    // Six pages of seven, the last of them short, and one that says that there is no more.
    assert_eq!(pages(&lines.lock().unwrap()), 7);

    // Another run begins where this one ended.
    lines.lock().unwrap().clear();
    client().prove(&Subject::Block(height())).await.unwrap();
    assert_eq!(pages(&lines.lock().unwrap()), 0);
    assert!(lines.lock().unwrap()[0].contains("since_epoch=40"));
}

#[tokio::test]
async fn a_bundle_for_a_file_begins_at_genesis_or_where_it_is_told() {
    let (endpoint, _) = asked(EPOCHS, 50, false).await;
    let client = CHAIN.client(vec![endpoint]);
    let subject = Subject::Block(height());
    // Everything since genesis is known to this client, and not to those whom the file is for.
    client.prove(&subject).await.unwrap();
    assert_eq!(client.newest_epoch().await.unwrap().epoch(), Epoch(EPOCHS));
    let whole = client.fetch_bundle(&subject).await.unwrap();
    assert_eq!(whole.epochs.len() as u64, EPOCHS);
    let anchor = Anchor::genesis(&CHAIN.genesis).unwrap();
    cairn_audit::verify(&whole, &anchor, None, None).unwrap();
    let (late, _) = client.prove_since(&subject, Epoch(38)).await.unwrap();
    assert_eq!((late.begins(), late.epochs.len()), (Epoch(38), 2));
    let none = client.prove_since(&subject, Epoch(41)).await.unwrap_err();
    assert!(matches!(none, ClientError::NotFound { .. }), "{none}");
}

#[tokio::test]
async fn an_offline_audit_takes_a_late_beginning_only_where_it_has_been() {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let check = |since| {
        let bytes = newest(&CHANGES, false, since).encode().unwrap();
        audit(&bytes, &CHAIN.genesis, None, Some(&heads))
    };
    let unknown = check(EPOCHS).unwrap_err();
    let beginning = matches!(unknown, ClientError::Audit(AuditError::Beginning { .. }));
    assert!(beginning, "{unknown}");
    check(0).unwrap();
    check(EPOCHS).unwrap();
    // An epoch between the two: its validators are not kept.
    assert!(check(20).is_err());
    check(0).unwrap();
}

#[tokio::test]
async fn other_validators_for_a_known_epoch_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let bytes = newest(&CHANGES, false, 0).encode().unwrap();
    audit(&bytes, &CHAIN.genesis, None, Some(&heads)).unwrap();
    // The validators of genesis, long gone, appointed others: true by the genesis document alone.
    let forged = newest(&OTHERS, true, 0).encode().unwrap();
    audit(&forged, &CHAIN.genesis, None, None).unwrap();
    let error = audit(&forged, &CHAIN.genesis, None, Some(&heads)).unwrap_err();
    assert!(matches!(error, ClientError::Head(_)), "{error}");
    // A node with the other past, asked since the known epoch, proves nothing.
    let (endpoint, _) = asked(EPOCHS, 50, true).await;
    let mut config = ClientConfig::new(vec![endpoint], Arc::clone(&CHAIN.genesis));
    config.heads = Some(heads.clone());
    let client = Client::new(config).unwrap();
    let error = client.prove(&Subject::Block(height())).await.unwrap_err();
    let others = matches!(error, ClientError::Audit(AuditError::Validators { .. }));
    assert!(others, "{error}");
    // What is kept is still what was seen first.
    let known = client.epoch_anchor(Epoch(EPOCHS)).await.unwrap();
    assert_eq!(known.validators(), &members(EPOCHS, false).1);
    let forged = cairn_audit::verify(
        &newest(&OTHERS, true, 0),
        &Anchor::genesis(&CHAIN.genesis).unwrap(),
        None,
        None,
    );
    let refused = heads.save_epoch(forged.unwrap().newest_epoch());
    let refused = refused.unwrap_err();
    let head = matches!(
        refused,
        ClientError::Head(HeadError::OtherValidators { .. })
    );
    assert!(head, "{refused}");
}
