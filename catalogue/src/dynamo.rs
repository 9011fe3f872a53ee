//! Rows in a table of DynamoDB, or of what speaks like it.
//!
//! The table has the key attributes `partition` and `place`, both text, and the attribute `row`, bytes; it is made if
//! there is none. It belongs to one node. Reads are consistent ones, so that a node finds what it wrote. Nothing
//! in it is secret: it holds what every member reads on the ledger.

mod client;

use crate::{CatalogueError, Row, Rows, Write, place};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use client::{Client, Failure};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Rows of one request that writes, by DynamoDB's rules.
const BATCH: usize = 25;
/// Requests that write at one time.
const AT_ONCE: usize = 4;
/// How often a table that is being made is asked whether it is there, and how long after each other.
const CREATION: (u32, Duration) = (120, Duration::from_millis(250));
/// Pauses before what a batch left out is sent again.
const AGAIN: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// Which table, and where. It has no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoAddress {
    /// The table's name.
    pub table: String,
    /// The region, which requests are signed for.
    pub region: String,
    /// The server, for anything but Amazon's own: `https://host:port`, or `http://` on a network that is trusted.
    pub endpoint: Option<String>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamoLimits {
    /// For a connection to be made.
    pub connect: Duration,
    /// For an answer.
    pub answer: Duration,
    /// How often a request is sent that nobody answers.
    pub attempts: u32,
}

impl Default for DynamoLimits {
    /// 2 seconds, 3 seconds, 2 times.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(3),
            attempts: 2,
        }
    }
}

/// A store in a table. Cloning is cheap.
#[derive(Clone)]
pub struct Dynamo {
    inner: Arc<Client>,
    table: String,
}

impl fmt::Debug for Dynamo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dynamo({})", self.inner.name())
    }
}

impl Dynamo {
    /// The store in a table, which is made if there is none.
    ///
    /// Without `credentials` (key id and secret), those of the environment are used: `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, a web identity, or those of the machine.
    ///
    /// # Errors
    /// [`CatalogueError::Settings`] for an address that is none or a table of another form; whatever the service says.
    pub async fn open(
        address: &DynamoAddress,
        credentials: Option<(&str, &Zeroizing<String>)>,
        limits: DynamoLimits,
    ) -> Result<Self, CatalogueError> {
        let store = Self {
            inner: Arc::new(Client::new(address, credentials, limits)?),
            table: address.table.clone(),
        };
        store.find_or_make().await?;
        Ok(store)
    }

    async fn find_or_make(&self) -> Result<(), CatalogueError> {
        let (times, pause) = CREATION;
        let mut asked = false;
        for _ in 0..times {
            match self.call("DescribeTable", json!({})).await {
                Ok(found) if found["Table"]["TableStatus"] == "ACTIVE" => {
                    return self.check(&found["Table"]["KeySchema"]);
                }
                Ok(_) => {}
                Err(Failure::Said { kind, .. }) if kind == "ResourceNotFoundException" => {
                    if !asked {
                        self.make().await?;
                        asked = true;
                    }
                }
                Err(failure) => return Err(self.inner.error(failure)),
            }
            tokio::time::sleep(pause).await;
        }
        Err(CatalogueError::Unavailable {
            catalogue: self.name(),
            reason: format!(
                "the table is not there {:?} after it was asked for",
                pause * times
            ),
        })
    }

    async fn make(&self) -> Result<(), CatalogueError> {
        let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        let made = self.call(
            "CreateTable",
            json!({
                "AttributeDefinitions": [attribute("partition"), attribute("place")],
                "KeySchema": schema(),
                "BillingMode": "PAY_PER_REQUEST",
            }),
        );
        match made.await {
            Ok(_) => Ok(()),
            Err(Failure::Said { kind, .. }) if kind == "ResourceInUseException" => Ok(()),
            Err(failure) => Err(self.inner.error(failure)),
        }
    }

    fn check(&self, found: &Value) -> Result<(), CatalogueError> {
        if *found == schema() {
            return Ok(());
        }
        Err(CatalogueError::Settings {
            catalogue: self.name(),
            reason: format!(
                "the table has the keys {found}, not {}; name another one",
                schema()
            ),
        })
    }

    /// Calls with the table's name.
    async fn call(&self, action: &'static str, mut body: Value) -> Result<Value, Failure> {
        body["TableName"] = json!(self.table);
        self.inner.call(action, &body).await
    }

    async fn ask(&self, action: &'static str, body: Value) -> Result<Value, CatalogueError> {
        let answer = self.call(action, body).await;
        answer.map_err(|failure| self.inner.error(failure))
    }

    fn nonsense(&self, what: &str) -> CatalogueError {
        CatalogueError::Unavailable {
            catalogue: self.name(),
            reason: format!("its answer has no sound {what}"),
        }
    }

    /// The bytes of an item; a row without bytes has no attribute for them.
    fn bytes(&self, item: &Value) -> Result<Vec<u8>, CatalogueError> {
        match &item["row"]["B"] {
            Value::Null => Ok(Vec::new()),
            Value::String(text) => STANDARD.decode(text).map_err(|_| self.nonsense("row")),
            _ => Err(self.nonsense("row")),
        }
    }

