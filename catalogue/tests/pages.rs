//! Where pages end: at their size and when their time is up; and that nothing is lost between them.

#![allow(clippy::unwrap_used)]

mod suite;

use cairn_catalogue::{Catalogue, Entry, MAX_HITS, MAX_PAGE_BYTES, PageLimits, Query};
use std::time::Duration;
use suite::{all, change, model, named, over_all, pairs, passed, version};

/// Every way of going through rows: all of them, those of a term of versions, those of a term of models.
fn questions() -> Vec<Query> {
    let text = |text: &str| Query {
        text: Some(text.to_owned()),
        ..Query::default()
    };
    let certified = |query: Query| Query {
        certified: true,
        ..query
    };
    let owned = Query {
        owner: Some(suite::account("alice")),
        ..text("rare")
    };
    vec![
        Query::default(),
        text("rare"),
        certified(text("rare")),
        certified(Query::default()),
        owned,
    ]
}

/// Models with some versions each, all of them certified; one is called rare.
async fn fill(catalogue: &Catalogue) {
    let mut entries = Vec::new();
    for name in ["a/common", "b/usual", "c/rare", "d/plain"] {
        entries.push(Entry::Model(model(name, "alice", 20)));
        for ordinal in 0..20 {
            let mut one = version(name, ordinal);
            one.certificates = vec![passed("carol")];
            entries.push(Entry::Version(one));
        }
    }
    catalogue.apply(&change(1, entries)).await.unwrap();
}

#[test]
fn a_page_without_time_looks_at_one_row_and_all_is_found_page_after_page() {
    over_all(|store| async move {
        let catalogue = store.open("hurry").await;
        fill(&catalogue).await;
        let hurry = PageLimits {
            hits: MAX_HITS,
            time: Duration::ZERO,
        };
        for query in questions() {
            let first = catalogue.search(&query, None, hurry, 0).await.unwrap();
            assert!(first.hits.len() <= 1 && first.next.is_some(), "{first:?}");
            let whole = all(&catalogue, &query, MAX_HITS, 0).await.unwrap();
            assert!(whole.len() >= 20);
            assert_eq!(all(&catalogue, &query, hurry, 0).await.unwrap(), whole);
        }
    });
}

#[test]
fn a_page_of_large_rows_is_short_and_the_next_ones_have_the_rest() {
    over_all(|store| async move {
        let catalogue = store.open("large").await;
        // As large as the ledger's metadata can make them.
        let long = |byte: &str| byte.repeat(31 * 1_024);
        let mut large = model("a/large", "alice", 90);
        large.tags = pairs(&[("t", &long("m"))]);
        let mut entries = vec![Entry::Model(large)];
        for ordinal in 0..90 {
            let mut one = version("a/large", ordinal);
            one.fields = pairs(&[("f", &long("\u{1}"))]);
            one.tags = pairs(&[("t", &long("v"))]);
            entries.push(Entry::Version(one));
        }
        for (height, piece) in (1..).zip(entries.chunks(16)) {
            catalogue
                .apply(&change(height, piece.to_vec()))
                .await
                .unwrap();
        }
        let (mut cursor, mut pages, mut found) = (None, 0, Vec::new());
        loop {
            let query = Query::default();
            let page = catalogue.search(&query, cursor.as_ref(), MAX_HITS, 0).await;
            let page = page.unwrap();
            let shown = page.hits.iter();
            let shown = shown.map(|hit| borsh::to_vec(&(&hit.model, &hit.version)).unwrap().len());
            assert!(shown.sum::<usize>() <= MAX_PAGE_BYTES);
            pages += 1;
            found.extend(page.hits.iter().map(named));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((pages, found.len()), (3, 90));
        found.dedup();
        assert_eq!(found.len(), 90);
    });
}
