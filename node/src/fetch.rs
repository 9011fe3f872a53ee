//! Asks other nodes for what a block needs and this node does not have: transactions of its
//! payload, or the block itself.

use crate::committee::Committee;
use crate::driver::DriverInput;
use crate::executor::{ExecutorHandle, Work};
use crate::mempool::Mempool;
use crate::payloads::Payloads;
use crate::wire::{DataRequest, DataResponse, MAX_REQUESTED_TRANSACTIONS};
use bytes::Bytes;
use cairn_consensus::{BlockId, Input, ValidatorId, payload_root};
use cairn_crypto::Digest;
use cairn_p2p::{Network, PeerId};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Nodes asked in one turn. The next turn goes on with others.
const ATTEMPTS: usize = 6;
/// Turns before a payload counts as unavailable. Dissemination may bring it in between.
const TURNS: u32 = 5;
/// Pause after the first turn; it doubles with each.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
enum Wanted {
    Payload {
        block: BlockId,
        proposer: Digest,
        missing: Vec<Digest>,
    },
    Block {
        id: BlockId,
        from: Vec<ValidatorId>,
    },
}

impl Wanted {
    /// What is asked once at a time: a block's payload, or the block.
    fn question(&self) -> Question {
        match self {
            Self::Payload { block, .. } => (true, *block),
            Self::Block { id, .. } => (false, *id),
        }
    }
}

type Question = (bool, BlockId);
type InFlight = Arc<Mutex<HashSet<Question>>>;

/// Queues questions; cheap to clone, never waits.
#[derive(Clone, Debug)]
pub struct Fetch {
    wanted: UnboundedSender<Wanted>,
    in_flight: InFlight,
}

/// The questions that a [`Fetch`] queued.
#[derive(Debug)]
pub struct FetchQueue {
    wanted: UnboundedReceiver<Wanted>,
    in_flight: InFlight,
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
        self.queue(Wanted::Payload {
            block,
            proposer,
            missing,
        });
    }

    /// Asks for a block.
    pub fn block(&self, id: BlockId, from: Vec<ValidatorId>) {
        self.queue(Wanted::Block { id, from });
    }

    fn queue(&self, wanted: Wanted) {
        // At most one of each a block: the set bounds the queue by the replica's own window of blocks.
        let mut in_flight = self
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if in_flight.insert(wanted.question()) {
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
    pub committee: Arc<Committee>,
    /// Where dissemination may bring what is missing.
    pub mempool: Arc<Mempool>,
    /// Where fetched transactions go.
    pub payloads: Arc<Payloads>,
    /// Is told what came of it.
    pub executor: ExecutorHandle,
    /// Is told what came of it.
    pub driver: Sender<DriverInput>,
    /// Where among the validators the next turn begins.
    pub next: Arc<AtomicUsize>,
}

impl FetchQueue {
    /// Serves the queue until every [`Fetch`] is gone.
    pub async fn run(mut self, parts: FetchParts) {
        while let Some(wanted) = self.wanted.recv().await {
            let parts = parts.clone();
            let in_flight = Arc::clone(&self.in_flight);
            tokio::spawn(async move {
                let question = wanted.question();
                // The question is closed before the answer is told: the answer may lead to the same question.
                let close = || {
                    let mut in_flight = in_flight.lock().unwrap_or_else(PoisonError::into_inner);
                    in_flight.remove(&question);
                };
                match wanted {
                    Wanted::Payload {
                        block,
                        proposer,
                        missing,
                    } => {
                        let found = parts.fetch_payload(block, &proposer, missing).await;
                        close();
                        parts.executor.give(if found {
                            Work::Retry
                        } else {
                            Work::PayloadUnavailable(block)
                        });
                    }
                    Wanted::Block { id, from } => {
                        let input = parts.fetch_block(id, &from).await;
                        close();
                        let _stopping = parts.driver.send(DriverInput::Step(Box::new(input)));
                    }
                }
            });
        }
    }
}

impl FetchParts {
    /// Those preferred, then connected ones, going round: whoever has it is asked within a few turns.
    fn candidates(&self, preferred: impl Iterator<Item = PeerId>) -> Vec<PeerId> {
        let connected: HashSet<PeerId> = self
            .network
            .peers()
            .into_iter()
            .filter(|status| status.data.is_some())
            .map(|status| status.peer)
            .collect();
        let mut others = self.committee.others();
        others.retain(|peer| connected.contains(peer));
        let start = self.next.fetch_add(ATTEMPTS - 1, Ordering::Relaxed);
        let round = (0..others.len()).map(|offset| others[(start + offset) % others.len()]);
        let mut candidates: Vec<PeerId> = Vec::with_capacity(ATTEMPTS);
        for peer in preferred
            .filter(|peer| connected.contains(peer))
            .chain(round)
        {
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

    async fn fetch_payload(
        &self,
        block: BlockId,
        proposer: &Digest,
        mut missing: Vec<Digest>,
    ) -> bool {
        let proposer = self.committee.peer(proposer);
        for turn in 0..TURNS {
            for peer in self.candidates(proposer.into_iter()) {
                missing.retain(|hash| !self.mempool.contains_signed(hash));
                if missing.is_empty() {
                    return true;
                }
                let wanted: Vec<Digest> = missing
                    .iter()
                    .take(MAX_REQUESTED_TRANSACTIONS)
                    .copied()
                    .collect();
                let request = DataRequest::Transactions(wanted);
                if let Some(DataResponse::Transactions(transactions)) =
                    self.ask(peer, &request).await
                {
                    self.payloads.keep(block, &mut missing, transactions);
                }
            }
            if missing.is_empty() {
                return true;
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(turn)).await;
        }
        false
    }

    async fn fetch_block(&self, id: BlockId, from: &[ValidatorId]) -> Input {
        // Signers come in ascending order; beginning elsewhere each time reaches them all.
        let start = self.next.load(Ordering::Relaxed);
        let preferred = (0..from.len())
            .map(|offset| from[(start + offset) % from.len()])
            .filter_map(|id| self.committee.peer(&id));
        for peer in self.candidates(preferred) {
            if let Some(DataResponse::Block(Some(block))) =
                self.ask(peer, &DataRequest::Block(id)).await
            {
                if block.id() == id && payload_root(&block.payload) == block.header.payload_root {
                    return Input::BlockFetched(block);
                }
                tracing::warn!(%peer, expected = %id, got = %block.id(), "another block than asked for");
            }
        }
        Input::BlockUnavailable(id)
    }
}
