//! `cairn status`.

use super::Context;
use crate::exit::Failure;
use crate::output::table;
use cairn_api::Status;
use cairn_client::{Client, ClientError, Endpoint};
use futures::future::join_all;
use serde::Serialize;

/// What one node says, or why it says nothing.
#[derive(Serialize)]
struct Row {
    url: Endpoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Runs the command: it fails when no node answers at all.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let answers = join_all(client.endpoints().iter().map(|node| ask(&client, node))).await;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for (url, answer) in client.endpoints().iter().cloned().zip(answers) {
        match answer {
            Ok(status) => rows.push(Row {
                url,
                status: Some(status),
                error: None,
            }),
            Err(error) => {
                rows.push(Row {
                    url,
                    status: None,
                    error: Some(error.to_string()),
                });
                failed.push(error);
            }
        }
    }
    context.output().result(&rows, || {
        let headings = [
            "NODE", "NAME", "HEIGHT", "TIME", "ROUND", "PEERS", "MEMPOOL", "STATE",
        ];
        table(headings, rows.iter().map(cells).collect())
    })?;
    if failed.len() < rows.len() {
        Ok(())
    } else {
        Err(together(failed).into())
    }
}

async fn ask(client: &Client, node: &Endpoint) -> Result<Status, ClientError> {
    client.status_of(node).await
}

/// One error that names every node.
fn together(errors: Vec<ClientError>) -> ClientError {
    let mut all = Vec::new();
    for error in errors {
        match error {
            ClientError::Unreachable { failures } => all.extend(failures),
            other => return other,
        }
    }
    ClientError::Unreachable { failures: all }
}

fn cells(row: &Row) -> [String; 8] {
    let Some(status) = &row.status else {
        let none = || "-".to_owned();
        let error = row.error.clone().unwrap_or_default();
        return [
            row.url.to_string(),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            error,
        ];
    };
    let state = if status.syncing {
        "catching up"
    } else {
        "up to date"
    };
    [
        row.url.to_string(),
        status.node.clone(),
        status.height.to_string(),
        status.time.clone(),
        status.round.to_string(),
        format!("{}/{}", status.peers_consensus, status.validators),
        status.mempool_transactions.to_string(),
        state.to_owned(),
    ]
}
