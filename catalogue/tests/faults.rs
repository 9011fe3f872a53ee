//! Services on bad days: gone, slow, refusing; and writers that were cut off.

#![allow(clippy::unwrap_used)]

mod suite;

use cairn_catalogue::{
    Catalogue, CatalogueError, Dynamo, DynamoAddress, DynamoLimits, Embedded, Entry, Query, Row,
    Rows, TagFilter, Write,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use suite::dynamo_server::DynamoServer;
use suite::{Store, all, block_on, change, identity, model, pairs, secret};

fn tagged(stage: &str) -> Entry {
    let mut entry = model("acme/bert", "alice", 0);
    entry.tags = pairs(&[("stage", stage)]);
    Entry::Model(entry)
}

fn by_stage(stage: &str) -> Query {
    Query {
        tags: vec![TagFilter {
            key: "stage".to_owned(),
            value: Some(stage.to_owned()),
        }],
        ..Query::default()
    }
}

/// Applies once more the change that failed, and checks that it and nothing of what was before is found.
async fn expect_made_good(catalogue: &Catalogue) {
    let production = change(2, vec![tagged("production")]);
    catalogue.apply(&production).await.unwrap();
    let find = async |stage| all(catalogue, &by_stage(stage), 9, 0).await.unwrap();
    assert_eq!(find("production").await, ["acme/bert"]);
    assert!(find("test").await.is_empty());
}

#[test]
fn a_service_that_goes_away_is_named_and_what_was_asked_works_when_it_is_back() {
    let mut server = DynamoServer::start();
    let address = suite::address(server.at, "gone");
    let secret = secret();
    let opened = Dynamo::open(&address, Some(("key", &secret)), DynamoLimits::default());
    let rows: Arc<dyn Rows> = Arc::new(block_on(opened).unwrap());
    let catalogue = block_on(Catalogue::open(rows, identity())).unwrap();
    block_on(catalogue.apply(&change(1, vec![tagged("test")]))).unwrap();
    server.kill();
    let searched = block_on(all(&catalogue, &Query::default(), 9, 0)).map(|_| ());
    let applied = block_on(catalogue.apply(&change(2, vec![tagged("production")])));
    for failed in [searched, applied] {
        let error = failed.unwrap_err();
        assert!(
            matches!(error, CatalogueError::Unavailable { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("table gone at http://127.0.0.1"),
            "{error}"
        );
    }
    server.start_again();
    block_on(async {
        // It is where it was: what failed was not reached, and is applied again.
        assert_eq!(catalogue.position().await.unwrap().unwrap().height, 1);
        expect_made_good(&catalogue).await;
    });
}

/// A service that answers every request the same, or never.
fn service(answer: Option<&'static str>) -> DynamoAddress {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            match answer {
                None => kept.push(connection),
                Some(answer) => {
                    let _request = connection.read(&mut [0; 65_536]);
                    let _gone = connection.write_all(answer.as_bytes());
                }
            }
        }
    });
    suite::address(at, "faulty")
}

fn open(address: &DynamoAddress) -> CatalogueError {
    let limits = DynamoLimits {
        connect: Duration::from_millis(300),
        answer: Duration::from_millis(300),
        attempts: 2,
    };
    let error = block_on(Dynamo::open(address, Some(("key", &secret())), limits)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("table faulty at http://127.0.0.1"),
        "{error}"
    );
    error
}

