//! Transactions on their way to a block.

use crate::call::{CALL_LIMIT, Call, MAX_JSON, Reply};
use crate::{CallError, Client, ClientError};
use bytes::Bytes;
use cairn_api::{Problem, State, Submitted, TransactionStatus, code};
use cairn_crypto::Digest;
use cairn_runtime::SignedTransaction;
use hyper::{Method, StatusCode};
use std::time::{Duration, Instant};

/// How long one request waits for finality, before it is made again: at another node if this one has gone, and to
/// learn when another transaction has taken the nonce.
const WAIT_PIECE: Duration = Duration::from_secs(4);

/// How long a submission waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until a node has admitted the transaction.
    Accepted,
    /// Until it is in a final block.
    Final {
        /// How long at most.
        timeout: Duration,
    },
}

impl Client {
    /// Submits a signed transaction. Submitting it again is no second transaction.
    ///
    /// # Errors
    /// As [`Client::submit_bytes`].
    pub async fn submit(
        &self,
        transaction: &SignedTransaction,
        wait: Wait,
    ) -> Result<TransactionStatus, ClientError> {
        self.submit_bytes(Bytes::from(transaction.encode()), wait)
            .await
    }

    /// Submits the Borsh bytes of a signed transaction, which are not copied. What comes back is a node's word:
    /// after `Wait::Accepted` a name without more, after `Wait::Final` a receipt that the transaction's proof
    /// bundle proves.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the code of an `AdmissionError` of the runtime, [`ClientError::NotFinal`] when
    /// the time is over, [`ClientError::Unreachable`].
    pub async fn submit_bytes(
        &self,
        bytes: Bytes,
        wait: Wait,
    ) -> Result<TransactionStatus, ClientError> {
        match wait {
            Wait::Accepted => {
                let call = call(bytes, "/v1/transactions".to_owned(), CALL_LIMIT);
                self.ask_with(&call, |reply| accepted(&call, reply)).await
            }
            Wait::Final { timeout } => self.wait_final(bytes, timeout).await,
        }
    }

    async fn wait_final(
        &self,
        bytes: Bytes,
        timeout: Duration,
    ) -> Result<TransactionStatus, ClientError> {
        let begun = Instant::now();
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            let seconds = left.min(WAIT_PIECE).as_secs().max(1);
            let path = format!("/v1/transactions?wait=final&timeout_s={seconds}");
            let limit = Duration::from_secs(seconds) + CALL_LIMIT;
            let call = call(bytes.clone(), path, limit);
            let answer = self.ask_with(&call, |reply| settled(&call, reply)).await;
            match answer {
                Err(ClientError::Refused { node, problem })
                    if problem.code == code::WAIT_TIMEOUT =>
                {
                    if begun.elapsed() < timeout {
                        continue;
                    }
                    return Err(match waiting_for(&problem) {
                        Some(tx_hash) => ClientError::NotFinal {
                            tx_hash,
                            waited: timeout,
                        },
                        None => ClientError::Refused { node, problem },
                    });
                }
                answer => return answer,
            }
        }
    }
}

fn call(body: Bytes, path: String, limit: Duration) -> Call {
    Call {
        method: Method::POST,
        path,
        body,
        bearer: None,
        max_bytes: MAX_JSON,
        limit,
    }
}

fn accepted(call: &Call, reply: &Reply) -> Result<TransactionStatus, CallError> {
    if reply.status != StatusCode::ACCEPTED {
        return settled(call, reply);
    }
    let Submitted { tx_hash, .. } = call.json(reply)?;
    Ok(TransactionStatus {
        tx_hash,
        status: State::Pending,
        height: None,
        index: None,
        block_id: None,
        receipt: None,
    })
}

fn settled(call: &Call, reply: &Reply) -> Result<TransactionStatus, CallError> {
    let status: TransactionStatus = call.json(reply)?;
    let whole = status.height.is_some() && status.block_id.is_some() && status.receipt.is_some();
    if status.status == State::Final && whole {
        Ok(status)
    } else {
        Err(call.malformed("it says neither final nor why not"))
    }
}

fn waiting_for(problem: &Problem) -> Option<Digest> {
    problem.values.get("tx_hash")?.as_str()?.parse().ok()
}
