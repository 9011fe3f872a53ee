//! The same tests over every store.

#![allow(clippy::unwrap_used)]

mod suite;

use cairn_catalogue::{
    Access, Catalogue, CatalogueError, Certificate, Change, Entry, Identity, MAX_HITS, PolicyEntry,
    Query, ROWS_PER_PAGE, TagFilter, Write,
};
use cairn_crypto::Digest;
use cairn_runtime::NamespacePolicy;
use suite::{account, all, at, change, identity, model, over_all, pairs, passed, version};

fn tag(key: &str, value: Option<&str>) -> TagFilter {
    TagFilter {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    }
}

fn text(text: &str) -> Query {
    Query {
        text: Some(text.to_owned()),
        ..Query::default()
    }
}

/// Three models: one with versions in every standing, one tagged as a whole, one without versions.
fn sample() -> Vec<Entry> {
    let mut bert = model("acme/bert", "alice", 3);
    bert.tags = pairs(&[("team", "language")]);
    bert.aliases = pairs(&[("stable", "1.1.0")]);
    let mut first = version("acme/bert", 0);
    first.fields = pairs(&[("task", "qa"), ("scores.f1", "0.8")]);
    first.yanked = Some("it leaks".to_owned());
    first.certificates = vec![passed("carol")];
    let mut second = version("acme/bert", 1);
    second.fields = pairs(&[("task", "qa"), ("scores.f1", "0.9")]);
    second.tags = pairs(&[("stage", "production")]);
    second.certificates = vec![passed("carol"), passed("dave")];
    let mut third = version("acme/bert", 2);
    third.access = Access::Public;
    third.fields = pairs(&[("task", "chat")]);
    third.certificates = vec![Certificate {
        expires_at_ms: Some(60_000),
        ..passed("carol")
    }];
    let mut vision = model("acme/vision", "bob", 1);
    vision.tags = pairs(&[("team", "images"), ("stage", "production")]);
    let mut seen = version("acme/vision", 0);
    seen.fields = pairs(&[("note", &"long ".repeat(100))]);
    seen.certificates = vec![
        Certificate {
            revoked: true,
            ..passed("carol")
        },
        Certificate {
            passed: false,
            ..passed("dave")
        },
    ];
    let empty = model("other/empty", "alice", 0);
    vec![
        Entry::Model(bert),
        Entry::Version(first),
        Entry::Version(second),
        Entry::Version(third),
        Entry::Model(vision),
        Entry::Version(seen),
        Entry::Model(empty),
    ]
}

