//! What is proved is what was asked, by whoever is honest, and never contradicts what was seen before.
#![allow(clippy::unwrap_used)]

mod chain;

use cairn_audit::{AuditError, HeadError, verify};
use cairn_client::{Client, ClientConfig, ClientError, HeadNote, HeadStore, Subject, audit};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, Alias, List, StateKey, VersionId};
use chain::{Answer, CHAIN, Chain, FORK, bundle, key, node, node_with, ok, parameter, problem};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn version() -> VersionId {
    "acme/bert@1.0.0".parse().unwrap()
}

/// A node that answers proofs of blocks, and pages of blocks.
fn honest(line: &str) -> Answer {
    if line.contains("/v1/blocks?") {
        let (from, limit) = (parameter(line, "from"), parameter(line, "limit"));
        return ok("application/json", &CHAIN.page(from, limit));
    }
    let (_, height) = line.rsplit_once('/').unwrap();
    bundle(&CHAIN.block(height.parse().unwrap()))
}

#[tokio::test]
async fn an_absence_is_proved_and_told_as_not_found_or_none() {
    let absent = |line: &str| {
        let id = version();
        let key = if line.contains("grants") {
            StateKey::Grant(id, CHAIN.admin)
        } else {
            StateKey::Version(id)
        };
        bundle(&CHAIN.record(key, 1))
    };
    let client = CHAIN.client(vec![node(absent).await.endpoint]);
    let error = client.proved_version(&version()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotFound { .. }), "{error}");
    let grant = client.proved_grant(&version(), &CHAIN.admin).await.unwrap();
    assert_eq!(grant, None);
}

#[tokio::test]
async fn the_newest_keys_of_an_account_are_proved() {
    let answer = |line: &str| {
        let key = if line.contains("keys") {
            StateKey::AccountKey(CHAIN.admin, 0)
        } else {
            StateKey::Account(CHAIN.admin)
        };
        bundle(&CHAIN.record(key, 1))
    };
    let client = CHAIN.client(vec![node(answer).await.endpoint]);
    let (index, key) = client.proved_key(&CHAIN.admin).await.unwrap();
    assert_eq!(index, 0);
    assert_eq!(AccountId::of(&key.signing), CHAIN.admin);
}

#[tokio::test]
async fn any_record_is_proved_or_its_absence_as_of_the_height_that_was_asked_for() {
    let answer = |line: &str| {
        assert!(line.contains("/v1/proofs/records/"), "{line}");
        let height = if line.contains("at_height") {
            parameter(line, "at_height")
        } else {
            12
        };
        let (path, _) = line.split_once('?').unwrap_or((line, ""));
        let key = hex::decode(path.rsplit_once('/').unwrap().1).unwrap();
        bundle(&CHAIN.record(StateKey::decode(&key).unwrap(), height))
    };
    let client = CHAIN.client(vec![node(answer).await.endpoint]);
    let count = client
        .proved_record::<u64>(StateKey::AccountCount, Some(11))
        .await
        .unwrap();
    assert_eq!((count.value, count.verified.height.0), (Some(1), 11));
    assert_eq!(client.proved_yank(&version()).await.unwrap(), None);
    let alias = client.proved_alias(&version().model, "stable", None).await;
    assert!(matches!(alias, Err(ClientError::NotFound { .. })));
    let other = client
        .proved_record::<Alias>(StateKey::AccountCount, None)
        .await
        .unwrap_err();
    assert!(matches!(other, ClientError::Audit(_)), "{other}");
}

#[tokio::test]
async fn a_true_proof_about_something_else_is_no_answer() {
    let other = |_: &str| bundle(&CHAIN.record(StateKey::Account(CHAIN.admin), 1));
    let client = CHAIN.client(vec![node(other).await.endpoint]);
    for subject in [
        Subject::Version(version()),
        Subject::Account(AccountId(Digest::ZERO)),
        Subject::Key(CHAIN.admin, 0),
        Subject::Grant(version(), CHAIN.admin),
        Subject::Transaction(Digest::ZERO),
        Subject::Block(1),
        Subject::Record {
            key: StateKey::Yank(version()),
            at_height: None,
        },
        Subject::Record {
            key: StateKey::Account(CHAIN.admin),
            at_height: Some(2),
        },
        Subject::List {
            list: List::Accounts,
            at_height: None,
        },
        Subject::ListPage {
            list: List::Accounts,
            from: 0,
            at_height: None,
        },
    ] {
        let error = client.prove(&subject).await.unwrap_err();
        assert!(matches!(error, ClientError::OtherClaim { .. }), "{error}");
    }
}

