//! Sends the transactions that this node's API accepted to all validators, several in a message.

use crate::wire::DataMessage;
use bytes::Bytes;
use cairn_p2p::{Network, Plane};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long the first transaction of a batch waits for company.
const WAIT: Duration = Duration::from_millis(2);
/// A batch is sent when it has grown to this.
const BATCH_BYTES: usize = 256 << 10;

/// Sends what `accepted` brings until its senders are gone. The mempool's limits bound the queue.
pub async fn run(mut accepted: UnboundedReceiver<Vec<u8>>, network: Network) {
    while let Some(first) = accepted.recv().await {
        let mut bytes = first.len();
        let mut batch = vec![first];
        let deadline = tokio::time::Instant::now() + WAIT;
        while bytes < BATCH_BYTES {
            match tokio::time::timeout_at(deadline, accepted.recv()).await {
                Ok(Some(next)) => {
                    bytes += next.len();
                    batch.push(next);
                }
                Ok(None) | Err(_) => break,
            }
        }
        let message = DataMessage::Transactions(batch);
        network.broadcast(Plane::Data, Bytes::from(message.encode()));
    }
}
