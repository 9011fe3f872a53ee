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

/// A header inside or at the end of epoch 5 of the real past, seen in an earlier run in which no epoch was kept.
fn saw(header: Header) -> (tempfile::TempDir, HeadStore) {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let (keys, _) = members(header.epoch.0, false);
    let certificate = certify(&header, &keys);
    let mut bundle = Bundle::new(Claim::Block, header.clone(), certificate);
    bundle.epochs = CHANGES[..header.epoch.0 as usize].to_vec();
    let anchor = Anchor::genesis(&CHAIN.genesis).unwrap();
    let seen = cairn_audit::verify(&bundle, &anchor, None, None).unwrap();
    heads.observe(&seen, None).unwrap();
    assert!(
        heads
            .load_epoch(&CHAIN.genesis.chain_id())
            .unwrap()
            .is_none()
    );
    (place, heads)
}

/// The first block of epoch 5.
fn inside() -> Header {
    let last = &CHANGES[4].header;
    let set = members(5, false).1.hash();
    Header {
        epoch: Epoch(5),
        round: Round(1),
        height: last.height.next(),
        parent: last.id(),
        validators_hash: set,
        next_validators_hash: set,
        ..last.clone()
    }
}

/// What a client with these heads says to these epoch changes, followed to this epoch.
async fn followed(
    heads: &HeadStore,
    changes: Vec<EpochChange>,
    page: usize,
    epoch: u64,
) -> Result<Anchor, ClientError> {
    let answer = move |line: &str| -> Answer {
        let from = (number(line, "from=") as usize).min(changes.len());
        let page = EpochChain {
            chain_id: CHAIN.genesis.chain_id(),
            changes: changes[from..(from + page).min(changes.len())].to_vec(),
        };
        ok("application/octet-stream", &page.encode().unwrap())
    };
    let mut config = ClientConfig::new(
        vec![node(answer).await.endpoint],
        Arc::clone(&CHAIN.genesis),
    );
    config.heads = Some(heads.clone());
    Client::new(config)
        .unwrap()
        .epoch_anchor(Epoch(epoch))
        .await
}

#[tokio::test]
async fn epochs_are_followed_past_the_newest_header_seen_only_by_its_own_validators() {
    let (_place, heads) = saw(inside());
    // Keys of validators who were long gone when the header was seen lead to others in its epoch: as a way through
    // it, and as one that ends there.
    for (page, epoch) in [(50, EPOCHS), (5, 5), (1, 5)] {
        let refused = followed(&heads, OTHERS.clone(), page, epoch).await;
        let others = matches!(
            refused,
            Err(ClientError::Head(HeadError::OtherValidators {
                epoch: Epoch(5),
                ..
            }))
        );
        assert!(others, "{page}: {refused:?}");
    }
    // Nothing of it was kept, and the real way is open.
    let real = followed(&heads, CHANGES.clone(), 50, EPOCHS).await.unwrap();
    assert_eq!(real.validators(), &members(EPOCHS, false).1);
}

#[tokio::test]
async fn an_epoch_does_not_end_again_at_or_below_the_newest_header_seen() {
    // The epoch's own validators, whose keys were stolen after it, end it with others to follow.
    let stolen = |height: u64| {
        let (keys, _) = members(5, false);
        let next = members(6, true).1;
        let header = Header {
            height: Height(height),
            next_validators_hash: next.hash(),
            ..CHANGES[5].header.clone()
        };
        let mut changes = CHANGES[..5].to_vec();
        changes.push(EpochChange {
            certificate: certify(&header, &keys),
            header,
            validators: next,
        });
        changes
    };
    let inside = inside();
    let end = CHANGES[5].header.clone();
    // The one seen ends the epoch: another end is another past, wherever it is.
    for (seen, height) in [
        (inside.clone(), inside.height.0),
        (end.clone(), end.height.0),
        (end.clone(), end.height.0 + 1),
        (end.clone(), end.height.0 - 1),
    ] {
        let (_place, heads) = saw(seen);
        let refused = followed(&heads, stolen(height), 50, 6).await;
        let another = matches!(
            refused,
            Err(ClientError::Head(HeadError::NotExtending { .. }))
        );
        assert!(another, "{height}: {refused:?}");
        followed(&heads, CHANGES.clone(), 50, 6).await.unwrap();
    }
    // Above a header inside the epoch, its validators may end it: nothing seen says otherwise.
    let (_place, heads) = saw(inside.clone());
    let ended = followed(&heads, stolen(inside.height.0 + 1), 50, 6)
        .await
        .unwrap();
    assert_eq!(ended.validators(), &members(6, true).1);
}
