//! What every test of the catalogue shares: sample entries, a model of what a search should find, the stores.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod dynamo_server;
pub mod model;

use cairn_catalogue::{
    Access, Catalogue, CatalogueError, Certificate, Change, Cursor, Dynamo, DynamoAddress,
    DynamoLimits, Embedded, Entry, Hit, Identity, ModelEntry, PageLimits, Position, Query, Rows,
    VersionEntry,
};
use cairn_crypto::Digest;
use cairn_runtime::{AccountId, ModelName, VersionId};
use dynamo_server::DynamoServer;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// A kind of store that a test runs over; each opens the same rows again and again.
pub enum Store {
    Embedded(TempDir),
    Dynamo(DynamoServer),
}

impl Store {
    /// One of each kind.
    pub fn all() -> Vec<Self> {
        vec![
            Self::Embedded(tempfile::tempdir().unwrap()),
            Self::Dynamo(DynamoServer::start()),
        ]
    }

    /// The rows. Those that were opened before are dropped first.
    pub async fn rows(&self, table: &str) -> Arc<dyn Rows> {
        match self {
            Self::Embedded(folder) => Arc::new(Embedded::open(&folder.path().join(table)).unwrap()),
            Self::Dynamo(server) => {
                let limits = DynamoLimits::default();
                let credentials = Some(("key", &secret()));
                let opened = Dynamo::open(&address(server.at, table), credentials, limits).await;
                Arc::new(opened.unwrap())
            }
        }
    }

    /// The catalogue of this test's node.
    pub async fn open(&self, table: &str) -> Catalogue {
        let rows = self.rows(table).await;
        Catalogue::open(rows, identity()).await.unwrap()
    }
}

/// A table of a server.
pub fn address(at: SocketAddr, table: &str) -> DynamoAddress {
    DynamoAddress {
        table: table.to_owned(),
        region: "eu-central-1".to_owned(),
        endpoint: Some(format!("http://{at}")),
    }
}

pub fn secret() -> Zeroizing<String> {
    Zeroizing::new("secret".to_owned())
}

/// Runs a test over every store.
pub fn over_all<F: Future<Output = ()>>(test: impl Fn(Arc<Store>) -> F) {
    for store in Store::all() {
        block_on(test(Arc::new(store)));
    }
}

/// One for all: a connection that is kept belongs to the runtime that made it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

pub fn identity() -> Identity {
    Identity {
        chain_id: Digest::of(b"chain"),
        node: "validator-00".to_owned(),
    }
}

pub fn account(name: &str) -> AccountId {
    AccountId(Digest::of(name.as_bytes()))
}

pub fn at(height: u64) -> Position {
    Position {
        height,
        timestamp_ms: height * 1_000,
    }
}

pub fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    text.iter().map(owned).collect()
}

pub fn model(name: &str, owner: &str, versions: u64) -> ModelEntry {
    let name: ModelName = name.parse().unwrap();
    ModelEntry {
        description: format!("The model {} of {owner}", name.name),
        name,
        owner: account(owner),
        registered_at: 1,
        versions,
        tags: vec![],
        aliases: vec![],
    }
}

pub fn version(model: &str, ordinal: u64) -> VersionEntry {
    let model: ModelName = model.parse().unwrap();
    VersionEntry {
        model_hash: Digest::of(format!("{model} {ordinal}").as_bytes()),
        id: VersionId {
            model,
            version: format!("1.{ordinal}.0"),
        },
        ordinal,
        publisher: account("publisher"),
        published_at: ordinal + 1,
        published_ms: (ordinal + 1) * 1_000,
        access: Access::Private,
        fields: vec![],
        tags: vec![],
        certificates: vec![],
        deprecated: None,
        yanked: None,
    }
}

pub fn passed(certifier: &str) -> Certificate {
    Certificate {
        certifier: account(certifier),
        check: "safety".to_owned(),
        passed: true,
        expires_at_ms: None,
        revoked: false,
    }
}

pub fn change(height: u64, entries: Vec<Entry>) -> Change {
    Change {
        entries,
        at: at(height),
        complete: true,
    }
}

/// What a hit is about, and whether it is certified.
pub fn named(hit: &Hit) -> String {
    let certified = if hit.certified { " certified" } else { "" };
    match &hit.version {
        None => hit.model.name.to_string(),
        Some(version) => format!("{}{certified}", version.id),
    }
}

/// Everything that is found, page after page.
pub async fn all(
    catalogue: &Catalogue,
    query: &Query,
    page: impl Into<PageLimits>,
    now_ms: u64,
) -> Result<Vec<String>, CatalogueError> {
    let page = page.into();
    let mut cursor: Option<Cursor> = None;
    let mut found = Vec::new();
    loop {
        let got = catalogue
            .search(query, cursor.as_ref(), page, now_ms)
            .await?;
        assert!(got.hits.len() <= page.hits);
        found.extend(got.hits.iter().map(named));
        match got.next {
            // As the API hands it over.
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => return Ok(found),
        }
    }
}