/// What is found by each filter, at second 50.
async fn check_sample(catalogue: &Catalogue) {
    let find = |query: Query| async move { all(catalogue, &query, 2, 50_000).await.unwrap() };
    let with = |set: fn(&mut Query)| {
        let mut query = Query::default();
        set(&mut query);
        query
    };
    let (first, second, third) = (
        "acme/bert@1.0.0",
        "acme/bert@1.1.0 certified",
        "acme/bert@1.2.0 certified",
    );
    let vision = "acme/vision@1.0.0";
    let everything = [third, second, first, vision, "other/empty"];
    assert_eq!(find(Query::default()).await, everything);
    // Words of names and descriptions, in any order, in capitals or not.
    assert_eq!(find(text("ALICE bert")).await, [third, second, first]);
    assert_eq!(find(text("vis")).await, [vision]);
    assert!(find(text("bert bob")).await.is_empty());
    let namespace = with(|query| query.namespace = Some("other".to_owned()));
    assert_eq!(find(namespace).await, ["other/empty"]);
    // A name that another one begins with is another one.
    let namespace = with(|query| query.namespace = Some("othe".to_owned()));
    assert!(find(namespace).await.is_empty());
    let owner = with(|query| query.owner = Some(account("alice")));
    assert_eq!(find(owner).await, [third, second, first, "other/empty"]);
    let stage = with(|query| query.tags = vec![tag("stage", Some("production"))]);
    assert_eq!(find(stage).await, [second, vision]);
    let team = with(|query| query.tags = vec![tag("team", None)]);
    assert_eq!(find(team).await, [third, second, first, vision]);
    let both = with(|query| {
        query.tags = vec![tag("team", Some("language")), tag("stage", None)];
    });
    assert_eq!(find(both).await, [second]);
    let field = with(|query| query.fields = pairs(&[("task", "qa")]));
    assert_eq!(find(field).await, [second, first]);
    let fields = with(|query| query.fields = pairs(&[("task", "qa"), ("scores.f1", "0.9")]));
    assert_eq!(find(fields).await, [second]);
    let long = Query {
        fields: pairs(&[("note", &"long ".repeat(100))]),
        ..Query::default()
    };
    assert_eq!(find(long).await, [vision]);
    let certified = with(|query| query.certified = true);
    assert_eq!(find(certified.clone()).await, [third, second]);
    let by_carol = with(|query| query.certified_by = Some(account("carol")));
    assert_eq!(find(by_carol).await, [third, second, first]);
    let by_dave = with(|query| query.certified_by = Some(account("dave")));
    assert_eq!(find(by_dave).await, [second]);
    // What expires does so by itself.
    let later = all(catalogue, &certified, 2, 60_000).await.unwrap();
    assert_eq!(later, [second]);
    let since = with(|query| query.since_ms = Some(2_000));
    assert_eq!(find(since).await, [third, second]);
    let until = with(|query| query.until_ms = Some(2_000));
    assert_eq!(find(until).await, [first, vision]);
    let everything_at_once = Query {
        namespace: Some("acme".to_owned()),
        owner: Some(account("alice")),
        tags: vec![tag("stage", Some("production"))],
        fields: pairs(&[("task", "qa")]),
        certified: true,
        certified_by: Some(account("dave")),
        since_ms: Some(2_000),
        until_ms: Some(2_001),
        ..text("model")
    };
    assert_eq!(find(everything_at_once).await, [second]);
}

#[test]
fn every_filter_finds_what_meets_it_and_nothing_else() {
    over_all(|store| async move {
        let catalogue = store.open("filters").await;
        assert_eq!(catalogue.position().await.unwrap(), None);
        catalogue.apply(&change(5, sample())).await.unwrap();
        assert_eq!(catalogue.position().await.unwrap(), Some(at(5)));
        check_sample(&catalogue).await;
        // A policy that wants two certifiers.
        let policy = NamespacePolicy {
            required_certifications: 2,
            ..NamespacePolicy::default()
        };
        let entry = Entry::Policy(PolicyEntry {
            namespace: "acme".to_owned(),
            policy,
        });
        catalogue.apply(&change(6, vec![entry])).await.unwrap();
        let certified = Query {
            certified: true,
            ..Query::default()
        };
        let found = all(&catalogue, &certified, 9, 50_000).await.unwrap();
        assert_eq!(found, ["acme/bert@1.1.0 certified"]);
    });
}

#[test]
fn a_change_that_is_applied_again_or_too_late_changes_nothing() {
    over_all(|store| async move {
        let catalogue = store.open("again").await;
        for _ in 0..3 {
            catalogue.apply(&change(5, sample())).await.unwrap();
        }
        let stale = Entry::Model(model("acme/bert", "mallory", 3));
        catalogue
            .apply(&change(4, vec![stale.clone()]))
            .await
            .unwrap();
        catalogue.apply(&change(5, vec![stale])).await.unwrap();
        check_sample(&catalogue).await;
        assert_eq!(catalogue.position().await.unwrap(), Some(at(5)));
    });
}

