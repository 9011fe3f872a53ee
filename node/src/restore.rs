//! Brings a node that is far behind to a recent final block by that block's state, chunk by chunk, from several peers.
//!
//! The first peer with an offer that holds names the block. Every peer that has its state can serve any chunk of it; one
//! that gives a wrong chunk, or none, is not asked again. What was checked stays on disk, so a node that stops on
//! the way goes on where it was.

use crate::committee::Committee;
use crate::driver::DriverInput;
use crate::finality::Finality;
use crate::snapshot;
use crate::wire::{DataRequest, DataResponse};
use bytes::Bytes;
use cairn_crypto::Digest;
use cairn_p2p::{Network, PeerId};
use cairn_storage::{Restoring, Snapshot, StorageError, Store};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a node may take to answer: to read and send some megabytes.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// What came of trying to begin from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The tip has moved to it.
    Moved,
    /// No peer has one that helps, or the state could not be had.
    Failed,
    /// No peer is in reach.
    Unreachable,
}

/// Carries questions to other nodes.
pub trait Ask: Send + Sync {
    /// The answer; `None` when there is none in time, or none that can be read.
    fn ask(
        &self,
        peer: PeerId,
        request: DataRequest,
    ) -> impl Future<Output = Option<DataResponse>> + Send;
}

/// See the [module](self).
pub struct Restore<A = Network> {
    /// Carries requests.
    pub network: A,
    /// Who certifies.
    pub committee: Arc<Committee>,
    /// The final tip.
    pub finality: Arc<Finality>,
    /// Digest of the genesis document.
    pub chain_id: Digest,
    /// Where the state goes.
    pub store: Store,
    /// Moves the node to it.
    pub driver: Sender<DriverInput>,
    /// Blocks behind from which on it is worth it.
    pub after_blocks: u64,
}

impl<A: Ask> Restore<A> {
    /// Whether a node that claims height `claimed` would be far enough ahead.
    #[must_use]
    pub fn is_far(&self, claimed: u64) -> bool {
        claimed > self.finality.height().saturating_add(self.after_blocks)
    }

    /// Begins from a recent block if `peers` show one that is far enough ahead. `begun` is called when they do.
    pub async fn run(&self, peers: &[PeerId], begun: impl FnOnce()) -> Restored {
        let offer = match self.offer(peers).await {
            Ok(offer) => offer,
            Err(outcome) => return outcome,
        };
        begun();
        tracing::info!(height = %offer.header.height, "beginning from a snapshot");
        let mut peers = peers.to_vec();
        match self.state(&offer, &mut peers).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(height = %offer.header.height, "no peer has the rest of the state");
                return Restored::Failed;
            }
            Err(error) => {
                tracing::error!(%error, "the state cannot be restored");
                return Restored::Failed;
            }
        }
        let (done, moved) = oneshot::channel();
        let input = DriverInput::Restored {
            snapshot: Box::new(offer),
            done,
        };
        // A driver that is gone means that the node is stopping.
        if self.driver.send(input).is_ok() && moved.await.is_ok() {
            Restored::Moved
        } else {
            Restored::Failed
        }
    }

    /// The first offer that holds and is far enough ahead.
    async fn offer(&self, peers: &[PeerId]) -> Result<Snapshot, Restored> {
        let begun = self.store.restoring().ok().flatten();
        let mut outcome = Restored::Unreachable;
        for peer in peers {
            let tip = self.finality.tip();
            let request = DataRequest::Snapshot {
                epoch: tip.next_epoch().0,
                height: begun.map(|begun| begun.height.0),
            };
            let offer = match self.network.ask(*peer, request).await {
                None => continue,
                Some(DataResponse::Snapshot(Some(offer))) => offer,
                Some(_) => {
                    outcome = Restored::Failed;
                    continue;
                }
            };
            outcome = Restored::Failed;
            let (validators, chain_id) = (self.committee.set(), self.chain_id);
            let checked = tokio::task::spawn_blocking(move || {
                snapshot::check(&offer, &tip, &validators, &chain_id).map(|()| offer)
            });
            match checked.await {
                Ok(Ok(offer)) => {
                    let height = offer.header.height;
                    // A state of a higher block that was begun is not given up.
                    let lower = begun.is_some_and(|begun| height < begun.height);
                    // One that leads through epochs may be a step on a long way: its blocks need not be many.
                    let leads_on = offer.epochs.len() > 1;
                    if (self.is_far(height.0) || leads_on) && !lower {
                        return Ok(*offer);
                    }
                }
                Ok(Err(error)) => tracing::warn!(%peer, %error, "unusable snapshot"),
                Err(_) => return Err(Restored::Failed),
            }
        }
        Err(outcome)
    }

    /// Fetches the state; whether it is complete. Who cannot help leaves `peers`.
    async fn state(&self, offer: &Snapshot, peers: &mut Vec<PeerId>) -> Result<bool, StorageError> {
        let header = &offer.header;
        let mut progress = self.store.begin_restore(header.height, header.state_root)?;
        let mut turn = 0;
        while !progress.complete {
            if peers.is_empty() {
                return Ok(false);
            }
            turn %= peers.len();
            match self.chunk(peers[turn], progress).await? {
                Some(further) => {
                    progress = further;
                    turn += 1;
                }
                None => {
                    peers.remove(turn);
                }
            }
        }
        Ok(true)
    }

    /// One chunk from one peer; `None` when it does not help.
    async fn chunk(
        &self,
        peer: PeerId,
        progress: Restoring,
    ) -> Result<Option<Restoring>, StorageError> {
        let request = DataRequest::StateChunk {
            height: progress.height.0,
            after: progress.after,
        };
        let Some(DataResponse::StateChunk(Some(chunk))) = self.network.ask(peer, request).await
        else {
            return Ok(None);
        };
        let store = self.store.clone();
        let written = tokio::task::spawn_blocking(move || store.restore_chunk(&chunk)).await;
        match written {
            Ok(Ok(further)) => Ok(Some(further)),
            Ok(Err(StorageError::Chunk(error))) => {
                tracing::warn!(%peer, %error, "unusable chunk of the state");
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StorageError::Poisoned),
        }
    }
}

impl Ask for Network {
    async fn ask(&self, peer: PeerId, request: DataRequest) -> Option<DataResponse> {
        let asked = self.request(peer, Bytes::from(request.encode()));
        match tokio::time::timeout(ANSWER_TIME, asked).await {
            Ok(Ok(answer)) => {
                let answer = DataResponse::decode(&answer);
                if answer.is_err() {
                    tracing::warn!(%peer, "malformed answer");
                }
                answer.ok()
            }
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no answer");
                None
            }
            Err(_) => {
                tracing::debug!(%peer, "no answer in time");
                None
            }
        }
    }
}