    /// Sends one batch until all of it was taken.
    async fn batch(&self, batch: Vec<Value>) -> Result<(), CatalogueError> {
        let mut left = json!({ self.table.as_str(): batch });
        let mut pauses = AGAIN.iter();
        loop {
            let body = json!({ "RequestItems": left });
            let answer = self.inner.call("BatchWriteItem", &body).await;
            let mut answer = answer.map_err(|failure| self.inner.error(failure))?;
            left = answer["UnprocessedItems"].take();
            let taken = left.as_object().is_none_or(serde_json::Map::is_empty);
            if taken {
                return Ok(());
            }
            let Some(pause) = pauses.next() else {
                return Err(CatalogueError::Unavailable {
                    catalogue: self.name(),
                    reason: "it takes no more writes now".to_owned(),
                });
            };
            tokio::time::sleep(*pause).await;
        }
    }

    async fn batches(&self, requests: Vec<Value>) -> Result<(), CatalogueError> {
        let batches: Vec<Vec<Value>> = requests.chunks(BATCH).map(<[Value]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.batch(batch))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn range(
        &self,
        partition: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, CatalogueError> {
        let mut from = match after {
            Some(after) if after >= prefix => next(after),
            _ if prefix.is_empty() => FIRST.to_owned(),
            _ => prefix.to_owned(),
        };
        let to = format!("{prefix}{}", place::LAST);
        let mut rows = Vec::new();
        while rows.len() < limit && from < to {
            let query = json!({
                "KeyConditionExpression": "#p = :p AND #s BETWEEN :from AND :to",
                "ExpressionAttributeNames": { "#p": "partition", "#s": "place" },
                "ExpressionAttributeValues": {
                    ":p": { "S": partition }, ":from": { "S": from }, ":to": { "S": to },
                },
                "ConsistentRead": true,
                "Limit": limit - rows.len(),
            });
            let answer = self.ask("Query", query).await?;
            let items = answer["Items"].as_array();
            let before = from.clone();
            for item in items.ok_or_else(|| self.nonsense("list of items"))? {
                let place = item["place"]["S"].as_str();
                let place = place.filter(|place| *place >= from.as_str());
                let place = place.ok_or_else(|| self.nonsense("place"))?;
                from = next(place);
                rows.push((place.to_owned(), self.bytes(item)?));
            }
            match answer["LastEvaluatedKey"]["place"]["S"].as_str() {
                // Where nothing was found before the limit of one answer, the list still goes on.
                Some(last) if next(last) >= from && next(last) > before => from = next(last),
                Some(_) => return Err(self.nonsense("last key")),
                None => break,
            }
        }
        rows.truncate(limit);
        Ok(rows)
    }
}

/// Before every character of a place.
const FIRST: &str = "!";

/// The first place that can come after another.
fn next(place: &str) -> String {
    format!("{place}{FIRST}")
}

fn schema() -> Value {
    json!([
        { "AttributeName": "partition", "KeyType": "HASH" },
        { "AttributeName": "place", "KeyType": "RANGE" },
    ])
}

fn key(partition: &str, place: &str) -> Value {
    json!({ "partition": { "S": partition }, "place": { "S": place } })
}

fn request(write: &Write) -> Value {
    let mut item = key(&write.partition, &write.place);
    let Some(row) = &write.row else {
        return json!({ "DeleteRequest": { "Key": item } });
    };
    if !row.is_empty() {
        item["row"] = json!({ "B": STANDARD.encode(row) });
    }
    json!({ "PutRequest": { "Item": item } })
}

impl Rows for Dynamo {
    fn name(&self) -> String {
        self.inner.name().to_owned()
    }

    fn get<'a>(
        &'a self,
        partition: &'a str,
        place: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, CatalogueError>> {
        async move {
            let asked = json!({ "Key": key(partition, place), "ConsistentRead": true });
            let answer = self.ask("GetItem", asked).await?;
            match &answer["Item"] {
                Value::Null => Ok(None),
                item => self.bytes(item).map(Some),
            }
        }
        .boxed()
    }

    fn scan<'a>(
        &'a self,
        partition: &'a str,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, CatalogueError>> {
        self.range(partition, prefix, after, limit).boxed()
    }

    fn write(&self, steps: Vec<Vec<Write>>) -> BoxFuture<'_, Result<(), CatalogueError>> {
        async move {
            for step in steps {
                self.batches(step.iter().map(request).collect()).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), CatalogueError>> {
        async move {
            loop {
                let keys = json!({
                    "ProjectionExpression": "#p, #s",
                    "ExpressionAttributeNames": { "#p": "partition", "#s": "place" },
                    "ConsistentRead": true,
                });
                // What was seen is removed, so the next scan begins at the beginning again.
                let answer = self.ask("Scan", keys).await?;
                let items = answer["Items"].as_array();
                let items = items.ok_or_else(|| self.nonsense("list of items"))?;
                let last = answer["LastEvaluatedKey"].is_null();
                if items.is_empty() && !last {
                    return Err(self.nonsense("scan of nothing that goes on"));
                }
                let requests = items.iter().map(|item| {
                    json!({ "DeleteRequest": { "Key": {
                        "partition": item["partition"], "place": item["place"],
                    } } })
                });
                self.batches(requests.collect()).await?;
                if last {
                    return Ok(());
                }
            }
        }
        .boxed()
    }
}