#[test]
fn what_is_no_more_is_not_found_any_more() {
    over_all(|store| async move {
        let catalogue = store.open("removed").await;
        catalogue.apply(&change(5, sample())).await.unwrap();
        let mut bert = model("acme/bert", "bob", 3);
        bert.description = "renamed".to_owned();
        let mut second = version("acme/bert", 1);
        second.tags = pairs(&[("stage", "retired")]);
        let entries = vec![Entry::Model(bert), Entry::Version(second)];
        catalogue.apply(&change(6, entries)).await.unwrap();
        for (query, expected) in [
            (text("alice"), vec!["other/empty"]),
            (
                Query {
                    owner: Some(account("alice")),
                    ..Query::default()
                },
                vec!["other/empty"],
            ),
            (
                Query {
                    tags: vec![tag("stage", Some("production"))],
                    ..Query::default()
                },
                vec!["acme/vision@1.0.0"],
            ),
            (
                Query {
                    tags: vec![tag("stage", Some("retired"))],
                    ..Query::default()
                },
                vec!["acme/bert@1.1.0"],
            ),
            (
                Query {
                    certified_by: Some(account("dave")),
                    ..Query::default()
                },
                vec![],
            ),
        ] {
            assert_eq!(
                all(&catalogue, &query, 9, 50_000).await.unwrap(),
                expected,
                "{query:?}"
            );
        }
    });
}

#[test]
fn a_restart_in_the_middle_of_a_change_goes_on_where_it_was() {
    over_all(|store| async move {
        let pieces: Vec<Change> = (sample().chunks(2))
            .map(|piece| Change {
                complete: false,
                ..change(5, piece.to_vec())
            })
            .collect();
        for stop in 0..=pieces.len() {
            let table = format!("restart-{stop}");
            let catalogue = store.open(&table).await;
            catalogue.apply(&change(4, vec![])).await.unwrap();
            for piece in &pieces[..stop] {
                catalogue.apply(piece).await.unwrap();
            }
            drop(catalogue);
            let catalogue = store.open(&table).await;
            // Not reached, so everything comes again.
            assert_eq!(catalogue.position().await.unwrap(), Some(at(4)));
            for piece in &pieces {
                catalogue.apply(piece).await.unwrap();
            }
            catalogue.apply(&change(5, vec![])).await.unwrap();
            drop(catalogue);
            let catalogue = store.open(&table).await;
            assert_eq!(catalogue.position().await.unwrap(), Some(at(5)));
            check_sample(&catalogue).await;
        }
    });
}

#[test]
fn pages_neither_lose_nor_repeat_although_versions_are_published_meanwhile() {
    over_all(|store| async move {
        let catalogue = store.open("pages").await;
        let mut entries = Vec::new();
        for name in ["a/x", "a/y", "a-b/x", "b/x"] {
            let mut with_tag = model(name, "alice", 30);
            with_tag.tags = pairs(&[("kind", "sample")]);
            entries.push(Entry::Model(with_tag));
            entries.extend((0..30).map(|ordinal| Entry::Version(version(name, ordinal))));
        }
        catalogue.apply(&change(1, entries)).await.unwrap();
        let tagged = Query {
            tags: vec![tag("kind", Some("sample"))],
            ..Query::default()
        };
        for query in [Query::default(), tagged.clone(), text("model")] {
            let whole = all(&catalogue, &query, MAX_HITS, 0).await.unwrap();
            assert_eq!(whole.len(), 120);
            for page in [1, 7, 30] {
                assert_eq!(all(&catalogue, &query, page, 0).await.unwrap(), whole);
            }
        }
        // Whatever was there at the beginning comes once; what is new comes at most once.
        let before = all(&catalogue, &tagged, MAX_HITS, 0).await.unwrap();
        let (mut cursor, mut seen, mut height) = (None, Vec::new(), 1);
        loop {
            let found = catalogue
                .search(&tagged, cursor.as_ref(), 11, 0)
                .await
                .unwrap();
            seen.extend(found.hits.iter().map(suite::named));
            height += 1;
            let new = ["a/x", "b/x"].map(|name| Entry::Version(version(name, 28 + height)));
            catalogue
                .apply(&change(height, new.to_vec()))
                .await
                .unwrap();
            cursor = found.next;
            if cursor.is_none() {
                break;
            }
        }
        let old: Vec<_> = seen
            .iter()
            .filter(|name| before.contains(name))
            .cloned()
            .collect();
        assert_eq!(old, before);
        seen.sort();
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    });
}