#[test]
fn a_service_that_never_answers_is_given_up_in_time() {
    let begun = Instant::now();
    let error = open(&service(None));
    assert!(
        matches!(error, CatalogueError::Unavailable { .. }),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_service_that_fails_or_talks_nonsense_is_not_available() {
    for answer in [
        "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n<h>",
        "HTTP/1.1 200 OK\r\nContent-Length: 300\r\nConnection: close\r\n\r\n{",
        "",
    ] {
        let error = open(&service(Some(answer)));
        assert!(
            matches!(error, CatalogueError::Unavailable { .. }),
            "{answer}: {error}"
        );
    }
}

#[test]
fn a_service_that_refuses_is_told_apart() {
    let body = r##"{"__type":"com.amazon#AccessDeniedException","message":"no such right"}"##;
    let answer = format!(
        "HTTP/1.1 400 Bad\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let error = open(&service(Some(answer.leak())));
    assert!(matches!(error, CatalogueError::Refused { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("AccessDeniedException no such right"),
        "{error}"
    );
}

#[test]
fn a_table_of_another_form_and_an_address_that_is_none_are_refused() {
    let address = DynamoAddress {
        table: "t".to_owned(),
        region: "r".to_owned(),
        endpoint: Some("ftp://x".to_owned()),
    };
    let limits = DynamoLimits::default();
    let error = block_on(Dynamo::open(&address, Some(("key", &secret())), limits)).unwrap_err();
    assert!(matches!(error, CatalogueError::Settings { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_catalogue_and_one_in_use_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("catalogue.redb"),
        "something else entirely",
    )
    .unwrap();
    let error = Embedded::open(folder.path()).unwrap_err();
    assert!(matches!(error, CatalogueError::Damaged { .. }), "{error}");
    assert!(
        error.to_string().contains("cairnd catalogue rebuild"),
        "{error}"
    );
    let folder = tempfile::tempdir().unwrap();
    let _open = Embedded::open(folder.path()).unwrap();
    let error = Embedded::open(folder.path()).unwrap_err();
    assert!(matches!(error, CatalogueError::InUse { .. }), "{error}");
}

/// Makes so many single writes, one after the other as no atomic store would, and fails then.
struct CutOff {
    inner: Arc<dyn Rows>,
    left: AtomicUsize,
}

impl Rows for CutOff {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn get<'a>(
        &'a self,
        partition: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, CatalogueError>> {
        self.inner.get(partition, place)
    }

    fn scan<'a>(
        &'a self,
        partition: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, CatalogueError>> {
        self.inner.scan(partition, prefix, after, limit)
    }

    fn write(&self, steps: Vec<Vec<Write>>) -> BoxFuture<'_, Result<(), CatalogueError>> {
        async move {
            for write in steps.into_iter().flatten() {
                let left = self.left.load(Ordering::SeqCst);
                if left == 0 {
                    return Err(CatalogueError::Unavailable {
                        catalogue: self.name(),
                        reason: "cut off".to_owned(),
                    });
                }
                self.left.store(left - 1, Ordering::SeqCst);
                self.inner.write(vec![vec![write]]).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), CatalogueError>> {
        self.inner.clear()
    }
}

#[test]
fn a_change_that_is_cut_off_anywhere_shows_nothing_wrong_and_is_made_good() {
    let store = Store::Embedded(tempfile::tempdir().unwrap());
    block_on(async {
        for cut in 0..8 {
            let rows = store.rows(&format!("cut-{cut}")).await;
            let catalogue = Catalogue::open(rows.clone(), identity()).await.unwrap();
            catalogue
                .apply(&change(1, vec![tagged("test")]))
                .await
                .unwrap();
            let faulty = Arc::new(CutOff {
                inner: rows,
                left: AtomicUsize::new(cut),
            });
            let writer = Catalogue::open(faulty, identity()).await.unwrap();
            let done = writer.apply(&change(2, vec![tagged("production")])).await;
            let height = catalogue.position().await.unwrap().unwrap().height;
            assert_eq!(height, if done.is_ok() { 2 } else { 1 }, "cut {cut}");
            // Whatever is found has what was asked for.
            for stage in ["test", "production"] {
                let found = catalogue
                    .search(&by_stage(stage), None, 9, 0)
                    .await
                    .unwrap();
                for hit in found.hits {
                    assert_eq!(hit.model.tags, pairs(&[("stage", stage)]), "cut {cut}");
                }
            }
            expect_made_good(&catalogue).await;
        }
    });
}
