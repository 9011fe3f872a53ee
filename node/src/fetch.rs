//! Asks other nodes for what a block needs and this node does not have: transactions of its
//! payload, or the block itself.

use crate::driver::DriverInput;
use crate::executor::{ExecutorHandle, Work};
use crate::finality::Finality;
use crate::intake;
use crate::mempool::Mempool;
use crate::peers::Peers;
use crate::wire::{DataRequest, DataResponse, MAX_REQUESTED_TRANSACTIONS};
use bytes::Bytes;
use cairn_consensus::{BlockId, Input, ValidatorIndex};
use cairn_crypto::Digest;
use cairn_p2p::{Network, PeerId};
use cairn_runtime::ChainParams;
use cairn_runtime::tree::StateAt;
use cairn_storage::Store;
use std::collections::HashSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Nodes asked before giving up.
const ATTEMPTS: usize = 4;

#[derive(Debug)]
enum Wanted {
    Payload {
        block: BlockId,
        proposer: Digest,
        missing: Vec<Digest>,
    },
    Block {
        id: BlockId,
        from: Vec<ValidatorIndex>,
    },
}

/// Queues questions; cheap to clone, never waits.
#[derive(Clone, Debug)]
pub struct Fetch {
    wanted: UnboundedSender<Wanted>,
    in_flight: Arc<Mutex<HashSet<BlockId>>>,
}

/// The questions that a [`Fetch`] queued.
#[derive(Debug)]
pub struct FetchQueue {
    wanted: UnboundedReceiver<Wanted>,
    in_flight: Arc<Mutex<HashSet<BlockId>>>,
}

impl Fetch {
    /// A handle and the queue that [`FetchQueue::run`] serves.
    #[must_use]
    pub fn new() -> (Self, FetchQueue) {
        let (sender, receiver) = unbounded_channel();
        let in_flight = Arc::new(Mutex::default());
        (
            Self {
                wanted: sender,
                in_flight: Arc::clone(&in_flight),
            },
            FetchQueue {
                wanted: receiver,
                in_flight,
            },
        )
    }

    /// Asks for transactions of a block, its proposer first; once at a time a block.
    pub fn payload(&self, block: BlockId, proposer: Digest, missing: Vec<Digest>) {
        self.queue(
            block,
            Wanted::Payload {
                block,
                proposer,
                missing,
            },
        );
    }

    /// Asks for a block.
    pub fn block(&self, id: BlockId, from: Vec<ValidatorIndex>) {
        self.queue(id, Wanted::Block { id, from });
    }

    fn queue(&self, id: BlockId, wanted: Wanted) {
        // At most one question a block: the set bounds the queue by the replica's own window of blocks.
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if in_flight.insert(id) {
            let _stopping = self.wanted.send(wanted);
        }
    }
}

/// What answering questions takes.
#[derive(Clone)]
pub struct FetchParts {
    /// Carries requests.
    pub network: Network,
    /// Who is who.
    pub peers: Arc<Peers>,
    /// Where transactions go.
    pub mempool: Arc<Mempool>,
    /// The node's store.
    pub store: Store,
    /// Names the final height.
    pub finality: Arc<Finality>,
    /// Chain parameters.
    pub params: ChainParams,
    /// Checks signatures.
    pub pool: Arc<rayon::ThreadPool>,
    /// Is told what came of it.
    pub executor: ExecutorHandle,
    /// Is told what came of it.
    pub driver: Sender<DriverInput>,
}

impl FetchQueue {
    /// Serves the queue until every [`Fetch`] is gone.
    pub async fn run(mut self, parts: FetchParts) {
        while let Some(wanted) = self.wanted.recv().await {
            let parts = parts.clone();
            let in_flight = Arc::clone(&self.in_flight);
            tokio::spawn(async move {
                let id = match wanted {
                    Wanted::Payload {
                        block,
                        proposer,
                        missing,
                    } => {
                        let found = parts.fetch_payload(&proposer, missing).await;
                        done(&in_flight, &block);
                        parts.executor.give(if found {
                            Work::Retry
                        } else {
                            Work::PayloadUnavailable(block)
                        });
                        return;
                    }
                    Wanted::Block { id, from } => {
                        let input = parts.fetch_block(id, &from).await;
                        let _stopping = parts.driver.send(DriverInput::Step(input));
                        id
                    }
                };
                done(&in_flight, &id);
            });
        }
    }
}

fn done(in_flight: &Mutex<HashSet<BlockId>>, id: &BlockId) {
    in_flight
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(id);
}

impl FetchParts {
    /// Those preferred, then others, each once.
    fn candidates(&self, preferred: impl Iterator<Item = PeerId>) -> Vec<PeerId> {
        let mut candidates: Vec<PeerId> = Vec::with_capacity(ATTEMPTS);
        for peer in preferred.chain(self.peers.others()) {
            if candidates.len() == ATTEMPTS {
                break;
            }
            if !candidates.contains(&peer) {
                candidates.push(peer);
            }
        }
        candidates
    }

    async fn ask(&self, peer: PeerId, request: &DataRequest) -> Option<DataResponse> {
        let bytes = Bytes::from(request.encode());
        match self.network.request(peer, bytes).await {
            Ok(answer) => match DataResponse::decode(&answer) {
                Ok(answer) => Some(answer),
                Err(error) => {
                    tracing::warn!(%peer, %error, "malformed answer");
                    None
                }
            },
            Err(error) => {
                tracing::debug!(%peer, %error, "no answer");
                None
            }
        }
    }

    async fn fetch_payload(&self, proposer: &Digest, mut missing: Vec<Digest>) -> bool {
        let proposer = self.peers.peer_of_id(proposer);
        for peer in self.candidates(proposer.into_iter()) {
            let wanted: Vec<Digest> = missing
                .iter()
                .take(MAX_REQUESTED_TRANSACTIONS)
                .copied()
                .collect();
            let request = DataRequest::Transactions(wanted);
            if let Some(DataResponse::Transactions(transactions)) = self.ask(peer, &request).await {
                self.keep(transactions).await;
            }
            missing.retain(|hash| !self.mempool.contains_signed(hash));
            if missing.is_empty() {
                return true;
            }
        }
        false
    }

    /// Verifies fetched transactions and keeps the good ones.
    async fn keep(&self, transactions: Vec<Vec<u8>>) {
        let parts = self.clone();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.pool.spawn(move || {
            let state = StateAt::new(parts.store.tree(), parts.finality.height());
            for bytes in &transactions {
                match intake::verify_one(&state, bytes, &parts.params) {
                    Ok(transaction) => parts.mempool.insert_for_block(transaction),
                    Err(error) => tracing::warn!(%error, "fetched transaction refused"),
                }
            }
            let _gone = sender.send(());
        });
        let _stopping = receiver.await;
    }

    async fn fetch_block(&self, id: BlockId, from: &[ValidatorIndex]) -> Input {
        let preferred = from.iter().filter_map(|index| self.peers.peer(*index));
        for peer in self.candidates(preferred) {
            if let Some(DataResponse::Block(Some(block))) =
                self.ask(peer, &DataRequest::Block(id)).await
            {
                if block.id() == id {
                    return Input::BlockFetched(block);
                }
                tracing::warn!(%peer, expected = %id, got = %block.id(), "another block than asked for");
            }
        }
        Input::BlockUnavailable(id)
    }
}