/// A node for which two entries are too many for a proof, and which lets somebody else say what a page has.
async fn in_pages(
    page: impl Fn(u64, Option<usize>) -> cairn_audit::Bundle + Send + Sync + 'static,
) -> Client {
    let answer = move |line: &str| {
        if line.contains("/v1/blocks?") {
            return honest(line);
        }
        if !line.contains("from=") {
            return problem(422, cairn_api::code::LIST_TOO_LONG);
        }
        let at = line
            .contains("at_height")
            .then(|| parameter(line, "at_height"));
        bundle(&page(parameter(line, "from") as u64, at))
    };
    CHAIN.client(vec![node(answer).await.endpoint])
}

#[tokio::test]
async fn a_list_that_is_too_long_for_one_proof_is_proved_in_pages_of_one_block() {
    let list = List::ValidatorEntries;
    // Each page as of the height that is asked for; the chain has grown after the first.
    let pages = |from: u64, at: Option<usize>| {
        let end = (from + 3).min(4);
        CHAIN.list_page(&List::ValidatorEntries, from..end, at.unwrap_or(9))
    };
    let client = in_pages(pages).await;
    let whole = client
        .proved_list::<AccountId>(list.clone(), None)
        .await
        .unwrap();
    assert_eq!((whole.value.len(), whole.verified.height.0), (4, 9));
    let earlier = client
        .proved_list::<AccountId>(list.clone(), Some(5))
        .await
        .unwrap();
    assert_eq!((earlier.value, earlier.verified.height.0), (whole.value, 5));

    // The next page as of another block: its list may be another one.
    let moved = |from: u64, at: Option<usize>| match at {
        None => CHAIN.list_page(&List::ValidatorEntries, from..from + 2, 9),
        Some(_) => CHAIN.list_page(&List::ValidatorEntries, from..from + 2, 10),
    };
    let client = in_pages(moved).await;
    let error = client
        .proved_list::<AccountId>(list.clone(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::OtherClaim { .. }), "{error}");
    // A page from elsewhere.
    let shifted =
        |_: u64, at: Option<usize>| CHAIN.list_page(&List::ValidatorEntries, 0..2, at.unwrap_or(9));
    let client = in_pages(shifted).await;
    let error = client
        .proved_list::<AccountId>(list.clone(), None)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::OtherClaim { .. }), "{error}");
    // A page without entries leads nowhere.
    let nothing = |from: u64, at: Option<usize>| {
        CHAIN.list_page(&List::ValidatorEntries, from..from, at.unwrap_or(9))
    };
    let client = in_pages(nothing).await;
    let error = client
        .proved_list::<AccountId>(list, None)
        .await
        .unwrap_err();
    let page = matches!(
        error,
        ClientError::Audit(AuditError::Page {
            count: 4,
            got: 0,
            ..
        })
    );
    assert!(page, "{error}");
}

/// A client of a chain that began so long ago, and whose node proves what the state holds in its first block.
async fn client_of_aged(seconds: u64) -> (Client, AccountId) {
    let chain = Arc::new(Chain::aged(seconds * 1_000));
    let (own, id) = (Arc::clone(&chain), chain.genesis.chain_id());
    let answer = move |line: &str| {
        let key = if line.contains("/records/") {
            StateKey::AccountCount
        } else {
            StateKey::Account(own.admin)
        };
        bundle(&own.record(key, 1))
    };
    let node = node_with(&key(2, 0), &id, answer).await;
    (chain.client(vec![node.endpoint]), chain.admin)
}