#[test]
fn a_page_that_finds_little_ends_all_the_same_and_says_where_to_go_on() {
    over_all(|store| async move {
        let catalogue = store.open("little").await;
        let count = ROWS_PER_PAGE as u64 + 10;
        let mut entries = vec![Entry::Model(model("a/many", "alice", count))];
        entries.extend((0..count).map(|ordinal| Entry::Version(version("a/many", ordinal))));
        entries.push(Entry::Model(model("z/last", "bob", 0)));
        catalogue.apply(&change(1, entries)).await.unwrap();
        let found = catalogue.search(&text("last"), None, 5, 0).await.unwrap();
        assert!(found.hits.is_empty() && found.next.is_some());
        assert_eq!(
            all(&catalogue, &text("last"), 5, 0).await.unwrap(),
            ["z/last"]
        );
    });
}

#[test]
fn a_catalogue_belongs_to_one_node_of_one_chain_until_it_is_made_anew() {
    over_all(|store| async move {
        let catalogue = store.open("owned").await;
        catalogue.apply(&change(5, sample())).await.unwrap();
        drop(catalogue);
        for other in [
            Identity {
                chain_id: Digest::of(b"another"),
                ..identity()
            },
            Identity {
                node: "validator-01".to_owned(),
                ..identity()
            },
        ] {
            let refused = Catalogue::open(store.rows("owned").await, other)
                .await
                .unwrap_err();
            assert!(
                matches!(refused, CatalogueError::Foreign { .. }),
                "{refused}"
            );
            assert!(
                refused.to_string().contains("cairnd catalogue rebuild"),
                "{refused}"
            );
        }
        check_sample(&store.open("owned").await).await;
        let other = Identity {
            node: "validator-01".to_owned(),
            ..identity()
        };
        let taken = Catalogue::create(store.rows("owned").await, other.clone())
            .await
            .unwrap();
        assert_eq!(taken.position().await.unwrap(), None);
        assert!(
            all(&taken, &Query::default(), 9, 0)
                .await
                .unwrap()
                .is_empty()
        );
        drop(taken);
        Catalogue::open(store.rows("owned").await, other)
            .await
            .unwrap();
    });
}

#[test]
fn a_row_that_is_not_what_was_written_there_is_refused() {
    over_all(|store| async move {
        let catalogue = store.open("damaged").await;
        catalogue.apply(&change(5, sample())).await.unwrap();
        drop(catalogue);
        let rows = store.rows("damaged").await;
        let place = "acme/bert/";
        let sound = rows.get("models", place).await.unwrap().unwrap();
        let other = rows.get("models", "acme/vision/").await.unwrap().unwrap();
        let mut flipped = sound.clone();
        *flipped.last_mut().unwrap() ^= 1;
        // Another row, a changed one, one cut short, one that is too long, and none at all.
        let longer = [&sound[..], &[0]].concat();
        for wrong in [
            other,
            flipped,
            sound[..sound.len() - 1].to_vec(),
            longer,
            vec![1],
        ] {
            let write = Write {
                partition: "models".to_owned(),
                place: place.to_owned(),
                row: Some(wrong),
            };
            rows.write(vec![vec![write]]).await.unwrap();
            let catalogue = Catalogue::open(rows.clone(), identity()).await.unwrap();
            let error = catalogue
                .search(&Query::default(), None, 9, 0)
                .await
                .unwrap_err();
            assert!(matches!(error, CatalogueError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains(&rows.name()), "{error}");
        }
    });
}
