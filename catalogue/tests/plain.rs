//! Any history of changes, searched with any question, finds what a plain look through everything finds.

#![allow(clippy::unwrap_used)]

mod suite;

use cairn_catalogue::{
    Catalogue, Certificate, Entry, ModelEntry, PolicyEntry, Query, TagFilter, VersionEntry,
};
use cairn_runtime::NamespacePolicy;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use suite::model::Plain;
use suite::{Store, account, all, block_on, change};

const MODELS: [&str; 4] = ["a/x", "a/xy", "a-b/x", "b/y"];
const ACCOUNTS: [&str; 3] = ["alice", "bob", "publisher"];
const LABELS: [(&str, &str); 4] = [("k", "1"), ("k", "2"), ("l", "1"), ("l", "a b")];

fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(select(&LABELS[..]), 0..3).prop_map(|labels| suite::pairs(&labels))
}

fn model() -> impl Strategy<Value = ModelEntry> {
    let words = select(&["", "A Model", "model two", "Übersetzer"][..]);
    (
        select(&MODELS[..]),
        select(&ACCOUNTS[..]),
        0..2_u64,
        words,
        labels(),
    )
        .prop_map(|(name, owner, versions, description, tags)| ModelEntry {
            description: description.to_owned(),
            tags,
            ..suite::model(name, owner, versions)
        })
}

fn certificate() -> impl Strategy<Value = Certificate> {
    let expiry = of(select(&[5_000_u64, 20_000][..]));
    (
        select(&ACCOUNTS[..]),
        any::<bool>(),
        expiry,
        prop::bool::weighted(0.2),
    )
        .prop_map(|(certifier, passed, expires_at_ms, revoked)| Certificate {
            certifier: account(certifier),
            check: "any".to_owned(),
            passed,
            expires_at_ms,
            revoked,
        })
}

fn version() -> impl Strategy<Value = VersionEntry> {
    let made = vec(certificate(), 0..4);
    let yanked = of(Just("bad".to_owned()));
    (
        select(&MODELS[..]),
        0..4_u64,
        labels(),
        labels(),
        made,
        yanked,
    )
        .prop_map(
            |(name, ordinal, fields, tags, certificates, yanked)| VersionEntry {
                fields,
                tags,
                certificates,
                yanked,
                ..suite::version(name, ordinal)
            },
        )
}

fn entry() -> impl Strategy<Value = Entry> {
    let policy = (select(&["a", "a-b", "b"][..]), 1..3_u32).prop_map(|(namespace, required)| {
        Entry::Policy(PolicyEntry {
            namespace: namespace.to_owned(),
            policy: NamespacePolicy {
                required_certifications: required,
                ..NamespacePolicy::default()
            },
        })
    });
    prop_oneof![
        4 => model().prop_map(Entry::Model),
        6 => version().prop_map(Entry::Version),
        1 => policy,
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let text = of(select(
        &["model", "MODEL a", "übersetzer", "x", "nothing"][..],
    ));
    let names = (
        text,
        of(select(&["a", "b", "c"][..])),
        of(select(&ACCOUNTS[..])),
    );
    let tag = (select(&LABELS[..]), any::<bool>()).prop_map(|((key, value), exact)| TagFilter {
        key: key.to_owned(),
        value: exact.then(|| value.to_owned()),
    });
    let labelled = (vec(tag, 0..2), vec(select(&LABELS[..]), 0..2));
    let time = of(select(&[1_000_u64, 2_000, 3_000][..]));
    let certified = (prop::bool::weighted(0.2), of(select(&ACCOUNTS[..])));
    (names, labelled, certified, time.clone(), time).prop_map(
        |((text, namespace, owner), (tags, fields), (certified, by), since_ms, until_ms)| Query {
            text: text.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            owner: owner.map(account),
            tags,
            fields: suite::pairs(&fields),
            certified,
            certified_by: by.map(account),
            since_ms,
            until_ms,
        },
    )
}

/// A version stands after its model, as on the ledger.
fn with_models(entries: &[Entry], plain: &Plain) -> Vec<Entry> {
    let mut all = Vec::new();
    for entry in entries {
        if let Entry::Version(version) = entry {
            let name = version.id.model.to_string();
            if !plain.has(&name) {
                all.push(Entry::Model(suite::model(&name, "alice", 1)));
            }
        }
        all.push(entry.clone());
    }
    all
}

async fn compare(
    catalogue: &Catalogue,
    blocks: &[Vec<Entry>],
    queries: &[(Query, usize, u64)],
) -> Result<(), TestCaseError> {
    let mut plain = Plain::default();
    for (height, block) in (1..).zip(blocks) {
        let entries = with_models(block, &plain);
        entries.iter().cloned().for_each(|entry| plain.put(entry));
        catalogue.apply(&change(height, entries)).await.unwrap();
        for (query, page, now_ms) in queries {
            let found = all(catalogue, query, *page, *now_ms).await.unwrap();
            prop_assert_eq!(found, plain.search(query, *now_ms), "{:?}", query);
        }
    }
    Ok(())
}

fn check(store: &Store, cases: u32) {
    let blocks = vec(vec(entry(), 0..6), 1..5);
    let question = (query(), 1..4_usize, select(&[0_u64, 10_000, 30_000][..]));
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let catalogue = block_on(store.open("plain"));
    let tested = runner.run(&(blocks, vec(question, 1..6)), |(blocks, queries)| {
        block_on(async {
            catalogue.clear().await.unwrap();
            compare(&catalogue, &blocks, &queries).await
        })
    });
    tested.unwrap();
}

#[test]
fn the_embedded_catalogue_finds_what_a_plain_look_finds() {
    check(&Store::Embedded(tempfile::tempdir().unwrap()), 200);
}

#[test]
fn the_catalogue_in_dynamodb_finds_what_a_plain_look_finds() {
    let server = suite::dynamo_server::DynamoServer::start();
    check(&Store::Dynamo(server), 12);
}