#[tokio::test]
async fn what_is_said_to_be_so_now_is_at_most_ten_minutes_old() {
    // The block is one second younger than the chain.
    let (client, admin) = client_of_aged(540).await;
    assert_eq!(client.proved_account(&admin).await.unwrap().id, admin);

    let (client, admin) = client_of_aged(660).await;
    let error = client.proved_account(&admin).await.unwrap_err();
    let too_old = matches!(error, ClientError::Audit(AuditError::TooOld { .. }));
    assert!(too_old, "{error}");
    let now = client
        .proved_record::<u64>(StateKey::AccountCount, None)
        .await;
    assert!(matches!(
        now.unwrap_err(),
        ClientError::Audit(AuditError::TooOld { .. })
    ));
    // As of a height that was asked for, the state is as old as it is.
    let then = client
        .proved_record::<u64>(StateKey::AccountCount, Some(1))
        .await;
    assert_eq!(then.unwrap().value, Some(1));
}

#[tokio::test]
async fn a_node_with_a_false_proof_is_passed_over() {
    let liar = |_: &str| {
        let mut bundle_of = CHAIN.block(3);
        bundle_of.header.timestamp_ms += 1;
        bundle(&bundle_of)
    };
    let nodes = vec![node(liar).await.endpoint, node(honest).await.endpoint];
    let client = CHAIN.client(nodes);
    let (_, verified) = client.prove(&Subject::Block(3)).await.unwrap();
    assert_eq!(verified.block_id, CHAIN.headers[3].id());
}

#[tokio::test]
async fn a_proof_that_no_node_has_yet_is_asked_for_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let node = node(move |line| match count.fetch_add(1, Ordering::SeqCst) {
        0 => problem(503, cairn_api::code::HEIGHT_NOT_AVAILABLE),
        _ => honest(line),
    });
    let client = CHAIN.client(vec![node.await.endpoint]);
    client.prove(&Subject::Block(2)).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn proofs_far_apart_are_linked_by_the_blocks_between_them_in_both_directions() {
    let client = CHAIN.client(vec![node(honest).await.endpoint]);
    for height in [2, 9, 4, 9, 10, 12, 1] {
        client.prove(&Subject::Block(height)).await.unwrap();
    }
}

#[tokio::test]
async fn a_proof_of_another_history_is_refused_at_the_same_height_and_above() {
    let two_faced = |line: &str| match line.rsplit_once('/').unwrap().1 {
        "5" if line.contains("proofs") => bundle(&FORK.block(5)),
        "9" if line.contains("proofs") => bundle(&FORK.block(9)),
        _ => honest(line),
    };
    let client = CHAIN.client(vec![node(two_faced).await.endpoint]);
    // Either history alone is a chain that the validators signed.
    client.prove(&Subject::Block(4)).await.unwrap();
    let error = client.prove(&Subject::Block(5)).await.unwrap_err();
    let head = matches!(
        error,
        ClientError::Head(HeadError::NotExtending { .. } | HeadError::Unlinked { .. })
    );
    assert!(head, "{error}");
    let error = client.prove(&Subject::Block(9)).await.unwrap_err();
    let head = matches!(error, ClientError::Head(HeadError::NotExtending { .. }));
    assert!(head, "{error}");
    client.prove(&Subject::Block(6)).await.unwrap();
}

#[tokio::test]
async fn the_newest_header_seen_outlives_the_client() {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path().join("heads"));
    let genesis = Arc::clone(&CHAIN.genesis);
    let config = |endpoint| {
        let mut config = ClientConfig::new(vec![endpoint], Arc::clone(&genesis));
        config.heads = Some(heads.clone());
        config
    };
    let client = Client::new(config(node(honest).await.endpoint)).unwrap();
    client.prove(&Subject::Block(8)).await.unwrap();
    let kept = heads.load(&CHAIN.genesis.chain_id()).unwrap().unwrap();
    assert_eq!(kept.header(), &CHAIN.headers[8]);

    let forked = |_: &str| bundle(&FORK.block(8));
    let client = Client::new(config(node(forked).await.endpoint)).unwrap();
    let error = client.prove(&Subject::Block(8)).await.unwrap_err();
    let fork = matches!(error, ClientError::Head(HeadError::Fork { .. }));
    assert!(fork, "{error}");
}

