//! The same request to one node after another, until one gives an answer that counts.

use crate::call::{Call, Failure, Reply};
use crate::{CallError, Client, ClientError, NodeFailure};
use serde::de::DeserializeOwned;
use std::sync::atomic::Ordering;

impl Client {
    /// Asks the node that answered last, then the others in their order. `read` judges an answer: what it does not
    /// understand or believe is that node's failure, and the next one is asked.
    pub(crate) async fn ask_with<T>(
        &self,
        call: &Call,
        read: impl Fn(&Reply) -> Result<T, CallError>,
    ) -> Result<T, ClientError> {
        let nodes = &self.inner.nodes;
        let first = self.inner.preferred.load(Ordering::Relaxed);
        let mut failures = Vec::new();
        for index in (first..nodes.len()).chain(0..first) {
            let node = &nodes[index];
            let error = match node.call(call).await {
                Ok(reply) => match read(&reply) {
                    Ok(value) => {
                        self.inner.preferred.store(index, Ordering::Relaxed);
                        return Ok(value);
                    }
                    Err(error) => error,
                },
                Err(Failure::Refused(problem)) => {
                    self.inner.preferred.store(index, Ordering::Relaxed);
                    return Err(ClientError::Refused {
                        node: node.endpoint().clone(),
                        problem,
                    });
                }
                Err(Failure::Node(error)) => error,
            };
            tracing::debug!(node = %node.endpoint(), %error, route = call.route(), "asking the next node");
            failures.push(NodeFailure {
                node: node.endpoint().clone(),
                error,
            });
        }
        Err(ClientError::Unreachable { failures })
    }

    /// As [`Client::ask_with`], for an answer in JSON.
    pub(crate) async fn ask_json<T: DeserializeOwned>(
        &self,
        path: String,
    ) -> Result<T, ClientError> {
        let call = Call::get(path);
        self.ask_with(&call, |reply| call.json(reply)).await
    }
}