#[test]
fn an_offline_audit_keeps_the_newest_head_and_refuses_a_fork() {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let check = |bundle: cairn_audit::Bundle| {
        let bytes = bundle.encode().unwrap();
        audit(&bytes, &CHAIN.genesis, None, Some(&heads)).map(|audited| audited.head)
    };
    assert_eq!(check(CHAIN.block(3)).unwrap(), HeadNote::Moved);
    assert_eq!(check(CHAIN.block(3)).unwrap(), HeadNote::Kept);
    assert_eq!(check(CHAIN.block(4)).unwrap(), HeadNote::Moved);
    assert_eq!(check(CHAIN.block(9)).unwrap(), HeadNote::Unlinked);
    let error = check(FORK.block(4)).unwrap_err();
    let fork = matches!(error, ClientError::Head(HeadError::Fork { .. }));
    assert!(fork, "{error}");
    let kept = heads.load(&CHAIN.genesis.chain_id()).unwrap().unwrap();
    assert_eq!(kept.header(), &CHAIN.headers[4]);
}

#[test]
fn an_offline_audit_without_a_place_for_heads_keeps_none() {
    let bytes = CHAIN.block(2).encode().unwrap();
    let audited = audit(&bytes, &CHAIN.genesis, None, None).unwrap();
    assert_eq!(audited.head, HeadNote::NotKept);
    assert_eq!(audited.verified.signers, 3);
}

#[test]
fn an_old_claim_about_the_state_is_refused_with_a_greatest_age_and_a_block_is_not() {
    let minute = Some(std::time::Duration::from_secs(60));
    let old = CHAIN.record(StateKey::Account(CHAIN.admin), 1);
    let error = audit(&old.encode().unwrap(), &CHAIN.genesis, minute, None).unwrap_err();
    let too_old = matches!(error, ClientError::Audit(AuditError::TooOld { .. }));
    assert!(too_old, "{error}");
    let block = CHAIN.block(1).encode().unwrap();
    audit(&block, &CHAIN.genesis, minute, None).unwrap();
}

#[test]
fn a_damaged_head_file_is_told_and_not_replaced() {
    let place = tempfile::tempdir().unwrap();
    let heads = HeadStore::new(place.path());
    let chain_id = CHAIN.genesis.chain_id();
    let file = place.path().join(format!("{chain_id}.json"));
    std::fs::write(&file, "{").unwrap();
    let anchor = cairn_audit::Anchor::genesis(&CHAIN.genesis).unwrap();
    let seen = verify(&CHAIN.block(1), &anchor, None, None).unwrap();
    let error = heads.observe(&seen, None).unwrap_err();
    assert!(matches!(error, ClientError::HeadFile { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{");
}

/// A node that says whose key it is, and proves the admin's first key.
async fn telling(of: AccountId) -> cairn_client::Endpoint {
    let answer = move |line: &str| {
        if line.contains("/v1/proofs/keys/") {
            return bundle(&CHAIN.record(StateKey::AccountKey(CHAIN.admin, 0), 1));
        }
        let told = serde_json::json!({
            "height": 1, "time": "2025-01-01T00:00:00Z",
            "data": { "use": "account", "account": of, "key_index": 0 },
        });
        ok("application/json", &serde_json::to_vec(&told).unwrap())
    };
    node(answer).await.endpoint
}

#[tokio::test]
async fn whose_a_key_is_no_node_decides() {
    let (own, other) = (key(3, 0), key(3, 9));
    let named = AccountId::of(own.public_key());
    let client = CHAIN.client(vec![telling(CHAIN.admin).await]);
    // A first key names its account by itself.
    assert_eq!(client.account_of(own.public_key()).await.unwrap(), named);
    // Somebody else's key is not the admin's because a node says so: data keys would be sealed to the admin.
    let refused = client.account_of(other.public_key()).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::OtherClaim { .. }),
        "{refused}"
    );
    // A key that was never in use is that of the account it names.
    let unknown = node(|_| problem(404, cairn_api::code::KEY_NOT_FOUND)).await;
    let client = CHAIN.client(vec![unknown.endpoint]);
    let named = AccountId::of(other.public_key());
    assert_eq!(client.account_of(other.public_key()).await.unwrap(), named);
}
